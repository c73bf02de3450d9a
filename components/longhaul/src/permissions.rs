//! Permissions of powerful features, as far as this user agent asks for any.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use longhaul_background_fetch::{PermissionPolicy, PermissionState};
use longhaul_fetch::{EnvironmentSettings, LocalNetworkFeature, LocalNetworkPermission, serialize_origin};
use longhaul_storage::{Column, ColumnKind, Profile, StorageError, TableDefinition, WriteBehind};

pub(crate) static PERMISSIONS: TableDefinition = TableDefinition {
    name: "permissions",
    columns: &[
        Column { name: "origin", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "state", kind: ColumnKind::Text },
    ],
    key_columns: 2,
};

/// The name of the permission that background fetches ask for.
///
/// <https://wicg.github.io/background-fetch/#permissions>
pub const BACKGROUND_FETCH: &str = "background-fetch";

/// What has been decided about powerful features. A clone shares the decisions.
///
/// A feature nobody has decided about is `prompt`. What was decided for one origin is kept in the profile; what holds for
/// every other origin is for this user agent alone.
///
/// <https://www.w3.org/TR/permissions/>
#[derive(Clone, Debug, Default)]
pub struct Permissions(Arc<Inner>);

/// What the user is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PermissionQuestion {
    /// Who wants it: an origin's serialization.
    pub origin: String,
    /// The feature.
    pub name: String,
}

/// Asks the user about features that nobody has decided about.
pub trait PermissionPrompt: Send + Sync + 'static {
    /// What the user says. `Granted` and `Denied` are kept as decisions for the origin; with `Prompt`, which is to say with no answer,
    /// the feature is refused this time and asked for again the next time. Of several that ask for the same at once one does, and all
    /// get its answer; the future is dropped when none of them waits any more.
    fn ask(&self, question: PermissionQuestion) -> BoxFuture<'static, PermissionState>;
}

/// A question on its way to the user and back.
type Asking = WeakShared<BoxFuture<'static, PermissionState>>;

#[derive(Default)]
struct Inner {
    prompt: OnceLock<Arc<dyn PermissionPrompt>>,
    asking: Mutex<HashMap<PermissionQuestion, Asking>>,
    /// By feature.
    defaults: RwLock<HashMap<String, PermissionState>>,
    /// By origin and feature.
    decisions: RwLock<HashMap<(String, String), PermissionState>>,
    writer: OnceLock<WriteBehind>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permissions")
            .field("defaults", &self.defaults)
            .field("decisions", &self.decisions)
            .finish_non_exhaustive()
    }
}

/// A decision for one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The origin's serialization.
    pub origin: String,
    /// The feature.
    pub name: String,
    /// What was decided.
    pub state: PermissionState,
}

impl Permissions {
    /// Takes up what was decided earlier, and keeps what will be.
    pub(crate) fn open(&self, profile: &Profile) -> Result<(), PermissionsError> {
        let writer = WriteBehind::start(profile.clone(), &PERMISSIONS)?;
        let mut decisions = self.decisions_mut();
        for row in profile.rows(&PERMISSIONS)? {
            let decision = || {
                let (origin, name) = (row[0].as_text()?, row[1].as_text()?);
                Some(((origin.to_owned(), name.to_owned()), parse(row[2].as_text()?)?))
            };
            match decision() {
                // What this session has decided already is newer.
                Some((key, state)) => _ = decisions.entry(key).or_insert(state),
                None => {
                    tracing::warn!(origin = ?row[0], "a stored permission cannot be read and is left out")
                }
            }
        }
        drop(decisions);
        for decision in self.decisions() {
            writer.put(row(&decision.origin, &decision.name, decision.state));
        }
        // A user agent opens its permissions once.
        let _ = self.0.writer.set(writer);
        Ok(())
    }

    /// Decides for every origin that has no decision of its own.
    pub fn set_default(&self, name: &str, state: PermissionState) {
        let mut defaults = self.0.defaults.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        defaults.insert(name.to_owned(), state);
    }

    /// Decides for one origin, given as its serialization.
    pub fn set(&self, name: &str, origin: &str, state: PermissionState) {
        self.decisions_mut().insert((origin.to_owned(), name.to_owned()), state);
        if let Some(writer) = self.0.writer.get() {
            writer.put(row(origin, name, state));
        }
    }

    /// What holds for an origin.
    pub fn state(&self, name: &str, origin: &str) -> PermissionState {
        let decided = self.decided().get(&(origin.to_owned(), name.to_owned())).copied();
        let defaults = self.0.defaults.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        decided.or_else(|| defaults.get(name).copied()).unwrap_or(PermissionState::Prompt)
    }

    /// Sets who asks the user; the first one stays.
    pub(crate) fn set_prompt(&self, prompt: Arc<dyn PermissionPrompt>) {
        let _ = self.0.prompt.set(prompt);
    }

    /// What holds for an origin, once the user has been asked where nobody has decided.
    pub fn request(&self, name: &str, origin: &str) -> BoxFuture<'static, PermissionState> {
        let state = self.state(name, origin);
        let question = PermissionQuestion { origin: origin.to_owned(), name: name.to_owned() };
        match self.0.prompt.get() {
            Some(prompt) if state == PermissionState::Prompt => self.ask(prompt, question).boxed(),
            _ => futures::future::ready(state).boxed(),
        }
    }

    fn ask(
        &self,
        prompt: &Arc<dyn PermissionPrompt>,
        question: PermissionQuestion,
    ) -> Shared<BoxFuture<'static, PermissionState>> {
        let mut asking = self.0.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody waits for these any more.
        asking.retain(|_, answer| answer.upgrade().is_some());
        if let Some(answer) = asking.get(&question).and_then(WeakShared::upgrade) {
            return answer;
        }
        let (permissions, prompt) = (self.clone(), Arc::clone(prompt));
        let asked = question.clone();
        let answer = async move {
            let state = prompt.ask(asked.clone()).await;
            if state != PermissionState::Prompt {
                permissions.set(&asked.name, &asked.origin, state);
            }
            permissions.0.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&asked);
            state
        };
        let answer = answer.boxed().shared();
        if let Some(weak) = answer.downgrade() {
            asking.insert(question, weak);
        }
        answer
    }

    /// The decisions for single origins, by origin and feature.
    pub fn decisions(&self) -> Vec<Decision> {
        let mut decisions: Vec<_> = self
            .decided()
            .iter()
            .map(|((origin, name), state)| Decision {
                origin: origin.clone(),
                name: name.clone(),
                state: *state,
            })
            .collect();
        decisions.sort_by(|a, b| (&a.origin, &a.name).cmp(&(&b.origin, &b.name)));
        decisions
    }

    /// Takes back the decisions for one origin, or for each, and gives their number.
    pub fn clear(&self, origin: Option<&str>) -> usize {
        let mut decisions = self.decisions_mut();
        let before = decisions.len();
        decisions.retain(|(decided, name), _| {
            let stays = origin.is_some_and(|origin| origin != decided);
            if let (false, Some(writer)) = (stays, self.0.writer.get()) {
                writer.delete(vec![decided.as_str().into(), name.as_str().into()]);
            }
            stays
        });
        before - decisions.len()
    }

    /// Waits until everything decided so far is durable.
    pub async fn flush(&self) -> Result<(), StorageError> {
        match self.0.writer.get() {
            Some(writer) => writer.flush().await,
            None => Ok(()),
        }
    }

    fn decided(&self) -> RwLockReadGuard<'_, HashMap<(String, String), PermissionState>> {
        self.0.decisions.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn decisions_mut(&self) -> RwLockWriteGuard<'_, HashMap<(String, String), PermissionState>> {
        self.0.decisions.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Why the permissions of a profile cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionsError {
    /// The profile could not be read.
    #[error("the stored permissions could not be read: {0}")]
    Storage(#[from] StorageError),
    /// The thread that writes them could not be started.
    #[error("the thread that stores permissions could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

fn row(origin: &str, name: &str, state: PermissionState) -> longhaul_storage::Row {
    let state = match state {
        PermissionState::Granted => "granted",
        PermissionState::Denied => "denied",
        PermissionState::Prompt => "prompt",
    };
    vec![origin.into(), name.into(), state.into()]
}

fn parse(state: &str) -> Option<PermissionState> {
    match state {
        "granted" => Some(PermissionState::Granted),
        "denied" => Some(PermissionState::Denied),
        "prompt" => Some(PermissionState::Prompt),
        _ => None,
    }
}

impl PermissionPolicy for Permissions {
    fn request(&self, origin: &str) -> BoxFuture<'static, PermissionState> {
        Permissions::request(self, BACKGROUND_FETCH, origin)
    }
}

/// A public page reaches local addresses if that was granted, or the user grants it when asked.
impl LocalNetworkPermission for Permissions {
    fn request(
        &self,
        client: Arc<EnvironmentSettings>,
        feature: LocalNetworkFeature,
    ) -> BoxFuture<'static, bool> {
        let asking = Permissions::request(self, feature.as_str(), &serialize_origin(&client.origin));
        asking.map(|state| state == PermissionState::Granted).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_goes_before_the_default_and_silence_is_prompt() {
        let permissions = Permissions::default();
        assert_eq!(permissions.state(BACKGROUND_FETCH, "https://a.example"), PermissionState::Prompt);
        permissions.set_default(BACKGROUND_FETCH, PermissionState::Granted);
        permissions.set(BACKGROUND_FETCH, "https://b.example", PermissionState::Denied);
        assert_eq!(permissions.state(BACKGROUND_FETCH, "https://a.example"), PermissionState::Granted);
        assert_eq!(permissions.state(BACKGROUND_FETCH, "https://b.example"), PermissionState::Denied);
        assert_eq!(permissions.state("geolocation", "https://a.example"), PermissionState::Prompt);
    }

    /// Answers when it is told to, and counts how often it was asked.
    struct User {
        asked: std::sync::atomic::AtomicUsize,
        answer: tokio::sync::watch::Receiver<Option<PermissionState>>,
    }

    impl PermissionPrompt for User {
        fn ask(&self, question: PermissionQuestion) -> BoxFuture<'static, PermissionState> {
            assert_eq!((question.name.as_str(), question.origin.as_str()), ("a", "https://a.example"));
            self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut answer = self.answer.clone();
            async move {
                answer.wait_for(Option::is_some).await.ok().and_then(|answer| *answer).expect("an answer")
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn the_user_is_asked_once_at_a_time_and_what_is_decided_is_kept() {
        let (tell, answer) = tokio::sync::watch::channel(None);
        let user = Arc::new(User { asked: Default::default(), answer });
        let permissions = Permissions::default();
        permissions.set_prompt(user.clone());
        let asked = || user.asked.load(std::sync::atomic::Ordering::SeqCst);
        let request = || permissions.request("a", "https://a.example");
        let (mut one, mut two) = (request(), request());
        assert!(one.as_mut().now_or_never().is_none() && two.as_mut().now_or_never().is_none());
        assert_eq!(asked(), 1);
        // Who gives up takes nothing from the other; when both have, the question is gone.
        drop(one);
        assert!(two.as_mut().now_or_never().is_none());
        drop(two);
        let three = request();
        tell.send_replace(Some(PermissionState::Prompt));
        assert_eq!((three.await, asked()), (PermissionState::Prompt, 2));
        tell.send_replace(Some(PermissionState::Denied));
        assert_eq!((request().await, asked()), (PermissionState::Denied, 3));
        assert_eq!((request().await, asked()), (PermissionState::Denied, 3));
        assert_eq!(permissions.state("a", "https://a.example"), PermissionState::Denied);
        assert!(permissions.0.asking.lock().expect("not poisoned").is_empty());
        permissions.set("a", "https://a.example", PermissionState::Granted);
        assert_eq!((request().await, asked()), (PermissionState::Granted, 3));
    }

    #[test]
    fn decisions_for_origins_are_kept_and_defaults_are_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || {
            let location = longhaul_storage::Location::Directory(folder.path().join("profile"));
            Profile::open(location, &[&PERMISSIONS]).expect("the profile opens").0
        };
        {
            let permissions = Permissions::default();
            permissions.set_default("a", PermissionState::Granted);
            permissions.set("b", "https://early.example", PermissionState::Denied);
            permissions.open(&open()).expect("they open");
            permissions.set("a", "https://a.example", PermissionState::Denied);
            permissions.set("b", "https://b.example", PermissionState::Granted);
            permissions.set("b", "https://a.example", PermissionState::Granted);
        }
        {
            let permissions = Permissions::default();
            permissions.set("a", "https://a.example", PermissionState::Prompt);
            permissions.open(&open()).expect("they open");
            assert_eq!(permissions.state("a", "https://other.example"), PermissionState::Prompt);
            assert_eq!(permissions.state("a", "https://a.example"), PermissionState::Prompt);
            assert_eq!(permissions.state("b", "https://early.example"), PermissionState::Denied);
            assert_eq!(permissions.decisions().len(), 4);
            assert_eq!(permissions.clear(Some("https://a.example")), 2);
        }
        let permissions = Permissions::default();
        permissions.open(&open()).expect("they open");
        let origins: Vec<_> = permissions.decisions().into_iter().map(|decision| decision.origin).collect();
        assert_eq!(origins, ["https://b.example", "https://early.example"]);
        assert_eq!(permissions.clear(None), 2);
        assert_eq!(permissions.decisions(), []);
    }
}
