//! `img`: which source it takes, and what it knows of the image.

use std::sync::{Arc, Mutex};

use longhaul::fetch::{Destination, Initiator};
use longhaul_idl::runtime::{Exception, ObjectRef, Realm};
use longhaul_idl::{HTMLImageElementMethods, HTMLImageElementStatics};

use super::super::element_fetch::{self, Generation, Success};
use super::{ElementState, window_of};
use crate::dom::node::{Node, NodeRef, lock};

/// <https://html.spec.whatwg.org/#image-request>
#[derive(Default)]
pub(crate) struct ImageState {
    pub(in crate::html) generation: Generation,
    request: Mutex<ImageRequest>,
}

#[derive(Default)]
struct ImageRequest {
    pending: bool,
    current_source: String,
    dimensions: Option<(u32, u32)>,
}

impl ImageState {
    fn begun(&self, source: &str) {
        *lock(&self.request) =
            ImageRequest { pending: true, current_source: source.to_owned(), dimensions: None };
    }

    pub(in crate::html) fn finished(&self, dimensions: Option<(u32, u32)>, _: Option<String>) {
        let mut request = lock(&self.request);
        request.pending = false;
        request.dimensions = dimensions;
    }

    fn cleared(&self) {
        *lock(&self.request) = ImageRequest::default();
    }
}

/// <https://html.spec.whatwg.org/#update-the-image-data>; of a `srcset` the first candidate counts.
pub(super) fn update_image(realm: &dyn Realm, element: &NodeRef) {
    let Some(ElementState::Image(image)) = element.element().map(|element| &element.state) else { return };
    let Some(window) = window_of(element) else { return };
    let from_set = element.attr("srcset").filter(|set| !set.trim().is_empty());
    let source = match from_set {
        Some(set) => set.split_ascii_whitespace().next().map(|url| url.trim_end_matches(',').to_owned()),
        None => element.attr("src"),
    };
    let Some(source) = source else {
        element_fetch::supersede(element);
        image.cleared();
        return;
    };
    let document = element.document();
    let url = document
        .as_ref()
        .filter(|_| !source.is_empty())
        .and_then(|document| document.document_data().and_then(|data| data.parse_url(document, &source)));
    image.begun(url.as_ref().map_or(&*source, ::url::Url::as_str));
    let Some(url) = url else {
        element_fetch::supersede(element);
        image.finished(None, None);
        element_fetch::fire_later(realm, element, "error");
        return;
    };
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Image, false);
    request.initiator_type = Some("img".to_owned());
    if element.attr("srcset").is_some() {
        request.initiator = Initiator::ImageSet;
    }
    element_fetch::start(realm, &window, element, request, Success::Image, true);
}

fn image(element: &Node) -> Option<&ImageState> {
    match &element.element()?.state {
        ElementState::Image(image) => Some(image),
        _ => None,
    }
}

impl HTMLImageElementStatics for Node {
    fn factory_image(
        realm: &dyn Realm,
        width: Option<u32>,
        height: Option<u32>,
    ) -> Result<ObjectRef, Exception> {
        let document = crate::dom::document_of(realm)?;
        let image = crate::dom::element::create_element(&document, crate::dom::element::html_name("img"));
        if let Some(width) = width {
            image.set_attr(realm, "width", width.to_string().into())?;
        }
        if let Some(height) = height {
            image.set_attr(realm, "height", height.to_string().into())?;
        }
        Ok(image)
    }
}

impl HTMLImageElementMethods for Node {
    fn natural_width(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(image(self).and_then(|image| lock(&image.request).dimensions).map_or(0, |(width, _)| width))
    }

    fn natural_height(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(image(self).and_then(|image| lock(&image.request).dimensions).map_or(0, |(_, height)| height))
    }

    fn complete(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(image(self).is_none_or(|image| !lock(&image.request).pending))
    }

    fn current_src(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(image(self).map(|image| lock(&image.request).current_source.clone()).unwrap_or_default())
    }
}
