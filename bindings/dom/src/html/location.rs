//! <https://html.spec.whatwg.org/#the-location-interface>, <https://html.spec.whatwg.org/#worker-locations>

use std::sync::{Arc, Weak};

use longhaul_idl::runtime::{Exception, Realm, RealmId};
use longhaul_idl::{LocationMethods, WorkerLocationMethods};
use url::{Url, quirks};

use super::navigate::{Handling, Navigation, navigate};
use super::{WindowGlobal, loading};

/// A window's location.
pub(crate) struct Location {
    window: Weak<WindowGlobal>,
    realm: RealmId,
}

/// A worker's location.
pub(crate) struct WorkerLocation(Url);

longhaul_idl::platform_object!(Location => longhaul_idl::location, realm |location| location.realm, wrapped eagerly);

longhaul_idl::platform_object!(WorkerLocation => longhaul_idl::worker_location);

impl Location {
    pub(super) fn new(window: Weak<WindowGlobal>, realm: RealmId) -> Self {
        Self { window, realm }
    }

    fn window(&self) -> Result<Arc<WindowGlobal>, Exception> {
        self.window.upgrade().ok_or_else(|| Exception::dom("InvalidStateError", "the document is gone"))
    }

    /// The window whose script asks.
    fn incumbent(&self, realm: &dyn Realm) -> Result<Arc<WindowGlobal>, Exception> {
        let window = self.window()?;
        Ok(window.context().window_of_realm(realm.caller()).unwrap_or(window))
    }

    fn url(&self) -> Result<Url, Exception> {
        Ok(self.window()?.url())
    }

    /// <https://html.spec.whatwg.org/#location-object-navigate>
    fn navigate(&self, realm: &dyn Realm, url: Url, replace: bool, reload: bool) -> Result<(), Exception> {
        let window = self.window()?;
        let mut navigation = Navigation::from_window(&self.incumbent(realm)?);
        // What is set before the page has loaded takes the place of what is there.
        navigation.handling = match replace || !loading::is_loaded(&window.document_node()) {
            true => Handling::Replace,
            false => Handling::Auto,
        };
        navigation.reload = reload;
        navigate(realm, &window.context(), url, navigation);
        Ok(())
    }

    fn go(&self, realm: &dyn Realm, url: &str, replace: bool) -> Result<(), Exception> {
        let base = self.incumbent(realm)?.environment().api_base_url.clone();
        let parsed = base
            .join(url)
            .map_err(|_| Exception::dom("SyntaxError", format!("{} is no URL", crate::shown(url))))?;
        self.navigate(realm, parsed, replace, false)
    }

    fn change(&self, realm: &dyn Realm, change: impl FnOnce(&mut Url)) -> Result<(), Exception> {
        let mut url = self.url()?;
        change(&mut url);
        self.navigate(realm, url, false, false)
    }
}

impl WorkerLocation {
    pub(super) fn new(url: Url) -> Self {
        Self(url)
    }
}

macro_rules! url_parts {
    ($($part:ident)*) => {$(
        fn $part(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
            Ok(quirks::$part(&self.0).to_owned())
        }
    )*};
}

impl WorkerLocationMethods for WorkerLocation {
    fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.0.to_string())
    }

    fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::origin(&self.0))
    }

    url_parts!(protocol host hostname port pathname search hash);
}

macro_rules! location_parts {
    ($($get:ident $set:ident)*) => {$(
        fn $get(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
            Ok(quirks::$get(&self.url()?).to_owned())
        }

        fn $set(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
            self.change(realm, |url| {
                // What does not fit leaves the URL as it is.
                let _ = quirks::$set(url, &value);
            })
        }
    )*};
}

impl LocationMethods for Location {
    fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.url()?.to_string())
    }

    fn set_href(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        self.go(realm, &value, false)
    }

    fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::origin(&self.url()?))
    }

    location_parts!(host set_host hostname set_hostname port set_port pathname set_pathname search set_search);

    fn protocol(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::protocol(&self.url()?).to_owned())
    }

    fn set_protocol(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        let mut url = self.url()?;
        // 4., 5. NOTE: where a scheme may not take another's place, nothing changes, and that is no failure.
        if quirks::set_protocol(&mut url, &value).is_err() && !begins_with_a_scheme(&value) {
            return Err(Exception::dom("SyntaxError", format!("{} is no scheme", crate::shown(&value))));
        }
        if matches!(url.scheme(), "http" | "https") {
            self.navigate(realm, url, false, false)
        } else {
            Ok(())
        }
    }

    fn hash(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::hash(&self.url()?).to_owned())
    }

    fn set_hash(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        let mut url = self.url()?;
        url.set_fragment(Some(value.strip_prefix('#').unwrap_or(&value)));
        if url.fragment() == self.url()?.fragment() {
            return Ok(());
        }
        self.navigate(realm, url, false, false)
    }

    fn assign(self: &Arc<Self>, realm: &dyn Realm, url: String) -> Result<(), Exception> {
        self.go(realm, &url, false)
    }

    fn replace(self: &Arc<Self>, realm: &dyn Realm, url: String) -> Result<(), Exception> {
        self.go(realm, &url, true)
    }

    fn reload(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        self.navigate(realm, self.url()?, true, true)
    }
}

/// Whether the URL parser, from its scheme start state, reads a scheme in this text and a colon behind it.
///
/// <https://url.spec.whatwg.org/#scheme-start-state>
fn begins_with_a_scheme(text: &str) -> bool {
    let read: String = text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let scheme = read.split(':').next().unwrap_or_default();
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scheme_is() {
        for text in ["x", "X:", "https", "a+b-c.d1:rest", "ht\ntp", "x:\0"] {
            assert!(begins_with_a_scheme(text), "{text:?}");
        }
        for text in ["", ":", "\n", "1x", "x\0", "x ", "x!", "x\u{80}", "†x", "-x:"] {
            assert!(!begins_with_a_scheme(text), "{text:?}");
        }
    }
}
