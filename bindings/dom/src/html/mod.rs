//! <https://html.spec.whatwg.org/>

mod beacon;
mod broadcast_channel;
mod document;
mod global_scope;
mod location;
pub(crate) mod message_port;
mod messaging;
mod navigator;
mod port_end;
mod service_worker_global_scope;
mod window;
mod window_or_worker_global_scope;
mod worker;
mod worker_global_scope;

pub use document::{fire_dom_content_loaded, fire_load};
pub use global_scope::{ConsoleSink, GlobalOptions, TimerHost};
pub use port_end::PortEnd;
pub use service_worker_global_scope::ServiceWorkerGlobal;
pub use window::WindowGlobal;
pub use worker::{WorkerControl, WorkerError, WorkerEvents, WorkerHost, WorkerRequest};
pub use worker_global_scope::{
    DedicatedWorkerGlobal, SharedWorkerGlobal, WorkerOptions, WorkerThread, fire_connect,
};

use document::Document;
use location::{Location, WorkerLocation};
use navigator::{Navigator, WorkerNavigator};

pub(crate) use broadcast_channel::BroadcastChannel;
pub(crate) use message_port::{MessageChannel, MessagePort};
pub(crate) use worker::{SharedWorker, Worker};

pub(crate) use global_scope::{GlobalScope, global_scope};
pub(crate) use window_or_worker_global_scope::delay;
