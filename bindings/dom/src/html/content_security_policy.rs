//! <https://w3c.github.io/webappsec-csp/>, where documents and workers ask it and are told of violations.

use longhaul::fetch::{CspDisposition, InlineContent, PolicyContainer, PolicyDecision, Services};
use longhaul_idl::runtime::{Exception, Realm};

use super::{WindowGlobal, csp_violation};
use crate::dom::node::NodeRef;

/// The directives that a document's own text cannot give.
const ONLY_IN_HEADERS: [&str; 3] = ["report-uri", "frame-ancestors", "sandbox"];

/// Has the realm's global told of violations of its policies from now on, and lets no text become code that they do not allow.
///
/// # Errors
/// What the core throws.
pub fn obey_policies(realm: &dyn Realm) -> Result<(), Exception> {
    let scope = crate::global_scope(realm)?;
    let settings = scope.settings();
    csp_violation::observe(realm, scope.user_agent().services(), &settings.id);
    restrict_evaluation(realm, &settings.policy_container)
}

/// The environment is gone.
pub(super) fn forget(services: &Services, environment_id: &str) {
    services.forget_reports(environment_id);
}

pub(super) fn words(policy: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    policy.split(';').filter_map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        Some((words.next()?, words))
    })
}

/// Puts functions that ask in the place of those that evaluate, where a policy may have something to say about it.
pub(super) fn restrict_evaluation(realm: &dyn Realm, policies: &PolicyContainer) -> Result<(), Exception> {
    let restricts = |policy: &str| names(policy, "script-src") || names(policy, "default-src");
    if policies.csp.iter().any(|(policy, _)| restricts(policy)) {
        realm.core("restrictEvaluation", Vec::new())?;
    }
    Ok(())
}

/// <https://w3c.github.io/webappsec-csp/#can-compile-strings>
pub(crate) fn may_evaluate(realm: &dyn Realm, source: &str) -> Result<bool, Exception> {
    let scope = crate::global_scope(realm)?;
    let ask = || scope.user_agent().services().policy().should_block_evaluation(scope.settings(), source);
    Ok(csp_violation::told(realm, None, ask) == PolicyDecision::Allowed)
}

/// Whether text in a window's document may run; `element` is where it stands.
pub(super) fn allows_inline(
    realm: &dyn Realm,
    window: &WindowGlobal,
    element: Option<&NodeRef>,
    content: InlineContent<'_>,
    source: &str,
) -> bool {
    let scope = window.scope();
    let ask =
        || scope.user_agent().services().policy().should_block_inline(scope.settings(), content, source);
    csp_violation::told(realm, element, ask) == PolicyDecision::Allowed
}

/// The policies in a `meta` element, without what only a header may say.
pub(super) fn of_meta(content: &str) -> Vec<(String, CspDisposition)> {
    let kept = |policy: &str| {
        let directives: Vec<String> = words(policy)
            .filter(|(name, _)| !ONLY_IN_HEADERS.iter().any(|only| name.eq_ignore_ascii_case(only)))
            .map(|(name, values)| std::iter::once(name).chain(values).collect::<Vec<_>>().join(" "))
            .collect();
        directives.join("; ")
    };
    let policies = content.split(',').map(kept).filter(|policy| !policy.is_empty());
    policies.map(|policy| (policy, CspDisposition::Enforce)).collect()
}

/// <https://w3c.github.io/webappsec-csp/#is-element-nonceable>: not where markup was left open so as to swallow the element.
pub(super) fn is_nonceable(element: &NodeRef) -> bool {
    let suspicious = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("<script") || text.contains("<style")
    };
    !element.attribute_list().iter().any(|attribute| {
        let Some(name) = crate::dom::element::name_of(attribute) else { return false };
        suspicious(&name.local) || element.attr(&name.local).is_some_and(|value| suspicious(&value))
    })
}

/// Whether a policy has a directive of a name.
pub(super) fn names(policy: &str, directive: &str) -> bool {
    words(policy).any(|(name, _)| name.eq_ignore_ascii_case(directive))
}

/// The tokens of the `sandbox` directives that are enforced, each policy's by itself.
pub(super) fn sandboxes(policies: &PolicyContainer) -> Vec<String> {
    let enforced = policies.csp.iter().filter(|(_, disposition)| *disposition == CspDisposition::Enforce);
    enforced
        .filter_map(|(policy, _)| {
            let (_, values) = words(policy).find(|(name, _)| name.eq_ignore_ascii_case("sandbox"))?;
            Some(values.collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// A style that a policy does not allow is told of, though nothing is drawn.
pub(super) fn is_style_allowed(realm: &dyn Realm, element: &NodeRef, attribute: Option<&str>) -> bool {
    let Some(window) = super::elements::window_of(element) else { return true };
    if window.environment().policy_container.csp.is_empty() {
        return true;
    }
    let nonce = element.nonce_slot().filter(|_| is_nonceable(element));
    match attribute {
        Some(text) => allows_inline(realm, &window, Some(element), InlineContent::StyleAttribute, text),
        None => {
            let style = InlineContent::Style { nonce: nonce.as_deref() };
            allows_inline(realm, &window, Some(element), style, &element.child_text())
        }
    }
}

/// <https://html.spec.whatwg.org/#attr-nonce>: a nonce that came with a policy is hidden from selectors.
pub(super) fn hide_nonce(realm: &dyn Realm, element: &NodeRef) -> Result<(), Exception> {
    let Some(window) = super::elements::window_of(element) else { return Ok(()) };
    let nonce = element.attr_dom("nonce").filter(|nonce| !nonce.is_empty());
    // Only a policy that came with the document hides it.
    let (Some(nonce), true) = (nonce, window.has_policy_of_header()) else { return Ok(()) };
    element.set_attr(realm, "nonce", longhaul_idl::runtime::DomString::default())?;
    element.set_nonce_slot(Some(nonce));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_element_says_less_than_a_header() {
        let policies =
            of_meta("script-src 'self' a; Frame-Ancestors 'none' ; sandbox, report-uri /x, img-src *");
        let enforced = |text: &str| (text.to_owned(), CspDisposition::Enforce);
        assert_eq!(policies, [enforced("script-src 'self' a"), enforced("img-src *")]);
    }

    #[test]
    fn sandboxes_are_read_from_what_is_enforced() {
        let csp = [
            ("sandbox allow-scripts allow-forms; img-src *", CspDisposition::Enforce),
            ("sandbox", CspDisposition::Report),
        ];
        let csp = csp.map(|(text, disposition)| (text.to_owned(), disposition)).into_iter().collect();
        let policies = PolicyContainer { csp, ..PolicyContainer::default() };
        assert_eq!(sandboxes(&policies), ["allow-scripts allow-forms"]);
    }
}
