//! <https://drafts.csswg.org/cssom/#the-cssstyledeclaration-interface>, of `style` attributes: what is written there, though nothing
//! is drawn.
//!
//! DEVIATION: which properties there are, and which values each may have, is not known here: any name and value is kept.

use std::cell::Cell;
use std::sync::Arc;

use longhaul_idl::CSSStyleDeclarationMethods;
use longhaul_idl::runtime::{DomString, Exception, Realm};

use super::node::NodeRef;

thread_local! {
    /// Whether a declaration of this thread is written from here, which no policy forbids.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// Whether the change of a `style` attribute that goes on comes from its declarations.
pub(crate) fn is_written() -> bool {
    WRITES.get()
}

/// The declarations of an element's `style` attribute.
pub(crate) struct InlineStyle(pub(crate) NodeRef);

longhaul_idl::platform_object!(InlineStyle => longhaul_idl::css_style_declaration, realm of 0);

/// One declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Declaration {
    name: String,
    value: String,
    important: bool,
}

/// <https://drafts.csswg.org/css-syntax/#parse-block-contents>: what is between semicolons, but for those in strings and brackets.
fn parse(text: &str) -> Vec<Declaration> {
    let mut parts = vec![String::new()];
    let (mut quote, mut depth) = (None, 0_usize);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, ';') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
            if c == '\\' {
                part.extend(chars.next());
            }
        }
    }
    let mut declarations = Vec::new();
    for part in parts {
        let Some((name, value)) = part.split_once(':') else { continue };
        let (value, important) = match value.rsplit_once('!') {
            Some((value, word)) if word.trim().eq_ignore_ascii_case("important") => (value, true),
            _ => (value, false),
        };
        put(&mut declarations, name.trim(), value.trim(), important);
    }
    declarations
}

/// <https://drafts.csswg.org/cssom/#set-a-css-declaration>; the later one counts.
fn put(declarations: &mut Vec<Declaration>, name: &str, value: &str, important: bool) {
    // A custom property is written as it is.
    let name = if name.starts_with("--") { name.to_owned() } else { name.to_ascii_lowercase() };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    if !is_name || value.is_empty() {
        return;
    }
    let declaration = Declaration { name, value: value.to_owned(), important };
    match declarations.iter_mut().find(|known| known.name == declaration.name) {
        Some(known) => *known = declaration,
        None => declarations.push(declaration),
    }
}

/// <https://drafts.csswg.org/cssom/#serialize-a-css-declaration-block>
fn serialize(declarations: &[Declaration]) -> String {
    let one = |declaration: &Declaration| {
        let important = if declaration.important { " !important" } else { "" };
        format!("{}: {}{important};", declaration.name, declaration.value)
    };
    declarations.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// <https://drafts.csswg.org/cssom/#idl-attribute-to-css-property>
fn property(name: &str) -> String {
    if name == "cssFloat" {
        return "float".to_owned();
    }
    let mut property = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            property.push('-');
        }
        property.push(c.to_ascii_lowercase());
    }
    match property.starts_with("webkit-") {
        true => format!("-{property}"),
        false => property,
    }
}

impl InlineStyle {
    fn declarations(&self) -> Vec<Declaration> {
        self.0.attr("style").map(|text| parse(&text)).unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<Declaration> {
        let is = |known: &Declaration| known.name == name || known.name == name.to_ascii_lowercase();
        self.declarations().into_iter().find(is)
    }

    /// <https://drafts.csswg.org/cssom/#update-style-attribute-for>
    fn write(&self, realm: &dyn Realm, declarations: &[Declaration]) -> Result<(), Exception> {
        let before = WRITES.replace(true);
        let written = self.0.set_attr(realm, "style", serialize(declarations).into());
        WRITES.set(before);
        written
    }

    fn change(&self, realm: &dyn Realm, name: &str, value: &str, important: bool) -> Result<(), Exception> {
        let before = self.declarations();
        let mut after = before.clone();
        match value.trim() {
            "" => after.retain(|known| known.name != name && known.name != name.to_ascii_lowercase()),
            value => put(&mut after, name, value, important),
        }
        if after == before { Ok(()) } else { self.write(realm, &after) }
    }
}

impl CSSStyleDeclarationMethods for InlineStyle {
    fn css_text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(serialize(&self.declarations()).into())
    }

    fn set_css_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.write(realm, &parse(&value))
    }

    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(self.declarations().len()).unwrap_or(u32::MAX))
    }

    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<DomString, Exception> {
        let found = self.declarations().into_iter().nth(index as usize);
        Ok(found.map(|declaration| declaration.name).unwrap_or_default().into())
    }

    fn get_property_value(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        Ok(self.find(&name).map(|declaration| declaration.value).unwrap_or_default().into())
    }

    fn get_property_priority(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: DomString,
    ) -> Result<DomString, Exception> {
        let is_important = self.find(&name).is_some_and(|declaration| declaration.important);
        Ok(if is_important { "important" } else { "" }.into())
    }

    /// <https://drafts.csswg.org/cssom/#dom-cssstyledeclaration-setproperty>
    fn set_property(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
        value: DomString,
        priority: DomString,
    ) -> Result<(), Exception> {
        match priority.to_ascii_lowercase().as_str() {
            "" => self.change(realm, &name, &value, false),
            "important" => self.change(realm, &name, &value, true),
            _ => Ok(()),
        }
    }

    fn remove_property(self: &Arc<Self>, realm: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        let value = self.get_property_value(realm, name.clone())?;
        self.change(realm, &name, "", false)?;
        Ok(value)
    }

    fn named_get(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        Ok(self.find(&property(&name)).map(|declaration| declaration.value).unwrap_or_default().into())
    }

    fn named_set(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
        value: DomString,
    ) -> Result<(), Exception> {
        match &*name {
            // NOTE: a named setter comes before the attributes of the prototype.
            "cssText" => self.set_css_text(realm, value),
            "length" => Ok(()),
            name => self.change(realm, &property(name), &value, false),
        }
    }

    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        Ok(self.declarations().into_iter().map(|declaration| declaration.name.into()).collect())
    }

    /// Any word may be a property's name.
    fn supports_property_name(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<bool, Exception> {
        Ok(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '-'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_what_stands_between_semicolons() {
        let cases = [
            ("", ""),
            ("COLOR:red", "color: red;"),
            ("color: red; ; width : 1px ;color:blue", "color: blue; width: 1px;"),
            ("a: url(x;y) \"z;\" ! important; --B: c", "a: url(x;y) \"z;\" !important; --B: c;"),
            ("nothing; a b: c; :d; e:", ""),
            ("a: \\;b", "a: \\;b;"),
        ];
        for (text, expected) in cases {
            assert_eq!(serialize(&parse(text)), expected, "{text}");
            assert_eq!(parse(expected), parse(text), "{text}");
        }
    }

    #[test]
    fn members_are_named_as_in_scripts() {
        for (member, name) in [
            ("display", "display"),
            ("fontSize", "font-size"),
            ("cssFloat", "float"),
            ("webkitMask", "-webkit-mask"),
        ] {
            assert_eq!(property(member), name);
        }
    }
}
