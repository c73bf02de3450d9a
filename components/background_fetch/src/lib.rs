//! Background Fetch: registrations, the scheduler, and what they keep on disk.
//!
//! A page hands over requests; from then on they are ours. They outlive the page and the process, are repeated and
//! resumed by a policy, and when all have settled the service worker gets an event which stays owed until it was
//! delivered. See [`BackgroundFetches`] for the way in and [`Dependencies`] for what an embedder provides.
//!
//! The policy is the [`scheduler`], a state machine without I/O. Everything is kept in a
//! [`Profile`](longhaul_storage::Profile); what `fetch()` has promised is durable before it resolves.
#![forbid(unsafe_code)]

mod background_fetch;
mod background_fetches;
mod complete_a_record;
mod dependencies;
mod display;
mod driver;
mod error;
mod open;
mod options;
mod owed_events;
mod progress;
mod record;
mod registration;
mod registry;
mod response_validation;
pub mod scheduler;
#[cfg(feature = "testing")]
pub mod testing;
mod upload;

pub use self::background_fetches::{BackgroundFetches, Summary, WeakBackgroundFetches};
pub use self::dependencies::{
    BadStatusBody, Config, Dependencies, DispatchOutcome, Display, DisplayEvent, Event, EventKind, NoDisplay,
    PermissionPolicy, PermissionState, RecordFetcher, ServiceWorkerHost,
};
pub use self::error::{FetchError, FetchErrorClass, Lookup, OpenError};
pub use self::options::{BackgroundFetchOptions, ImageResource};
pub use self::record::{Record, RecordError};
pub use self::registration::{BackgroundFetchResult, FailureReason, Registration, RegistrationKey, State};
pub use self::registry::{TABLES, live_bodies};
pub use self::scheduler::Connectivity;
