//! <https://html.spec.whatwg.org/#the-end>: scripts that wait for the document, and what its `load` event waits for.

use std::collections::VecDeque;
use std::sync::Arc;

use longhaul_idl::runtime::{Realm, TaskSource};

use super::{document, script_element};
use crate::dom::node::{NodeRef, lock};

type Told = Box<dyn FnOnce(&dyn Realm) + Send>;

/// What a document still has to do before it is loaded.
#[derive(Default)]
pub(crate) struct Loading {
    /// <https://html.spec.whatwg.org/#pending-parsing-blocking-script>
    pub(super) blocking: Option<NodeRef>,
    /// <https://html.spec.whatwg.org/#list-of-scripts-that-will-execute-when-the-document-has-finished-parsing>
    pub(super) deferred: VecDeque<NodeRef>,
    /// <https://html.spec.whatwg.org/#list-of-scripts-that-will-execute-in-order-as-soon-as-possible>
    pub(super) in_order: VecDeque<NodeRef>,
    /// What delays the `load` event, the set of scripts that execute as soon as possible included.
    blockers: usize,
    parsed: bool,
    content_loaded: bool,
    loaded: bool,
    told: Vec<Told>,
}

fn with<T>(document: &NodeRef, run: impl FnOnce(&mut Loading) -> T) -> Option<T> {
    document.document_data().map(|data| run(&mut lock(&data.loading)))
}

/// Delays the `load` event until [`unblock`].
pub(super) fn block(document: &NodeRef) {
    with(document, |loading| loading.blockers += 1);
}

pub(super) fn unblock(realm: &dyn Realm, document: &NodeRef) {
    with(document, |loading| loading.blockers = loading.blockers.saturating_sub(1));
    go_on_later(realm, document);
}

/// Runs something once the document is loaded, now if it is already.
pub(super) fn when_loaded(realm: &dyn Realm, document: &NodeRef, told: Told) {
    let mut told = Some(told);
    with(document, |loading| {
        if !loading.loaded {
            loading.told.extend(told.take());
        }
    });
    if let Some(told) = told {
        told(realm);
    }
}

/// <https://html.spec.whatwg.org/#completely-loaded>
pub(super) fn is_loaded(document: &NodeRef) -> bool {
    with(document, |loading| loading.loaded).unwrap_or(true)
}

/// There is nothing to parse.
pub(super) fn blank(document: &NodeRef) {
    with(document, |loading| {
        (loading.parsed, loading.content_loaded, loading.loaded) = (true, true, true);
    });
}

/// The parser is through.
pub(super) fn parsed(document: &NodeRef) {
    with(document, |loading| loading.parsed = true);
}

/// `document.open()` begins anew. Gives whether the document had been loaded before.
pub(super) fn reopened(document: &NodeRef) -> bool {
    let reopened = with(document, |loading| {
        let (told, was_loaded) = (std::mem::take(&mut loading.told), loading.loaded);
        *loading = Loading { told, blockers: loading.blockers, ..Loading::default() };
        was_loaded
    });
    reopened.unwrap_or_default()
}

pub(super) fn go_on_later(realm: &dyn Realm, document: &NodeRef) {
    let document = Arc::downgrade(document);
    let go_on = move |realm: &dyn Realm| {
        if let Some(document) = document.upgrade() {
            go_on(realm, &document);
        }
    };
    realm.agent().queue_task(TaskSource::Dom, realm.id(), Box::new(go_on));
}

enum Step {
    Wait,
    Run(NodeRef),
    ContentLoaded,
    Load(Vec<Told>),
}

fn next(loading: &mut Loading) -> Step {
    if !loading.parsed || loading.loaded {
        return Step::Wait;
    }
    // 5. The scripts that run when the document has been parsed, in order.
    if let Some(script) = loading.deferred.front() {
        if !script_element::is_ready(script) {
            return Step::Wait;
        }
        return loading.deferred.pop_front().map_or(Step::Wait, Step::Run);
    }
    // 6. DOMContentLoaded.
    if !loading.content_loaded {
        loading.content_loaded = true;
        return Step::ContentLoaded;
    }
    // 7.–8. Whatever else is on its way.
    if !loading.in_order.is_empty() || loading.blockers > 0 {
        return Step::Wait;
    }
    // 9. load.
    loading.loaded = true;
    Step::Load(std::mem::take(&mut loading.told))
}

/// As far as it goes; each script is a task of its own.
pub(super) fn go_on(realm: &dyn Realm, document: &NodeRef) {
    let reported = |result: Result<(), longhaul_idl::runtime::Exception>| {
        if let Err(exception) = result {
            realm.report_exception(exception);
        }
    };
    loop {
        match with(document, next).unwrap_or(Step::Wait) {
            Step::Wait => return,
            Step::Run(script) => {
                script_element::execute(realm, &script);
                return go_on_later(realm, document);
            }
            Step::ContentLoaded => reported(document::dom_content_loaded(realm, document)),
            Step::Load(told) => {
                if document.document_data().is_some_and(|data| data.window().is_some()) {
                    reported(document::fire_load(realm));
                }
                for told in told {
                    told(realm);
                }
                return;
            }
        }
    }
}
