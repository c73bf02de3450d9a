//! The CORS check and the TAO check.

use url::Origin;

use super::isomorphic::printable;
use super::origin::{same_origin, serialize_origin};
use super::request::{CredentialsMode, Mode, Request, ResponseTainting};
use super::response::Response;
use crate::NetworkError;

/// <https://fetch.spec.whatwg.org/#concept-cors-check>
pub(crate) fn cors_check(request: &Request, response: &Response) -> Result<(), NetworkError> {
    let includes_credentials = request.credentials_mode == CredentialsMode::Include;
    // 1.–2. The server has to say something.
    let Some(allowed) = response.header_list.get("Access-Control-Allow-Origin") else {
        return Err(NetworkError::CorsMissingAllowOrigin);
    };
    // 3. Everybody is allowed, without credentials.
    if allowed == b"*" {
        return if includes_credentials { Err(NetworkError::CorsWildcardWithCredentials) } else { Ok(()) };
    }
    // 4. The request's origin has to be the one.
    let origin = request.serialize_origin();
    if allowed != origin.as_bytes() {
        return Err(NetworkError::CorsOriginMismatch { allowed: printable(&allowed, 200), origin });
    }
    // 5.–8. Credentials need one word more.
    if !includes_credentials
        || response.header_list.get("Access-Control-Allow-Credentials").as_deref() == Some(b"true")
    {
        return Ok(());
    }
    Err(NetworkError::CorsCredentialsNotAllowed)
}

/// What the TAO check says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaoCheck {
    Success,
    Failure,
}

/// <https://fetch.spec.whatwg.org/#concept-tao-check>
pub(crate) fn tao_check(request: &Request, response: &Response) -> TaoCheck {
    // 2. One that failed fails for ever.
    if request.timing_allow_failed {
        return TaoCheck::Failure;
    }
    // 3.–5. The server may allow everybody, or this origin.
    if let Some(values) = response.header_list.get_decode_and_split("Timing-Allow-Origin") {
        let origin = request.serialize_origin();
        if values.iter().any(|value| value == "*" || *value == origin) {
            return TaoCheck::Success;
        }
    }
    // 6. A nested navigation to another origin.
    if request.mode == Mode::Navigate
        && !same_origin(&request.current_url().origin(), &request.resolved_origin())
    {
        return TaoCheck::Failure;
    }
    // 7.–8.
    match request.response_tainting {
        ResponseTainting::Basic => TaoCheck::Success,
        ResponseTainting::Cors | ResponseTainting::Opaque => TaoCheck::Failure,
    }
}

/// Remembers what a redirect of a navigation says about its timing.
///
/// <https://fetch.spec.whatwg.org/#append-to-a-requests-navigation-timing-allow-values-list>
pub(crate) fn append_to_navigation_timing_allow_values(request: &mut Request, response: &Response) {
    // 2.–4.
    let values = response.header_list.get_decode_and_split("Timing-Allow-Origin").unwrap_or_default();
    request.navigation_timing_allow_values.push(values);
}

/// Whether a document of that origin may know what happened on the way to it.
///
/// <https://fetch.spec.whatwg.org/#navigation-tao-check>
pub fn navigation_tao_check(response: &Response, destination_origin: &Origin) -> bool {
    let origin = serialize_origin(destination_origin);
    // 1.–2. Every redirect has to allow it.
    let response = response.unfiltered();
    response
        .navigation_timing_allow_values
        .iter()
        .all(|values| values.iter().any(|value| value == "*" || *value == origin))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::{RequestOrigin, parse_origin};

    fn request(credentials_mode: CredentialsMode) -> Request {
        let mut request = Request::new(Url::parse("https://b.example/").unwrap());
        request.origin = RequestOrigin::Origin(parse_origin("https://a.example"));
        request.credentials_mode = credentials_mode;
        request
    }

    fn response(headers: &[(&str, &str)]) -> Response {
        let mut response = Response::new();
        response.header_list = headers.iter().copied().collect();
        response
    }

    const ORIGIN: &str = "Access-Control-Allow-Origin";
    const CREDENTIALS: &str = "Access-Control-Allow-Credentials";

    #[test]
    fn the_origin_has_to_match_byte_for_byte() {
        let check =
            |headers: &[(&str, &str)]| cors_check(&request(CredentialsMode::Omit), &response(headers));
        assert_eq!(check(&[]), Err(NetworkError::CorsMissingAllowOrigin));
        assert_eq!(check(&[(ORIGIN, "*")]), Ok(()));
        assert_eq!(check(&[(ORIGIN, "https://a.example")]), Ok(()));
        for bad in [
            "https://A.example",
            "https://a.example/",
            "null",
            "http://a.example",
            "https://a.example, *",
            "",
        ] {
            assert!(check(&[(ORIGIN, bad)]).is_err(), "{bad}");
        }
        assert!(check(&[(ORIGIN, "*"), (ORIGIN, "*")]).is_err());
    }

    #[test]
    fn credentials_need_their_own_word() {
        let check =
            |headers: &[(&str, &str)]| cors_check(&request(CredentialsMode::Include), &response(headers));
        assert_eq!(
            check(&[(ORIGIN, "*"), (CREDENTIALS, "true")]),
            Err(NetworkError::CorsWildcardWithCredentials)
        );
        assert_eq!(check(&[(ORIGIN, "https://a.example")]), Err(NetworkError::CorsCredentialsNotAllowed));
        assert!(check(&[(ORIGIN, "https://a.example"), (CREDENTIALS, "True")]).is_err());
        assert_eq!(check(&[(ORIGIN, "https://a.example"), (CREDENTIALS, "true")]), Ok(()));
    }

    #[test]
    fn a_tainted_origin_is_null() {
        let mut request = request(CredentialsMode::Omit);
        request.url_list.push(Url::parse("https://c.example/").unwrap());
        request.url_list.push(Url::parse("https://b.example/").unwrap());
        assert!(cors_check(&request, &response(&[(ORIGIN, "https://a.example")])).is_err());
        assert_eq!(cors_check(&request, &response(&[(ORIGIN, "null")])), Ok(()));
    }

    #[test]
    fn timing_is_allowed_by_header_or_by_tainting() {
        let mut request = request(CredentialsMode::Omit);
        assert_eq!(tao_check(&request, &response(&[])), TaoCheck::Success);
        request.response_tainting = ResponseTainting::Cors;
        assert_eq!(tao_check(&request, &response(&[])), TaoCheck::Failure);
        let named = response(&[("Timing-Allow-Origin", "x, https://a.example")]);
        assert_eq!(tao_check(&request, &named), TaoCheck::Success);
        request.timing_allow_failed = true;
        assert_eq!(tao_check(&request, &named), TaoCheck::Failure);
    }

    #[test]
    fn every_redirect_of_a_navigation_has_to_allow_its_timing() {
        let mut request = request(CredentialsMode::Include);
        let mut response = Response::new();
        response.header_list.append("Timing-Allow-Origin", "https://x.example, https://a.example");
        append_to_navigation_timing_allow_values(&mut request, &response);
        let own = parse_origin("https://a.example");
        response.navigation_timing_allow_values = request.navigation_timing_allow_values.clone();
        assert!(navigation_tao_check(&response, &own));
        assert!(!navigation_tao_check(&response, &parse_origin("https://b.example")));
        append_to_navigation_timing_allow_values(&mut request, &Response::new());
        response.navigation_timing_allow_values = request.navigation_timing_allow_values;
        assert!(!navigation_tao_check(&response, &own));
    }
}
