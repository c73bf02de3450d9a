//! How a request is looked up among stored requests and responses.

use crate::concepts::request::Request;
use crate::concepts::response::{Response, ResponseType};

/// <https://w3c.github.io/ServiceWorker/#dictdef-cachequeryoptions>
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheQueryOptions {
    /// The URL's query does not count.
    pub ignore_search: bool,
    /// The method does not count.
    pub ignore_method: bool,
    /// `Vary` does not count.
    pub ignore_vary: bool,
}

/// Whether a stored request, and the response stored with it, answer the query.
///
/// <https://w3c.github.io/ServiceWorker/#request-matches-cached-item>
pub fn request_matches_cached_item(
    query: &Request,
    cached_request: &Request,
    cached_response: Option<&Response>,
    options: &CacheQueryOptions,
) -> bool {
    // 1. Only GET requests are answered, unless the method does not count.
    if !options.ignore_method && cached_request.method != "GET" {
        return false;
    }
    // 2.–5. The URLs have to agree, their fragments aside, and their queries if those do not count.
    let mut query_url = query.url().clone();
    let mut cached_url = cached_request.url().clone();
    for url in [&mut query_url, &mut cached_url] {
        url.set_fragment(None);
        if options.ignore_search {
            url.set_query(None);
        }
    }
    if query_url != cached_url {
        return false;
    }
    // 6. Without a response to look at, or when `Vary` does not count, that is all.
    let Some(cached_response) = cached_response else { return true };
    // NOTE: an opaque response shows no headers, so it varies by none.
    if options.ignore_vary || cached_response.r#type == ResponseType::Opaque {
        return true;
    }
    let Some(names) = cached_response.unfiltered().header_list.get_decode_and_split("Vary") else {
        return true;
    };
    // 7.–8. Each header that the response varies by has to be the same in both requests; `*` never is.
    names.iter().all(|name| {
        name != "*"
            && query.header_list.get(name.as_bytes()) == cached_request.header_list.get(name.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Method;

    fn request(url: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap());
        request.header_list = headers.iter().copied().collect();
        request
    }

    fn vary(value: &str) -> Response {
        let mut response = Response::new();
        response.header_list.append("Vary", value);
        response.filtered(crate::ResponseType::Cors)
    }

    const URL: &str = "https://a.example/x?y";

    #[test]
    fn urls_match_without_fragment_and_perhaps_without_query() {
        let options = CacheQueryOptions::default();
        let matches = |a: &str, b: &str, options: &CacheQueryOptions| {
            request_matches_cached_item(&request(a, &[]), &request(b, &[]), None, options)
        };
        assert!(matches("https://a.example/x?y#z", URL, &options));
        assert!(!matches("https://a.example/x", URL, &options));
        let ignoring = CacheQueryOptions { ignore_search: true, ..options };
        assert!(matches("https://a.example/x", URL, &ignoring));
        assert!(!matches("https://a.example/z?y", URL, &ignoring));
    }

    #[test]
    fn only_get_is_answered_unless_the_method_does_not_count() {
        let query = request(URL, &[]);
        let mut cached = request(URL, &[]);
        cached.method = Method::POST;
        let options = CacheQueryOptions::default();
        assert!(!request_matches_cached_item(&query, &cached, None, &options));
        let ignoring = CacheQueryOptions { ignore_method: true, ..options };
        assert!(request_matches_cached_item(&query, &cached, None, &ignoring));
    }

    #[test]
    fn headers_count_that_the_response_varies_by() {
        let (a, b) =
            (request(URL, &[("X-A", "1"), ("X-B", "1")]), request(URL, &[("x-a", "1"), ("x-b", "2")]));
        let options = CacheQueryOptions::default();
        let matches = |value: &str, options| request_matches_cached_item(&a, &b, Some(&vary(value)), options);
        assert!(matches("x-a, x-c", &options) && matches("", &options));
        assert!(!matches("X-A, X-B", &options) && !matches("*", &options));
        let ignoring = CacheQueryOptions { ignore_vary: true, ..options };
        assert!(matches("*", &ignoring));
    }
}
