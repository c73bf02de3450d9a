//! Authentication entries: credentials that a server or a proxy has accepted, and who is asked for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use percent_encoding::percent_decode_str;
use url::{Origin, Url};

use super::authentication_challenge::AuthenticationChallenge;
use super::network_partition_key::NetworkPartitionKey;
use super::origin::serialize_origin;
use super::request::Request;

/// More entries than that are not kept; the oldest goes.
const MAXIMUM_ENTRIES: usize = 1000;

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name; Basic cannot carry one with a colon.
    pub username: String,
    /// The password.
    pub password: String,
}

/// What a prompt is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialQuestion {
    /// The URL that asks, without credentials of its own. For a proxy, the URL that is fetched through it.
    pub url: Url,
    /// What the server calls the place that the credentials are for.
    pub realm: String,
    /// Whether a proxy asks, not the server.
    pub is_proxy: bool,
    /// How often the fetch has asked before, each time for credentials that were refused.
    pub attempts: u32,
    /// The id of the environment that fetches.
    pub client_id: Option<String>,
}

impl CredentialQuestion {
    pub(crate) fn new(
        url: &Url,
        realm: String,
        is_proxy: bool,
        attempts: u32,
        client_id: Option<String>,
    ) -> CredentialQuestion {
        let mut url = url.clone();
        // NOTE: both fail only for URLs without host, which HTTP's are not.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        CredentialQuestion { url, realm, is_proxy, attempts, client_id }
    }
}

/// Asks the user for credentials.
pub trait CredentialPrompt: Send + Sync + 'static {
    /// The user's answer; nothing if the user would not give any. Dropping the future takes the prompt away.
    fn prompt(&self, question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>>;
}

/// An entry, as a list shows it: without its password.
///
/// <https://fetch.spec.whatwg.org/#authentication-entry>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationEntry {
    /// The network partition that it is used in.
    pub partition: NetworkPartitionKey,
    /// The server's origin, serialized; for a proxy, what names it.
    pub origin: String,
    /// The realm.
    pub realm: String,
    /// The user name.
    pub username: String,
    /// Whether it is for a proxy.
    pub is_proxy: bool,
}

/// The entries of one user agent, in memory alone. Clones are the same.
#[derive(Clone, Default)]
pub struct AuthenticationEntries(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    by_key: HashMap<Key, Entry>,
    next: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    partition: NetworkPartitionKey,
    /// `None` for a proxy: one user agent's requests all go through what its proxies are.
    origin: Option<String>,
    realm: String,
}

struct Entry {
    credentials: Credentials,
    /// The folder that the realm is known to cover.
    folder: String,
    number: u64,
}

impl Credentials {
    /// Those of a URL.
    pub fn of_url(url: &Url) -> Option<Credentials> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let includes = !url.username().is_empty() || url.password().is_some();
        includes.then(|| Credentials {
            username: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
        })
    }

    /// The value of `Authorization` by the scheme Basic, in UTF-8.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc7617#section-2>
    pub fn to_basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username, self.password)))
    }
}

/// The challenge that can be met: the first one of scheme Basic.
pub(crate) fn usable_challenge(challenges: &[AuthenticationChallenge]) -> Option<&AuthenticationChallenge> {
    challenges.iter().find(|challenge| challenge.scheme == "basic")
}

impl AuthenticationEntries {
    /// The value of `Authorization` for a request to a place that is known to ask.
    pub(crate) fn for_request(&self, request: &Request) -> Option<String> {
        let url = request.current_url();
        let partition = NetworkPartitionKey::for_request(request);
        let origin = serialize_origin(&url.origin());
        let entries = self.entries();
        // https://www.rfc-editor.org/rfc/rfc7617#section-2.2: the folder that asked, and what lies beneath.
        let covering = entries.by_key.iter().filter(|(key, entry)| {
            key.partition == partition
                && key.origin.as_ref() == Some(&origin)
                && url.path().starts_with(&entry.folder)
        });
        let nearest = covering.max_by_key(|(_, entry)| (entry.folder.len(), entry.number));
        nearest.map(|(_, entry)| entry.credentials.to_basic())
    }

    /// What a proxy is given in the request's partition.
    pub(crate) fn for_proxy(&self, request: &Request) -> Option<Credentials> {
        let partition = NetworkPartitionKey::for_request(request);
        let entries = self.entries();
        let proxies =
            entries.by_key.iter().filter(|(key, _)| key.partition == partition && key.origin.is_none());
        proxies.max_by_key(|(_, entry)| entry.number).map(|(_, entry)| entry.credentials.clone())
    }

    /// Keeps what the server has accepted.
    pub(crate) fn create(&self, request: &Request, realm: &str, credentials: Credentials) {
        let url = request.current_url();
        let folder = url.path().rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"));
        let key = Key {
            partition: NetworkPartitionKey::for_request(request),
            origin: Some(serialize_origin(&url.origin())),
            realm: realm.to_owned(),
        };
        self.insert(key, folder, credentials);
    }

    /// Keeps what the user gave for a proxy.
    pub(crate) fn create_for_proxy(&self, request: &Request, realm: &str, credentials: Credentials) {
        let key = Key {
            partition: NetworkPartitionKey::for_request(request),
            origin: None,
            realm: realm.to_owned(),
        };
        self.insert(key, String::new(), credentials);
    }

    /// Forgets what is not accepted any more.
    pub(crate) fn forget(&self, request: &Request, realm: &str) {
        let key = Key {
            partition: NetworkPartitionKey::for_request(request),
            origin: Some(serialize_origin(&request.current_url().origin())),
            realm: realm.to_owned(),
        };
        self.entries().by_key.remove(&key);
    }

    fn insert(&self, key: Key, folder: String, credentials: Credentials) {
        let mut entries = self.entries();
        let number = entries.next;
        entries.next += 1;
        // What the realm covers grows to what both folders lie in.
        let folder = match entries.by_key.get(&key) {
            Some(known) => common_folder(&known.folder, &folder),
            None => folder,
        };
        entries.by_key.insert(key, Entry { credentials, folder, number });
        if entries.by_key.len() > MAXIMUM_ENTRIES {
            let oldest =
                entries.by_key.iter().min_by_key(|(_, entry)| entry.number).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                entries.by_key.remove(&oldest);
            }
        }
    }

    /// All entries, without their passwords, in the order in which they were made.
    pub fn list(&self) -> Vec<AuthenticationEntry> {
        let entries = self.entries();
        let mut list: Vec<_> = entries.by_key.iter().collect();
        list.sort_by_key(|(_, entry)| entry.number);
        let shown = |(key, entry): (&Key, &Entry)| AuthenticationEntry {
            partition: key.partition.clone(),
            origin: key.origin.clone().unwrap_or_else(|| "proxy".to_owned()),
            realm: key.realm.clone(),
            username: entry.credentials.username.clone(),
            is_proxy: key.origin.is_none(),
        };
        list.into_iter().map(shown).collect()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.entries().by_key.clear();
    }

    /// Forgets those of one origin, in every partition.
    pub fn clear_origin(&self, origin: &Origin) {
        let origin = Some(serialize_origin(origin));
        self.entries().by_key.retain(|key, _| key.origin != origin);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn common_folder(one: &str, other: &str) -> String {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let slash = one.as_bytes()[..same].iter().rposition(|byte| *byte == b'/');
    slash.and_then(|slash| one.get(..=slash)).unwrap_or_default().to_owned()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthenticationEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthenticationEntries({})", self.entries().by_key.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EnvironmentSettings;

    fn request(page: &str, url: &str) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap());
        request.client = Some(EnvironmentSettings::for_url(Url::parse(page).unwrap()).into_shared());
        request
    }

    fn credentials(username: &str) -> Credentials {
        Credentials { username: username.into(), password: "pass".into() }
    }

    #[test]
    fn an_entry_covers_its_folder_in_its_partition() {
        let entries = AuthenticationEntries::default();
        let (page, other) = ("https://a.example/", "https://b.example/");
        entries.create(&request(page, "https://s.example/x/y"), "r", credentials("u"));
        let header = |page, url| entries.for_request(&request(page, url));
        assert_eq!(header(page, "https://s.example/x/z").as_deref(), Some("Basic dTpwYXNz"));
        assert_eq!(header(page, "https://s.example/x/deep/z").as_deref(), Some("Basic dTpwYXNz"));
        assert_eq!(header(page, "https://s.example/"), None);
        assert_eq!(header(page, "https://s.example:444/x/y"), None);
        assert_eq!(header(other, "https://s.example/x/y"), None);
        entries.create(&request(page, "https://s.example/other/y"), "r", credentials("u"));
        assert!(header(page, "https://s.example/").is_some());
        assert_eq!(entries.list().len(), 1);
        entries.clear_origin(&Url::parse("https://s.example/").unwrap().origin());
        assert!(entries.list().is_empty());
    }

    #[test]
    fn proxies_have_entries_of_their_own() {
        let entries = AuthenticationEntries::default();
        let request = request("https://a.example/", "https://s.example/");
        entries.create_for_proxy(&request, "p", credentials("u"));
        assert!(entries.for_request(&request).is_none() && entries.for_proxy(&request).is_some());
        assert!(entries.list()[0].is_proxy);
        entries.clear();
        assert!(entries.for_proxy(&request).is_none());
    }

    #[test]
    fn there_is_a_limit() {
        let entries = AuthenticationEntries::default();
        let request = request("https://a.example/", "https://s.example/");
        for number in 0..=MAXIMUM_ENTRIES {
            entries.create(&request, &number.to_string(), credentials("u"));
        }
        assert_eq!(entries.list().len(), MAXIMUM_ENTRIES);
        assert_eq!(entries.list()[0].realm, "1");
    }

    #[test]
    fn credentials_of_urls_are_decoded_and_never_shown() {
        let url = Url::parse("https://%C3%A4:p%3Aw@a.example/").unwrap();
        let found = Credentials::of_url(&url).unwrap();
        assert_eq!((found.username.as_str(), found.password.as_str()), ("ä", "p:w"));
        assert!(!format!("{found:?}").contains("p:w"));
        assert_eq!(Credentials::of_url(&Url::parse("https://a.example/").unwrap()), None);
    }
}
