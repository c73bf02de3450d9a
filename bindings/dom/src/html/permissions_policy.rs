//! <https://w3c.github.io/webappsec-permissions-policy/>: which features a document may use, by its header, by the `allow` attribute
//! of the frame that it is in, and by the document around it.

use std::sync::Arc;

use longhaul::fetch::{HeaderList, Origin, parse_origin, same_origin};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::WindowGlobal;
use super::browsing_context::BrowsingContext;

/// A feature that a policy controls, and who may use it where nothing is said.
///
/// <https://w3c.github.io/webappsec-permissions-policy/#policy-controlled-feature>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    name: &'static str,
    default: DefaultAllowlist,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DefaultAllowlist {
    Everybody,
    OwnOrigin,
}

/// <https://fetch.spec.whatwg.org/#dom-permissionspolicy-deferred-fetch>
pub(crate) const DEFERRED_FETCH: Feature =
    Feature { name: "deferred-fetch", default: DefaultAllowlist::OwnOrigin };
/// <https://fetch.spec.whatwg.org/#dom-permissionspolicy-deferred-fetch-minimal>
pub(crate) const DEFERRED_FETCH_MINIMAL: Feature =
    Feature { name: "deferred-fetch-minimal", default: DefaultAllowlist::Everybody };

/// <https://w3c.github.io/webappsec-permissions-policy/#allowlists>
#[derive(Clone, Debug, Default)]
struct Allowlist {
    everybody: bool,
    origins: Vec<Origin>,
}

impl Allowlist {
    fn matches(&self, origin: &Origin) -> bool {
        self.everybody || self.origins.iter().any(|known| same_origin(known, origin))
    }
}

/// What a document declares itself.
///
/// <https://w3c.github.io/webappsec-permissions-policy/#declared-policy>
#[derive(Clone, Debug, Default)]
pub struct PermissionsPolicy(Vec<(String, Allowlist)>);

impl PermissionsPolicy {
    /// <https://w3c.github.io/webappsec-permissions-policy/#algo-construct-policy>, of a document of that origin.
    pub(super) fn of_response(headers: &HeaderList, origin: &Origin) -> Self {
        let Some(value) = headers.get("Permissions-Policy") else { return Self::default() };
        let Ok(dictionary) = Parser::new(&value).parse::<Dictionary>() else { return Self::default() };
        let add = |list: &mut Allowlist, item: &BareItem| match item {
            BareItem::Token(word) if word.as_str() == "*" => list.everybody = true,
            BareItem::Token(word) if word.as_str() == "self" => list.origins.push(origin.clone()),
            BareItem::String(text) => list.origins.push(parse_origin(text.as_str())),
            _ => {}
        };
        let declared = dictionary.into_iter().map(|(feature, entry)| {
            let mut list = Allowlist::default();
            match entry {
                ListEntry::Item(item) => add(&mut list, &item.bare_item),
                ListEntry::InnerList(items) => {
                    items.items.iter().for_each(|item| add(&mut list, &item.bare_item));
                }
            }
            (feature.as_str().to_owned(), list)
        });
        Self(declared.collect())
    }

    /// <https://w3c.github.io/webappsec-permissions-policy/#parse-policy-directive>: an `allow` attribute of a document's frame.
    fn of_attribute(text: &str, own: &Origin, source: Option<&Origin>) -> Self {
        let mut declared = Vec::new();
        for directive in text.split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(feature) = words.next() else { continue };
            let mut list = Allowlist::default();
            let mut is_bare = true;
            for word in words {
                is_bare = false;
                match word.to_ascii_lowercase().as_str() {
                    "*" => list.everybody = true,
                    "'self'" => list.origins.push(own.clone()),
                    "'src'" => list.origins.extend(source.cloned()),
                    "'none'" => {}
                    _ => list.origins.push(parse_origin(word)),
                }
            }
            // Without a list it is for what the frame shows.
            if is_bare {
                list.origins.extend(source.cloned());
            }
            declared.push((feature.to_owned(), list));
        }
        Self(declared)
    }

    fn declared(&self, feature: Feature) -> Option<&Allowlist> {
        self.0.iter().find(|(name, _)| name == feature.name).map(|(_, list)| list)
    }
}

impl Feature {
    /// <https://w3c.github.io/webappsec-permissions-policy/#algo-define-inherited-policy-in-container>
    pub(crate) fn is_inherited(self, context: &BrowsingContext, origin: &Origin) -> bool {
        // 1.
        let (Some(frame), Some(parent)) = (context.frame(), context.parent()) else { return true };
        let Some(container) = parent.active() else { return false };
        let own = container.environment().origin.clone();
        // 2., 3.
        let declared = container.permissions_policy();
        if !self.is_enabled(&container, &own) {
            return false;
        }
        if let Some(list) = declared.declared(self)
            && !list.matches(origin)
        {
            return false;
        }
        // 4.–6. The attribute.
        let source = super::elements::url_attribute(&frame, "src").map(|url| url.origin());
        let source = if frame.has_attr("srcdoc") || source.is_none() { Some(own.clone()) } else { source };
        let attribute = frame.attr("allow").unwrap_or_default();
        if let Some(list) = PermissionsPolicy::of_attribute(&attribute, &own, source.as_ref()).declared(self)
        {
            return list.matches(origin);
        }
        // 7.–9. The default.
        self.default == DefaultAllowlist::Everybody || same_origin(&own, origin)
    }

    /// <https://w3c.github.io/webappsec-permissions-policy/#algo-is-feature-enabled>
    pub(crate) fn is_enabled(self, window: &Arc<WindowGlobal>, origin: &Origin) -> bool {
        let own = &window.environment().origin;
        if !self.is_inherited(&window.context(), own) {
            return false;
        }
        match window.permissions_policy().declared(self) {
            Some(list) => list.matches(origin),
            None => self.default == DefaultAllowlist::Everybody || same_origin(own, origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(policy: &PermissionsPolicy, origin: &str) -> Option<bool> {
        policy.declared(DEFERRED_FETCH).map(|list| list.matches(&parse_origin(origin)))
    }

    #[test]
    fn headers_are_structured_dictionaries() {
        let own = parse_origin("https://own.example");
        let of = |value: &str| {
            let mut headers = HeaderList::new();
            headers.append("Permissions-Policy", value);
            PermissionsPolicy::of_response(&headers, &own)
        };
        let cases = [
            ("deferred-fetch=()", Some(false), Some(false)),
            ("deferred-fetch=*", Some(true), Some(true)),
            ("deferred-fetch=self", Some(true), Some(false)),
            ("deferred-fetch=(self)", Some(true), Some(false)),
            ("geolocation=(), deferred-fetch=(\"https://other.example\")", Some(false), Some(true)),
            ("deferred-fetch=(self \"https://other.example\")", Some(true), Some(true)),
            ("geolocation=()", None, None),
            ("deferred-fetch=(", None, None),
        ];
        for (value, at_home, elsewhere) in cases {
            let policy = of(value);
            assert_eq!(allowed(&policy, "https://own.example"), at_home, "{value}");
            assert_eq!(allowed(&policy, "https://other.example"), elsewhere, "{value}");
        }
    }

    #[test]
    fn attributes_are_lists_of_words() {
        let own = parse_origin("https://own.example");
        let source = parse_origin("https://src.example");
        let of = |text: &str| PermissionsPolicy::of_attribute(text, &own, Some(&source));
        for (text, at_home, at_source) in [
            ("deferred-fetch", Some(false), Some(true)),
            ("x; deferred-fetch 'self'", Some(true), Some(false)),
            ("deferred-fetch 'src' 'self'", Some(true), Some(true)),
            ("deferred-fetch 'none'", Some(false), Some(false)),
            ("deferred-fetch *;", Some(true), Some(true)),
            ("deferred-fetch https://own.example", Some(true), Some(false)),
            ("other", None, None),
        ] {
            assert_eq!(allowed(&of(text), "https://own.example"), at_home, "{text}");
            assert_eq!(allowed(&of(text), "https://src.example"), at_source, "{text}");
        }
    }
}
