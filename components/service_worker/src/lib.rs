//! Service worker registrations, their lifecycle, functional events, and CacheStorage.
//!
//! [`ServiceWorkers`] holds the registrations of a profile. It fetches scripts through a [`ScriptLoader`] and runs workers
//! through an [`AgentHost`]; it knows nothing of JavaScript. [`Caches`] holds what scripts keep with `caches`.
//!
//! <https://w3c.github.io/ServiceWorker/>

#![forbid(unsafe_code)]

mod activate;
mod agent_host;
mod batch_cache_operations;
mod cache;
mod cache_error;
mod cache_padding;
mod cache_storage;
mod clients;
mod deliveries;
mod exception_kind;
mod fetch_event;
mod functional_event;
mod handle_fetch;
mod install;
mod job;
mod messages;
mod navigation_preload;
mod persistence;
mod register;
mod run_service_worker;
mod scope_match;
mod script_resource;
mod service_worker;
mod service_worker_registration;
mod service_workers;
mod unregister;
mod update;
mod window_opener;
mod worker_scope;

use longhaul_storage::TableDefinition;

pub use agent_host::{
    AgentHost, DispatchOutcome, FunctionalEvent, StartError, WorkerAgent, WorkerDescription,
};
pub use cache::Cache;
pub use cache_error::CacheError;
pub use cache_storage::{CacheStorage, Caches, MultiCacheQueryOptions, live_bodies};
pub use clients::{ClientKind, ClientSnapshot, FrameType, WindowHost};
pub use deliveries::Deliveries;
pub use exception_kind::ExceptionKind;
pub use fetch_event::{FetchAnswer, FetchEvent};
pub use longhaul_fetch::cache_query::CacheQueryOptions;
pub use messages::ClientMessage;
pub use navigation_preload::NavigationPreloadState;
pub use register::{RegisterError, RegistrationOptions};
pub use script_resource::{
    Imported, LoadError, LoadedScript, MAX_SCRIPT_BYTES, ModuleImport, ScriptCache, ScriptKind, ScriptLoader,
    ScriptRequest, ScriptSource,
};
pub use service_worker::{WorkerHandle, WorkerId, WorkerState};
pub use service_worker_registration::{Registered, RegistrationEvent, RegistrationHandle, UpdateViaCache};
pub use service_workers::{Config, OpenError, ServiceWorkers, WeakServiceWorkers};
pub use update::WorkerType;
pub use window_opener::{NoWindows, OpenWindow, OpenWindowError, WindowOpener};
pub use worker_scope::WorkerScope;

/// The tables that this crate keeps in a profile.
pub static TABLES: &[&TableDefinition] = &[
    &persistence::REGISTRATIONS,
    &persistence::WORKERS,
    &persistence::SCRIPTS,
    &cache_storage::CACHES,
    &cache_storage::ENTRIES,
    &cache_padding::PADDING,
];
