//! `img`: which source it takes, and what it knows of the image.

use std::sync::{Arc, Mutex};

use longhaul::fetch::{Destination, Initiator};
use longhaul_idl::runtime::{Exception, ObjectRef, Realm, Value};
use longhaul_idl::{HTMLImageElementMethods, HTMLImageElementStatics};

use super::super::element_fetch::{self, Generation, Success};
use super::super::loading;
use super::source_set::{select_an_image_source, uses_srcset_or_picture};
use super::{ElementState, window_of};
use crate::dom::node::{Node, NodeRef, lock, object};

/// <https://html.spec.whatwg.org/#image-request>
#[derive(Default)]
pub(crate) struct ImageState {
    pub(in crate::html) generation: Generation,
    request: Mutex<ImageRequest>,
}

#[derive(Default)]
struct ImageRequest {
    /// A microtask is to look for the source.
    queued: Option<Mutation>,
    /// The document whose `load` waits for that.
    held: Option<NodeRef>,
    pending: bool,
    current_source: String,
    dimensions: Option<(u32, u32)>,
}

/// What makes an image look for its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    /// Its own attributes: what they name is fetched, even if it is what is there.
    Own,
    /// Of the elements around it: what is there stays if it is still the one.
    Around,
}

impl ImageState {
    fn begun(&self, source: &str) {
        *lock(&self.request) =
            ImageRequest { pending: true, current_source: source.to_owned(), ..ImageRequest::default() };
    }

    pub(in crate::html) fn finished(&self, dimensions: Option<(u32, u32)>) {
        let mut request = lock(&self.request);
        request.pending = false;
        request.dimensions = dimensions;
    }

    fn cleared(&self) {
        *lock(&self.request) = ImageRequest::default();
    }
}

/// <https://html.spec.whatwg.org/#relevant-mutations>: the source is looked for in a microtask, once for all that a script changes.
///
/// <https://html.spec.whatwg.org/#update-the-image-data>, step 9
pub(super) fn queue_image_update(
    realm: &dyn Realm,
    element: &NodeRef,
    mutation: Mutation,
) -> Result<(), Exception> {
    let Some(image) = image(element) else { return Ok(()) };
    let document = window_of(element).and_then(|_| element.document());
    {
        let mut request = lock(&image.request);
        if let Some(queued) = &mut request.queued {
            if mutation == Mutation::Own {
                *queued = mutation;
            }
            return Ok(());
        }
        request.queued = Some(mutation);
        request.held.clone_from(&document);
    }
    // What will be fetched delays the document's `load` from here on: its parser may come to its end before the microtask.
    if let Some(document) = &document {
        loading::block(document);
    }
    realm.core("queueImageUpdate", vec![Value::Object(object(Arc::clone(element)))]).map(drop)
}

/// A `picture`'s children, or what they say, have changed: its images look for their sources again.
pub(super) fn picture_changed(realm: &dyn Realm, picture: &NodeRef) -> Result<(), Exception> {
    for child in picture.child_elements().iter().filter(|child| child.is_html("img")) {
        queue_image_update(realm, child, Mutation::Around)?;
    }
    Ok(())
}

/// <https://html.spec.whatwg.org/#update-the-image-data>, from step 10 on
pub(crate) fn update_image(realm: &dyn Realm, element: &NodeRef) {
    let Some(image) = image(element) else { return };
    let held = lock(&image.request).held.take();
    update(realm, element, image);
    if let Some(document) = held {
        loading::unblock(realm, &document);
    }
}

fn update(realm: &dyn Realm, element: &NodeRef, image: &ImageState) {
    let Some(window) = window_of(element) else {
        image.cleared();
        return;
    };
    // 11.
    let Some(selected) = select_an_image_source(element) else {
        // 12. There is none; a source that is there and says nothing is an error.
        element_fetch::supersede(element);
        image.cleared();
        if element.has_attr("src") || uses_srcset_or_picture(element) {
            element_fetch::fire_later(realm, element, "error");
        }
        return;
    };
    let document = element.document();
    let url = document
        .as_ref()
        .and_then(|document| document.document_data().and_then(|data| data.parse_url(document, &selected)));
    {
        let mut request = lock(&image.request);
        let mutation = request.queued.take();
        let stays = url.as_ref().is_some_and(|url| request.current_source == url.as_str());
        if mutation == Some(Mutation::Around) && stays {
            return;
        }
    }
    image.begun(url.as_ref().map_or(&*selected, ::url::Url::as_str));
    // 13.
    let Some(url) = url else {
        element_fetch::supersede(element);
        image.finished(None);
        element_fetch::fire_later(realm, element, "error");
        return;
    };
    // 19.–21.
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Image, false);
    request.initiator_type = Some("img".to_owned());
    if uses_srcset_or_picture(element) {
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

/// <https://html.spec.whatwg.org/#dom-img-width>. NOTE: nothing is drawn; the attribute is what it would be drawn by.
fn rendered(element: &Node, attribute: &str, natural: fn((u32, u32)) -> u32) -> u32 {
    let given = element.attr(attribute).and_then(|value| pixels(&value));
    let own = || image(element).and_then(|image| lock(&image.request).dimensions).map_or(0, natural);
    given.unwrap_or_else(own)
}

/// <https://html.spec.whatwg.org/#rules-for-parsing-dimension-values>, where it is a length, in whole pixels.
fn pixels(value: &str) -> Option<u32> {
    let value = value.trim_start_matches(|char: char| char.is_ascii_whitespace());
    let is_number = |char: char| char.is_ascii_digit() || char == '.';
    let end = value.find(|char| !is_number(char)).unwrap_or(value.len());
    if value[end..].starts_with('%') {
        return None;
    }
    value[..end].split('.').next().and_then(|whole| whole.parse().ok())
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
    fn width(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(rendered(self, "width", |(width, _)| width))
    }

    fn set_width(self: &Arc<Self>, realm: &dyn Realm, value: u32) -> Result<(), Exception> {
        self.set_attr(realm, "width", value.to_string().into())
    }

    fn height(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(rendered(self, "height", |(_, height)| height))
    }

    fn set_height(self: &Arc<Self>, realm: &dyn Realm, value: u32) -> Result<(), Exception> {
        self.set_attr(realm, "height", value.to_string().into())
    }

    fn natural_width(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(image(self).and_then(|image| lock(&image.request).dimensions).map_or(0, |(width, _)| width))
    }

    fn natural_height(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(image(self).and_then(|image| lock(&image.request).dimensions).map_or(0, |(_, height)| height))
    }

    fn complete(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        let is_pending = |request: &ImageRequest| request.pending || request.queued.is_some();
        Ok(image(self).is_none_or(|image| !is_pending(&lock(&image.request))))
    }

    fn current_src(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(image(self).map(|image| lock(&image.request).current_source.clone()).unwrap_or_default())
    }
}
