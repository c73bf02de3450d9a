//! `Link` headers of documents.

use longhaul::fetch::{Destination, Link, Request};
use longhaul_idl::runtime::Realm;
use url::Url;

use super::elements::{preload_destination, select_a_preload_source};
use super::{WindowGlobal, element_fetch, media_query};
use crate::dom::node::NodeRef;

/// Fetches ahead what the document's response says that it will need.
///
/// <https://html.spec.whatwg.org/#process-link-headers>
///
/// NOTE: both phases are one, since the viewport that media queries are asked about is known from the beginning. What leads from
/// elsewhere (`anchor`) is no matter of this document's, as in browsers. FIXME: the other relations (`preconnect`, `modulepreload`) and the
/// links of early hints.
pub(super) fn process_link_headers(
    realm: &dyn Realm,
    window: &WindowGlobal,
    document: &NodeRef,
    links: &[Link],
) {
    let Some(data) = document.document_data() else { return };
    let preloads = links.iter().filter(|link| {
        link.anchor.is_none() && link.relation_types.iter().any(|relation| relation == "preload")
    });
    for link in preloads {
        if let Some(request) = preload(window, link, |target| data.parse_url(document, target)) {
            element_fetch::start_untold(realm, window, document.clone(), request);
        }
    }
}

/// <https://html.spec.whatwg.org/#preload>, up to its fetch. FIXME: the document's map of preloaded resources: what asks for the same later
/// finds it in the HTTP cache or fetches it again.
fn preload(window: &WindowGlobal, link: &Link, parse_url: impl Fn(&str) -> Option<Url>) -> Option<Request> {
    if link.attribute("media").is_some_and(|media| !media_query::matches(media)) {
        return None;
    }
    // <https://html.spec.whatwg.org/#apply-link-options-from-parsed-header-attributes>
    let destination = preload_destination(link.attribute("as"))?;
    let attribute = |name: &str| link.attribute(name).map(str::to_owned);
    let url = match destination {
        Destination::Image => {
            let written = |name: &str| link.attribute(name).unwrap_or_default();
            let (set, sizes) = (written("imagesrcset"), written("imagesizes"));
            parse_url(&select_a_preload_source(&link.target_uri, set, sizes)?)?
        }
        _ => parse_url(&link.target_uri)?,
    };
    let is_font = destination == Destination::Font;
    let mut request =
        element_fetch::potential_cors_request_with(window, &attribute, url, destination, is_font);
    request.initiator_type = Some("link".to_owned());
    request.integrity_metadata = attribute("integrity").unwrap_or_default();
    Some(request)
}
