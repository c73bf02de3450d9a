//! `link`, and what it fetches.

use std::sync::Arc;

use longhaul::fetch::{Destination, Initiator};
use longhaul_idl::HTMLLinkElementMethods;
use longhaul_idl::runtime::{Exception, ObjectRef, Realm};

use super::super::element_fetch::{self, Success};
use super::super::media_query;
use super::source_set::select_a_preload_source;
use super::{tokens, url_attribute, window_of};
use crate::dom::node::{Node, NodeRef};

/// <https://html.spec.whatwg.org/#fetch-and-process-the-linked-resource>
pub(super) fn update_link(realm: &dyn Realm, element: &NodeRef) {
    let Some(window) = window_of(element) else { return };
    if !element.is_connected_node() {
        return;
    }
    let rel = element.attr("rel").unwrap_or_default().to_ascii_lowercase();
    let kinds: Vec<&str> = rel.split_ascii_whitespace().collect();
    let has = |kind: &str| kinds.contains(&kind);
    let is_image_preload =
        has("preload") && element.attr("as").is_some_and(|kind| kind.eq_ignore_ascii_case("image"));
    let url = match is_image_preload {
        true => {
            let attribute = |name: &str| element.attr(name).unwrap_or_default();
            let (href, set, sizes) = (attribute("href"), attribute("imagesrcset"), attribute("imagesizes"));
            select_a_preload_source(&href, &set, &sizes).and_then(|source| {
                let document = element.document()?;
                document.document_data()?.parse_url(&document, &source)
            })
        }
        false => url_attribute(element, "href"),
    };
    let Some(url) = url else { return };
    let (destination, cors, success, delays) = if has("stylesheet") && !has("alternate") {
        let kind = element.attr("type").unwrap_or_default();
        if !kind.is_empty() && !kind.trim().eq_ignore_ascii_case("text/css") {
            return;
        }
        (Destination::Style, false, Success::OkStatus, true)
    } else if has("modulepreload") {
        (
            preload_destination(element.attr("as").as_deref()).unwrap_or(Destination::Script),
            true,
            Success::OkStatus,
            true,
        )
    } else if has("preload") {
        let Some(destination) = preload_destination(element.attr("as").as_deref()) else { return };
        // <https://html.spec.whatwg.org/#preload>, step 3
        if element.attr("media").is_some_and(|media| !media_query::matches(&media)) {
            return;
        }
        let cors = destination == Destination::Font;
        (destination, cors, Success::Any, true)
    } else if has("prefetch") {
        (Destination::None, false, Success::Any, false)
    } else if has("icon") {
        (Destination::Image, false, Success::Any, false)
    } else if has("manifest") {
        (Destination::Manifest, true, Success::Any, false)
    } else {
        return;
    };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, cors);
    request.initiator_type = Some("link".to_owned());
    if has("prefetch") && !has("stylesheet") && !has("preload") {
        request.initiator = Initiator::Prefetch;
        request.header_list.append("Sec-Purpose", "prefetch");
    }
    if let Some(integrity) = element.attr("integrity") {
        request.integrity_metadata = integrity;
    }
    element_fetch::start(realm, &window, element, request, success, delays);
}

/// <https://html.spec.whatwg.org/#translate-a-preload-destination>
pub(in super::super) fn preload_destination(word: Option<&str>) -> Option<Destination> {
    Some(match word.unwrap_or_default().to_ascii_lowercase().as_str() {
        "fetch" => Destination::None,
        "font" => Destination::Font,
        "image" => Destination::Image,
        "json" => Destination::Json,
        "script" => Destination::Script,
        "style" => Destination::Style,
        "track" => Destination::Track,
        "audio" => Destination::Audio,
        "video" => Destination::Video,
        "worker" => Destination::Worker,
        "sharedworker" => Destination::SharedWorker,
        "serviceworker" => Destination::ServiceWorker,
        _ => return None,
    })
}

const LINK_RELATIONS: &[&str] = &[
    "dns-prefetch",
    "icon",
    "manifest",
    "modulepreload",
    "preconnect",
    "prefetch",
    "preload",
    "stylesheet",
    "alternate",
];

impl HTMLLinkElementMethods for Node {
    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "rel", LINK_RELATIONS))
    }

    fn sizes(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "sizes", &[]))
    }

    fn blocking(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "blocking", &["render"]))
    }
}
