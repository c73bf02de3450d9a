//! Responses, network errors among them.

use std::sync::Arc;

use url::Url;

use super::body::Body;
use super::content_coding::BodySizes;
use super::fetch_timing_info::FetchTiming;
use super::filtered_response;
use super::header_list::HeaderList;
use super::ip_address_space::IpAddressSpace;
use super::keyword::keywords;
use super::request::RedirectTaint;
use super::status::{is_null_body_status, is_ok_status};
use super::web_socket::UpgradedConnection;
use crate::NetworkError;

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-response-type>
    #[allow(missing_docs)]
    ResponseType {
        Basic = "basic", Cors = "cors", Default = "default", Error = "error", Opaque = "opaque",
        OpaqueRedirect = "opaqueredirect",
    }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-response-cache-state>
    #[allow(missing_docs)]
    CacheState { None = "", Local = "local", Validated = "validated" }
}

/// What a fetch gives. A filtered response shows through its fields what may be seen, and holds the whole behind them.
///
/// <https://fetch.spec.whatwg.org/#concept-response>
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The type.
    pub r#type: ResponseType,
    /// It failed because the caller aborted it.
    pub aborted: bool,
    /// The URLs it came through.
    pub url_list: Vec<Url>,
    /// The status.
    pub status: u16,
    /// The status message.
    pub status_message: Vec<u8>,
    /// The headers.
    pub header_list: HeaderList,
    /// The body.
    pub body: Option<Body>,
    /// Whether a cache answered.
    pub cache_state: CacheState,
    /// The names that `Access-Control-Expose-Headers` gives.
    pub cors_exposed_header_names: Vec<Vec<u8>>,
    /// It answers a request with a `Range`.
    pub range_requested: bool,
    /// The request carried credentials.
    pub request_includes_credentials: bool,
    /// Its timing may be known.
    pub timing_allow_passed: bool,
    /// How far redirects led away.
    pub redirect_taint: RedirectTaint,
    /// Its times until its head had come; the controller knows the rest. Scripts may see them if `timing_allow_passed`, and
    /// [`FetchTiming::opaque`] otherwise.
    pub timing: Option<FetchTiming>,
    /// Where the server that answered is.
    pub ip_address_space: Option<IpAddressSpace>,
    /// What redirects of a navigation said about their timing.
    pub navigation_timing_allow_values: Vec<Vec<String>>,
    /// The connection, after a handshake of mode `websocket`.
    pub upgraded: Option<UpgradedConnection>,

    /// How long its body is, as far as it has come; absent for one that no network gave.
    pub(crate) body_sizes: Option<Arc<BodySizes>>,
    /// Why it is a network error.
    pub(super) error: Option<NetworkError>,
    /// What a filter stands before. Basic and CORS filters have taken its body.
    pub(super) internal: Option<Box<Response>>,
}

impl Response {
    /// A response with status 200, and nothing else.
    pub fn new() -> Response {
        Response {
            r#type: ResponseType::Default,
            aborted: false,
            url_list: Vec::new(),
            status: 200,
            status_message: Vec::new(),
            header_list: HeaderList::new(),
            body: None,
            cache_state: CacheState::None,
            cors_exposed_header_names: Vec::new(),
            range_requested: false,
            request_includes_credentials: true,
            timing_allow_passed: false,
            redirect_taint: RedirectTaint::SameOrigin,
            timing: None,
            ip_address_space: None,
            navigation_timing_allow_values: Vec::new(),
            upgraded: None,
            body_sizes: None,
            error: None,
            internal: None,
        }
    }

    /// <https://fetch.spec.whatwg.org/#concept-network-error>
    pub fn network_error(reason: NetworkError) -> Response {
        Response {
            r#type: ResponseType::Error,
            status: 0,
            aborted: reason == NetworkError::Aborted,
            error: Some(reason),
            ..Response::new()
        }
    }

    /// Whether it is a network error.
    pub fn is_network_error(&self) -> bool {
        self.r#type == ResponseType::Error
    }

    /// Why it is a network error. Scripts must not see it.
    pub fn reason(&self) -> Option<&NetworkError> {
        self.error.as_ref()
    }

    /// The last URL.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-response-url>
    pub fn url(&self) -> Option<&Url> {
        self.url_list.last()
    }

    /// Whether the status is an ok status.
    pub fn is_ok_status(&self) -> bool {
        is_ok_status(self.status)
    }

    /// Whether the status allows no body.
    pub fn is_null_body_status(&self) -> bool {
        is_null_body_status(self.status)
    }

    /// Where the body is: a basic or CORS filter holds it, an opaque one leaves it where it was.
    pub(crate) fn body_slot(&mut self) -> &mut Option<Body> {
        match (&mut self.internal, self.r#type) {
            (Some(internal), ResponseType::Opaque | ResponseType::OpaqueRedirect) => &mut internal.body,
            _ => &mut self.body,
        }
    }

    /// Changes both a filter and what is behind it, or the response that has none.
    pub(crate) fn on_each_layer(&mut self, change: impl Fn(&mut Response)) {
        change(self);
        if let Some(internal) = &mut self.internal {
            change(internal);
        }
    }

    /// Whether it is a filtered response.
    pub fn is_filtered(&self) -> bool {
        self.internal.is_some()
    }

    /// The response behind the filter, or this one. A basic or CORS filter holds the body itself, so that it is `None` here:
    /// [`into_unfiltered`](Response::into_unfiltered) gives both together.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-internal-response>
    pub fn unfiltered(&self) -> &Response {
        self.internal.as_deref().unwrap_or(self)
    }

    /// The response behind the filter, with its body, or this one.
    pub fn into_unfiltered(mut self) -> Response {
        match self.internal.take() {
            Some(mut internal) => {
                if internal.body.is_none() {
                    internal.body = self.body;
                }
                *internal
            }
            None => self,
        }
    }

    /// The filtered response of that type; a network error and a response of type `default` stay as they are.
    #[must_use]
    pub fn filtered(self, filter: ResponseType) -> Response {
        filtered_response::filter(self, filter)
    }

    /// The same response without its body.
    #[must_use]
    pub fn clone_without_body(&self) -> Response {
        Response {
            r#type: self.r#type,
            aborted: self.aborted,
            url_list: self.url_list.clone(),
            status: self.status,
            status_message: self.status_message.clone(),
            header_list: self.header_list.clone(),
            body: None,
            cache_state: self.cache_state,
            cors_exposed_header_names: self.cors_exposed_header_names.clone(),
            range_requested: self.range_requested,
            request_includes_credentials: self.request_includes_credentials,
            timing_allow_passed: self.timing_allow_passed,
            redirect_taint: self.redirect_taint,
            timing: self.timing.clone(),
            ip_address_space: self.ip_address_space,
            navigation_timing_allow_values: self.navigation_timing_allow_values.clone(),
            upgraded: None,
            body_sizes: self.body_sizes.clone(),
            error: self.error.clone(),
            internal: self.internal.as_ref().map(|internal| Box::new(internal.clone_without_body())),
        }
    }

    /// A copy with a body of its own; this response's body becomes one of two branches.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-response-clone>
    #[allow(clippy::should_implement_trait)]
    #[must_use]
    pub fn clone(&mut self) -> Response {
        let mut copy = self.clone_without_body();
        copy.body = self.body.as_mut().map(Body::clone);
        if let (Some(own), Some(theirs)) = (&mut self.internal, &mut copy.internal) {
            theirs.body = own.body.as_mut().map(Body::clone);
        }
        copy
    }
}

impl Default for Response {
    fn default() -> Self {
        Response::new()
    }
}

impl From<NetworkError> for Response {
    fn from(reason: NetworkError) -> Response {
        Response::network_error(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_error_shows_nothing_and_keeps_its_reason() {
        let response = Response::network_error(NetworkError::RedirectLimit);
        assert!(response.is_network_error() && response.body.is_none() && response.url().is_none());
        assert_eq!((response.status, response.aborted), (0, false));
        assert_eq!(response.reason(), Some(&NetworkError::RedirectLimit));
        assert!(Response::network_error(NetworkError::Aborted).aborted);
    }

    #[tokio::test]
    async fn a_clone_has_a_body_of_its_own() {
        let mut response = Response::new();
        response.body = Some(Body::from_bytes("abc"));
        let mut filtered = response.filtered(ResponseType::Basic);
        let copy = filtered.clone();
        assert_eq!(filtered.into_unfiltered().body.unwrap().read_all(None).await.unwrap(), "abc");
        assert_eq!(copy.body.unwrap().read_all(None).await.unwrap(), "abc");
    }
}
