//! What tests of profiles need: a disk that does what it is told, and processes that are killed.

mod killed_writers;
mod simulated_disk;

pub use killed_writers::{KilledWriters, folder_of_writer, promise};
pub use simulated_disk::{DiskEvent, SimulatedDisk};
