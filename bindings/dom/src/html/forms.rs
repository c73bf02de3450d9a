//! <https://html.spec.whatwg.org/#form-submission-2>, and what a click on a link or a button does.

use std::sync::Arc;

use longhaul_idl::HTMLFormElementMethods;
use longhaul_idl::runtime::{Dictionary, Exception, ObjectRef, Realm, Value};
use url::form_urlencoded;

use super::elements::{
    self, control_value, form_owner, is_checkable, is_checked, reset_control, selected_options, set_checked,
    window_of,
};
use super::navigate::{Navigation, navigate};
use crate::dom::TokenList;
use crate::dom::collections::{Filter, HtmlCollection};
use crate::dom::node::{Node, NodeRef, node, object};

fn is_control(node: &NodeRef) -> bool {
    node.html_name().is_some_and(|name| {
        matches!(&**name, "button" | "fieldset" | "input" | "object" | "output" | "select" | "textarea")
    })
}

fn kind(control: &NodeRef) -> String {
    control.attr("type").unwrap_or_default().to_ascii_lowercase()
}

fn is_submit_button(control: &NodeRef) -> bool {
    control.is_html("button") && !matches!(kind(control).as_str(), "button" | "reset")
        || control.is_html("input") && matches!(kind(control).as_str(), "submit" | "image")
}

fn controls(form: &NodeRef) -> Vec<NodeRef> {
    let of_form =
        |node: &NodeRef| is_control(node) && form_owner(node).is_some_and(|owner| Arc::ptr_eq(&owner, form));
    form.root().descendants().filter(of_form).collect()
}

/// <https://html.spec.whatwg.org/#constructing-the-form-data-set>
pub(crate) fn entry_list(form: &NodeRef, submitter: Option<&NodeRef>) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for control in controls(form) {
        let is_submitter = submitter.is_some_and(|submitter| Arc::ptr_eq(submitter, &control));
        let is_button = control.is_html("button")
            || control.is_html("input")
                && matches!(kind(&control).as_str(), "submit" | "image" | "reset" | "button");
        if control.has_attr("disabled")
            || is_button && !is_submitter
            || control.is_html("input") && is_checkable(&control) && !is_checked(&control)
            || matches!(control.html_name().map(|name| &**name), Some("fieldset" | "object" | "output"))
        {
            continue;
        }
        let name = control.attr("name").unwrap_or_default();
        if control.is_html("input") && kind(&control) == "image" {
            let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
            entries.push((format!("{prefix}x"), "0".to_owned()));
            entries.push((format!("{prefix}y"), "0".to_owned()));
            continue;
        }
        if name.is_empty() {
            continue;
        }
        if control.is_html("select") {
            let options =
                selected_options(&control).into_iter().filter(|option| !option.has_attr("disabled"));
            entries.extend(options.map(|option| (name.clone(), control_value(&option).into())));
            continue;
        }
        entries.push((name, control_value(&control).into()));
    }
    entries
}

/// <https://xhr.spec.whatwg.org/#dom-formdata>, step 1: the entries of a form that is submitted by one of its buttons, or by none.
pub(crate) fn form_data_of(
    form: &ObjectRef,
    submitter: Option<&ObjectRef>,
) -> Result<Vec<(String, String)>, Exception> {
    let form = node(form)?;
    let submitter = submitter.map(node).transpose()?;
    if let Some(submitter) = &submitter {
        // 1.1.1.
        if !is_submit_button(submitter) {
            return Err(Exception::type_error("the submitter is no submit button"));
        }
        // 1.1.2.
        if form_owner(submitter).is_none_or(|owner| !Arc::ptr_eq(&owner, &form)) {
            return Err(Exception::dom("NotFoundError", "the submitter is another form's"));
        }
    }
    // 1.2.–1.4. NOTE: constructing the list cannot be under way: nothing of script runs in it.
    Ok(entry_list(&form, submitter.as_ref()))
}

/// <https://html.spec.whatwg.org/#form-submission-algorithm>
fn submit(realm: &dyn Realm, form: &NodeRef, submitter: Option<&NodeRef>) -> Result<(), Exception> {
    if !form.is_connected_node() {
        return Ok(());
    }
    let Some(window) = window_of(form) else { return Ok(()) };
    if window.sandbox().no_forms {
        return Ok(());
    }
    let attribute = |of_button: &str, of_form: &str| {
        submitter.and_then(|submitter| submitter.attr(of_button)).or_else(|| form.attr(of_form))
    };
    let entries = entry_list(form, submitter);
    let action = attribute("formaction", "action").unwrap_or_default();
    let document = window.document_node();
    let Some(data) = document.document_data() else { return Ok(()) };
    let url = if action.is_empty() { Some(data.url()) } else { data.parse_url(&document, &action) };
    let Some(mut url) = url else { return Ok(()) };
    let method = attribute("formmethod", "method").unwrap_or_default().to_ascii_lowercase();
    let enctype = attribute("formenctype", "enctype").unwrap_or_default().to_ascii_lowercase();
    let target = attribute("formtarget", "target").unwrap_or_default();
    let rel = form.attr("rel").unwrap_or_default().to_ascii_lowercase();
    let mut navigation = Navigation::from_window(&window);
    navigation.form = true;
    navigation.no_referrer = rel.split_ascii_whitespace().any(|word| word == "noreferrer");
    match method.as_str() {
        "dialog" => return Ok(()),
        "post" => {
            let sent = match enctype.as_str() {
                "multipart/form-data" => multipart(&entries),
                "text/plain" => {
                    let text: String =
                        entries.iter().map(|(name, value)| format!("{name}={value}\r\n")).collect();
                    (text.into_bytes(), "text/plain".to_owned())
                }
                _ => {
                    let text =
                        form_urlencoded::Serializer::new(String::new()).extend_pairs(&entries).finish();
                    (text.into_bytes(), "application/x-www-form-urlencoded".to_owned())
                }
            };
            navigation.body = Some(Arc::new(sent));
        }
        _ => {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&entries).finish();
            url.set_query(Some(&query));
        }
    }
    let context = window.context();
    let noopener = rel.split_ascii_whitespace().any(|word| word == "noopener");
    let chosen = match context.find(&target) {
        Some(found) => Some(found),
        None => context.open(&target, noopener || navigation.no_referrer),
    };
    if let Some(chosen) = chosen {
        navigate(realm, &chosen, url, navigation);
    }
    Ok(())
}

/// <https://html.spec.whatwg.org/#multipart-form-data>
fn multipart(entries: &[(String, String)]) -> (Vec<u8>, String) {
    use std::hash::{BuildHasher as _, RandomState};
    let boundary = format!("----LonghaulFormBoundary{:016x}", RandomState::new().hash_one(0));
    let mut body = String::new();
    for (name, value) in entries {
        let name = name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22");
        let value = value.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    (body.into_bytes(), format!("multipart/form-data; boundary={boundary}"))
}

/// Fires `submit`, and submits unless it is canceled.
fn request_submit(realm: &dyn Realm, form: &NodeRef, submitter: Option<&NodeRef>) -> Result<(), Exception> {
    let shown = submitter.map_or(Value::Null, |submitter| Value::Object(object(Arc::clone(submitter))));
    let init = Dictionary::new().with("bubbles", true).with("cancelable", true).with("submitter", shown);
    let args = vec![
        Value::Object(object(Arc::clone(form))),
        Value::String("submit".into()),
        Value::String("SubmitEvent".into()),
        Value::Dictionary(init),
    ];
    match realm.core("fireEvent", args)? {
        Value::Boolean(false) => Ok(()),
        _ => submit(realm, form, submitter),
    }
}

/// <https://html.spec.whatwg.org/#following-hyperlinks-2>
fn follow(realm: &dyn Realm, link: &NodeRef) -> Result<(), Exception> {
    let (Some(window), Some(url)) = (window_of(link), super::hyperlink::url(link)) else { return Ok(()) };
    if link.has_attr("download") {
        super::hyperlink::download(realm, &window, link, url);
        return Ok(());
    }
    let target = match link.attr("target") {
        Some(target) => target,
        None => {
            let base = window
                .document_node()
                .descendants()
                .find(|node| node.is_html("base") && node.has_attr("target"));
            base.and_then(|base| base.attr("target")).unwrap_or_default()
        }
    };
    let rel = link.attr("rel").unwrap_or_default().to_ascii_lowercase();
    let has = |word: &str| rel.split_ascii_whitespace().any(|known| known == word);
    let mut navigation = Navigation::from_window(&window);
    navigation.no_referrer = has("noreferrer");
    navigation.referrer_policy = elements::referrer_policy_of(link);
    let context = window.context();
    let noopener =
        has("noopener") || has("noreferrer") || target.eq_ignore_ascii_case("_blank") && !has("opener");
    let chosen = match context.find(&target) {
        Some(found) => Some(found),
        None => context.open(&target, noopener),
    };
    if let Some(chosen) = chosen {
        navigate(realm, &chosen, url, navigation);
    }
    Ok(())
}

/// Whether a click on the node does something by itself.
pub(crate) fn has_activation_behaviour(node: &NodeRef) -> bool {
    match node.html_name().map(|name| &**name) {
        Some("a" | "area") => node.has_attr("href"),
        Some("button" | "input" | "label" | "summary") => true,
        _ => false,
    }
}

/// <https://dom.spec.whatwg.org/#eventtarget-legacy-pre-activation-behavior>: checkboxes change before the event.
pub(crate) fn pre_activate(node: &NodeRef) -> Option<bool> {
    if !node.is_html("input") || !is_checkable(node) {
        return None;
    }
    let before = is_checked(node);
    set_checked(node, kind(node) == "radio" || !before);
    Some(before)
}

pub(crate) fn cancel_activation(node: &NodeRef, before: bool) {
    set_checked(node, before);
}

/// <https://dom.spec.whatwg.org/#eventtarget-activation-behavior>
pub(crate) fn activate(realm: &dyn Realm, node: &NodeRef) -> Result<(), Exception> {
    if node.has_attr("disabled") {
        return Ok(());
    }
    match node.html_name().map(|name| &**name) {
        Some("a" | "area") => follow(realm, node),
        Some("input") if is_checkable(node) && node.is_connected_node() => {
            for name in ["input", "change"] {
                let init = Dictionary::new().with("bubbles", true);
                let args = vec![
                    Value::Object(object(Arc::clone(node))),
                    Value::String(name.into()),
                    Value::String("Event".into()),
                    Value::Dictionary(init),
                ];
                realm.core("fireEvent", args)?;
            }
            Ok(())
        }
        Some("button" | "input") => {
            let Some(form) = form_owner(node) else { return Ok(()) };
            if is_submit_button(node) {
                request_submit(realm, &form, Some(node))
            } else if kind(node) == "reset" {
                form.reset(realm)
            } else {
                Ok(())
            }
        }
        Some("label") => {
            let labeled = match node.attr("for") {
                Some(id) => node.root().element_by_id(&id),
                None => node.descendants().find(is_control),
            };
            match labeled {
                Some(labeled) => longhaul_idl::HTMLElementMethods::click(&labeled, realm),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

impl HTMLFormElementMethods for Node {
    fn action(self: &Arc<Self>, realm: &dyn Realm) -> Result<String, Exception> {
        let document = self.document();
        let data = document.as_ref().and_then(|document| document.document_data());
        let Some((document, data)) = document.as_ref().zip(data) else { return Ok(String::new()) };
        let _ = realm;
        let action = self.attr("action").unwrap_or_default();
        Ok(match action.is_empty() {
            true => data.url().to_string(),
            false => data.parse_url(document, &action).map_or(action, String::from),
        })
    }

    fn set_action(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        self.set_attr(realm, "action", value.into())
    }

    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        let supported = Some(&["noreferrer", "noopener", "opener"] as &[&str]);
        Ok(Arc::new(TokenList { element: Arc::clone(self), attribute: "rel", supported }))
    }

    fn elements(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        // FIXME: controls outside the form that name it by their `form` attribute, and names as HTMLFormControlsCollection has.
        Ok(HtmlCollection::of(self, Filter::Html(is_control)))
    }

    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(controls(self).len()).unwrap_or(u32::MAX))
    }

    fn submit(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        submit(realm, self, None)
    }

    fn request_submit(
        self: &Arc<Self>,
        realm: &dyn Realm,
        submitter: Option<ObjectRef>,
    ) -> Result<(), Exception> {
        let submitter = submitter.as_ref().map(node).transpose()?;
        if let Some(submitter) = &submitter {
            if !is_submit_button(submitter) {
                return Err(Exception::type_error("the submitter is no submit button"));
            }
            if form_owner(submitter).is_none_or(|form| !Arc::ptr_eq(&form, self)) {
                return Err(Exception::dom("NotFoundError", "the submitter belongs to another form"));
            }
        }
        if !self.is_connected_node() {
            return Ok(());
        }
        request_submit(realm, self, submitter.as_ref())
    }

    fn reset(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        let init = Dictionary::new().with("bubbles", true).with("cancelable", true);
        let args = vec![
            Value::Object(object(Arc::clone(self))),
            Value::String("reset".into()),
            Value::String("Event".into()),
            Value::Dictionary(init),
        ];
        if !matches!(realm.core("fireEvent", args)?, Value::Boolean(false)) {
            for control in controls(self) {
                reset_control(&control);
            }
        }
        Ok(())
    }

    fn check_validity(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(true)
    }

    fn report_validity(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(true)
    }
}
