//! `X-Content-Type-Options`.

use super::header_list::HeaderList;
use super::request::{Destination, Request};
use super::response::Response;
use crate::NetworkError;

/// <https://fetch.spec.whatwg.org/#determine-nosniff>
pub fn determine_nosniff(headers: &HeaderList) -> bool {
    // 1.–4. The first value decides.
    headers
        .get_decode_and_split("X-Content-Type-Options")
        .and_then(|values| values.into_iter().next())
        .is_some_and(|first| first.eq_ignore_ascii_case("nosniff"))
}

/// <https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-nosniff?>
pub(crate) fn check_nosniff(response: &Response, request: &Request) -> Result<(), NetworkError> {
    // 1. The response does not ask for it.
    if !determine_nosniff(&response.header_list) {
        return Ok(());
    }
    // 2.–3.
    let mime_type = response.header_list.extract_mime_type();
    let destination = request.destination;
    // 4.–5. Scripts and style sheets need their type.
    let blocked = if destination.is_script_like() {
        !mime_type.as_ref().is_some_and(|mime_type| mime_type.is_javascript())
    } else if destination == Destination::Style {
        mime_type.as_ref().is_none_or(|mime_type| mime_type.essence() != "text/css")
    } else {
        false
    };
    // 6.
    if blocked {
        let essence = mime_type.map_or_else(String::new, |mime_type| mime_type.essence().to_owned());
        return Err(NetworkError::NoSniff(essence));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn check(destination: Destination, content_type: &str) -> bool {
        let mut request = Request::new(Url::parse("https://a.example/").unwrap());
        request.destination = destination;
        let mut response = Response::new();
        response.header_list.append("X-Content-Type-Options", "NoSniff, x");
        response.header_list.append("Content-Type", content_type);
        check_nosniff(&response, &request).is_ok()
    }

    #[test]
    fn scripts_and_styles_need_their_type() {
        assert!(check(Destination::Script, "text/javascript") && !check(Destination::Script, "text/plain"));
        assert!(check(Destination::Style, "text/css;a=b") && !check(Destination::Style, "nonsense"));
        assert!(check(Destination::Image, "text/plain"));
    }
}
