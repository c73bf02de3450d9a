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
mod dom;
mod event_source;
mod fetch;
mod file_reader;
mod form_data;
mod hooks;
mod html;
mod multipart_form_data;
mod object_urls;
mod permissions;
mod promise;
mod resource_timing;
mod service_worker;
mod storage_manager;
mod streams;
pub mod structured_clone;
#[cfg(feature = "testing")]
pub mod testing;
mod text_decoder;
mod text_encoder;
mod url;
mod url_search_params;
mod web_crypto;
mod xhr;

pub use html::{
    BrowsingContext, ConsoleSink, DedicatedWorkerGlobal, GlobalOptions, LoadedDocument, ModuleMap,
    ModuleMapOptions, ModuleText, ModuleTextRequest, ModuleTexts, NavigationResponse, OpenerPolicy,
    PermissionsPolicy, PortEnd, ServiceWorkerGlobal, SharedWorkerGlobal, TimerHost, WindowGlobal,
    WindowRealms, WorkerControl, WorkerError, WorkerEvents, WorkerHost, WorkerModule, WorkerOptions,
    WorkerRequest, WorkerThread, fetch_for_navigation, fire_connect, fire_dom_content_loaded, fire_load,
    load_document, notify_user_activation, obey_policies,
};
pub use resource_timing::NavigationTiming;
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
        idl::document::binding::<dom::node::Node>(),
        idl::xml_document::binding(),
        idl::dom_implementation::binding(),
        idl::document_type::binding(),
        idl::document_fragment::binding::<dom::node::Node>(),
        idl::element::binding(),
        idl::attr::binding(),
        idl::character_data::binding(),
        idl::text::binding::<dom::node::Node>(),
        idl::cdata_section::binding(),
        idl::comment::binding::<dom::node::Node>(),
        idl::processing_instruction::binding(),
        idl::abstract_range::binding(),
        idl::static_range::binding::<dom::StaticRange>(),
        idl::range::binding::<dom::Range>(),
        idl::node_list::binding(),
        idl::html_collection::binding(),
        idl::named_node_map::binding(),
        idl::dom_token_list::binding(),
        idl::dom_string_map::binding(),
        idl::css_style_declaration::binding(),
        idl::mutation_observer::binding(),
        idl::node_filter::binding(),
        idl::node_iterator::binding(),
        idl::tree_walker::binding(),
        idl::mutation_record::binding(),
        idl::dom_parser::binding::<html::DomParser>(),
        idl::xml_serializer::binding::<html::XmlSerializer>(),
        idl::html_element::binding::<dom::node::Node>(),
        idl::html_media_element::binding(),
        idl::html_script_element::binding::<dom::node::Node>(),
        idl::html_image_element::binding::<dom::node::Node>(),
        idl::html_audio_element::binding::<dom::node::Node>(),
        idl::svg_element::binding(),
        idl::math_ml_element::binding(),
        idl::html_anchor_element::binding(),
        idl::html_area_element::binding(),
        idl::html_base_element::binding(),
        idl::html_body_element::binding(),
        idl::html_button_element::binding(),
        idl::html_canvas_element::binding(),
        idl::html_data_element::binding(),
        idl::html_data_list_element::binding(),
        idl::html_details_element::binding(),
        idl::html_dialog_element::binding(),
        idl::html_div_element::binding(),
        idl::html_embed_element::binding(),
        idl::html_field_set_element::binding(),
        idl::html_font_element::binding(),
        idl::html_form_element::binding(),
        idl::html_frame_element::binding(),
        idl::html_frame_set_element::binding(),
        idl::html_head_element::binding(),
        idl::html_heading_element::binding(),
        idl::html_html_element::binding(),
        idl::html_input_element::binding(),
        idl::html_label_element::binding(),
        idl::html_legend_element::binding(),
        idl::html_link_element::binding(),
        idl::html_map_element::binding(),
        idl::html_menu_element::binding(),
        idl::html_meta_element::binding(),
        idl::html_meter_element::binding(),
        idl::html_mod_element::binding(),
        idl::html_object_element::binding(),
        idl::html_opt_group_element::binding(),
        idl::html_option_element::binding(),
        idl::html_output_element::binding(),
        idl::html_paragraph_element::binding(),
        idl::html_param_element::binding(),
        idl::html_picture_element::binding(),
        idl::html_pre_element::binding(),
        idl::html_progress_element::binding(),
        idl::html_quote_element::binding(),
        idl::html_select_element::binding(),
        idl::html_slot_element::binding(),
        idl::html_source_element::binding(),
        idl::html_span_element::binding(),
        idl::html_style_element::binding(),
        idl::html_table_caption_element::binding(),
        idl::html_table_cell_element::binding(),
        idl::html_table_col_element::binding(),
        idl::html_table_element::binding(),
        idl::html_table_row_element::binding(),
        idl::html_table_section_element::binding(),
        idl::html_template_element::binding(),
        idl::html_text_area_element::binding(),
        idl::html_time_element::binding(),
        idl::html_title_element::binding(),
        idl::html_track_element::binding(),
        idl::html_unknown_element::binding(),
        idl::html_video_element::binding(),
        idl::htmlbr_element::binding(),
        idl::htmld_list_element::binding(),
        idl::htmlhr_element::binding(),
        idl::htmli_frame_element::binding(),
        idl::htmlli_element::binding(),
        idl::htmlo_list_element::binding(),
        idl::htmlu_list_element::binding(),
        idl::history::binding(),
        idl::ui_event::binding(),
        idl::mouse_event::binding(),
        idl::hash_change_event::binding(),
        idl::pop_state_event::binding(),
        idl::page_transition_event::binding(),
        idl::submit_event::binding(),
        idl::security_policy_violation_event::binding(),
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
        idl::performance_navigation_timing::binding(),
        idl::performance_observer_entry_list::binding(),
        idl::permissions::binding(),
        idl::permission_status::binding(),
        idl::storage_manager::binding(),
        // Fetch
        idl::headers::binding::<fetch::Headers>(),
        idl::request::binding::<fetch::Request>(),
        idl::response::binding::<fetch::Response>(),
        idl::fetch_later_result::binding(),
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
            ("tree.js", include_str!("core/tree.js")),
            ("location.js", include_str!("core/location.js")),
            ("traversal.js", include_str!("core/traversal.js")),
            ("content_security_policy.js", include_str!("core/content_security_policy.js")),
            ("event_handlers.js", include_str!("core/event_handlers.js")),
            ("reporting.js", include_str!("core/reporting.js")),
            ("timers.js", include_str!("core/timers.js")),
            ("abort.js", include_str!("core/abort.js")),
            ("structured_clone.js", include_str!("core/structured_clone.js")),
            ("messaging.js", include_str!("core/messaging.js")),
            ("workers.js", include_str!("core/workers.js")),
            ("performance.js", include_str!("core/performance.js")),
            ("resource_timing.js", include_str!("core/resource_timing.js")),
            ("navigation_timing.js", include_str!("core/navigation_timing.js")),
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
