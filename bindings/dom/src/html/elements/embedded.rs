//! What holds other documents: `iframe`, `frame`, `object`, `embed`.

use std::sync::Arc;

use longhaul::fetch::Destination;
use longhaul_idl::runtime::{Exception, ObjectRef, Realm, Value};
use longhaul_idl::{HTMLFrameElementMethods, HTMLIFrameElementMethods, HTMLObjectElementMethods};

use super::super::browsing_context;
use super::super::element_fetch::{self, Success};
use super::{tokens, url_attribute, window_of};
use crate::dom::node::{Node, NodeRef, object};

/// `embed` and `object`.
pub(super) fn update_plugin(realm: &dyn Realm, element: &NodeRef, attribute: &str, destination: Destination) {
    let (Some(window), Some(url)) = (window_of(element), url_attribute(element, attribute)) else { return };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, false);
    request.initiator_type =
        Some(if destination == Destination::Embed { "embed" } else { "object" }.to_owned());
    request.mode = longhaul::fetch::Mode::Navigate;
    request.credentials_mode = longhaul::fetch::CredentialsMode::Include;
    element_fetch::start(realm, &window, element, request, Success::OkStatus, true);
}

const SANDBOX: &[&str] = &[
    "allow-downloads",
    "allow-forms",
    "allow-modals",
    "allow-orientation-lock",
    "allow-pointer-lock",
    "allow-popups",
    "allow-popups-to-escape-sandbox",
    "allow-presentation",
    "allow-same-origin",
    "allow-scripts",
    "allow-top-navigation",
    "allow-top-navigation-by-user-activation",
    "allow-top-navigation-to-custom-protocols",
];

fn content_document(realm: &dyn Realm, element: &NodeRef) -> Result<Option<ObjectRef>, Exception> {
    let Some(window) = browsing_context::of_frame(element).and_then(|context| context.active()) else {
        return Ok(None);
    };
    let same_origin = crate::global_scope(realm)?.settings().origin == window.scope().settings().origin;
    Ok(same_origin.then(|| object(window.document_node())))
}

fn content_window(element: &NodeRef) -> Option<Value> {
    browsing_context::of_frame(element).map(|context| context.proxy())
}

macro_rules! frame_members {
    ($($interface:ident)*) => {$(
        impl $interface for Node {
            fn content_document(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
                content_document(realm, self)
            }

            fn content_window(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
                Ok(content_window(self))
            }
        }
    )*};
}

frame_members!(HTMLFrameElementMethods HTMLObjectElementMethods);

impl HTMLIFrameElementMethods for Node {
    fn sandbox(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "sandbox", SANDBOX))
    }

    fn content_document(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        content_document(realm, self)
    }

    fn content_window(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
        Ok(content_window(self))
    }
}
