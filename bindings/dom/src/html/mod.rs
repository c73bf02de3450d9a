//! <https://html.spec.whatwg.org/>

mod beacon;
mod document;
mod global_scope;
mod location;
mod navigator;
mod service_worker_global_scope;
mod window;
mod window_or_worker_global_scope;

pub use document::{fire_dom_content_loaded, fire_load};
pub use global_scope::{ConsoleSink, GlobalOptions, TimerHost};
pub use service_worker_global_scope::ServiceWorkerGlobal;
pub use window::WindowGlobal;

use document::Document;
use location::{Location, WorkerLocation};
use navigator::{Navigator, WorkerNavigator};

pub(crate) use global_scope::{GlobalScope, global_scope};
pub(crate) use window_or_worker_global_scope::delay;
