//! Filtered responses.

use super::header_name::{is_cors_safelisted_response_header_name, is_forbidden_response_header_name};
use super::response::{Response, ResponseType};

/// <https://fetch.spec.whatwg.org/#concept-filtered-response>
pub(super) fn filter(response: Response, filter: ResponseType) -> Response {
    if response.is_network_error() {
        return response;
    }
    let mut internal = response.into_unfiltered();
    match filter {
        ResponseType::Default | ResponseType::Error => internal,
        // <https://fetch.spec.whatwg.org/#concept-filtered-response-basic>
        ResponseType::Basic => {
            let body = internal.body.take();
            let mut outer = internal.clone_without_body();
            outer.header_list.retain(|name, _| !is_forbidden_response_header_name(name));
            Response { r#type: ResponseType::Basic, body, internal: Some(Box::new(internal)), ..outer }
        }
        // <https://fetch.spec.whatwg.org/#concept-filtered-response-cors>
        ResponseType::Cors => {
            let body = internal.body.take();
            let mut outer = internal.clone_without_body();
            let exposed = &internal.cors_exposed_header_names;
            outer.header_list.retain(|name, _| is_cors_safelisted_response_header_name(name, exposed));
            Response { r#type: ResponseType::Cors, body, internal: Some(Box::new(internal)), ..outer }
        }
        // <https://fetch.spec.whatwg.org/#concept-filtered-response-opaque>
        ResponseType::Opaque => Response { url_list: Vec::new(), ..hollow(internal, ResponseType::Opaque) },
        // <https://fetch.spec.whatwg.org/#concept-filtered-response-opaque-redirect>
        ResponseType::OpaqueRedirect => hollow(internal, ResponseType::OpaqueRedirect),
    }
}

/// What both opaque filters leave of a response.
fn hollow(internal: Response, r#type: ResponseType) -> Response {
    Response {
        r#type,
        url_list: internal.url_list.clone(),
        status: 0,
        range_requested: internal.range_requested,
        request_includes_credentials: internal.request_includes_credentials,
        redirect_taint: internal.redirect_taint,
        timing_allow_passed: internal.timing_allow_passed,
        timing: internal.timing.clone(),
        internal: Some(Box::new(internal)),
        ..Response::new()
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Body;

    fn response() -> Response {
        let mut response = Response::new();
        response.url_list.push(Url::parse("https://a.example/").unwrap());
        response.status = 201;
        response.status_message = b"Made".to_vec();
        response.header_list = [("Content-Type", "a/b"), ("X-A", "1"), ("X-B", "2"), ("Set-Cookie", "c=1")]
            .into_iter()
            .collect();
        response.cors_exposed_header_names = vec![b"x-b".to_vec(), b"set-cookie".to_vec()];
        response.body = Some(Body::from_bytes("abc"));
        response
    }

    fn names(response: &Response) -> Vec<String> {
        response.header_list.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn basic_hides_cookies_and_cors_shows_what_is_exposed() {
        let basic = response().filtered(ResponseType::Basic);
        assert_eq!(names(&basic), ["Content-Type", "X-A", "X-B"]);
        assert!(basic.body.is_some() && basic.unfiltered().header_list.contains("set-cookie"));
        let cors = response().filtered(ResponseType::Cors);
        assert_eq!(names(&cors), ["Content-Type", "X-B"]);
        assert_eq!((cors.status, cors.url().is_some()), (201, true));
    }

    #[test]
    fn opaque_shows_nothing_and_keeps_everything() {
        let opaque = response().filtered(ResponseType::Opaque);
        assert_eq!((opaque.status, opaque.status_message.len(), opaque.header_list.len()), (0, 0, 0));
        assert!(opaque.url().is_none() && opaque.body.is_none());
        let inner = opaque.into_unfiltered();
        assert_eq!(inner.status, 201);
        assert!(inner.body.is_some());
        let redirect = response().filtered(ResponseType::OpaqueRedirect);
        assert!(redirect.url().is_some() && redirect.status == 0 && redirect.body.is_none());
    }
}
