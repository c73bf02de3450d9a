//! <https://html.spec.whatwg.org/#htmlhyperlinkelementutils>

use std::sync::Arc;

use ::url::Url;
use longhaul::fetch::{CredentialsMode, FetchOptions, Initiator, Request};
use longhaul_idl::runtime::{Exception, Realm};

use super::WindowGlobal;
use super::elements::{referrer_policy_of, url_attribute};
use crate::dom::node::NodeRef;

/// <https://html.spec.whatwg.org/#concept-hyperlink-url>
pub(super) fn url(element: &NodeRef) -> Option<Url> {
    if element.has_attr("href") && element.attr("href").is_some_and(|href| href.is_empty()) {
        let document = element.document()?;
        return document.document_data()?.parse_url(&document, "");
    }
    url_attribute(element, "href")
}

/// <https://html.spec.whatwg.org/#downloading-hyperlinks>
pub(super) fn download(realm: &dyn Realm, window: &WindowGlobal, link: &NodeRef, url: Url) {
    // 2., 3. Not out of a sandbox.
    if window.sandbox().no_downloads {
        return;
    }
    // 8.
    let mut request = Request::new(url);
    request.client = Some(Arc::clone(window.scope().settings()));
    request.initiator = Initiator::Download;
    request.use_url_credentials = true;
    request.credentials_mode = CredentialsMode::Include;
    if let Some(policy) = referrer_policy_of(link) {
        request.referrer_policy = policy;
    }
    let fetching = window.scope().user_agent().fetch(request, FetchOptions::default());
    // 9. NOTE: nothing is kept of it, for there is nowhere to put it; what a server sees of a download is all there.
    realm.agent().spawn(Box::pin(async move { drop(fetching.await) }));
}

pub(super) fn href(element: &NodeRef) -> String {
    match url(element) {
        Some(url) => url.into(),
        None => element.attr("href").unwrap_or_default(),
    }
}

pub(super) fn change(
    realm: &dyn Realm,
    element: &NodeRef,
    change: impl FnOnce(&mut Url),
) -> Result<(), Exception> {
    let Some(mut url) = url(element) else { return Ok(()) };
    change(&mut url);
    element.set_attr(realm, "href", String::from(url).into())
}

pub(super) fn part(element: &NodeRef, part: impl FnOnce(&Url) -> String, otherwise: &str) -> String {
    url(element).as_ref().map_or_else(|| otherwise.to_owned(), part)
}

macro_rules! hyperlink_members {
    () => {
        fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
            Ok($crate::html::hyperlink::href(self))
        }

        fn set_href(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
            self.set_attr(realm, "href", value.into())
        }

        fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
            Ok($crate::html::hyperlink::part(self, |url| ::url::quirks::origin(url), ""))
        }

        $crate::html::hyperlink::hyperlink_members!(@part protocol set_protocol ":");
        $crate::html::hyperlink::hyperlink_members!(@part username set_username "");
        $crate::html::hyperlink::hyperlink_members!(@part password set_password "");
        $crate::html::hyperlink::hyperlink_members!(@part host set_host "");
        $crate::html::hyperlink::hyperlink_members!(@part hostname set_hostname "");
        $crate::html::hyperlink::hyperlink_members!(@part port set_port "");
        $crate::html::hyperlink::hyperlink_members!(@part pathname set_pathname "");
        $crate::html::hyperlink::hyperlink_members!(@part search set_search "");
        $crate::html::hyperlink::hyperlink_members!(@part hash set_hash "");
    };
    (@part $get:ident $set:ident $otherwise:literal) => {
        fn $get(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
            let part = |url: &::url::Url| ::url::quirks::$get(url).to_owned();
            Ok($crate::html::hyperlink::part(self, part, $otherwise))
        }

        fn $set(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
            $crate::html::hyperlink::change(realm, self, |url| {
                // What does not fit leaves the URL as it is.
                let _ = ::url::quirks::$set(url, &value);
            })
        }
    };
}
pub(super) use hyperlink_members;
