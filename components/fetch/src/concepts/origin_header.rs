//! The `Origin` header.

use url::Origin;

use super::origin::same_origin;
use super::referrer_policy::ReferrerPolicy;
use super::request::{Mode, Request, ResponseTainting};

/// <https://fetch.spec.whatwg.org/#append-a-request-origin-header>
pub(crate) fn append_a_request_origin_header(request: &mut Request) {
    // 2.
    let mut serialized = request.serialize_origin();
    // 3. With CORS and sockets it always goes along.
    if request.response_tainting == ResponseTainting::Cors
        || matches!(request.mode, Mode::WebSocket | Mode::WebTransport)
    {
        request.header_list.append("Origin", serialized);
        return;
    }
    // 4. Otherwise with methods that may change something, as far as the referrer policy lets it.
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        return;
    }
    if request.mode != Mode::Cors {
        let origin = request.resolved_origin();
        let withheld = match request.referrer_policy {
            ReferrerPolicy::NoReferrer => true,
            ReferrerPolicy::NoReferrerWhenDowngrade
            | ReferrerPolicy::StrictOrigin
            | ReferrerPolicy::StrictOriginWhenCrossOrigin => {
                matches!(&origin, Origin::Tuple(scheme, ..) if scheme == "https")
                    && request.current_url().scheme() != "https"
            }
            ReferrerPolicy::SameOrigin => !same_origin(&origin, &request.current_url().origin()),
            ReferrerPolicy::Empty
            | ReferrerPolicy::Origin
            | ReferrerPolicy::OriginWhenCrossOrigin
            | ReferrerPolicy::UnsafeUrl => false,
        };
        if withheld {
            serialized = "null".to_owned();
        }
    }
    request.header_list.append("Origin", serialized);
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::{Method, RequestOrigin, parse_origin};

    fn origin_header(
        url: &str,
        method: Method,
        policy: ReferrerPolicy,
        tainting: ResponseTainting,
    ) -> Option<String> {
        let mut request = Request::new(Url::parse(url).unwrap());
        request.origin = RequestOrigin::Origin(parse_origin("https://a.example"));
        request.method = method;
        request.referrer_policy = policy;
        request.response_tainting = tainting;
        append_a_request_origin_header(&mut request);
        request.header_list.get("origin").map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn it_goes_along_as_the_method_and_the_policy_say() {
        use ResponseTainting::{Basic, Cors};
        let own = Some("https://a.example".to_owned());
        let null = Some("null".to_owned());
        let policy = ReferrerPolicy::StrictOriginWhenCrossOrigin;
        assert_eq!(origin_header("https://a.example/", Method::GET, policy, Basic), None);
        assert_eq!(origin_header("https://b.example/", Method::GET, policy, Cors), own);
        assert_eq!(origin_header("https://a.example/", Method::POST, policy, Basic), own);
        assert_eq!(origin_header("http://a.example/", Method::POST, policy, Basic), null);
        assert_eq!(
            origin_header("https://a.example/", Method::POST, ReferrerPolicy::NoReferrer, Basic),
            null
        );
        assert_eq!(
            origin_header("https://b.example/", Method::POST, ReferrerPolicy::SameOrigin, Basic),
            null
        );
        assert_eq!(origin_header("https://b.example/", Method::POST, ReferrerPolicy::SameOrigin, Cors), own);
    }
}
