//! The façade: engine-neutral objects behind every interface.
//!
//! An adapter mounts [`bindings()`] and [`core()`] in a realm whose global object is a [`WindowGlobal`] or a
//! [`ServiceWorkerGlobal`]. The objects are plain Rust; state whose values are JavaScript's own (listeners, abort reasons,
//! promises held by events) lives in the core, a few scripts that run in every realm before any of the author's.

#![forbid(unsafe_code)]

mod background_fetch;
mod base64;
mod blob;
mod cache;
mod console;
mod event_source;
mod fetch;
mod file_reader;
mod form_data;
mod hooks;
mod html;
mod object_urls;
mod permissions;
mod promise;
mod resource_timing;
mod service_worker;
mod storage_manager;
mod streams;
pub mod structured_clone;
mod text_decoder;
mod text_encoder;
mod url;
mod url_search_params;
mod web_crypto;
mod xhr;

pub use html::{
    ConsoleSink, DedicatedWorkerGlobal, GlobalOptions, PortEnd, ServiceWorkerGlobal, SharedWorkerGlobal,
    TimerHost, WindowGlobal, WorkerControl, WorkerError, WorkerEvents, WorkerHost, WorkerOptions,
    WorkerRequest, WorkerThread, fire_connect, fire_dom_content_loaded, fire_load,
};
pub use service_worker::{dispatch_functional_event, handles_fetch};

use longhaul_idl::runtime::{Exception, InterfaceBinding, ObjectRef, Realm, SelfHostedCore, Value};

pub(crate) use html::global_scope;

/// Every interface, but for those that `longhaul_idl::core_bindings()` gives.
pub fn bindings() -> Vec<InterfaceBinding> {
    use longhaul_idl as idl;
    vec![
        // DOM
        idl::event_target::binding(),
        idl::event::binding(),
        idl::custom_event::binding(),
        idl::abort_controller::binding(),
        idl::abort_signal::binding(),
        idl::node::binding(),
        idl::document::binding(),
        // HTML
        idl::window::binding(),
        idl::location::binding(),
        idl::navigator::binding(),
        idl::error_event::binding(),
        idl::promise_rejection_event::binding(),
        idl::worker_global_scope::binding(),
        idl::worker_location::binding(),
        idl::worker_navigator::binding(),
        idl::dedicated_worker_global_scope::binding(),
        idl::shared_worker_global_scope::binding(),
        idl::worker::binding::<html::Worker>(),
        idl::shared_worker::binding::<html::SharedWorker>(),
        idl::message_event::binding(),
        idl::message_channel::binding::<html::MessageChannel>(),
        idl::message_port::binding(),
        idl::broadcast_channel::binding::<html::BroadcastChannel>(),
        // URL, Encoding, File API, Console
        idl::url::binding::<url::UrlObject>(),
        idl::url_search_params::binding::<url_search_params::URLSearchParams>(),
        idl::text_decoder::binding::<text_decoder::TextDecoder>(),
        idl::text_encoder::binding::<text_encoder::TextEncoder>(),
        idl::text_decoder_stream::binding(),
        idl::text_encoder_stream::binding(),
        idl::blob::binding::<blob::Blob>(),
        idl::file::binding::<blob::File>(),
        idl::console::binding::<console::Console>(),
        // Streams, Compression
        idl::readable_stream::binding(),
        idl::readable_stream_default_reader::binding(),
        idl::readable_stream_byob_reader::binding(),
        idl::readable_stream_default_controller::binding(),
        idl::readable_byte_stream_controller::binding(),
        idl::readable_stream_byob_request::binding(),
        idl::writable_stream::binding(),
        idl::writable_stream_default_writer::binding(),
        idl::writable_stream_default_controller::binding(),
        idl::transform_stream::binding(),
        idl::transform_stream_default_controller::binding(),
        idl::byte_length_queuing_strategy::binding(),
        idl::count_queuing_strategy::binding(),
        idl::compression_stream::binding(),
        idl::decompression_stream::binding(),
        idl::longhaul_native::binding(),
        // XMLHttpRequest
        idl::form_data::binding::<form_data::FormData>(),
        // Web Cryptography, High Resolution Time, Permissions, Storage
        idl::crypto::binding(),
        idl::subtle_crypto::binding(),
        idl::performance::binding(),
        idl::performance_entry::binding(),
        idl::performance_mark::binding(),
        idl::performance_measure::binding(),
        idl::performance_observer::binding(),
        idl::performance_resource_timing::binding(),
        idl::performance_observer_entry_list::binding(),
        idl::permissions::binding(),
        idl::permission_status::binding(),
        idl::storage_manager::binding(),
        // Fetch
        idl::headers::binding::<fetch::Headers>(),
        idl::request::binding::<fetch::Request>(),
        idl::response::binding::<fetch::Response>(),
        // XMLHttpRequest, reading files, server-sent events
        idl::progress_event::binding(),
        idl::xml_http_request_event_target::binding(),
        idl::xml_http_request_upload::binding(),
        idl::xml_http_request::binding::<xhr::XMLHttpRequest>(),
        idl::file_reader::binding::<file_reader::FileReader>(),
        idl::file_reader_sync::binding::<file_reader::FileReaderSync>(),
        idl::event_source::binding::<event_source::EventSource>(),
        // Service Workers
        idl::service_worker::binding(),
        idl::service_worker_registration::binding(),
        idl::service_worker_container::binding(),
        idl::service_worker_global_scope::binding(),
        idl::clients::binding(),
        idl::client::binding(),
        idl::window_client::binding(),
        idl::navigation_preload_manager::binding(),
        idl::extendable_event::binding(),
        idl::install_event::binding(),
        idl::fetch_event::binding(),
        idl::extendable_message_event::binding(),
        idl::cache::binding(),
        idl::cache_storage::binding(),
        // Background Fetch
        idl::background_fetch_manager::binding(),
        idl::background_fetch_registration::binding(),
        idl::background_fetch_record::binding(),
        idl::background_fetch_event::binding(),
        idl::background_fetch_update_ui_event::binding(),
    ]
}

/// The self-hosted core.
pub fn core() -> SelfHostedCore {
    SelfHostedCore {
        sources: &[
            ("lists.js", include_str!("core/lists.js")),
            ("event.js", include_str!("core/event.js")),
            ("event_target.js", include_str!("core/event_target.js")),
            ("progress_event.js", include_str!("core/progress_event.js")),
            ("event_handlers.js", include_str!("core/event_handlers.js")),
            ("reporting.js", include_str!("core/reporting.js")),
            ("timers.js", include_str!("core/timers.js")),
            ("abort.js", include_str!("core/abort.js")),
            ("structured_clone.js", include_str!("core/structured_clone.js")),
            ("messaging.js", include_str!("core/messaging.js")),
            ("workers.js", include_str!("core/workers.js")),
            ("performance.js", include_str!("core/performance.js")),
            ("resource_timing.js", include_str!("core/resource_timing.js")),
            ("extendable_event.js", include_str!("core/extendable_event.js")),
            ("fetch_event.js", include_str!("core/fetch_event.js")),
            ("extendable_message_event.js", include_str!("core/extendable_message_event.js")),
            ("background_fetch_event.js", include_str!("core/background_fetch_event.js")),
            ("console.js", include_str!("core/console.js")),
            ("promise_records.js", include_str!("core/promise_records.js")),
            ("streams/linked_list.js", include_str!("core/streams/linked_list.js")),
            ("streams/miscellaneous.js", include_str!("core/streams/miscellaneous.js")),
            ("streams/queuing_strategies.js", include_str!("core/streams/queuing_strategies.js")),
            ("streams/readable_stream.js", include_str!("core/streams/readable_stream.js")),
            ("streams/readable_stream_readers.js", include_str!("core/streams/readable_stream_readers.js")),
            (
                "streams/readable_stream_byob_reader.js",
                include_str!("core/streams/readable_stream_byob_reader.js"),
            ),
            (
                "streams/readable_stream_default_controller.js",
                include_str!("core/streams/readable_stream_default_controller.js"),
            ),
            (
                "streams/readable_byte_stream_controller.js",
                include_str!("core/streams/readable_byte_stream_controller.js"),
            ),
            ("streams/readable_stream_tee.js", include_str!("core/streams/readable_stream_tee.js")),
            ("streams/readable_stream_from.js", include_str!("core/streams/readable_stream_from.js")),
            ("streams/readable_stream_pipe_to.js", include_str!("core/streams/readable_stream_pipe_to.js")),
            ("streams/writable_stream.js", include_str!("core/streams/writable_stream.js")),
            (
                "streams/writable_stream_default_writer.js",
                include_str!("core/streams/writable_stream_default_writer.js"),
            ),
            (
                "streams/writable_stream_default_controller.js",
                include_str!("core/streams/writable_stream_default_controller.js"),
            ),
            ("streams/transform_stream.js", include_str!("core/streams/transform_stream.js")),
            (
                "streams/generic_transform_streams.js",
                include_str!("core/streams/generic_transform_streams.js"),
            ),
            ("streams/body.js", include_str!("core/streams/body.js")),
            ("streams/transfer.js", include_str!("core/streams/transfer.js")),
        ],
        hooks: hooks::HOOKS,
    }
}

/// Fires an event of the interface `Event` that neither bubbles nor can be canceled.
///
/// <https://dom.spec.whatwg.org/#concept-event-fire>
fn fire_event(realm: &dyn Realm, target: ObjectRef, name: &str) -> Result<(), Exception> {
    realm.core("fireEvent", vec![Value::Object(target), Value::String(name.into())]).map(drop)
}

/// A text of an author's for a message: no control characters, and not all of a long one.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
