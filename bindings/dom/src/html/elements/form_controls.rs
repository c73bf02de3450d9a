//! Form controls: their values, and the forms that own them.

use std::sync::{Arc, Mutex};

use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{
    HTMLButtonElementMethods, HTMLFieldSetElementMethods, HTMLInputElementMethods, HTMLLabelElementMethods,
    HTMLOptionElementMethods, HTMLOutputElementMethods, HTMLSelectElementMethods, HTMLTextAreaElementMethods,
};

use super::super::element_fetch::Generation;
use super::ElementState;
use crate::dom::node::{Node, NodeRef, lock, objects};

/// A form control's value and checkedness, once they differ from what the attributes say.
#[derive(Default)]
pub(crate) struct ControlState {
    values: Mutex<(Option<DomString>, Option<bool>)>,
    /// An image button fetches.
    pub(in crate::html) generation: Generation,
}

/// Its value and its checkedness.
fn control(element: &Node) -> Option<&Mutex<(Option<DomString>, Option<bool>)>> {
    match &element.element()?.state {
        ElementState::Control(control) => Some(&control.values),
        _ => None,
    }
}

/// A copy of a control has what its user did to it.
pub(super) fn cloned(from: &NodeRef, to: &NodeRef) {
    if let (Some(from), Some(to)) = (control(from), control(to)) {
        let state = lock(from).clone();
        *lock(to) = state;
    }
}

/// The value that a form control has.
pub(in crate::html) fn control_value(element: &NodeRef) -> DomString {
    if let Some(value) = control(element).and_then(|control| lock(control).0.clone()) {
        return value;
    }
    if element.is_html("textarea") {
        return element.child_text().into();
    }
    if element.is_html("option") {
        return element.attr_dom("value").unwrap_or_else(|| option_text(element).into());
    }
    let fallback = if is_checkable(element) { "on" } else { "" };
    element.attr_dom("value").unwrap_or_else(|| fallback.into())
}

fn option_text(element: &NodeRef) -> String {
    element.descendant_text().split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

pub(in crate::html) fn is_checkable(element: &NodeRef) -> bool {
    element
        .attr("type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox") || kind.eq_ignore_ascii_case("radio"))
}

pub(in crate::html) fn is_checked(element: &NodeRef) -> bool {
    let attribute = if element.is_html("option") { "selected" } else { "checked" };
    control(element).and_then(|control| lock(control).1).unwrap_or_else(|| element.has_attr(attribute))
}

pub(in crate::html) fn set_checked(element: &NodeRef, checked: bool) {
    if let Some(control) = control(element) {
        lock(control).1 = Some(checked);
    }
    if checked && element.attr("type").is_some_and(|kind| kind.eq_ignore_ascii_case("radio")) {
        let name = element.attr("name");
        for other in element.root().descendants() {
            let is_other = other.is_html("input") && !Arc::ptr_eq(&other, element) && is_checkable(&other);
            if is_other
                && name.is_some()
                && other.attr("name") == name
                && let Some(control) = control(&other)
            {
                lock(control).1 = Some(false);
            }
        }
    }
}

pub(in crate::html) fn reset_control(element: &NodeRef) {
    if let Some(control) = control(element) {
        *lock(control) = (None, None);
    }
}

/// <https://html.spec.whatwg.org/#form-owner>
pub(crate) fn form_owner(element: &NodeRef) -> Option<NodeRef> {
    if let Some(id) = element.attr("form") {
        return element.root().element_by_id(&id).filter(|form| form.is_html("form"));
    }
    let mut current = element.parent();
    while let Some(node) = current {
        if node.is_html("form") {
            return Some(node);
        }
        current = node.parent();
    }
    None
}

pub(in crate::html) fn selected_options(select: &NodeRef) -> Vec<NodeRef> {
    let options: Vec<NodeRef> = select.descendants().filter(|node| node.is_html("option")).collect();
    let selected: Vec<NodeRef> = options.iter().filter(|option| is_checked(option)).cloned().collect();
    match (select.has_attr("multiple"), selected.last()) {
        (true, _) => selected,
        (false, Some(last)) => vec![Arc::clone(last)],
        (false, None) => options.into_iter().take(1).collect(),
    }
}

impl HTMLInputElementMethods for Node {
    fn checked(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(is_checked(self))
    }

    fn set_checked(self: &Arc<Self>, _: &dyn Realm, value: bool) -> Result<(), Exception> {
        set_checked(self, value);
        Ok(())
    }

    fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(form_owner(self)))
    }

    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        const TYPES: &[&str] = &[
            "hidden",
            "text",
            "search",
            "tel",
            "url",
            "email",
            "password",
            "date",
            "month",
            "week",
            "time",
            "datetime-local",
            "number",
            "range",
            "color",
            "checkbox",
            "radio",
            "file",
            "submit",
            "image",
            "reset",
            "button",
        ];
        let kind = self.attr("type").unwrap_or_default().to_ascii_lowercase();
        Ok(TYPES.iter().find(|known| **known == kind).copied().unwrap_or("text").into())
    }

    fn set_type(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.set_attr(realm, "type", value)
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(control_value(self))
    }

    fn set_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        let kind = HTMLInputElementMethods::type_(self, realm)?;
        if matches!(&*kind, "hidden" | "submit" | "image" | "reset" | "button" | "checkbox" | "radio") {
            return self.set_attr(realm, "value", value);
        }
        if let Some(control) = control(self) {
            lock(control).0 = Some(value);
        }
        Ok(())
    }

    fn select(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        Ok(())
    }
}

impl HTMLTextAreaElementMethods for Node {
    fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(form_owner(self)))
    }

    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("textarea".into())
    }

    fn default_value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.child_text().into())
    }

    fn set_default_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(control_value(self))
    }

    fn set_value(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        if let Some(control) = control(self) {
            lock(control).0 = Some(value);
        }
        Ok(())
    }
}

impl HTMLSelectElementMethods for Node {
    fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(form_owner(self)))
    }

    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(if self.has_attr("multiple") { "select-multiple" } else { "select-one" }.into())
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(selected_options(self).first().map(control_value).unwrap_or_default())
    }

    fn set_value(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        for option in self.descendants().filter(|node| node.is_html("option")) {
            set_checked(&option, control_value(&option) == value);
        }
        Ok(())
    }
}

impl HTMLOptionElementMethods for Node {
    fn selected(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(is_checked(self))
    }

    fn set_selected(self: &Arc<Self>, _: &dyn Realm, value: bool) -> Result<(), Exception> {
        set_checked(self, value);
        Ok(())
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(control_value(self))
    }

    fn set_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.set_attr(realm, "value", value)
    }

    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(option_text(self).into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

macro_rules! form_member {
    ($($interface:ident)*) => {$(
        impl $interface for Node {
            fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
                Ok(objects(form_owner(self)))
            }
        }
    )*};
}

form_member!(HTMLButtonElementMethods HTMLLabelElementMethods HTMLFieldSetElementMethods HTMLOutputElementMethods);
