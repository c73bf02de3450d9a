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

pub use algorithms::fetch::{ChunkLengthCallback, EndOfBodyCallback, FetchOptions, TimingCallback, fetch};
pub use concepts::body::{Body, BodyError, BodySource, BodyStream};
pub use concepts::connection::{
    ConnectionKey, ConnectionScheme, HttpVersion, InformationalCallback, Network, WireBody, WireRequest,
    WireResponse,
};
pub use concepts::cors_safelisted_request_header::{
    cors_unsafe_request_header_names, is_cors_safelisted_request_header, is_no_cors_safelisted_request_header,
};
pub use concepts::extract_header_values::{InvalidHeaderValue, extract_token_list};
pub use concepts::fetch_controller::{AbortReason, ControllerState, FetchController};
pub use concepts::fetch_timing_info::{ConnectionTiming, FetchTiming};
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
pub use concepts::http_cache::{
    HttpCache, HttpCacheExchange, HttpCacheLookup, HttpCacheReceived, HttpCacheRequest, HttpCacheResponse,
};
pub use concepts::ip_address_space::IpAddressSpace;
pub use concepts::isomorphic::{isomorphic_decode, isomorphic_encode};
pub use concepts::method::{InvalidMethod, Method, is_forbidden_method};
pub use concepts::mime_type::{InvalidMimeType, MimeType};
pub use concepts::network_partition_key::NetworkPartitionKey;
pub use concepts::nosniff::determine_nosniff;
pub use concepts::origin::{
    Host, Origin, is_origin_potentially_trustworthy, is_url_potentially_trustworthy, obtain_a_site,
    parse_origin, registrable_domain, same_origin, same_site, schemelessly_same_site, serialize_origin,
};
pub use concepts::port_blocking::is_bad_port;
pub use concepts::range::{
    ContentRange, InvalidContentRange, InvalidRange, RangeWhitespace, SingleRange, build_a_content_range,
    parse_a_single_range_header_value, parse_content_range, serialize_range,
};
pub use concepts::referrer_policy::ReferrerPolicy;
pub use concepts::request::{
    BlobUrlEntry, CacheMode, CredentialsMode, Destination, Initiator, Mode, ParserMetadata, Priority,
    RedirectMode, RedirectTaint, Referrer, Request, RequestOrigin, RequestPolicyContainer, ResponseTainting,
    Resumption, ServiceWorkersMode, TraversableForUserPrompts,
};
pub use concepts::response::{CacheState, Response, ResponseType};
pub use concepts::status::{is_null_body_status, is_ok_status, is_range_status, is_redirect_status};
pub use environment::{
    CspDisposition, EmbedderPolicy, EnvironmentSettings, EnvironmentSnapshot, PolicyContainer,
};
pub use network_error::{ConnectionFailure, FailureClass, NetworkError, TlsFailure};
pub use services::{
    Blob, BlobUrls, CookieRequest, CookieStore, DEFAULT_USER_AGENT, NetworkState, PolicyCheck,
    PolicyDecision, SameSiteMode, SchemeHandler, ServiceWorkerHook, Services,
};
pub use snapshot::{RequestSnapshot, ResponseSnapshot};
