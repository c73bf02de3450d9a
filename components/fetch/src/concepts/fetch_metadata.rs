//! The Fetch metadata headers, `Sec-Fetch-*`.

use super::origin::{is_url_potentially_trustworthy, same_origin, same_site};
use super::request::{Destination, Request};

/// <https://w3c.github.io/webappsec-fetch-metadata/#fetch-integration>
pub(crate) fn append_fetch_metadata_headers(request: &mut Request) {
    // 1. Only over secure ways.
    if !is_url_potentially_trustworthy(request.current_url()) {
        return;
    }
    // 2. What for.
    let destination = match request.destination {
        Destination::None => "empty",
        other => other.as_str(),
    };
    request.header_list.set("Sec-Fetch-Dest", destination);
    // 3. How.
    request.header_list.set("Sec-Fetch-Mode", request.mode.as_str());
    // 4. From how far.
    let site = site(request);
    request.header_list.set("Sec-Fetch-Site", site);
    // 5. Whether the user did it.
    if request.is_navigation_request() && request.user_activation {
        request.header_list.set("Sec-Fetch-User", "?1");
    }
}

/// <https://w3c.github.io/webappsec-fetch-metadata/#abstract-opdef-set-site>
fn site(request: &Request) -> &'static str {
    // 4. A navigation that no page asked for: nobody is its client.
    if request.is_navigation_request() && request.user_activation && request.client.is_none() {
        return "none";
    }
    // 3., 5. As far away as the farthest URL.
    let origin = request.resolved_origin();
    let mut value = "same-origin";
    for url in request.earlier_urls.iter().chain(&request.url_list) {
        if same_origin(&url.origin(), &origin) {
            continue;
        }
        if !same_site(&origin, &url.origin()) {
            return "cross-site";
        }
        value = "same-site";
    }
    value
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::{RequestOrigin, parse_origin};

    fn site_of(urls: &[&str]) -> Option<String> {
        let mut request = Request::new(Url::parse(urls[0]).unwrap());
        request.url_list = urls.iter().map(|url| Url::parse(url).unwrap()).collect();
        request.origin = RequestOrigin::Origin(parse_origin("https://a.site.example"));
        append_fetch_metadata_headers(&mut request);
        request.header_list.get("sec-fetch-site").map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn the_farthest_url_counts() {
        assert_eq!(site_of(&["https://a.site.example/"]).unwrap(), "same-origin");
        assert_eq!(site_of(&["https://b.site.example/"]).unwrap(), "same-site");
        assert_eq!(site_of(&["https://other.example/", "https://a.site.example/"]).unwrap(), "cross-site");
        assert_eq!(site_of(&["https://b.site.example/", "https://a.site.example/"]).unwrap(), "same-site");
        assert_eq!(site_of(&["http://other.example/"]), None);
    }
}
