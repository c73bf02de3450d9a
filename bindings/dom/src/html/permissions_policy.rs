//! <https://w3c.github.io/webappsec-permissions-policy/>: which features a document may use, by its header, by the `allow` attribute
//! of the frame that it is in, and by the document around it.

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

/// <https://html.spec.whatwg.org/#cross-origin-isolated-feature>
pub(crate) const CROSS_ORIGIN_ISOLATED: Feature =
    Feature { name: "cross-origin-isolated", default: DefaultAllowlist::OwnOrigin };
/// <https://fetch.spec.whatwg.org/#dom-permissionspolicy-deferred-fetch>
pub(crate) const DEFERRED_FETCH: Feature =
    Feature { name: "deferred-fetch", default: DefaultAllowlist::OwnOrigin };
/// <https://fetch.spec.whatwg.org/#dom-permissionspolicy-deferred-fetch-minimal>
pub(crate) const DEFERRED_FETCH_MINIMAL: Feature =
    Feature { name: "deferred-fetch-minimal", default: DefaultAllowlist::Everybody };
/// <https://wicg.github.io/local-network-access/#permissions>
pub(crate) const LOCAL_NETWORK: Feature =
    Feature { name: "local-network", default: DefaultAllowlist::OwnOrigin };
/// <https://wicg.github.io/local-network-access/#permissions>
pub(crate) const LOOPBACK_NETWORK: Feature =
    Feature { name: "loopback-network", default: DefaultAllowlist::OwnOrigin };
/// <https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md#standardized-features>
pub(crate) const SYNC_XHR: Feature = Feature { name: "sync-xhr", default: DefaultAllowlist::Everybody };

/// All that are known here. What a document may not use of them is in its environment; whoever offers a feature asks there.
const FEATURES: [Feature; 6] = [
    CROSS_ORIGIN_ISOLATED,
    DEFERRED_FETCH,
    DEFERRED_FETCH_MINIMAL,
    LOCAL_NETWORK,
    LOOPBACK_NETWORK,
    SYNC_XHR,
];

/// <https://w3c.github.io/webappsec-permissions-policy/#allowlists>
#[derive(Clone, Debug, Default)]
struct Allowlist {
    everybody: bool,
    /// The frame's own origin, which is nobody else's: that of a sandbox or of a `data:` URL.
    opaque: bool,
    origins: Vec<Origin>,
}

impl Allowlist {
    fn matches(&self, origin: &Origin) -> bool {
        self.everybody
            || self.opaque && !origin.is_tuple()
            || self.origins.iter().any(|known| same_origin(known, origin))
    }

    /// DEVIATION: the standard makes a new opaque origin for what a sandboxed frame shows, which matches nothing; browsers mean the
    /// one that the frame will have.
    fn add(&mut self, origin: &Origin) {
        match origin.is_tuple() {
            true => self.origins.push(origin.clone()),
            false => self.opaque = true,
        }
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
            BareItem::Token(word) if word.as_str() == "self" => list.add(origin),
            BareItem::String(text) => {
                // What is no origin is nobody's.
                let listed = parse_origin(text.as_str());
                if listed.is_tuple() {
                    list.add(&listed);
                }
            }
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

    /// <https://w3c.github.io/webappsec-permissions-policy/#parse-policy-directive>: an `allow` attribute in a document of the origin
    /// `own`, of a frame that shows what is of the origin `source`.
    fn of_attribute(text: &str, own: &Origin, source: &Origin) -> Self {
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
                    "'self'" => list.add(own),
                    "'src'" => list.add(source),
                    "'none'" => {}
                    _ => {
                        let listed = parse_origin(word);
                        if listed.is_tuple() {
                            list.add(&listed);
                        }
                    }
                }
            }
            // Without a list it is for what the frame shows.
            if is_bare {
                list.add(source);
            }
            declared.push((feature.to_owned(), list));
        }
        Self(declared)
    }

    fn declared(&self, feature: Feature) -> Option<&Allowlist> {
        self.0.iter().find(|(name, _)| name == feature.name).map(|(_, list)| list)
    }

    /// The features that a document which declares this may not use, in a frame or, without one, at the top.
    ///
    /// <https://w3c.github.io/webappsec-permissions-policy/#algo-create-for-navigable>, of which what the document declares for its
    /// own origin is the whole of <https://w3c.github.io/webappsec-permissions-policy/#algo-is-feature-enabled> that it asks later.
    pub(super) fn refused(&self, context: Option<&BrowsingContext>, origin: &Origin) -> Vec<String> {
        let is_enabled = |feature: &&Feature| {
            context.is_none_or(|context| feature.is_inherited(context, origin))
                && self.declared(**feature).is_none_or(|list| list.matches(origin))
        };
        let refused = FEATURES.iter().filter(|feature| !is_enabled(feature));
        refused.map(|feature| feature.name.to_owned()).collect()
    }
}

/// What the `allow` attribute of a frame means by `'src'`.
///
/// <https://w3c.github.io/webappsec-permissions-policy/#algo-get-declared-origin>
fn declared_origin(context: &BrowsingContext, frame: &crate::dom::node::NodeRef, own: &Origin) -> Origin {
    if context.sandbox().opaque_origin {
        return Origin::new_opaque();
    }
    match super::elements::url_attribute(frame, "src") {
        Some(url) if !frame.has_attr("srcdoc") && url.scheme() != "about" => url.origin(),
        _ => own.clone(),
    }
}

impl Feature {
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// Whether what is around a browsing context lets a document of an origin in it use the feature.
    ///
    /// <https://w3c.github.io/webappsec-permissions-policy/#algo-define-inherited-policy-in-container>
    pub(crate) fn is_inherited(self, context: &BrowsingContext, origin: &Origin) -> bool {
        // 1.
        let (Some(frame), Some(parent)) = (context.frame(), context.parent()) else { return true };
        let Some(container) = parent.active() else { return false };
        let own = container.environment().origin.clone();
        // 2.
        if !self.is_enabled(&container) {
            return false;
        }
        // 3. Whom the document around it names at all.
        if let Some(list) = container.permissions_policy().declared(self)
            && !list.matches(origin)
        {
            return false;
        }
        // 4.–6. The attribute.
        let source = declared_origin(context, &frame, &own);
        let attribute = frame.attr("allow").unwrap_or_default();
        if let Some(list) = PermissionsPolicy::of_attribute(&attribute, &own, &source).declared(self) {
            return list.matches(origin);
        }
        // 7.–9. The default.
        self.default == DefaultAllowlist::Everybody || same_origin(&own, origin)
    }

    /// Whether a window's document may use it.
    pub(crate) fn is_enabled(self, window: &WindowGlobal) -> bool {
        !window.environment().refuses_feature(self.name)
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
        let of = |text: &str| PermissionsPolicy::of_attribute(text, &own, &source);
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

    #[test]
    fn what_a_document_declares_is_refused_to_it() {
        let own = parse_origin("https://own.example");
        let mut headers = HeaderList::new();
        headers.append("Permissions-Policy", "sync-xhr=(), deferred-fetch=(\"https://other.example\")");
        headers.append("Permissions-Policy", "unknown=(), loopback-network=self");
        let policy = PermissionsPolicy::of_response(&headers, &own);
        assert_eq!(policy.refused(None, &own), ["deferred-fetch", "sync-xhr"]);
        assert!(PermissionsPolicy::default().refused(None, &own).is_empty());
        // Without being named it is refused whatever is opaque.
        assert_eq!(
            policy.refused(None, &Origin::new_opaque()),
            ["deferred-fetch", "loopback-network", "sync-xhr"]
        );
    }

    #[test]
    fn an_opaque_source_is_the_frames_own_origin() {
        let own = parse_origin("https://own.example");
        let policy = PermissionsPolicy::of_attribute("deferred-fetch", &own, &Origin::new_opaque());
        let list = policy.declared(DEFERRED_FETCH).unwrap();
        assert!(list.matches(&Origin::new_opaque()) && !list.matches(&own));
    }
}
