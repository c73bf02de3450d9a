//! The cookie jar: the storage model and the retrieval algorithm.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use longhaul_storage::{Clock, Profile, StorageError};
use url::Url;

use crate::config::JarConfig;
use crate::cookie::{Cookie, CookieChange};
use crate::cookie_policy::{AccessKind, AllowAll, CookieAccess, CookiePolicy};
use crate::domain::{domain_matches, is_public_suffix, is_secure, own_partition, request_host, site_of};
use crate::observers::{CookieObserver, Observers};
use crate::path::default_path;
use crate::persistence::{COOKIES, StoredCookie, Writer};
use crate::prefixes::{keeps_promise, pretends_to_a_prefix};
use crate::rejection::Rejection;
use crate::retrieval_context::{CookieApi, RetrievalContext};
use crate::same_site::{SameSite, is_sent, may_be_set};
use crate::set_cookie_string::{PathAttribute, SetCookieString};
use crate::site::{CookieKey, Fields, Matched};
use crate::state::{State, UNPARTITIONED};

/// How old the time of the last access may be in the profile: an hour. Nobody wants a write for each request.
const LAST_ACCESS_GRANULARITY_MICROS: i64 = 3_600 * 1_000_000;

/// A cookie lives no longer than this from when it was set: 400 days.
const MAX_AGE_MICROS: i64 = 400 * 86_400 * 1_000_000;

/// Why a jar could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The profile could not be read.
    #[error("the stored cookies could not be read: {0}")]
    Storage(#[from] StorageError),
    /// The thread that writes cookies could not be started.
    #[error("the thread that stores cookies could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// All cookies of a user agent.
pub struct CookieJar {
    clock: Arc<dyn Clock>,
    config: JarConfig,
    policy: Arc<dyn CookiePolicy>,
    state: Mutex<State>,
    observers: Observers,
    writer: Option<Writer>,
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are secrets.
        f.debug_struct("CookieJar").field("cookies", &self.len()).finish_non_exhaustive()
    }
}

impl CookieJar {
    /// An empty jar that is kept in memory alone.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_config(clock, JarConfig::default())
    }

    /// An empty jar that is kept in memory alone and decides as it is told.
    pub fn with_config(clock: Arc<dyn Clock>, config: JarConfig) -> Self {
        Self::assemble(clock, config, State::default(), None)
    }

    /// The jar of a profile. Blocks while it reads.
    ///
    /// Persistent cookies are written in the background; [`CookieJar::flush`] waits for that, and dropping the jar does
    /// too.
    pub fn open(profile: &Profile, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_with_config(profile, clock, JarConfig::default())
    }

    /// [`CookieJar::open`] with decisions.
    pub fn open_with_config(
        profile: &Profile,
        clock: Arc<dyn Clock>,
        config: JarConfig,
    ) -> Result<Self, OpenError> {
        let writer = Writer::start(profile.clone())?;
        let mut state = State::default();
        let now = micros(clock.now());
        for row in profile.rows(&COOKIES)? {
            let Some(cookie) = StoredCookie::from_row(&row) else {
                tracing::warn!(domain = ?row[1], "a stored cookie cannot be read and is left out");
                continue;
            };
            let StoredCookie { partition, key, value, fields } = cookie;
            if fields.is_expired(now) {
                writer.delete(&partition, &key);
                continue;
            }
            state.last_creation = state.last_creation.max(fields.creation);
            if state.site_mut(&partition, &key.domain).insert(key, &value, fields) {
                state.total += 1;
            }
        }
        Ok(Self::assemble(clock, config, state, Some(writer)))
    }

    fn assemble(clock: Arc<dyn Clock>, config: JarConfig, state: State, writer: Option<Writer>) -> Self {
        let state = Mutex::new(state);
        Self { clock, config, policy: Arc::new(AllowAll), state, observers: Observers::default(), writer }
    }

    /// The same jar, which first asks `policy` who may have cookies.
    #[must_use]
    pub fn with_policy(mut self, policy: Arc<dyn CookiePolicy>) -> Self {
        self.policy = policy;
        self
    }

    /// Tells `observer` of every change from now on, until the last other reference to it is gone.
    pub fn observe(&self, observer: &Arc<dyn CookieObserver>) {
        self.observers.add(observer);
    }

    /// The `Cookie` header's value for a request to `url`, or nothing if no cookie goes with it.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-retrieval-algorithm>
    pub fn cookie_header(&self, url: &Url, context: &RetrievalContext) -> Option<Vec<u8>> {
        let now = micros(self.clock.now());
        let host = request_host(url)?;
        let normalized = http_equivalent(url)?;
        let partition_key = partition_key(url, context)?;
        let mut state = self.state();
        let mut found: Vec<(i64, Matched)> = Vec::new();
        for partition in [UNPARTITIONED, &partition_key] {
            if !self.allows(url, &partition_key, partition, AccessKind::Read) {
                continue;
            }
            let site = state.partitions.get_mut(partition).and_then(|sites| sites.get_mut(site_of(host)));
            let Some(site) = site else { continue };
            // 1. By host, path and scheme, which the store does, then by everything else.
            for matched in site.matches(&normalized) {
                let Some(fields) = site.get_mut(&matched.key) else { continue };
                let sent = !fields.is_expired(now)
                    && (context.api == CookieApi::Http || !fields.http_only)
                    && is_sent(fields.same_site, now - fields.creation, context.same_site, &self.config);
                if sent {
                    // 3. It was used now. The profile learns it once in a while only.
                    fields.last_access = fields.last_access.max(now);
                    if fields.last_access - fields.stored_access >= LAST_ACCESS_GRANULARITY_MICROS
                        && let Some(writer) = self.writer.as_ref().filter(|_| fields.expires.is_some())
                    {
                        fields.stored_access = fields.last_access;
                        writer.put(partition, &matched.key, &matched.value, fields);
                    }
                    found.push((fields.creation, matched));
                }
            }
        }
        drop(state);
        // 2. Longer paths first, then the older.
        found.sort_by(|(a_creation, a), (b_creation, b)| {
            b.key.path.len().cmp(&a.key.path.len()).then(a_creation.cmp(b_creation))
        });
        // 4. One after the other.
        let mut header = Vec::new();
        for (_, Matched { key, value }) in &found {
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            if !key.name.is_empty() {
                header.extend(isomorphic_bytes(&key.name));
                header.push(b'=');
            }
            header.extend(isomorphic_bytes(value));
        }
        (!found.is_empty()).then_some(header)
    }

    /// Takes the value of a `Set-Cookie` header, or what a script assigned to `document.cookie`.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model>
    pub fn set_cookie(&self, url: &Url, header: &[u8], context: &RetrievalContext) -> Result<(), Rejection> {
        let host = request_host(url).ok_or(Rejection::Url)?;
        if http_equivalent(url).is_none() {
            return Err(Rejection::Url);
        }
        let cookie = SetCookieString::parse(header)?;
        let now = micros(self.clock.now());
        // 2. It has to be something.
        if cookie.name.is_empty() && cookie.value.is_empty() {
            return Err(Rejection::Empty);
        }
        let key = cookie_key(&cookie, url, host)?;
        self.check(&cookie, &key, url, context)?;
        let partition = match cookie.partitioned {
            true => partition_key(url, context).ok_or(Rejection::Url)?,
            false => UNPARTITIONED.to_owned(),
        };
        if !self.allows(url, &partition_key(url, context).ok_or(Rejection::Url)?, &partition, AccessKind::Set)
        {
            return Err(Rejection::Policy);
        }
        let mut state = self.watched_state();
        // 16. An insecure connection leaves secure cookies alone.
        if !cookie.secure && !is_secure(url) && state.hides_secure_cookie(&partition, &key, now) {
            return Err(Rejection::OverwritesSecure);
        }
        let creation = now.max(state.last_creation.saturating_add(1));
        let mut fields = Fields {
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: cookie.same_site,
            creation,
            last_access: now,
            stored_access: now,
            expires: expiry(&cookie, now),
        };
        // 23. The one before it: a script must not replace what it cannot see; the age stays.
        let old = state.site(&partition, &key.domain).and_then(|site| site.get(&key)).cloned();
        let old = old.filter(|old| !old.is_expired(now));
        match &old {
            Some(old) if context.api == CookieApi::NonHttp && old.http_only => {
                return Err(Rejection::OverwritesHttpOnly);
            }
            Some(old) => fields.creation = old.creation,
            None => state.last_creation = creation,
        }
        let replaced = state.remove(&partition, &key, self.writer.as_ref());
        // 24. A cookie of the past only removes.
        if fields.is_expired(now) {
            // One that had expired was no cookie any more.
            if let (Some(_), Some(removed)) = (old, replaced) {
                state.note(CookieChange::Removed(removed));
            }
            self.unwatch(state);
            return Ok(());
        }
        if !state.site_mut(&partition, &key.domain).insert(key.clone(), &cookie.value, fields.clone()) {
            return Err(Rejection::Store);
        }
        state.total += 1;
        if let Some(writer) = self.writer.as_ref().filter(|_| fields.expires.is_some()) {
            writer.put(&partition, &key, &cookie.value, &fields);
        }
        if state.changes.is_some() {
            state.note(CookieChange::Set(Cookie::new(&partition, &key, &cookie.value, &fields)));
        }
        state.evict(&partition, &key.domain, now, self.config.limits, self.writer.as_ref());
        self.unwatch(state);
        Ok(())
    }

    /// All cookies that have not expired, in order of creation.
    pub fn cookies(&self) -> Vec<Cookie> {
        let now = micros(self.clock.now());
        let state = self.state();
        let alive = state.iter().filter(|(_, _, _, fields)| !fields.is_expired(now));
        let mut cookies: Vec<_> = alive
            .map(|(partition, key, value, fields)| {
                (fields.creation, Cookie::new(partition, key, value, fields))
            })
            .collect();
        drop(state);
        cookies.sort_by_key(|(creation, _)| *creation);
        cookies.into_iter().map(|(_, cookie)| cookie).collect()
    }

    /// Removes every cookie.
    pub fn clear(&self) {
        self.remove_where(|_| true);
    }

    /// Removes the cookies that go to a host, whether they are its own or shared with it, in all partitions. Gives
    /// their number.
    pub fn clear_host(&self, host: &str) -> usize {
        self.remove_where(|cookie| cookie.goes_to_host(host))
    }

    /// Removes the cookies of a host's site in one partition, as `Clear-Site-Data: "cookies"` asks for: those that any
    /// host of its registrable domain has. Gives their number.
    ///
    /// <https://w3c.github.io/webappsec-clear-site-data/#abstract-opdef-clear-cookies-for-origin>
    pub fn clear_site(&self, host: &str, partition_key: &str) -> usize {
        self.remove_where(|cookie| {
            site_of(&cookie.domain) == site_of(host)
                && cookie.partition.as_deref().is_none_or(|partition| partition == partition_key)
        })
    }

    /// Removes the cookies that the test picks, and gives their number.
    pub fn remove_where(&self, mut test: impl FnMut(&Cookie) -> bool) -> usize {
        let mut state = self.watched_state();
        let picked: Vec<_> = state
            .iter()
            .filter(|(partition, key, value, fields)| test(&Cookie::new(partition, key, value, fields)))
            .map(|(partition, key, _, _)| (partition.to_owned(), key.clone()))
            .collect();
        for (partition, key) in &picked {
            if let Some(removed) = state.remove(partition, key, self.writer.as_ref()) {
                state.note(CookieChange::Removed(removed));
            }
        }
        self.unwatch(state);
        picked.len()
    }

    /// How many cookies there are, expired ones included that nobody has removed yet.
    pub fn len(&self) -> usize {
        self.state().total
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until everything set so far is durable.
    pub async fn flush(&self) -> Result<(), StorageError> {
        match &self.writer {
            Some(writer) => writer.flush().await,
            None => Ok(()),
        }
    }

    /// The checks of the storage model that look at nothing but the cookie and its context.
    fn check(
        &self,
        cookie: &SetCookieString,
        key: &CookieKey,
        url: &Url,
        context: &RetrievalContext,
    ) -> Result<(), Rejection> {
        // 13. Secure cookies come over secure connections.
        if cookie.secure && !is_secure(url) {
            return Err(Rejection::SecureOverInsecure);
        }
        // 15. Scripts have no cookies that only HTTP sees.
        if cookie.http_only && context.api == CookieApi::NonHttp {
            return Err(Rejection::HttpOnlyByScript);
        }
        // 18. Another site sets only what goes with requests from other sites.
        if !may_be_set(cookie.same_site, context.same_site, &self.config) {
            return Err(Rejection::CrossSite);
        }
        // 19. And that has to be secure.
        if cookie.same_site == SameSite::None && !cookie.secure {
            return Err(Rejection::SameSiteNoneInsecure);
        }
        // 20-21. A name that promises something keeps it.
        keeps_promise(cookie, key, context.api)?;
        // 22. A value that would look like such a name once it is sent.
        if cookie.name.is_empty() && pretends_to_a_prefix(&cookie.value) {
            return Err(Rejection::PretendedPrefix);
        }
        // CHIPS: what crosses sites has to be secure.
        if cookie.partitioned && !cookie.secure {
            return Err(Rejection::PartitionedInsecure);
        }
        Ok(())
    }

    /// Whether the policy lets the URL's cookies of `partition` be used under the top-level site.
    fn allows(&self, url: &Url, top_level_site: &str, partition: &str, kind: AccessKind) -> bool {
        self.policy.allows(&CookieAccess {
            url,
            top_level_site,
            third_party: own_partition(url).is_none_or(|own| own != top_level_site),
            partitioned: partition != UNPARTITIONED,
            kind,
        })
    }

    /// The state, which notes its changes if somebody wants to know them.
    fn watched_state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.changes = self.observers.any().then(Vec::new);
        state
    }

    /// Lets go of the state and tells what has changed.
    fn unwatch(&self, mut state: MutexGuard<'_, State>) {
        let Some(changes) = state.changes.take() else { return };
        self.observers.queue(changes);
        drop(state);
        self.observers.tell();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Steps 8-12 of the storage model: the domain, the host-only-flag and the path.
fn cookie_key(cookie: &SetCookieString, url: &Url, host: &str) -> Result<CookieKey, Rejection> {
    let mut domain = cookie.domain.as_deref().unwrap_or_default();
    // 8. Other characters would have to be written in ASCII by the server.
    if !domain.is_ascii() {
        return Err(Rejection::DomainNotAscii);
    }
    // 9. A public suffix has cookies of its own, but shares none.
    if !domain.is_empty() && is_public_suffix(domain) {
        if domain != host {
            return Err(Rejection::PublicSuffix);
        }
        domain = "";
    }
    // 10. The host itself or above it.
    let (domain, host_only) = match domain {
        "" => (host, true),
        domain if domain_matches(host, domain) => (domain, false),
        _ => return Err(Rejection::DomainMismatch),
    };
    // 11. The path that it names, or the default.
    let path = match &cookie.path {
        PathAttribute::Path(path) => path,
        PathAttribute::Absent | PathAttribute::Default => default_path(url),
    };
    Ok(CookieKey { domain: domain.to_owned(), host_only, path: path.to_owned(), name: cookie.name.clone() })
}

/// Steps 6-7 of the storage model: `Max-Age` counts before `Expires`, and neither beyond 400 days.
fn expiry(cookie: &SetCookieString, now: i64) -> Option<i64> {
    let latest = now.saturating_add(MAX_AGE_MICROS);
    let expires = match (cookie.max_age, cookie.expires) {
        (Some(seconds), _) if seconds <= 0 => i64::MIN,
        (Some(seconds), _) => now.saturating_add(seconds.saturating_mul(1_000_000)),
        (None, Some(seconds)) => seconds.saturating_mul(1_000_000),
        (None, None) => return None,
    };
    Some(expires.min(latest))
}

/// The same URL with the scheme that stands for how secure it is; nothing if it is not one that has cookies.
fn http_equivalent(url: &Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
        return None;
    }
    let mut equivalent = url.clone();
    equivalent.set_scheme(if is_secure(url) { "https" } else { "http" }).ok()?;
    Some(equivalent)
}

fn partition_key(url: &Url, context: &RetrievalContext) -> Option<String> {
    match &context.partition_key {
        Some(key) if !key.is_empty() => Some(key.clone()),
        _ => own_partition(url),
    }
}

/// The octets that isomorphic text stands for.
fn isomorphic_bytes(text: &str) -> impl Iterator<Item = u8> {
    // Characters come from octets alone; one that does not, from a damaged row, is replaced.
    text.chars().map(|character| u8::try_from(character).unwrap_or(b'?'))
}

fn micros(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}
