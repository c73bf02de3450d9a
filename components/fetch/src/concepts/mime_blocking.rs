//! Blocking responses by their MIME type.

use super::request::Request;
use super::response::Response;
use crate::NetworkError;

/// <https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-mime-type?>
pub(crate) fn check_mime_type(response: &Response, request: &Request) -> Result<(), NetworkError> {
    // 1.–2. A response without type is not blocked here.
    let Some(mime_type) = response.header_list.extract_mime_type() else { return Ok(()) };
    // 3.–4. Scripts are never pictures, sound, film or tables.
    let essence = mime_type.essence();
    let is_media = ["audio/", "image/", "video/"].iter().any(|prefix| essence.starts_with(prefix));
    if request.destination.is_script_like() && (is_media || essence == "text/csv") {
        return Err(NetworkError::MimeTypeBlocked(essence.to_owned()));
    }
    // 5.
    Ok(())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Destination;

    #[test]
    fn scripts_are_never_pictures() {
        let mut request = Request::new(Url::parse("https://a.example/").unwrap());
        let mut response = Response::new();
        response.header_list.append("Content-Type", "image/png");
        assert!(check_mime_type(&response, &request).is_ok());
        request.destination = Destination::Worker;
        assert_eq!(
            check_mime_type(&response, &request),
            Err(NetworkError::MimeTypeBlocked("image/png".into()))
        );
        response.header_list.set("Content-Type", "text/plain");
        assert!(check_mime_type(&response, &request).is_ok());
    }
}
