//! The cookie jar: the storage model and the retrieval algorithm.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use longhaul_storage::{Clock, Profile, StorageError};
use url::Url;

use crate::domain::{domain_matches, is_public_suffix, is_secure, own_partition, request_host, site_of};
use crate::eviction::{PreferSecure, in_order_of_eviction};
use crate::path::{default_path, path_matches};
use crate::persistence::{COOKIES, StoredCookie, Writer};
use crate::same_site::{DefaultSameSite, SameSite, SameSiteContext, is_sent, may_be_set};
use crate::set_cookie_string::{self, PathAttribute, SetCookieString};
use crate::site::{CookieKey, Fields, Matched, Site};

/// A cookie lives no longer than this from when it was set: 400 days.
const MAX_AGE_MICROS: i64 = 400 * 86_400 * 1_000_000;

/// How a jar decides where the RFC leaves it to the user agent.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct JarConfig {
    /// How a cookie without `SameSite` is treated.
    pub default_same_site: DefaultSameSite,
    /// How many cookies there may be.
    pub limits: Limits,
}

impl JarConfig {
    /// The same with another treatment of cookies without `SameSite`.
    #[must_use]
    pub fn with_default_same_site(mut self, default_same_site: DefaultSameSite) -> Self {
        self.default_same_site = default_same_site;
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// How many cookies a jar keeps. The RFC asks for at least 50 and 3000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// With the same domain in the same partition.
    pub per_domain: usize,
    /// In all.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_domain: 180, total: 10_000 }
    }
}

/// Who asks for cookies or sets them, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrievalContext {
    /// The partition of `Partitioned` cookies, which stands for the top-level site. Without one the URL's own site is
    /// taken for the top-level one.
    pub partition_key: Option<String>,
    /// Whether the request comes from the site itself.
    pub same_site: SameSiteContext,
    /// Whether a script asks.
    pub api: CookieApi,
}

/// How cookies are read or set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieApi {
    /// By a request or its response.
    #[default]
    Http,
    /// By a script, which neither sees nor changes `HttpOnly` cookies.
    NonHttp,
}

/// Why a cookie was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The URL is not one that has cookies.
    #[error("the URL is not http(s) or ws(s), or it has no host")]
    Url,
    /// The string holds a control character other than a tab.
    #[error("it holds a control character")]
    ControlCharacter,
    /// Its name and value are more than 4096 octets.
    #[error("its name and value are larger than 4096 octets")]
    TooLarge,
    /// It has neither a name nor a value.
    #[error("it has neither a name nor a value")]
    Empty,
    /// The `Domain` attribute holds more than ASCII.
    #[error("its domain is not ASCII")]
    DomainNotAscii,
    /// The `Domain` attribute is a public suffix.
    #[error("its domain is a public suffix")]
    PublicSuffix,
    /// The `Domain` attribute is not the host or above it.
    #[error("its domain is not the host's")]
    DomainMismatch,
    /// A `Secure` cookie comes from an insecure connection.
    #[error("it is Secure and came over an insecure connection")]
    SecureOverInsecure,
    /// A script sets an `HttpOnly` cookie.
    #[error("it is HttpOnly and a script sets it")]
    HttpOnlyByScript,
    /// It would hide or replace a `Secure` cookie.
    #[error("it would hide a Secure cookie")]
    OverwritesSecure,
    /// It would replace an `HttpOnly` cookie.
    #[error("it would replace an HttpOnly cookie")]
    OverwritesHttpOnly,
    /// Its `SameSite` forbids that another site sets it.
    #[error("another site sets it, which its SameSite forbids")]
    CrossSite,
    /// `SameSite=None` without `Secure`.
    #[error("it has SameSite=None and is not Secure")]
    SameSiteNoneInsecure,
    /// Its name begins with `__Secure-` and it is not `Secure`.
    #[error("its name begins with __Secure- and it is not Secure")]
    SecurePrefix,
    /// Its name begins with `__Host-` and it is not `Secure`, not host-only, or its path is not `/`.
    #[error("its name begins with __Host- and it is not Secure, host-only, with the path /")]
    HostPrefix,
    /// It has no name, and its value looks like a name with a prefix.
    #[error("it has no name and pretends to one with a prefix")]
    PretendedPrefix,
    /// `Partitioned` without `Secure`.
    #[error("it is Partitioned and not Secure")]
    PartitionedInsecure,
    /// The store beneath does not take it.
    #[error("the store refuses it")]
    Store,
}

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
    state: Mutex<State>,
    writer: Option<Writer>,
}

#[derive(Default)]
struct State {
    /// The unpartitioned cookies are those of the empty key.
    partitions: HashMap<String, Partition>,
    total: usize,
    last_creation: i64,
}

/// The sites of a partition by registrable domain.
type Partition = HashMap<String, Site>;

const UNPARTITIONED: &str = "";

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
        Self { clock, config, state: Mutex::default(), writer: None }
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
        Ok(Self { clock, config, state: Mutex::new(state), writer: Some(writer) })
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
            let site = state.partitions.get_mut(partition).and_then(|sites| sites.get_mut(site_of(host)));
            let Some(site) = site else { continue };
            // 1. By host, path and scheme, which the store does, then by everything else.
            for matched in site.matches(&normalized) {
                let Some(fields) = site.get_mut(&matched.key) else { continue };
                let sent = !fields.is_expired(now)
                    && (context.api == CookieApi::Http || !fields.http_only)
                    && is_sent(fields.same_site, now - fields.creation, context.same_site, &self.config);
                if sent {
                    // 3. It was used now.
                    fields.last_access = fields.last_access.max(now);
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
        let cookie = set_cookie_string::parse(header)?;
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
        let mut state = self.state();
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
        state.remove(&partition, &key, self.writer.as_ref());
        // 24. A cookie of the past only removes.
        if fields.is_expired(now) {
            return Ok(());
        }
        if !state.site_mut(&partition, &key.domain).insert(key.clone(), &cookie.value, fields.clone()) {
            return Err(Rejection::Store);
        }
        state.total += 1;
        if let Some(writer) = self.writer.as_ref().filter(|_| fields.expires.is_some()) {
            writer.put(&partition, &key, &cookie.value, &fields);
        }
        state.evict(&partition, &key.domain, now, self.config.limits, self.writer.as_ref());
        Ok(())
    }

    /// Removes every cookie.
    pub fn clear(&self) {
        let mut state = self.state();
        let partitions = std::mem::take(&mut state.partitions);
        state.total = 0;
        let Some(writer) = &self.writer else { return };
        for (partition, sites) in &partitions {
            for (key, fields) in sites.values().flat_map(Site::iter) {
                if fields.expires.is_some() {
                    writer.delete(partition, key);
                }
            }
        }
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
            Some(writer) => writer.flush().await.unwrap_or(Err(StorageError::Closed)),
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
        // 20. A name that promises it is secure.
        if has_prefix(&cookie.name, "__Secure-") && !cookie.secure {
            return Err(Rejection::SecurePrefix);
        }
        // 21. A name that promises it is the host's own.
        if has_prefix(&cookie.name, "__Host-") {
            let explicit_root = cookie.path == PathAttribute::Path("/".to_owned())
                || (cookie.path == PathAttribute::Default && key.path == "/");
            if !cookie.secure || !key.host_only || !explicit_root {
                return Err(Rejection::HostPrefix);
            }
        }
        // 22. A value that would look like such a name once it is sent.
        if cookie.name.is_empty()
            && (has_prefix(&cookie.value, "__Secure-") || has_prefix(&cookie.value, "__Host-"))
        {
            return Err(Rejection::PretendedPrefix);
        }
        // CHIPS: what crosses sites has to be secure.
        if cookie.partitioned && !cookie.secure {
            return Err(Rejection::PartitionedInsecure);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn site(&self, partition: &str, domain: &str) -> Option<&Site> {
        self.partitions.get(partition)?.get(site_of(domain))
    }

    fn site_mut(&mut self, partition: &str, domain: &str) -> &mut Site {
        let sites = self.partitions.entry(partition.to_owned()).or_default();
        sites.entry(site_of(domain).to_owned()).or_default()
    }

    /// Whether a secure cookie of this name would be hidden by a new one of this key.
    fn hides_secure_cookie(&self, partition: &str, new: &CookieKey, now: i64) -> bool {
        let cookies = self.site(partition, &new.domain).into_iter().flat_map(Site::iter);
        cookies.filter(|(_, fields)| fields.secure && !fields.is_expired(now)).any(|(key, _)| {
            key.name == new.name
                && (domain_matches(&key.domain, &new.domain) || domain_matches(&new.domain, &key.domain))
                && path_matches(&new.path, &key.path)
        })
    }

    fn remove(&mut self, partition: &str, key: &CookieKey, writer: Option<&Writer>) {
        let Some(sites) = self.partitions.get_mut(partition) else { return };
        let site_name = site_of(&key.domain);
        let Some(site) = sites.get_mut(site_name) else { return };
        let Some(removed) = site.remove(key) else { return };
        self.total -= 1;
        if site.is_empty() {
            sites.remove(site_name);
        }
        if sites.is_empty() {
            self.partitions.remove(partition);
        }
        if let Some(writer) = writer.filter(|_| removed.expires.is_some()) {
            writer.delete(partition, key);
        }
    }

    /// Removes what is more than the limits allow.
    fn evict(&mut self, partition: &str, domain: &str, now: i64, limits: Limits, writer: Option<&Writer>) {
        // Among the cookies of the domain that has just got one.
        let site = self.site(partition, domain).filter(|site| site.len() > limits.per_domain);
        if let Some(site) = site {
            let sharing: Vec<_> = site.iter().filter(|(key, _)| key.domain == domain).collect();
            let excess = sharing.len().saturating_sub(limits.per_domain);
            let sharing = sharing.into_iter().map(|(key, fields)| ((), key, fields));
            let victims = in_order_of_eviction(sharing, now, PreferSecure::Yes);
            for ((), key) in victims.into_iter().take(excess) {
                self.remove(partition, &key, writer);
            }
        }
        // Among all, some more than needed, so that not every new cookie looks at all others.
        if self.total > limits.total {
            let excess = self.total - limits.total + limits.total / 20;
            let all = self.partitions.iter().flat_map(|(partition, sites)| {
                sites.values().flat_map(Site::iter).map(move |(key, fields)| (partition.clone(), key, fields))
            });
            let victims = in_order_of_eviction(all, now, PreferSecure::No);
            for (partition, key) in victims.into_iter().take(excess) {
                self.remove(&partition, &key, writer);
            }
        }
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

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
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
