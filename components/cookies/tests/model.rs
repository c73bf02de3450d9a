//! A jar beside a small model of the storage model and the retrieval algorithm, which looks through a list.
//!
//! `LONGHAUL_MODEL_OPERATIONS` sets how many operations there are in all; 100,000 is a full run.

use std::sync::Arc;
use std::time::Duration;

use longhaul_cookies::{CookieApi, CookieJar, JarConfig, Limits, RetrievalContext, SameSiteContext};
use longhaul_storage::ManualClock;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use url::Url;

const PER_CASE: usize = 500;
const LIMITS: Limits = Limits { per_domain: 6, total: 40 };

const HOSTS: [&str; 6] =
    ["example.com", "a.example.com", "b.a.example.com", "badexample.com", "a.co.uk", "10.0.0.1"];
const PATHS: [&str; 5] = ["/", "/x", "/x/", "/x/y", "/xy"];
const PARTITIONS: [&str; 3] = ["https://one.example", "https://two.example", "https://example.com"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SameSite {
    Silent,
    None,
    Lax,
    Strict,
}

#[derive(Clone, Debug)]
struct Set {
    secure_url: bool,
    host: usize,
    request_path: usize,
    name: usize,
    value: u32,
    domain: Option<usize>,
    path: Option<usize>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
    max_age: Option<i64>,
    partitioned: bool,
}

#[derive(Clone, Debug)]
enum Operation {
    Set(Set, Who),
    Get { secure_url: bool, host: usize, path: usize, who: Who },
    Wait(u64),
    ClearHost(usize),
}

#[derive(Clone, Copy, Debug)]
struct Who {
    partition: usize,
    same_site: SameSiteContext,
    script: bool,
}

impl Who {
    fn context(self) -> RetrievalContext {
        RetrievalContext {
            partition_key: Some(PARTITIONS[self.partition].to_owned()),
            same_site: self.same_site,
            api: if self.script { CookieApi::NonHttp } else { CookieApi::Http },
        }
    }
}

#[derive(Clone, Debug)]
struct Held {
    partition: Option<usize>,
    domain: String,
    host_only: bool,
    path: String,
    name: usize,
    value: u32,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
    creation: u64,
    last_access: u64,
    expires: Option<u64>,
}

/// Cookies in a list; times in seconds, ties told by a counter.
#[derive(Default)]
struct Model {
    now: u64,
    counter: u64,
    cookies: Vec<Held>,
}

impl Held {
    fn alive(&self, now: u64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain || (host.ends_with(&format!(".{domain}")) && !host.starts_with("10."))
}

fn path_matches(request: &str, cookie: &str) -> bool {
    request == cookie
        || (request.starts_with(cookie)
            && (cookie.ends_with('/') || request[cookie.len()..].starts_with('/')))
}

fn default_path(request: &str) -> &str {
    match request.rfind('/') {
        Some(0) | None => "/",
        Some(last) => &request[..last],
    }
}

impl Model {
    /// Whether it is taken.
    fn set(&mut self, set: &Set, who: Who) -> bool {
        let host = HOSTS[set.host];
        let (domain, host_only) = match set.domain.map(|domain| HOSTS[domain]) {
            None => (host, true),
            Some(domain) if domain_matches(host, domain) => (domain, false),
            Some(_) => return false,
        };
        let path = set.path.map_or_else(|| default_path(PATHS[set.request_path]), |path| PATHS[path]);
        let forbidden = (set.secure && !set.secure_url)
            || (set.http_only && who.script)
            || (set.same_site == SameSite::None && !set.secure)
            || (set.partitioned && !set.secure)
            || (set.same_site != SameSite::None && who.same_site == SameSiteContext::CrossSite);
        let partition = set.partitioned.then_some(who.partition);
        let hides = !set.secure
            && !set.secure_url
            && self.cookies.iter().any(|other| {
                other.partition == partition
                    && other.alive(self.now)
                    && other.secure
                    && other.name == set.name
                    && (domain_matches(&other.domain, domain) || domain_matches(domain, &other.domain))
                    && path_matches(path, &other.path)
            });
        if forbidden || hides {
            return false;
        }
        let place = self.cookies.iter().position(|other| {
            other.partition == partition
                && other.domain == domain
                && other.host_only == host_only
                && other.path == path
                && other.name == set.name
        });
        let old = place.map(|place| self.cookies[place].clone()).filter(|old| old.alive(self.now));
        if old.as_ref().is_some_and(|old| old.http_only && who.script) {
            return false;
        }
        if let Some(place) = place {
            self.cookies.remove(place);
        }
        self.counter += 1;
        let expires = set.max_age.map(|age| self.now.saturating_add_signed(age.min(400 * 86_400)));
        if set.max_age.is_some_and(|age| age <= 0) {
            return true;
        }
        self.cookies.push(Held {
            partition,
            domain: domain.to_owned(),
            host_only,
            path: path.to_owned(),
            name: set.name,
            value: set.value,
            secure: set.secure,
            http_only: set.http_only,
            same_site: set.same_site,
            creation: old.map_or(self.counter, |old| old.creation),
            last_access: self.now,
            expires,
        });
        self.evict(partition, domain);
        true
    }

    fn evict(&mut self, partition: Option<usize>, domain: &str) {
        let now = self.now;
        let shares = |held: &Held| held.partition == partition && held.domain == domain;
        while self.cookies.iter().filter(|held| shares(held)).count() > LIMITS.per_domain {
            let victims = (0..self.cookies.len()).filter(|place| shares(&self.cookies[*place]));
            let victim = victims.min_by_key(|place| {
                let held = &self.cookies[*place];
                (held.alive(now), held.alive(now) && held.secure, held.last_access, held.creation)
            });
            self.cookies.remove(victim.expect("there are too many"));
        }
        if self.cookies.len() > LIMITS.total {
            // Some room for the next ones.
            let rest = LIMITS.total - LIMITS.total / 20;
            self.cookies.sort_by_key(|held| (held.alive(now), held.last_access, held.creation));
            let excess = self.cookies.len() - rest;
            self.cookies.drain(..excess);
        }
    }

    fn get(&mut self, secure_url: bool, host: usize, path: usize, who: Who) -> String {
        let (now, host, path) = (self.now, HOSTS[host], PATHS[path]);
        let mut found: Vec<&mut Held> = self
            .cookies
            .iter_mut()
            .filter(|held| {
                held.alive(now)
                    && held.partition.is_none_or(|partition| partition == who.partition)
                    && if held.host_only { held.domain == host } else { domain_matches(host, &held.domain) }
                    && path_matches(path, &held.path)
                    && (!held.secure || secure_url)
                    && (!held.http_only || !who.script)
                    && match who.same_site {
                        SameSiteContext::SameSite => true,
                        SameSiteContext::CrossSiteTopLevel => held.same_site != SameSite::Strict,
                        _ => held.same_site == SameSite::None,
                    }
            })
            .collect();
        found.sort_by_key(|held| (std::cmp::Reverse(held.path.len()), held.creation));
        let mut header = Vec::new();
        for held in found {
            held.last_access = now;
            header.push(format!("n{}={}", held.name, held.value));
        }
        header.join("; ")
    }
}

fn url(secure: bool, host: usize, path: usize) -> Url {
    let scheme = if secure { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{}{}", HOSTS[host], PATHS[path])).expect("a URL")
}

fn header(set: &Set) -> String {
    let mut header = format!("n{}={}", set.name, set.value);
    if let Some(domain) = set.domain {
        header += &format!("; Domain={}", HOSTS[domain]);
    }
    if let Some(path) = set.path {
        header += &format!("; Path={}", PATHS[path]);
    }
    if let Some(age) = set.max_age {
        header += &format!("; Max-Age={age}");
    }
    for (flag, text) in
        [(set.secure, "Secure"), (set.http_only, "HttpOnly"), (set.partitioned, "Partitioned")]
    {
        if flag {
            header += &format!("; {text}");
        }
    }
    match set.same_site {
        SameSite::Silent => header,
        other => header + &format!("; SameSite={other:?}"),
    }
}

fn who() -> impl Strategy<Value = Who> {
    let same_site = prop_oneof![
        4 => Just(SameSiteContext::SameSite),
        1 => Just(SameSiteContext::CrossSiteTopLevel),
        1 => Just(SameSiteContext::CrossSiteTopLevelUnsafe),
        1 => Just(SameSiteContext::CrossSite),
    ];
    (0..PARTITIONS.len(), same_site, prop::bool::weighted(0.2))
        .prop_map(|(partition, same_site, script)| Who { partition, same_site, script })
}

fn set() -> impl Strategy<Value = Set> {
    let same_site = prop_oneof![
        3 => Just(SameSite::Silent),
        2 => Just(SameSite::None),
        1 => Just(SameSite::Lax),
        1 => Just(SameSite::Strict),
    ];
    let max_age = prop_oneof![3 => Just(None), 1 => Just(Some(0)), 4 => (1_i64..300).prop_map(Some), 1 => Just(Some(i64::MAX))];
    (
        (prop::bool::weighted(0.7), 0..HOSTS.len(), 0..PATHS.len(), 0_usize..3, 0_u32..1000),
        (prop::option::weighted(0.4, 0..HOSTS.len()), prop::option::weighted(0.6, 0..PATHS.len())),
        (prop::bool::weighted(0.5), prop::bool::weighted(0.2), same_site, max_age, prop::bool::weighted(0.3)),
    )
        .prop_map(|((secure_url, host, request_path, name, value), (domain, path), rest)| {
            let (secure, http_only, same_site, max_age, partitioned) = rest;
            Set {
                secure_url,
                host,
                request_path,
                name,
                value,
                domain,
                path,
                secure,
                http_only,
                same_site,
                max_age,
                partitioned,
            }
        })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (set(), who()).prop_map(|(set, who)| Operation::Set(set, who)),
        6 => (prop::bool::weighted(0.8), 0..HOSTS.len(), 0..PATHS.len(), who())
            .prop_map(|(secure_url, host, path, who)| Operation::Get { secure_url, host, path, who }),
        2 => (0_u64..60).prop_map(Operation::Wait),
        1 => (0..HOSTS.len()).prop_map(Operation::ClearHost),
    ]
}

#[test]
fn a_jar_does_what_the_model_does() {
    let operations = std::env::var("LONGHAUL_MODEL_OPERATIONS").ok().and_then(|text| text.parse().ok());
    let cases = operations.unwrap_or(20_000_usize).div_ceil(PER_CASE);
    let config = Config { cases: u32::try_from(cases).expect("a number of cases"), ..Config::default() };
    let strategy = prop::collection::vec(operation(), PER_CASE);
    let result = TestRunner::new(config).run(&strategy, |operations| {
        let clock = Arc::new(ManualClock::default());
        let jar = CookieJar::with_config(clock.clone(), JarConfig::default().with_limits(LIMITS));
        let mut model = Model { now: 1_000_000_000, ..Model::default() };
        for operation in &operations {
            match operation {
                Operation::Set(set, who) => {
                    let taken = jar.set_cookie(
                        &url(set.secure_url, set.host, set.request_path),
                        header(set).as_bytes(),
                        &who.context(),
                    );
                    prop_assert_eq!(taken.is_ok(), model.set(set, *who), "{:?} {:?}", taken, operation);
                }
                Operation::Get { secure_url, host, path, who } => {
                    let cookies = jar.cookie_header(&url(*secure_url, *host, *path), &who.context());
                    let cookies = String::from_utf8(cookies.unwrap_or_default()).expect("they are ASCII");
                    prop_assert_eq!(cookies, model.get(*secure_url, *host, *path, *who), "{:?}", operation);
                }
                Operation::Wait(seconds) => {
                    clock.advance(Duration::from_secs(*seconds));
                    model.now += seconds;
                }
                Operation::ClearHost(host) => {
                    let before = model.cookies.len();
                    let host = HOSTS[*host];
                    model.cookies.retain(|held| match held.host_only {
                        true => held.domain != host,
                        false => !domain_matches(host, &held.domain),
                    });
                    prop_assert_eq!(jar.clear_host(host), before - model.cookies.len());
                }
            }
            prop_assert_eq!(jar.len(), model.cookies.len(), "after {:?}", operation);
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
