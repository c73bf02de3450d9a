//! Snapshots: everything of a request or a response that can be stored, but its body.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::NetworkError;
use crate::concepts::body::Body;
use crate::concepts::fetch_timing_info::FetchTiming;
use crate::concepts::header_list::HeaderList;
use crate::concepts::ip_address_space::IpAddressSpace;
use crate::concepts::method::Method;
use crate::concepts::origin::{parse_origin, serialize_origin};
use crate::concepts::referrer_policy::ReferrerPolicy;
use crate::concepts::request::{
    CacheMode, CredentialsMode, Destination, Initiator, Mode, NavigationType, ParserMetadata, Priority,
    RedirectMode, RedirectTaint, Referrer, Request, RequestOrigin, RequestPolicyContainer, ResponseTainting,
    Resumption, ServiceWorkersMode, TraversableForUserPrompts,
};
use crate::concepts::response::{CacheState, Response, ResponseType};
use crate::environment::{EnvironmentSettings, EnvironmentSnapshot};

/// A request without its body. Fields are those of [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RequestSnapshot {
    pub method: Method,
    pub url_list: Vec<Url>,
    pub local_urls_only: bool,
    pub header_list: HeaderList,
    pub unsafe_request: bool,
    pub client: Option<EnvironmentSnapshot>,
    pub reserved_client: Option<EnvironmentSnapshot>,
    pub replaces_client_id: String,
    pub traversable_for_user_prompts: TraversableForUserPrompts,
    pub keepalive: bool,
    pub initiator_type: Option<String>,
    pub service_workers_mode: ServiceWorkersMode,
    pub initiator: Initiator,
    pub destination: Destination,
    pub priority: Priority,
    /// The origin's serialization, or nothing for the client's.
    pub origin: Option<String>,
    pub top_level_navigation_initiator_origin: Option<String>,
    pub policy_container: RequestPolicyContainer,
    pub referrer: Referrer,
    pub referrer_policy: ReferrerPolicy,
    pub mode: Mode,
    pub use_cors_preflight: bool,
    pub credentials_mode: CredentialsMode,
    pub use_url_credentials: bool,
    pub cache_mode: CacheMode,
    pub redirect_mode: RedirectMode,
    pub integrity_metadata: String,
    pub cryptographic_nonce_metadata: String,
    pub parser_metadata: ParserMetadata,
    pub reload_navigation: bool,
    pub history_navigation: bool,
    pub user_activation: bool,
    pub render_blocking: bool,
    pub prevent_no_cache_cache_control_header_modification: bool,
    #[serde(default)]
    pub target_ip_address_space: Option<IpAddressSpace>,
    pub redirect_count: u16,
    pub response_tainting: ResponseTainting,
    pub timing_allow_failed: bool,
    pub resumption: Option<Resumption>,
    pub identity_encoding: bool,
}

/// A response without its body. Fields are those of the unfiltered [`Response`], and the filter before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ResponseSnapshot {
    /// The type that is seen; a filter if it is one of the filters' types.
    pub r#type: ResponseType,
    pub aborted: bool,
    pub url_list: Vec<Url>,
    pub status: u16,
    #[serde(with = "isomorphic")]
    pub status_message: Vec<u8>,
    pub header_list: HeaderList,
    pub cache_state: CacheState,
    pub cors_exposed_header_names: Vec<Vec<u8>>,
    pub range_requested: bool,
    pub request_includes_credentials: bool,
    pub timing_allow_passed: bool,
    pub redirect_taint: RedirectTaint,
    pub timing: Option<FetchTiming>,
    pub ip_address_space: Option<IpAddressSpace>,
}

impl Request {
    /// Everything but the body.
    pub fn snapshot(&self) -> RequestSnapshot {
        RequestSnapshot {
            method: self.method.clone(),
            url_list: self.url_list.clone(),
            local_urls_only: self.local_urls_only,
            header_list: self.header_list.clone(),
            unsafe_request: self.unsafe_request,
            client: self.client.as_ref().map(|client| client.snapshot()),
            reserved_client: self.reserved_client.as_ref().map(|client| client.snapshot()),
            replaces_client_id: self.replaces_client_id.clone(),
            traversable_for_user_prompts: self.traversable_for_user_prompts,
            keepalive: self.keepalive,
            initiator_type: self.initiator_type.clone(),
            service_workers_mode: self.service_workers_mode,
            initiator: self.initiator,
            destination: self.destination,
            priority: self.priority,
            origin: match &self.origin {
                RequestOrigin::Client => None,
                RequestOrigin::Origin(origin) => Some(serialize_origin(origin)),
            },
            top_level_navigation_initiator_origin: self
                .top_level_navigation_initiator_origin
                .as_ref()
                .map(serialize_origin),
            policy_container: self.policy_container.clone(),
            referrer: self.referrer.clone(),
            referrer_policy: self.referrer_policy,
            mode: self.mode,
            use_cors_preflight: self.use_cors_preflight,
            credentials_mode: self.credentials_mode,
            use_url_credentials: self.use_url_credentials,
            cache_mode: self.cache_mode,
            redirect_mode: self.redirect_mode,
            integrity_metadata: self.integrity_metadata.clone(),
            cryptographic_nonce_metadata: self.cryptographic_nonce_metadata.clone(),
            parser_metadata: self.parser_metadata,
            reload_navigation: self.reload_navigation,
            history_navigation: self.history_navigation,
            user_activation: self.user_activation,
            render_blocking: self.render_blocking,
            prevent_no_cache_cache_control_header_modification: self
                .prevent_no_cache_cache_control_header_modification,
            target_ip_address_space: self.target_ip_address_space,
            redirect_count: self.redirect_count,
            response_tainting: self.response_tainting,
            timing_allow_failed: self.timing_allow_failed,
            resumption: self.resumption.clone(),
            identity_encoding: self.identity_encoding,
        }
    }

    /// The request that was stored, without a body. Its origin is one with its client's where their serializations agree.
    ///
    /// A snapshot whose URL list was emptied by hand gives a request for `about:invalid`, which nothing fetches.
    pub fn from_snapshot(snapshot: RequestSnapshot) -> Request {
        let restore = |client: Option<EnvironmentSnapshot>| {
            client.map(|client| Arc::new(EnvironmentSettings::from_snapshot(client)))
        };
        let client = restore(snapshot.client);
        let origin = match snapshot.origin {
            None => RequestOrigin::Client,
            Some(text) => RequestOrigin::Origin(match &client {
                Some(client) if serialize_origin(&client.origin) == text => client.origin.clone(),
                _ => parse_origin(&text),
            }),
        };
        let url_list = if snapshot.url_list.is_empty() {
            vec![Url::parse("about:invalid").expect("a constant URL parses")]
        } else {
            snapshot.url_list
        };
        Request {
            blob_url_entry: None,
            method: snapshot.method,
            url_list,
            local_urls_only: snapshot.local_urls_only,
            header_list: snapshot.header_list,
            unsafe_request: snapshot.unsafe_request,
            body: None,
            client,
            reserved_client: restore(snapshot.reserved_client),
            replaces_client_id: snapshot.replaces_client_id,
            traversable_for_user_prompts: snapshot.traversable_for_user_prompts,
            keepalive: snapshot.keepalive,
            initiator_type: snapshot.initiator_type,
            service_workers_mode: snapshot.service_workers_mode,
            initiator: snapshot.initiator,
            destination: snapshot.destination,
            priority: snapshot.priority,
            origin,
            top_level_navigation_initiator_origin: snapshot
                .top_level_navigation_initiator_origin
                .map(|text| parse_origin(&text)),
            policy_container: snapshot.policy_container,
            referrer: snapshot.referrer,
            referrer_policy: snapshot.referrer_policy,
            mode: snapshot.mode,
            use_cors_preflight: snapshot.use_cors_preflight,
            credentials_mode: snapshot.credentials_mode,
            use_url_credentials: snapshot.use_url_credentials,
            cache_mode: snapshot.cache_mode,
            redirect_mode: snapshot.redirect_mode,
            integrity_metadata: snapshot.integrity_metadata,
            cryptographic_nonce_metadata: snapshot.cryptographic_nonce_metadata,
            parser_metadata: snapshot.parser_metadata,
            reload_navigation: snapshot.reload_navigation,
            navigation_type: NavigationType::Other,
            history_navigation: snapshot.history_navigation,
            user_activation: snapshot.user_activation,
            render_blocking: snapshot.render_blocking,
            prevent_no_cache_cache_control_header_modification: snapshot
                .prevent_no_cache_cache_control_header_modification,
            target_ip_address_space: snapshot.target_ip_address_space,
            redirect_count: snapshot.redirect_count,
            response_tainting: snapshot.response_tainting,
            timing_allow_failed: snapshot.timing_allow_failed,
            resumption: snapshot.resumption,
            identity_encoding: snapshot.identity_encoding,
            ..Request::new(Url::parse("about:invalid").expect("a constant URL parses"))
        }
    }
}

impl Response {
    /// Everything but the body, filter included.
    pub fn snapshot(&self) -> ResponseSnapshot {
        let inner = self.unfiltered();
        ResponseSnapshot {
            r#type: self.r#type,
            aborted: inner.aborted,
            url_list: inner.url_list.clone(),
            status: inner.status,
            status_message: inner.status_message.clone(),
            header_list: inner.header_list.clone(),
            cache_state: inner.cache_state,
            cors_exposed_header_names: inner.cors_exposed_header_names.clone(),
            range_requested: inner.range_requested,
            request_includes_credentials: inner.request_includes_credentials,
            timing_allow_passed: inner.timing_allow_passed,
            redirect_taint: inner.redirect_taint,
            timing: inner.timing.clone(),
            ip_address_space: inner.ip_address_space,
        }
    }

    /// The response that was stored, behind the same filter, with that body. A stored network error has lost its reason.
    pub fn from_snapshot(snapshot: ResponseSnapshot, body: Option<Body>) -> Response {
        if snapshot.r#type == ResponseType::Error {
            return Response::network_error(if snapshot.aborted {
                NetworkError::Aborted
            } else {
                NetworkError::Generic
            });
        }
        let mut response = Response::new();
        response.url_list = snapshot.url_list;
        response.status = snapshot.status;
        response.status_message = snapshot.status_message;
        response.header_list = snapshot.header_list;
        response.body = body;
        response.cache_state = snapshot.cache_state;
        response.cors_exposed_header_names = snapshot.cors_exposed_header_names;
        response.range_requested = snapshot.range_requested;
        response.request_includes_credentials = snapshot.request_includes_credentials;
        response.timing_allow_passed = snapshot.timing_allow_passed;
        response.redirect_taint = snapshot.redirect_taint;
        response.timing = snapshot.timing;
        response.ip_address_space = snapshot.ip_address_space;
        response.filtered(snapshot.r#type)
    }
}

/// Bytes as the string of the same code points.
mod isomorphic {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::concepts::isomorphic::{isomorphic_decode, isomorphic_encode};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&isomorphic_decode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        isomorphic_encode(&String::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("a byte string holds a code point past U+00FF"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_back_from_its_snapshot() {
        let url = Url::parse("https://a.example/x?y").unwrap();
        let mut request = Request::new(url.clone());
        request.client = Some(Arc::new(EnvironmentSettings::for_url(url)));
        request.method = Method::POST;
        request.header_list.append("X-A", b"\xff\x01");
        request.mode = Mode::Cors;
        request.origin = RequestOrigin::Origin(parse_origin("https://a.example"));
        request.resumption = Some(Resumption { first_byte: 3, last_byte: None, if_range: b"\"a\"".to_vec() });
        let text = serde_json::to_string(&request.snapshot()).unwrap();
        let snapshot: RequestSnapshot = serde_json::from_str(&text).unwrap();
        assert_eq!(snapshot, request.snapshot());
        let back = Request::from_snapshot(snapshot.clone());
        assert_eq!(back.snapshot(), snapshot);
        assert_eq!(back.resolved_origin(), request.resolved_origin());
    }

    #[tokio::test]
    async fn a_response_comes_back_behind_its_filter() {
        let mut response = Response::new();
        response.url_list.push(Url::parse("https://a.example/").unwrap());
        response.status_message = b"\xe9".to_vec();
        response.header_list.append("ETag", "\"1\"");
        response.body = Some(Body::from_bytes("abc"));
        for filter in [ResponseType::Basic, ResponseType::Cors, ResponseType::Opaque, ResponseType::Default] {
            let before = Response::from_snapshot(response.snapshot(), None).filtered(filter);
            let text = serde_json::to_string(&before.snapshot()).unwrap();
            let after =
                Response::from_snapshot(serde_json::from_str(&text).unwrap(), Some(Body::from_bytes("abc")));
            assert_eq!(after.r#type, filter);
            assert_eq!(after.header_list, before.header_list);
            assert_eq!(after.snapshot(), before.snapshot());
            assert_eq!(after.into_unfiltered().body.unwrap().read_all(None).await.unwrap(), "abc");
        }
        let error = Response::network_error(NetworkError::Aborted);
        assert!(Response::from_snapshot(error.snapshot(), None).aborted);
    }
}
