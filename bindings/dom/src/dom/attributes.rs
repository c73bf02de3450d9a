//! Objects that show an element's attributes: <https://dom.spec.whatwg.org/#interface-namednodemap>,
//! <https://dom.spec.whatwg.org/#interface-domtokenlist>, <https://html.spec.whatwg.org/#domstringmap>

use std::sync::Arc;

use html5ever::{Namespace, ns};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{DOMStringMapMethods, DOMTokenListMethods, NamedNodeMapMethods};

use super::element::{self, name_of, qualified};
use super::node::{NodeRef, node, object, objects};

fn not_found() -> Exception {
    Exception::dom("NotFoundError", "the element has no such attribute")
}

/// An element's attributes.
pub(crate) struct NamedNodeMap(pub(crate) NodeRef);

longhaul_idl::platform_object!(NamedNodeMap => longhaul_idl::named_node_map, realm of 0);

impl NamedNodeMapMethods for NamedNodeMap {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(self.0.attribute_list().len()).unwrap_or(u32::MAX))
    }

    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<Option<ObjectRef>, Exception> {
        Ok(self.0.attribute_list().get(index as usize).cloned().map(object))
    }

    fn get_named_item(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.0.attribute_by_name(&name)))
    }

    fn get_named_item_ns(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
        local_name: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.0.attribute_ns(&namespace_of(namespace.as_ref()), &local_name)))
    }

    fn set_named_item(
        self: &Arc<Self>,
        realm: &dyn Realm,
        attr: ObjectRef,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(element::set(realm, &self.0, &node(&attr)?)?))
    }

    fn set_named_item_ns(
        self: &Arc<Self>,
        realm: &dyn Realm,
        attr: ObjectRef,
    ) -> Result<Option<ObjectRef>, Exception> {
        self.set_named_item(realm, attr)
    }

    fn remove_named_item(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
    ) -> Result<ObjectRef, Exception> {
        let attribute = self.0.attribute_by_name(&name).ok_or_else(not_found)?;
        element::remove(realm, &self.0, &attribute)?;
        Ok(attribute)
    }

    fn remove_named_item_ns(
        self: &Arc<Self>,
        realm: &dyn Realm,
        namespace: Option<DomString>,
        local_name: DomString,
    ) -> Result<ObjectRef, Exception> {
        let attribute =
            self.0.attribute_ns(&namespace_of(namespace.as_ref()), &local_name).ok_or_else(not_found)?;
        element::remove(realm, &self.0, &attribute)?;
        Ok(attribute)
    }

    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        let is_html = self.0.namespace() == Some(&ns!(html))
            && self
                .0
                .document()
                .is_some_and(|document| document.document_data().is_some_and(|data| data.is_html()));
        let mut names: Vec<DomString> = Vec::new();
        for attribute in self.0.attribute_list() {
            let Some(name) = name_of(&attribute).map(qualified) else { continue };
            if is_html && name.contains(|c: char| c.is_ascii_uppercase()) {
                continue;
            }
            let name = DomString::from(name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

pub(crate) fn namespace_of(namespace: Option<&DomString>) -> Namespace {
    Namespace::from(namespace.map_or("", |namespace| namespace.as_str()))
}

/// An element's attribute as a set of tokens.
pub(crate) struct TokenList {
    pub(crate) element: NodeRef,
    pub(crate) attribute: &'static str,
    /// The tokens that the attribute's standard defines, where it does.
    pub(crate) supported: Option<&'static [&'static str]>,
}

longhaul_idl::platform_object!(TokenList => longhaul_idl::dom_token_list, realm of element);

impl TokenList {
    /// <https://dom.spec.whatwg.org/#concept-ordered-set-parser>
    fn tokens(&self) -> Vec<String> {
        let mut tokens: Vec<String> = Vec::new();
        for token in self.element.attr(self.attribute).unwrap_or_default().split_ascii_whitespace() {
            if !tokens.iter().any(|known| known == token) {
                tokens.push(token.to_owned());
            }
        }
        tokens
    }

    /// <https://dom.spec.whatwg.org/#concept-dtl-update>
    fn update(&self, realm: &dyn Realm, tokens: &[String]) -> Result<(), Exception> {
        if tokens.is_empty() && !self.element.has_attr(self.attribute) {
            return Ok(());
        }
        self.element.set_attr(realm, self.attribute, tokens.join(" ").into())
    }

    fn check(token: &str) -> Result<(), Exception> {
        if token.is_empty() {
            return Err(Exception::dom("SyntaxError", "a token is not empty"));
        }
        if token.contains(|c: char| c.is_ascii_whitespace()) {
            return Err(Exception::dom("InvalidCharacterError", "a token holds no white space"));
        }
        Ok(())
    }
}

impl DOMTokenListMethods for TokenList {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(self.tokens().len()).unwrap_or(u32::MAX))
    }

    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<Option<DomString>, Exception> {
        Ok(self.tokens().get(index as usize).map(|token| token.as_str().into()))
    }

    fn contains(self: &Arc<Self>, _: &dyn Realm, token: DomString) -> Result<bool, Exception> {
        Ok(self.tokens().iter().any(|known| token == **known))
    }

    fn add(self: &Arc<Self>, realm: &dyn Realm, tokens: Vec<DomString>) -> Result<(), Exception> {
        tokens.iter().try_for_each(|token| Self::check(token))?;
        let mut all = self.tokens();
        for token in tokens {
            if !all.iter().any(|known| token == **known) {
                all.push(token.into());
            }
        }
        self.update(realm, &all)
    }

    fn remove(self: &Arc<Self>, realm: &dyn Realm, tokens: Vec<DomString>) -> Result<(), Exception> {
        tokens.iter().try_for_each(|token| Self::check(token))?;
        let mut all = self.tokens();
        all.retain(|known| !tokens.iter().any(|token| *token == **known));
        self.update(realm, &all)
    }

    fn toggle(
        self: &Arc<Self>,
        realm: &dyn Realm,
        token: DomString,
        force: Option<bool>,
    ) -> Result<bool, Exception> {
        Self::check(&token)?;
        let mut all = self.tokens();
        let had = all.iter().any(|known| token == **known);
        if had {
            if force == Some(true) {
                return Ok(true);
            }
            all.retain(|known| token != **known);
            self.update(realm, &all)?;
            return Ok(false);
        }
        if force == Some(false) {
            return Ok(false);
        }
        all.push(token.into());
        self.update(realm, &all)?;
        Ok(true)
    }

    fn replace(
        self: &Arc<Self>,
        realm: &dyn Realm,
        token: DomString,
        new_token: DomString,
    ) -> Result<bool, Exception> {
        if token.is_empty() || new_token.is_empty() {
            return Err(Exception::dom("SyntaxError", "a token is not empty"));
        }
        Self::check(&token)?;
        Self::check(&new_token)?;
        let mut all = self.tokens();
        let Some(place) = all.iter().position(|known| token == **known) else { return Ok(false) };
        match all.iter().position(|known| new_token == **known) {
            Some(other) if other != place => {
                all[place.min(other)] = new_token.into();
                all.remove(place.max(other));
            }
            _ => all[place] = new_token.into(),
        }
        self.update(realm, &all)?;
        Ok(true)
    }

    fn supports(self: &Arc<Self>, _: &dyn Realm, token: DomString) -> Result<bool, Exception> {
        match self.supported {
            Some(supported) => Ok(supported.iter().any(|known| known.eq_ignore_ascii_case(&token))),
            None => Err(Exception::type_error("the attribute defines no supported tokens")),
        }
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.element.attr_dom(self.attribute).unwrap_or_default())
    }

    fn set_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.element.set_attr(realm, self.attribute, value)
    }
}

/// An element's `data-` attributes.
pub(crate) struct Dataset(pub(crate) NodeRef);

longhaul_idl::platform_object!(Dataset => longhaul_idl::dom_string_map, realm of 0);

/// `fooBar` to `data-foo-bar`.
fn attribute_name(name: &str) -> String {
    let mut attribute = "data-".to_owned();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            attribute.push('-');
        }
        attribute.push(c.to_ascii_lowercase());
    }
    attribute
}

/// `foo-bar` to `fooBar`.
fn property_name(attribute: &str) -> String {
    let mut name = String::new();
    let mut chars = attribute.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '-' && next.is_ascii_lowercase() => {
                name.push(next.to_ascii_uppercase());
                chars.next();
            }
            _ => name.push(c),
        }
    }
    name
}

fn has_hyphen_before_lower(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| pair[0] == b'-' && pair[1].is_ascii_lowercase())
}

impl DOMStringMapMethods for Dataset {
    fn named_get(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        Ok(self.0.attr_dom(&attribute_name(&name)).unwrap_or_default())
    }

    fn named_set(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
        value: DomString,
    ) -> Result<(), Exception> {
        if has_hyphen_before_lower(&name) {
            return Err(Exception::dom("SyntaxError", "a hyphen is followed by a lower-case letter"));
        }
        let attribute = attribute_name(&name);
        if !element::is_valid_attribute_name(&attribute) {
            return Err(Exception::dom("InvalidCharacterError", "the name cannot be an attribute's"));
        }
        self.0.set_attr(realm, &attribute, value)
    }

    fn named_delete(self: &Arc<Self>, realm: &dyn Realm, name: DomString) -> Result<(), Exception> {
        self.0.remove_attr(realm, &attribute_name(&name))
    }

    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        let name = |attribute: &NodeRef| {
            let name = name_of(attribute)?;
            let rest = name.local.strip_prefix("data-").filter(|_| name.ns == ns!())?;
            (!rest.contains(|c: char| c.is_ascii_uppercase())).then(|| property_name(rest).into())
        };
        Ok(self.0.attribute_list().iter().filter_map(name).collect())
    }
}
