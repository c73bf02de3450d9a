//! SVG's `image`, which fetches as HTML's images do.

use html5ever::{QualName, ns};
use longhaul::fetch::Destination;
use longhaul_idl::runtime::Realm;

use super::super::element_fetch::{self, Success};
use super::window_of;
use crate::dom::element::value_of;
use crate::dom::node::{Node, NodeRef};

pub(super) fn is_svg_image(node: &Node) -> bool {
    node.element().is_some_and(|element| is_name_of_svg_image(&element.name))
}

pub(super) fn is_name_of_svg_image(name: &QualName) -> bool {
    name.ns == ns!(svg) && &*name.local == "image"
}

/// <https://svgwg.org/svg2-draft/embedded.html#ImageElement>, with the older attribute where there is none of the name itself.
pub(super) fn update_svg_image(realm: &dyn Realm, element: &NodeRef) {
    let (Some(window), Some(document)) = (window_of(element), element.document()) else { return };
    let older =
        || element.attribute_ns(&ns!(xlink), "href").map(|attribute| value_of(&attribute).to_string());
    let Some(href) = element.attr("href").or_else(older).filter(|href| !href.is_empty()) else { return };
    let url = document.document_data().and_then(|data| data.parse_url(&document, &href));
    let Some(url) = url else {
        element_fetch::supersede(element);
        return element_fetch::fire_later(realm, element, "error");
    };
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Image, false);
    request.initiator_type = Some("image".to_owned());
    element_fetch::start(realm, &window, element, request, Success::Image, true);
}
