//! What is kept.

mod damage;
mod disk;
mod lives;
mod model;
mod registrations;
#[path = "../../../../components/background_fetch/tests/support/mod.rs"]
mod world;

use crate::choices::Choices;

/// The store: a profile's rows, bodies, lock and disposable files through several lives on a disk with faults, and the background
/// fetches that are read back from it. Input: choices; the first says which of the two.
///
/// A profile is held against a model. Asserts that what was promised is there in the next life (rows as they were put, bodies with their
/// durable bytes, the quota's sum), that what was refused did not happen, that nobody else opens it meanwhile, and that damage, be it of
/// a row, a body's file, the lock or any bytes of the metadata, takes only what it touches and invents nothing.
///
/// Background fetches are made by the real calls, with servers and workers that fail; then rows of some are replaced by whatever
/// values, and rows of none are added. Asserts that the untouched ones are there in the next life as they were, that no other one is, and
/// that all come to an end.
pub fn store(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.once_in(2) {
        false => lives::lives(&mut choices),
        true => registrations::registrations(&mut choices),
    }
}
