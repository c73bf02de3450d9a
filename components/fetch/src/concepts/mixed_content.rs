//! Mixed content.

use url::Url;

use super::ip_address_space::IpAddressSpace;
use super::local_network_access;
use super::origin::{Host, is_origin_potentially_trustworthy, is_url_potentially_trustworthy};
use super::request::{Destination, Initiator, Request};
use super::response::Response;
use crate::NetworkError;
use crate::environment::EnvironmentSettings;
use crate::services::Services;

/// <https://w3c.github.io/webappsec-mixed-content/#categorize-settings-object>
fn prohibits_mixed_content(client: Option<&EnvironmentSettings>) -> bool {
    let Some(client) = client else { return false };
    // 1. Its own origin, 2. and those of its ancestors, of which the top one is known.
    is_origin_potentially_trustworthy(&client.origin)
        || client.top_level_origin.as_ref().is_some_and(is_origin_potentially_trustworthy)
}

/// Makes the URL of a picture, sound or film of a secure document secure.
///
/// <https://w3c.github.io/webappsec-mixed-content/#upgrade-algorithm>
pub(crate) fn upgrade_mixed_content(request: &mut Request) {
    let url = request.current_url();
    // 1. Anything else stays.
    let is_address = matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
    let is_upgradeable = match request.destination {
        Destination::Image => request.initiator != Initiator::ImageSet,
        Destination::Audio | Destination::Video => true,
        _ => false,
    };
    // NOTE: Local Network Access adds its own exception.
    let is_local = request.target_ip_address_space == Some(IpAddressSpace::Local);
    if is_local
        || is_url_potentially_trustworthy(url)
        || is_address
        || !prohibits_mixed_content(request.client.as_deref())
        || !is_upgradeable
    {
        return;
    }
    // 2.
    make_secure(request.current_url_mut());
}

/// Turns an `http:` URL into the `https:` one.
pub(crate) fn make_secure(url: &mut Url) {
    if url.scheme() == "http" {
        let changed = url.set_scheme("https");
        debug_assert!(changed.is_ok(), "both are special schemes, between which a URL may change");
    }
}

fn is_blocked(request: &Request, url: &Url, services: &Services) -> bool {
    // NOTE: what leads to the local network and is going to be judged there is allowed by Local Network Access. The document's
    // meaning is taken: as its text stands, the exception would be for documents that prohibit nothing.
    let is_judged = request.target_ip_address_space == Some(IpAddressSpace::Local)
        && services.checks_local_network_access()
        && local_network_access::policy_space(request) == Some(IpAddressSpace::Public);
    prohibits_mixed_content(request.client.as_deref())
        && !is_judged
        // NOTE: an object of this process comes over no network, whatever origin made it.
        && url.scheme() != "blob"
        && !is_url_potentially_trustworthy(url)
        && request.destination != Destination::Document
}

/// <https://w3c.github.io/webappsec-mixed-content/#should-block-fetch>
pub(crate) fn check_request(request: &Request, services: &Services) -> Result<(), NetworkError> {
    let url = request.current_url();
    if is_blocked(request, url, services) { Err(NetworkError::MixedContent(shown(url))) } else { Ok(()) }
}

/// <https://w3c.github.io/webappsec-mixed-content/#should-block-response>
pub(crate) fn check_response(
    request: &Request,
    response: &Response,
    services: &Services,
) -> Result<(), NetworkError> {
    match response.url() {
        Some(url) if is_blocked(request, url, services) => Err(NetworkError::MixedContent(shown(url))),
        _ => Ok(()),
    }
}

fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::services::tests::unconnected;

    fn request(client: &str, url: &str, destination: Destination) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap());
        request.client = Some(Arc::new(EnvironmentSettings::for_url(Url::parse(client).unwrap())));
        request.destination = destination;
        request
    }

    #[tokio::test]
    async fn what_local_network_access_will_judge_passes_here() {
        let mut local = request("https://a.example/", "http://192.168.0.1/", Destination::None);
        local.target_ip_address_space = Some(IpAddressSpace::Local);
        assert!(check_request(&local, &unconnected()).is_err());
        let mut client = EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap());
        client.policy_container.ip_address_space = Some(IpAddressSpace::Public);
        local.client = Some(Arc::new(client));
        assert!(check_request(&local, &unconnected()).is_ok());
        let unchecked = unconnected().with_local_network_access_checks(false);
        assert!(check_request(&local, &unchecked).is_err());
    }

    #[test]
    fn secure_documents_fetch_securely() {
        let blocked =
            |client, url| check_request(&request(client, url, Destination::None), &unconnected()).is_err();
        assert!(blocked("https://a.example/", "http://b.example/"));
        assert!(!blocked("https://a.example/", "https://b.example/"));
        assert!(!blocked("https://a.example/", "http://localhost:1/"));
        assert!(!blocked("http://a.example/", "http://b.example/"));
        assert!(
            check_request(
                &request("https://a.example/", "http://b.example/", Destination::Document),
                &unconnected()
            )
            .is_ok()
        );
    }

    #[test]
    fn pictures_are_upgraded_but_not_those_of_addresses() {
        let upgraded = |url, destination| {
            let mut request = request("https://a.example/", url, destination);
            upgrade_mixed_content(&mut request);
            request.current_url().to_string()
        };
        assert_eq!(upgraded("http://b.example/", Destination::Image), "https://b.example/");
        assert_eq!(upgraded("http://b.example/", Destination::Script), "http://b.example/");
        assert_eq!(upgraded("http://192.0.2.1/", Destination::Image), "http://192.0.2.1/");
    }

    #[test]
    fn a_response_that_came_insecurely_is_blocked_too() {
        let request = request("https://a.example/", "https://b.example/", Destination::None);
        let mut response = Response::new();
        assert!(check_response(&request, &response, &unconnected()).is_ok());
        response.url_list.push(Url::parse("http://b.example/").unwrap());
        assert!(check_response(&request, &response, &unconnected()).is_err());
    }
}
