//! <https://html.spec.whatwg.org/#tracking-user-activation>: what pages may do for a while because their user did something.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul_idl::runtime::Realm;

use super::WindowGlobal;
use super::browsing_context::BrowsingContext;
use crate::dom::node::lock;

/// <https://html.spec.whatwg.org/#transient-activation-duration>
const TRANSIENT_ACTIVATION_DURATION: Duration = Duration::from_secs(5);

/// <https://html.spec.whatwg.org/#last-activation-timestamp>, on the user agent's monotonic clock; none before the first.
#[derive(Default)]
pub(super) struct LastActivation(Mutex<Option<Duration>>);

impl LastActivation {
    fn notified(&self, now: Duration) {
        *lock(&self.0) = Some(now);
    }

    fn consumed(&self) {
        *lock(&self.0) = None;
    }

    fn is_transient(&self, now: Duration) -> bool {
        lock(&self.0).is_some_and(|last| now < last.saturating_add(TRANSIENT_ACTIVATION_DURATION))
    }
}

impl WindowGlobal {
    fn now(&self) -> Duration {
        self.scope().user_agent().clock().monotonic()
    }

    /// <https://html.spec.whatwg.org/#transient-activation>
    pub(super) fn has_transient_activation(&self) -> bool {
        self.last_activation().is_transient(self.now())
    }

    /// <https://html.spec.whatwg.org/#consume-user-activation>: in all windows of the tab.
    pub(super) fn consume_user_activation(&self) {
        let mut contexts: Vec<Arc<BrowsingContext>> = self.context().top().into_iter().collect();
        while let Some(context) = contexts.pop() {
            if let Some(window) = context.active() {
                window.last_activation().consumed();
            }
            contexts.extend(context.children());
        }
    }
}

/// Tells a page that its user is about to act on it: to be called in a task of its realm, before the event of a pressed key or of a
/// pressed button is fired. Does nothing in a realm that is not a page's.
///
/// <https://html.spec.whatwg.org/#activation-notification>
pub fn notify_user_activation(realm: &dyn Realm) {
    let Some(window) = realm.global().downcast::<WindowGlobal>() else { return };
    let now = window.now();
    // 2.–3. Its own window and those of the documents around it.
    let mut around = Some(window.context());
    while let Some(context) = around {
        if let Some(window) = context.active() {
            window.last_activation().notified(now);
        }
        around = context.parent();
    }
    // 4.–5. Those in it, of its origin.
    let mut inside: Vec<Arc<BrowsingContext>> = window.context().children();
    while let Some(context) = inside.pop() {
        if let Some(inner) = context.active()
            && inner.environment().origin == window.environment().origin
        {
            inner.last_activation().notified(now);
        }
        inside.extend(context.children());
    }
}
