//! <https://html.spec.whatwg.org/#focus>: which documents of a tab have the focus. Nothing in a document is drawn, so nothing in it but
//! a frame takes it; and every tab is taken for one that the user looks at.

use std::sync::{Arc, Weak};

use longhaul_idl::runtime::{Exception, Realm, Value};

use super::browsing_context::BrowsingContext;
use super::elements;
use crate::dom::node::{lock, object};

/// The documents that have the focus, the innermost first.
///
/// <https://html.spec.whatwg.org/#focus-chain>
fn focus_chain(top: &Arc<BrowsingContext>) -> Vec<Arc<BrowsingContext>> {
    let mut chain = vec![Arc::clone(top)];
    while let Some(inner) = chain.last().and_then(|context| context.focused_child()) {
        chain.push(inner);
    }
    chain.reverse();
    chain
}

impl BrowsingContext {
    /// The frame that is its document's focused area.
    fn focused_child(&self) -> Option<Arc<BrowsingContext>> {
        lock(&self.focused).upgrade().filter(|child| !child.is_closed())
    }

    /// <https://html.spec.whatwg.org/#has-focus-steps>
    pub(super) fn has_focus(&self) -> bool {
        let Some(top) = self.top() else { return false };
        focus_chain(&top).iter().any(|context| std::ptr::eq(Arc::as_ptr(context), self))
    }
}

/// Gives a document the focus.
///
/// <https://html.spec.whatwg.org/#focusing-steps>
pub(super) fn focus(realm: &dyn Realm, context: &Arc<BrowsingContext>) {
    let Some(top) = context.top().filter(|_| !context.is_closed()) else { return };
    let before = focus_chain(&top);
    *lock(&context.focused) = Weak::new();
    let mut inner = Arc::clone(context);
    while let Some(outer) = inner.parent() {
        *lock(&outer.focused) = Arc::downgrade(&inner);
        inner = outer;
    }
    let after = focus_chain(&top);
    // Each document of the chain has had it last at this moment.
    let windows: Vec<_> = after.iter().filter_map(|context| context.active()).collect();
    if let Some(window) = windows.last() {
        let ids = windows.iter().map(|window| window.environment().id.as_str());
        window.scope().user_agent().service_workers().set_focused_clients(ids);
    }
    // <https://html.spec.whatwg.org/#focus-update-steps>
    let is_in = |chain: &[Arc<BrowsingContext>], context: &Arc<BrowsingContext>| {
        chain.iter().any(|known| Arc::ptr_eq(known, context))
    };
    for lost in before.iter().filter(|context| !is_in(&after, context)) {
        tell(realm, lost, "blur");
    }
    for gained in after.iter().rev().filter(|context| !is_in(&before, context)) {
        tell(realm, gained, "focus");
    }
}

/// Fires an event at the frame's element and at its window.
fn tell(realm: &dyn Realm, context: &Arc<BrowsingContext>, name: &str) {
    let Some(realms) = context.maker.clone() else { return };
    let container = context.frame().and_then(|frame| Some((elements::window_of(&frame)?.realm_id(), frame)));
    let window = context.active().map(|window| window.realm_id());
    // FIXME: as `FocusEvent`s, which there are not.
    let fire = |of: &dyn Realm, target: Value| {
        let fired: Result<_, Exception> = of.core("fireEvent", vec![target, Value::String(name.into())]);
        if let Err(exception) = fired {
            realm.report_exception(exception);
        }
    };
    if let Some((id, frame)) = container {
        realms.run(id, &mut |of: &dyn Realm| fire(of, Value::Object(object(Arc::clone(&frame)))));
    }
    if let Some(id) = window {
        realms.run(id, &mut |of: &dyn Realm| fire(of, Value::Object(of.global())));
    }
}
