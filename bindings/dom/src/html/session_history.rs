//! <https://html.spec.whatwg.org/#session-history>: the places that a tab has been to, its frames' included.
//!
//! A tab's steps are kept as what each changed: one browsing context went from one entry to another. Going back undoes steps, going
//! forward does them again.

use std::sync::{Arc, Mutex, Weak};

use longhaul::fetch::EnvironmentSettings;
use longhaul_idl::runtime::RealmId;
use url::Url;

use super::browsing_context::BrowsingContext;
use crate::dom::node::lock;
use crate::structured_clone::SerializedMessage;

/// How many steps there are at most; the oldest goes first.
const STEPS: usize = 100;

/// <https://html.spec.whatwg.org/#session-history-entry>
pub(super) struct Entry(Mutex<Place>);

/// What an entry is of.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) url: Url,
    pub(super) state: Option<SerializedMessage>,
    /// Which state it is: another one has another number.
    pub(super) version: u64,
    /// The document that is shown, by its realm.
    pub(super) document: RealmId,
    /// The text of a document that has no address to get it from again.
    pub(super) text: Option<String>,
    /// The form that was sent for it, and its type.
    pub(super) body: Option<Arc<(Vec<u8>, String)>>,
    /// Whose policies and origin such a document has.
    pub(super) creator: Option<Arc<EnvironmentSettings>>,
}

impl Place {
    pub(super) fn new(url: Url, document: RealmId) -> Self {
        Self { url, state: None, version: next_version(), document, text: None, body: None, creator: None }
    }
}

pub(super) fn next_version() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Entry {
    pub(super) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self(Mutex::new(place)))
    }

    pub(super) fn place(&self) -> Place {
        lock(&self.0).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Place)) {
        change(&mut lock(&self.0));
    }
}

struct Step {
    context: Weak<BrowsingContext>,
    before: Arc<Entry>,
    after: Arc<Entry>,
}

/// The steps of a tab, and how many of them are done.
#[derive(Default)]
pub(super) struct SessionHistory {
    steps: Vec<Step>,
    done: usize,
}

impl SessionHistory {
    /// A browsing context goes to a further entry; what could be gone forward to is forgotten.
    pub(super) fn push(&mut self, context: &Weak<BrowsingContext>, before: Arc<Entry>, after: Arc<Entry>) {
        self.steps.truncate(self.done);
        self.steps.push(Step { context: Weak::clone(context), before, after });
        if self.steps.len() > STEPS {
            self.steps.remove(0);
        }
        self.done = self.steps.len();
    }

    /// Forgets the steps of frames that are gone.
    fn prune(&mut self) {
        let lives = |step: &Step| step.context.upgrade().is_some_and(|context| !context.is_closed());
        self.done -= self.steps[..self.done].iter().filter(|step| !lives(step)).count();
        self.steps.retain(lives);
    }

    /// <https://html.spec.whatwg.org/#dom-history-length>
    pub(super) fn length(&mut self) -> usize {
        self.prune();
        self.steps.len() + 1
    }

    /// Goes some steps back or forward: which browsing contexts are to be at which entries then. Nothing, where there are not that
    /// many.
    pub(super) fn go(&mut self, delta: i32) -> Vec<(Arc<BrowsingContext>, Arc<Entry>)> {
        self.prune();
        let wanted = i64::try_from(self.done).unwrap_or(0) + i64::from(delta);
        let Some(wanted) = usize::try_from(wanted).ok().filter(|at| *at <= self.steps.len()) else {
            return Vec::new();
        };
        let mut changes: Vec<(Arc<BrowsingContext>, Arc<Entry>)> = Vec::new();
        let mut change = |step: &Step, entry: &Arc<Entry>| {
            let Some(context) = step.context.upgrade() else { return };
            match changes.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &context)) {
                Some((_, known)) => *known = Arc::clone(entry),
                None => changes.push((context, Arc::clone(entry))),
            }
        };
        if wanted < self.done {
            self.steps[wanted..self.done].iter().rev().for_each(|step| change(step, &step.before));
        } else {
            self.steps[self.done..wanted].iter().for_each(|step| change(step, &step.after));
        }
        self.done = wanted;
        changes
    }
}
