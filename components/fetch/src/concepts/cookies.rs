//! Cookies, as far as the Fetch Standard defines them.

use super::network_partition_key::NetworkPartitionKey;
use super::origin::same_site;
use super::request::{Destination, RedirectTaint, Request};
use super::response::Response;
use crate::services::{CookieRequest, SameSiteMode, Services};

/// <https://fetch.spec.whatwg.org/#append-a-request-cookie-header>
pub(crate) fn append_a_request_cookie_header(request: &mut Request, services: &Services) {
    // 2.–7. The store does the retrieving and the serializing.
    if let Some(value) = services.cookies().cookie_header(&cookie_request(request)) {
        // 8.
        request.header_list.append("Cookie", value);
    }
}

/// <https://fetch.spec.whatwg.org/#parse-and-store-response-set-cookie-headers>
pub(crate) fn parse_and_store_response_set_cookie_headers(
    request: &Request,
    response: &Response,
    services: &Services,
) {
    let mut cookie_request: Option<CookieRequest> = None;
    // 6. Each header for itself; they cannot be combined.
    for value in response.header_list.values("Set-Cookie") {
        services
            .cookies()
            .set_cookie(cookie_request.get_or_insert_with(|| self::cookie_request(request)), value);
    }
}

fn cookie_request(request: &Request) -> CookieRequest {
    CookieRequest {
        url: request.current_url().clone(),
        network_partition_key: NetworkPartitionKey::for_request(request),
        same_site: determine_the_same_site_mode(request),
        top_level_navigation: request.destination == Destination::Document,
        http_api: true,
    }
}

/// DEVIATION: the standard's steps never compare the URL with who asks, and treat a navigation from another site more
/// strictly than RFC 6265bis; here a request is same-site as that document defines it.
///
/// <https://fetch.spec.whatwg.org/#determine-the-same-site-mode>
pub(crate) fn determine_the_same_site_mode(request: &Request) -> SameSiteMode {
    let url_origin = request.current_url().origin();
    let is_tainted = request.redirect_taint() == RedirectTaint::CrossSite;
    // 2.–3. A navigation at the top: whoever began it counts, and safe methods may carry a little more.
    // NOTE: so is the request of one that a service worker fetches in its place.
    let is_top_level = request.destination == Destination::Document
        || request.top_level_navigation_initiator_origin.is_some();
    if is_top_level {
        let initiator = request.top_level_navigation_initiator_origin.as_ref();
        if initiator.is_none_or(|initiator| same_site(initiator, &url_origin)) && !is_tainted {
            return SameSiteMode::StrictOrLess;
        }
        return match request.method.as_str() {
            "GET" | "HEAD" => SameSiteMode::LaxOrLess,
            _ => SameSiteMode::UnsetOrLess,
        };
    }
    // 4.–5. A subresource: its document, the document at the top and every redirect have to be of the URL's site.
    let is_of_the_site = match &request.client {
        Some(client) => {
            !client.has_cross_site_ancestor
                && same_site(client.top_level_origin.as_ref().unwrap_or(&client.origin), &url_origin)
        }
        None => true,
    };
    if !is_of_the_site || is_tainted || !same_site(&request.resolved_origin(), &url_origin) {
        return SameSiteMode::UnsetOrLess;
    }
    // 6.
    SameSiteMode::StrictOrLess
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use url::Url;

    use super::*;
    use crate::{EnvironmentSettings, Method, RequestOrigin, parse_origin};

    fn request(client: &str, url: &str) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap());
        let client = EnvironmentSettings::for_url(Url::parse(client).unwrap());
        request.origin = RequestOrigin::Origin(client.origin.clone());
        request.client = Some(Arc::new(client));
        request
    }

    #[test]
    fn other_sites_get_only_cookies_that_say_so() {
        let own = request("https://a.site.example/", "https://b.site.example/");
        assert_eq!(determine_the_same_site_mode(&own), SameSiteMode::StrictOrLess);
        let other = request("https://a.site.example/", "https://other.example/");
        assert_eq!(determine_the_same_site_mode(&other), SameSiteMode::UnsetOrLess);
        let schemes = request("http://a.site.example/", "https://a.site.example/");
        assert_eq!(determine_the_same_site_mode(&schemes), SameSiteMode::UnsetOrLess);
    }

    #[test]
    fn a_redirect_through_another_site_taints() {
        let mut tainted = request("https://a.example/", "https://a.example/");
        tainted.url_list.push(Url::parse("https://b.example/").unwrap());
        tainted.url_list.push(Url::parse("https://a.example/").unwrap());
        assert_eq!(determine_the_same_site_mode(&tainted), SameSiteMode::UnsetOrLess);
    }

    #[test]
    fn a_framed_document_is_as_far_as_its_top() {
        let mut framed = request("https://a.example/", "https://a.example/");
        let client = EnvironmentSettings {
            top_level_origin: Some(parse_origin("https://top.example")),
            ..EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap())
        };
        framed.client = Some(Arc::new(client));
        assert_eq!(determine_the_same_site_mode(&framed), SameSiteMode::UnsetOrLess);
    }

    #[test]
    fn navigations_from_elsewhere_are_lax_if_safe() {
        let mut navigation = Request::new(Url::parse("https://a.example/").unwrap());
        navigation.destination = Destination::Document;
        assert_eq!(determine_the_same_site_mode(&navigation), SameSiteMode::StrictOrLess);
        navigation.top_level_navigation_initiator_origin = Some(parse_origin("https://b.example"));
        assert_eq!(determine_the_same_site_mode(&navigation), SameSiteMode::LaxOrLess);
        navigation.method = Method::POST;
        assert_eq!(determine_the_same_site_mode(&navigation), SameSiteMode::UnsetOrLess);
    }
}
