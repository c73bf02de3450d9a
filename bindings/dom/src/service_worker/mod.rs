//! <https://w3c.github.io/ServiceWorker/>

mod client;
mod clients;
mod dispatch;
mod fetch_event;
mod messages;
mod navigation_preload_manager;
mod objects;
mod service_worker_container;
mod service_worker_object;
mod service_worker_registration;

pub(crate) use clients::Clients;
pub use dispatch::dispatch_functional_event;
pub use fetch_event::handles_fetch;
pub(crate) use fetch_event::{FetchEvents, answer_fetch};
pub(crate) use service_worker_container::ServiceWorkerContainer;
pub(crate) use service_worker_object::ServiceWorker;
pub(crate) use service_worker_registration::ServiceWorkerRegistration;

pub(crate) use objects::ServiceWorkerObjects;

use longhaul::service_worker::RegisterError;
use longhaul_idl::runtime::Exception;

fn register_exception(error: RegisterError) -> Exception {
    crate::cache::exception(error.kind(), error.to_string())
}
