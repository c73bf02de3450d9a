//! `video`, `audio`, their `source`s and `track`s: what they fetch, though nothing is played.

use std::sync::Arc;

use longhaul::fetch::{Destination, NoCorsMediaRequestState};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{HTMLAudioElementStatics, HTMLMediaElementMethods};

use super::super::element_fetch::{self, Success};
use super::{url_attribute, window_of};
use crate::dom::node::{Node, NodeRef};

/// <https://html.spec.whatwg.org/#poster-frame>
pub(super) fn fetch_poster(realm: &dyn Realm, element: &NodeRef) {
    let (Some(window), Some(document)) = (window_of(element), element.document()) else { return };
    let Some(url) = url_attribute(element, "poster") else { return };
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Image, false);
    request.initiator_type = Some("video".to_owned());
    element_fetch::start_untold(realm, &window, document, request);
}

/// <https://html.spec.whatwg.org/#concept-media-load-resource>: a fetch from the first byte on; nothing is played.
pub(super) fn update_media(realm: &dyn Realm, element: &NodeRef) {
    let Some(window) = window_of(element) else { return };
    if element.attr("preload").is_some_and(|preload| preload.eq_ignore_ascii_case("none")) {
        return;
    }
    let url = match element.has_attr("src") {
        true => url_attribute(element, "src"),
        false => {
            let source = element.child_elements().into_iter().find(|child| child.is_html("source"));
            let Some(source) = source else { return };
            url_attribute(&source, "src")
        }
    };
    let Some(url) = url else {
        element_fetch::fire_later(realm, element, "error");
        return;
    };
    let (destination, initiator) =
        if element.is_html("audio") { (Destination::Audio, "audio") } else { (Destination::Video, "video") };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, false);
    request.initiator_type = Some(initiator.to_owned());
    request.header_list.append("Range", "bytes=0-");
    // What is opaque has to show itself to be media.
    request.no_cors_media_request_state = NoCorsMediaRequestState::Initial;
    element_fetch::fire_later(realm, element, "loadstart");
    element_fetch::start_media(realm, &window, element, request);
}

/// <https://html.spec.whatwg.org/#start-the-track-processing-model>
pub(super) fn update_track(realm: &dyn Realm, element: &NodeRef) {
    let parent = element.parent().filter(|parent| parent.is_html("video") || parent.is_html("audio"));
    let (Some(parent), Some(window), Some(url)) = (parent, window_of(element), url_attribute(element, "src"))
    else {
        return;
    };
    // NOTE: a track that is not enabled is not fetched.
    if !element.has_attr("default") {
        return;
    }
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Track, false);
    // The media element's attribute decides.
    let of_parent = element_fetch::potential_cors_request(
        &window,
        &parent,
        request.current_url().clone(),
        Destination::Track,
        false,
    );
    request.mode = of_parent.mode;
    request.credentials_mode = of_parent.credentials_mode;
    if parent.attr("crossorigin").is_none() {
        request.mode = longhaul::fetch::Mode::SameOrigin;
    }
    request.initiator_type = Some("track".to_owned());
    element_fetch::start(realm, &window, element, request, Success::OkStatus, false);
}

impl HTMLMediaElementMethods for Node {
    fn current_src(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(url_attribute(self, "src").map(String::from).unwrap_or_default())
    }

    fn load(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        update_media(realm, self);
        Ok(())
    }

    fn can_play_type(self: &Arc<Self>, _: &dyn Realm, _: DomString) -> Result<DomString, Exception> {
        Ok(DomString::default())
    }
}

impl HTMLAudioElementStatics for Node {
    fn factory_audio(realm: &dyn Realm, src: Option<DomString>) -> Result<ObjectRef, Exception> {
        let document = crate::dom::document_of(realm)?;
        let audio = crate::dom::element::create_element(&document, crate::dom::element::html_name("audio"));
        audio.set_attr(realm, "preload", "auto".into())?;
        if let Some(src) = src {
            audio.set_attr(realm, "src", src)?;
        }
        Ok(audio)
    }
}
