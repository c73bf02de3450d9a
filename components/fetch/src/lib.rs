//! The Fetch Standard: its concepts and its algorithms.
//!
//! A [`Request`] goes in, a [`Response`] comes out; a failure is a network error, a response that knows its
//! [`reason`](Response::reason). The wire is reached through one trait, [`Network`], everything else through the other seams
//! of [`Services`].
//!
//! <https://fetch.spec.whatwg.org/>

#![forbid(unsafe_code)]

mod algorithms;
pub mod cache_query;
mod concepts;
mod environment;
mod network_error;
mod services;
mod snapshot;
#[cfg(feature = "testing")]
pub mod testing;

pub use algorithms::fetch::{
    ChunkLengthCallback, ConsumedBody, EndOfBodyCallback, FetchOptions, TimingCallback, fetch,
    fetch_and_consume_body, may_use_a_preloaded_resource,
};
pub use concepts::authentication_challenge::{AuthenticationChallenge, parse_challenges};
pub use concepts::authentication_entry::{
    AuthenticationEntries, AuthenticationEntry, CredentialPrompt, CredentialQuestion, Credentials,
};
pub use concepts::body::{Body, BodyError, BodySource, BodyStream};
pub use concepts::clear_site_data::{SiteData, SiteDataCleaner, parse_clear_site_data};
pub use concepts::connection::{
    ConnectionCheck, ConnectionKey, ConnectionScheme, HttpVersion, InformationalCallback, Network,
    NewConnection, WireBody, WirePriority, WireRequest, WireResponse,
};
pub use concepts::content_security_policy::ContentSecurityPolicies;
pub use concepts::corp::check_frame_response;
pub use concepts::cors_check::navigation_tao_check;
pub use concepts::cors_safelisted_request_header::{
    cors_unsafe_request_header_names, is_cors_safelisted_request_header, is_no_cors_safelisted_request_header,
};
pub use concepts::csp_list::CspList;
pub use concepts::data_url::{DataUrl, InvalidDataUrl, data_url_processor};
pub use concepts::deferred_fetch::{
    DeferredFetchRecord, InvokeState, Notify, queue_a_deferred_fetch, total_request_length,
};
pub use concepts::deferred_fetch_quota::{DeferredFetchPolicy, DeferredFetchQuota, NavigableId};
pub use concepts::extract_header_values::{InvalidHeaderValue, extract_token_list};
pub use concepts::fetch_controller::{AbortReason, ControllerState, FetchController};
pub use concepts::fetch_group::{FetchGroup, KEEPALIVE_QUOTA};
pub use concepts::fetch_timing_info::{ConnectionTiming, FetchTiming, coarsen_time};
pub use concepts::header_list::{
    ContradictoryLength, Header, HeaderList, convert_header_names_to_a_sorted_lowercase_set,
    get_decode_and_split_value,
};
pub use concepts::header_name::{
    is_cors_non_wildcard_request_header_name, is_cors_safelisted_response_header_name,
    is_forbidden_request_header, is_forbidden_response_header_name, is_header_name, is_header_value,
    is_no_cors_safelisted_request_header_name, is_privileged_no_cors_request_header_name,
    is_request_body_header_name, is_token, normalize_header_value,
};
pub use concepts::hsts::{HstsStore, StrictTransportSecurity};
pub use concepts::http_cache::{
    HttpCache, HttpCacheExchange, HttpCacheLookup, HttpCacheReceived, HttpCacheRequest, HttpCacheResponse,
};
pub use concepts::integrity_policy::IntegrityPolicy;
pub use concepts::ip_address_space::IpAddressSpace;
pub use concepts::isomorphic::{isomorphic_decode, isomorphic_encode};
pub use concepts::link_header::{Link, extract_links};
pub use concepts::local_network_access::{LocalNetworkFeature, LocalNetworkPermission};
pub use concepts::method::{InvalidMethod, Method, is_forbidden_method};
pub use concepts::mime_sniffing::{
    RESOURCE_HEADER_LENGTH, computed_mime_type, distinguish_text_or_binary, has_apache_bug,
    identify_an_unknown_mime_type, match_a_font_type_pattern, match_an_archive_type_pattern,
    match_an_audio_or_video_type_pattern, match_an_image_type_pattern, minimize_a_supported_mime_type,
};
pub use concepts::mime_type::{InvalidMimeType, MimeType, is_javascript_mime_type_essence};
pub use concepts::network_partition_key::NetworkPartitionKey;
pub use concepts::nosniff::determine_nosniff;
pub use concepts::opaque_response_blocking::NoCorsMediaRequestState;
pub use concepts::origin::{
    Host, Origin, is_origin_potentially_trustworthy, is_url_potentially_trustworthy, obtain_a_site,
    parse_origin, registrable_domain, same_origin, same_site, schemelessly_same_site, serialize_origin,
};
pub use concepts::port_blocking::is_bad_port;
pub use concepts::range::{
    ContentRange, InvalidContentRange, InvalidRange, RangeWhitespace, SingleRange, build_a_content_range,
    parse_a_single_range_header_value, parse_content_range, serialize_range,
};
pub use concepts::referrer_policy::{ReferrerPolicy, determine_referrer};
pub use concepts::report::{
    CspResource, CspViolation, EmbedderPolicyViolation, IntegrityPolicyViolation, Report, ReportObserver,
    ReportSink, strip_url_for_use_in_reports,
};
pub use concepts::request::{
    BlobUrlEntry, CacheMode, CredentialsMode, Destination, Initiator, Mode, NavigationType, ParserMetadata,
    Priority, RedirectMode, RedirectTaint, Referrer, Request, RequestDuplex, RequestOrigin,
    RequestPolicyContainer, ResponseTainting, Resumption, ServiceWorkersMode, TraversableForUserPrompts,
};
pub use concepts::request_observer::{CacheDecision, FetchEvent, FetchId, RequestObserver, Upgrade};
pub use concepts::resource_timing::{BodyInfo, ResourceTiming};
pub use concepts::response::{CacheState, Response, ResponseType};
pub use concepts::status::{is_null_body_status, is_ok_status, is_range_status, is_redirect_status};
pub use concepts::web_socket::{
    Duplex, EstablishedWebSocket, UpgradedConnection, WebSocketAnswer, WebSocketHandshake,
};
pub use environment::{
    CspDisposition, EmbedderPolicy, EnvironmentSettings, EnvironmentSnapshot, PolicyContainer,
};
pub use network_error::{ConnectionFailure, FailureClass, NetworkError, TlsFailure};
pub use services::{
    Blob, BlobUrls, CookieRequest, CookieStore, DEFAULT_USER_AGENT, InlineContent, NetworkState, PolicyCheck,
    PolicyDecision, RequestInterceptor, SameSiteMode, SchemeHandler, ServiceWorkerHook, Services,
};
pub use snapshot::{RequestSnapshot, ResponseSnapshot};
