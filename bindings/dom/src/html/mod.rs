//! <https://html.spec.whatwg.org/>

mod beacon;
mod broadcast_channel;
mod browsing_context;
mod content_security_policy;
mod csp_violation;
mod document;
mod element_fetch;
mod elements;
mod focus;
mod forms;
mod global_scope;
mod history;
mod hyperlink;
mod import_map;
mod javascript_url;
mod link_headers;
mod load_document;
mod loaded_document;
mod loading;
mod location;
mod media_query;
pub(crate) mod message_port;
mod messaging;
mod module_map;
mod navigate;
mod navigation_fetch;
mod navigator;
mod new_document;
mod parser;
mod permissions_policy;
mod port_end;
mod refresh;
mod script_element;
mod service_worker_global_scope;
mod session_history;
mod user_activation;
mod window;
mod window_client;
mod window_or_worker_global_scope;
mod worker;
mod worker_global_scope;
mod xml_parser;

pub use browsing_context::{BrowsingContext, WindowRealms};
pub use content_security_policy::obey_policies;
pub use document::{fire_dom_content_loaded, fire_load};
pub use global_scope::{ConsoleSink, GlobalOptions, TimerHost};
pub use load_document::load_document;
pub use loaded_document::{LoadedDocument, OpenerPolicy};
pub use module_map::{ModuleMap, ModuleMapOptions, ModuleText, ModuleTextRequest, ModuleTexts, WorkerModule};
pub use navigation_fetch::{NavigationResponse, fetch_for_navigation};
pub use permissions_policy::PermissionsPolicy;
pub use port_end::PortEnd;
pub use service_worker_global_scope::ServiceWorkerGlobal;
pub use user_activation::notify_user_activation;
pub use window::WindowGlobal;
pub use worker::{WorkerControl, WorkerError, WorkerEvents, WorkerHost, WorkerRequest};
pub use worker_global_scope::{
    DedicatedWorkerGlobal, SharedWorkerGlobal, WorkerOptions, WorkerThread, fire_connect,
};

use history::History;
use location::{Location, WorkerLocation};
use navigator::{Navigator, WorkerNavigator};

pub(crate) use broadcast_channel::BroadcastChannel;
pub(crate) use content_security_policy::may_evaluate;
pub(crate) use document::{DomParser, XmlSerializer, document_of_text};
use elements::parsed;
pub(crate) use elements::{
    ElementState, attribute_changed, children_changed, cloned, connected, form_owner, inserted,
    minds_its_place, removed, update_image, window_of,
};
pub(crate) use forms::form_data_of;
pub(crate) use forms::{activate, cancel_activation, has_activation_behaviour, pre_activate};
pub(crate) use loaded_document::prescan;
pub(crate) use loading::Loading;
pub(crate) use message_port::{MessageChannel, MessagePort};
pub(crate) use messaging::post_message_members;
pub(crate) use parser::parse_fragment;
pub(crate) use permissions_policy::SYNC_XHR;
pub(crate) use script_element::not_started;
pub(crate) use worker::{SharedWorker, Worker};
pub(crate) use xml_parser::declared_encoding;

pub(crate) use global_scope::{GlobalScope, global_scope};
pub(crate) use window_or_worker_global_scope::delay;

/// `about:blank`.
fn about_blank() -> url::Url {
    url::Url::parse("about:blank").unwrap_or_else(|_| unreachable!("it is a URL"))
}
