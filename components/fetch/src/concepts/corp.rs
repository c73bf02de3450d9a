//! `Cross-Origin-Resource-Policy`, and whether the embedder's policy lets credentials go.

use url::Origin;

use super::origin::{same_origin, schemelessly_same_site};
use super::request::{Mode, RedirectTaint, Request};
use super::response::Response;
use crate::NetworkError;
use crate::environment::{EmbedderPolicy, EnvironmentSettings};

/// <https://fetch.spec.whatwg.org/#cross-origin-resource-policy-check>
pub(crate) fn cross_origin_resource_policy_check(
    origin: &Origin,
    client: Option<&EnvironmentSettings>,
    response: &Response,
) -> Result<(), NetworkError> {
    // 1.–2. Without a client nothing is asked of what is embedded.
    let embedder_policy =
        client.map_or(EmbedderPolicy::UnsafeNone, |client| client.policy_container.embedder_policy);
    // 3. What the response itself asks.
    // 5. What the client's policy asks. FIXME: 4., 6. violation reports; the policy has no report-only value yet.
    for policy in [EmbedderPolicy::UnsafeNone, embedder_policy] {
        if !is_allowed(origin, policy, response) {
            return Err(NetworkError::CrossOriginResourcePolicy);
        }
    }
    Ok(())
}

/// <https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check>
fn is_allowed(origin: &Origin, embedder_policy: EmbedderPolicy, response: &Response) -> bool {
    // 1. NOTE: navigations do not come here.
    // 2.–3. One of three words, or nothing.
    let value = response.header_list.get("Cross-Origin-Resource-Policy");
    let policy = match value.as_deref() {
        Some(b"same-origin") => Some(Policy::SameOrigin),
        Some(b"same-site") => Some(Policy::SameSite),
        Some(b"cross-origin") => Some(Policy::CrossOrigin),
        _ => None,
    };
    // 4. Nothing is read as the embedder's policy wants it.
    let policy = policy.or(match embedder_policy {
        EmbedderPolicy::UnsafeNone => None,
        EmbedderPolicy::Credentialless => response.request_includes_credentials.then_some(Policy::SameOrigin),
        EmbedderPolicy::RequireCorp => Some(Policy::SameOrigin),
    });
    // 5.
    let Some(url) = response.url() else { return policy.is_none() || policy == Some(Policy::CrossOrigin) };
    match policy {
        None | Some(Policy::CrossOrigin) => true,
        Some(Policy::SameOrigin) => same_origin(origin, &url.origin()),
        Some(Policy::SameSite) => {
            let is_https = matches!(origin, Origin::Tuple(scheme, ..) if scheme == "https");
            schemelessly_same_site(origin, &url.origin()) && (is_https || url.scheme() != "https")
        }
    }
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Policy {
    SameOrigin,
    SameSite,
    CrossOrigin,
}

/// <https://fetch.spec.whatwg.org/#cross-origin-embedder-policy-allows-credentials>
pub(crate) fn embedder_policy_allows_credentials(request: &Request) -> bool {
    // 2.–4. Only no-cors requests of a credentialless client are asked.
    if request.mode != Mode::NoCors {
        return true;
    }
    let Some(client) = &request.client else { return true };
    if client.policy_container.embedder_policy != EmbedderPolicy::Credentialless {
        return true;
    }
    // 5.–6. DEVIATION: the standard allows same-origin requests with a redirect taint, and no others; its own note and the
    // tests mean those without.
    same_origin(&request.resolved_origin(), &request.current_url().origin())
        && request.redirect_taint() == RedirectTaint::SameOrigin
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use url::Url;

    use super::*;
    use crate::parse_origin;

    fn check(origin: &str, url: &str, header: Option<&str>, policy: EmbedderPolicy) -> bool {
        let mut response = Response::new();
        response.url_list.push(Url::parse(url).unwrap());
        if let Some(header) = header {
            response.header_list.append("Cross-Origin-Resource-Policy", header);
        }
        let mut client = EnvironmentSettings::for_url(Url::parse(origin).unwrap());
        client.policy_container.embedder_policy = policy;
        cross_origin_resource_policy_check(&parse_origin(origin), Some(&client), &response).is_ok()
    }

    #[test]
    fn the_header_is_obeyed_and_nonsense_is_not() {
        let none = EmbedderPolicy::UnsafeNone;
        let (a, b, other) = ("https://a.site.example", "https://b.site.example/", "https://other.example/");
        assert!(check(a, other, None, none) && check(a, other, Some("cross-origin"), none));
        assert!(!check(a, b, Some("same-origin"), none) && check(a, b, Some("same-site"), none));
        assert!(!check(a, other, Some("same-site"), none));
        assert!(
            check(a, other, Some("same-site, same-origin"), none)
                && check(a, other, Some("Same-Origin"), none)
        );
        assert!(!check("http://a.site.example", b, Some("same-site"), none));
    }

    #[test]
    fn embedders_may_require_it() {
        let (a, other) = ("https://a.example", "https://b.example/");
        assert!(!check(a, other, None, EmbedderPolicy::RequireCorp));
        assert!(check(a, other, Some("cross-origin"), EmbedderPolicy::RequireCorp));
        assert!(!check(a, other, None, EmbedderPolicy::Credentialless));
        let mut response = Response::new();
        response.url_list.push(Url::parse(other).unwrap());
        response.request_includes_credentials = false;
        let mut client = EnvironmentSettings::for_url(Url::parse(a).unwrap());
        client.policy_container.embedder_policy = EmbedderPolicy::Credentialless;
        assert!(cross_origin_resource_policy_check(&parse_origin(a), Some(&client), &response).is_ok());
        let mut request = Request::new(Url::parse(other).unwrap());
        request.client = Some(Arc::new(client));
        assert!(!embedder_policy_allows_credentials(&request));
        request.mode = Mode::Cors;
        assert!(embedder_policy_allows_credentials(&request));
    }
}
