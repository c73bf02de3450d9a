//! What has to hold for every request that leaves and for what a page gets, written from the standard and not from our code.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use longhaul_fetch::{
    ConnectionKey, CredentialsMode, Destination, HeaderList, Mode, RedirectMode, Referrer, ReferrerPolicy,
    Response, ResponseType, WireRequest, cors_unsafe_request_header_names, extract_token_list,
    is_null_body_status, is_redirect_status,
};
use url::{Host, Url};

use super::page_request::{AUTHORS_AUTHORIZATION, PageRequest};

/// A request as it left.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) target: String,
    pub(crate) headers: HeaderList,
    pub(crate) key_has_credentials: bool,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn of(request: &WireRequest, key: &ConnectionKey) -> Seen {
        Seen {
            method: request.method.clone(),
            url: request.url.clone(),
            target: request.target.clone(),
            headers: request.headers.iter().cloned().collect(),
            key_has_credentials: key.credentials,
            body: Vec::new(),
        }
    }

    fn is_preflight(&self) -> bool {
        self.method == "OPTIONS" && self.headers.contains("Access-Control-Request-Method")
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }
}

/// What preflights allowed for a URL.
#[derive(Default)]
struct Allowed {
    methods: Vec<String>,
    names: Vec<String>,
}

/// The rules, shared by all that sees something of a fetch.
#[derive(Clone)]
pub(crate) struct Judge(Arc<Mutex<Case>>);

struct Case {
    rules: Rules,
    is_over: bool,
}

impl Judge {
    pub(crate) fn new(asked: &PageRequest) -> Judge {
        Judge(Arc::new(Mutex::new(Case { rules: Rules::new(asked), is_over: false })))
    }

    fn case(&self) -> MutexGuard<'_, Case> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a request is a defect.
    pub(crate) fn end(&self) {
        self.case().is_over = true;
    }

    pub(crate) fn may_still_send(&self, url: &Url) {
        assert!(!self.case().is_over, "{url} is asked for behind the fetch's end");
    }

    pub(crate) fn rules<T>(&self, judge: impl FnOnce(&mut Rules) -> T) -> T {
        judge(&mut self.case().rules)
    }
}

/// The rules, and what they have seen so far.
pub(crate) struct Rules {
    page: Url,
    mode: Mode,
    credentials: CredentialsMode,
    redirect: RedirectMode,
    destination: Destination,
    integrity: bool,
    always_asks_first: bool,
    sends: Bytes,
    author: HeaderList,
    /// The URLs of requests that left, preflights excepted.
    hops: Vec<Url>,
    allowed: HashMap<Url, Allowed>,
    redirects: u32,
    /// The last answer was a redirect.
    has_been_redirected: bool,
    /// The body and the method were given up on the way.
    became_get: bool,
    may_set_cookies: bool,
    policy: ReferrerPolicy,
    /// Who is named as the referrer; nothing if nobody is.
    referrer: Option<Url>,
    /// Whether the model still knows.
    knows_referrer: bool,
}

impl Rules {
    fn new(asked: &PageRequest) -> Rules {
        let request = &asked.request;
        let policy = asked.referrer_policies.iter().copied().find(|policy| *policy != ReferrerPolicy::Empty);
        Rules {
            page: asked.page.clone(),
            mode: asked.mode,
            credentials: asked.credentials,
            redirect: asked.redirect,
            destination: asked.destination,
            integrity: asked.integrity,
            always_asks_first: request.use_cors_preflight,
            sends: asked.sends.clone(),
            author: request.header_list.clone(),
            hops: Vec::new(),
            allowed: HashMap::new(),
            redirects: 0,
            has_been_redirected: false,
            became_get: false,
            may_set_cookies: false,
            policy: policy.unwrap_or(ReferrerPolicy::StrictOriginWhenCrossOrigin),
            referrer: match &request.referrer {
                Referrer::NoReferrer => None,
                Referrer::Client => Some(asked.page.clone()),
                Referrer::Url(url) => Some(url.clone()),
            },
            knows_referrer: true,
        }
    }

    /// Whether another origin had a part in it.
    fn is_tainted(&self) -> bool {
        self.mode != Mode::Navigate && self.hops.iter().any(|hop| hop.origin() != self.page.origin())
    }

    fn may_have_credentials(&self) -> bool {
        match self.credentials {
            CredentialsMode::Omit => false,
            CredentialsMode::Include => true,
            CredentialsMode::SameOrigin => !self.is_tainted(),
        }
    }

    /// Whether the origin that is named is nobody's: a way from one foreign origin to another.
    fn is_origin_hidden(&self, last: &Url) -> bool {
        let page = self.page.origin();
        let ways = self.hops.iter().zip(self.hops.iter().skip(1).chain([last]));
        ways.into_iter().any(|(from, to)| to.origin() != from.origin() && page != from.origin())
    }

    /// Before a byte of it leaves.
    pub(crate) fn request_leaves(&mut self, seen: &Seen) {
        self.may_go_there(&seen.url);
        assert_eq!(seen.url.fragment(), None);
        assert!(seen.url.username().is_empty() && seen.url.password().is_none(), "{}", seen.url);
        assert!(!seen.target.contains('#') && seen.target.starts_with('/'));
        if seen.is_preflight() {
            self.preflight_leaves(seen);
            self.may_set_cookies = false;
            return;
        }
        if std::mem::take(&mut self.has_been_redirected) {
            self.redirects += 1;
            assert!(self.redirects <= 20, "there were too many redirects");
        }
        self.hops.push(seen.url.clone());
        self.credentials_belong(seen);
        self.origin_is_named(seen);
        self.referrer_is_named(seen);
        let is_tainted = self.is_tainted();
        match self.mode {
            Mode::SameOrigin => assert!(!is_tainted, "mode same-origin reaches {}", seen.url),
            Mode::NoCors => assert!(matches!(seen.method.as_str(), "GET" | "HEAD" | "POST")),
            Mode::Cors if is_tainted => self.was_allowed_beforehand(seen),
            _ => {}
        }
        if self.became_get {
            assert_eq!(seen.method, "GET");
        }
        let is_near = !is_tainted && self.mode != Mode::Navigate;
        if seen.header("Sec-Fetch-Site").as_deref() == Some("same-origin") && self.mode != Mode::Navigate {
            assert!(is_near, "{} passes for the same origin", seen.url);
        }
    }

    /// Bad ports, mixed content, strict transport security.
    fn may_go_there(&self, url: &Url) {
        assert_ne!(url.port(), Some(22), "a bad port is reached");
        assert!(
            !(url.scheme() == "http" && url.host_str() == Some("hsts.test")),
            "{url} is reached in the clear"
        );
        assert!(matches!(url.scheme(), "http" | "https"));
        if self.page.scheme() == "https" && self.destination != Destination::Document {
            assert!(is_trustworthy(url), "{url} is mixed content");
        }
    }

    fn preflight_leaves(&self, seen: &Seen) {
        assert_eq!(self.mode, Mode::Cors, "only mode cors asks beforehand");
        for name in ["Cookie", "Authorization", "Content-Type", "Content-Length"] {
            assert!(!seen.headers.contains(name), "a preflight has {name}");
        }
        assert!(!seen.key_has_credentials);
        for (name, _) in self.author.iter() {
            let name = String::from_utf8_lossy(name);
            // Those are everybody's.
            if !["accept", "accept-language", "user-agent", "cache-control", "pragma"]
                .contains(&name.to_ascii_lowercase().as_str())
            {
                assert!(!seen.headers.contains(&*name), "a preflight has the author's {name}");
            }
        }
        assert_eq!(seen.header("Origin"), Some(self.expected_origin(&seen.url)));
    }

    fn expected_origin(&self, url: &Url) -> String {
        match self.is_origin_hidden(url) {
            true => "null".to_owned(),
            false => self.page.origin().ascii_serialization(),
        }
    }

    fn credentials_belong(&mut self, seen: &Seen) {
        let allowed = self.may_have_credentials();
        self.may_set_cookies = allowed;
        assert_eq!(seen.key_has_credentials, allowed, "the connection to {}", seen.url);
        let authorization = seen.header("Authorization");
        if allowed {
            let host = seen.url.host_str().unwrap_or_default();
            assert_eq!(seen.header("Cookie"), Some(format!("host={host}")));
        } else {
            assert_eq!(seen.header("Cookie"), None, "cookies go to {}", seen.url);
            assert!(
                authorization.as_deref().is_none_or(|value| !value.starts_with("Basic ")),
                "{}",
                seen.url
            );
        }
        if self.hops.windows(2).any(|hops| hops[0].origin() != hops[1].origin()) {
            assert_ne!(
                authorization.as_deref(),
                Some(AUTHORS_AUTHORIZATION),
                "the author's key goes to {}",
                seen.url
            );
        }
    }

    fn origin_is_named(&self, seen: &Seen) {
        let named = seen.header("Origin");
        if self.mode == Mode::Cors && self.is_tainted() {
            assert_eq!(named, Some(self.expected_origin(&seen.url)), "at {}", seen.url);
        } else if let Some(named) = named {
            assert!(named == "null" || named == self.page.origin().ascii_serialization());
        }
    }

    fn referrer_is_named(&mut self, seen: &Seen) {
        // What was decided before strict transport security made the URL another one.
        if seen.url.host_str() == Some("hsts.test") {
            self.knows_referrer = false;
        }
        let named = seen.header("Referer");
        if let Some(named) = &named {
            let url = Url::parse(named).expect("a URL");
            assert!(
                url.fragment().is_none() && url.username().is_empty() && url.password().is_none(),
                "{url}"
            );
        }
        if self.knows_referrer {
            self.referrer =
                self.referrer.as_ref().and_then(|referrer| referrer_for(referrer, &seen.url, self.policy));
            assert_eq!(
                named.as_deref(),
                self.referrer.as_ref().map(Url::as_str),
                "{} at {}",
                self.policy,
                seen.url
            );
        }
    }

    fn was_allowed_beforehand(&self, seen: &Seen) {
        let allowed = self.allowed.get(&seen.url);
        let wildcard = self.credentials != CredentialsMode::Include;
        let safe = matches!(seen.method.as_str(), "GET" | "HEAD" | "POST");
        if !safe || self.always_asks_first {
            let allowed = allowed.unwrap_or_else(|| panic!("{} {} was not asked for", seen.method, seen.url));
            let method =
                allowed.methods.iter().any(|method| *method == seen.method || (wildcard && method == "*"));
            assert!(safe || method, "{} is not among {:?}", seen.method, allowed.methods);
        }
        let mut authors = seen.headers.clone();
        authors.retain(|name, value| {
            self.author.iter().any(|(other, own)| other.eq_ignore_ascii_case(name) && own == value)
        });
        for name in cors_unsafe_request_header_names(&authors) {
            let name = String::from_utf8_lossy(&name).into_owned();
            let allowed = allowed.unwrap_or_else(|| panic!("{name} to {} was not asked for", seen.url));
            let granted = allowed.names.iter().any(|other| {
                other.eq_ignore_ascii_case(&name) || (wildcard && other == "*" && name != "authorization")
            });
            assert!(granted, "{name} is not among {:?}", allowed.names);
        }
    }

    /// Once its body is there.
    pub(crate) fn body_left(&self, seen: &Seen) {
        if seen.body.is_empty() {
            return;
        }
        assert!(
            !seen.is_preflight() && !matches!(seen.method.as_str(), "GET" | "HEAD"),
            "{seen:?} has a body"
        );
        assert_eq!(seen.body, self.sends, "the body changed on its way");
    }

    pub(crate) fn answer_comes(&mut self, seen: &Seen, status: u16, headers: &[(Bytes, Bytes)]) {
        let headers: HeaderList = headers.iter().cloned().collect();
        if seen.is_preflight() {
            if (200..300).contains(&status) && headers.contains("Access-Control-Allow-Origin") {
                self.preflight_is_answered(seen, &headers);
            }
            return;
        }
        if is_redirect_status(status) && headers.contains("Location") {
            self.has_been_redirected = true;
            self.became_get |= match status {
                301 | 302 => seen.method == "POST",
                303 => !matches!(seen.method.as_str(), "GET" | "HEAD"),
                _ => false,
            };
            let stated = ReferrerPolicy::from_headers(&headers);
            if stated != ReferrerPolicy::Empty {
                self.policy = stated;
            }
        }
    }

    fn preflight_is_answered(&mut self, seen: &Seen, headers: &HeaderList) {
        let tokens = |name: &str| {
            let list = extract_token_list(headers, name).ok().flatten();
            list.map(|list| {
                list.iter().map(|token| String::from_utf8_lossy(token).into_owned()).collect::<Vec<_>>()
            })
        };
        let methods = tokens("Access-Control-Allow-Methods");
        let allowed = self.allowed.entry(seen.url.clone()).or_default();
        match methods {
            Some(methods) => allowed.methods.extend(methods),
            // Who is asked in any case and says nothing has nothing against it.
            None if self.always_asks_first => {
                allowed.methods.extend(seen.header("Access-Control-Request-Method"))
            }
            None => {}
        }
        allowed.names.extend(tokens("Access-Control-Allow-Headers").unwrap_or_default());
    }

    pub(crate) fn cookie_is_set(&self, url: &Url) {
        assert!(self.may_set_cookies, "{url} sets a cookie");
    }

    /// What the page gets.
    pub(crate) fn response_is_given(&self, response: &Response) {
        let internal = response.unfiltered();
        assert!(internal.url_list.len() <= 21, "{} URLs", internal.url_list.len());
        if response.is_network_error() {
            assert!(response.reason().is_some() && response.body.is_none());
            assert!(response.header_list.is_empty() && response.status == 0);
            return;
        }
        let is_tainted = self.is_tainted();
        match response.r#type {
            ResponseType::Basic => {
                assert!(!is_tainted, "a response of {:?} passes for the page's own", self.hops);
                assert!(!response.header_list.contains("Set-Cookie"));
            }
            ResponseType::Cors => {
                assert!(is_tainted && self.mode == Mode::Cors);
                self.is_shared(response);
            }
            ResponseType::Opaque => {
                // NOTE: what is on no server, `about:blank`, has an origin of its own.
                assert!((is_tainted || self.hops.is_empty()) && self.mode == Mode::NoCors && !self.integrity);
                is_hollow(response);
                assert!(response.url_list.is_empty());
            }
            ResponseType::OpaqueRedirect => {
                assert!(self.redirect == RedirectMode::Manual && self.mode != Mode::Navigate);
                is_hollow(response);
            }
            other => panic!("a page gets a response of type {other}"),
        }
        if is_redirect_status(internal.status) {
            match self.redirect {
                RedirectMode::Error => panic!("a redirect is given where it is an error"),
                RedirectMode::Follow => assert!(!internal.header_list.contains("Location")),
                RedirectMode::Manual => {}
            }
        }
        if is_null_body_status(internal.status) {
            assert!(response.body.is_none() && internal.body.is_none(), "{} has a body", internal.status);
        }
    }

    /// CORS: the last server shares it with the page, and the page sees no header that it does not.
    fn is_shared(&self, response: &Response) {
        let last = self.hops.last().expect("it came from somewhere");
        let internal = response.unfiltered();
        let allowed = internal.header_list.get("Access-Control-Allow-Origin").expect("it is shared");
        let include = self.credentials == CredentialsMode::Include;
        let origin = self.expected_origin(last);
        assert!(
            allowed == origin.as_bytes() || (allowed == b"*" && !include),
            "it is shared with {allowed:?}"
        );
        if include {
            let credentials = internal.header_list.get("Access-Control-Allow-Credentials");
            assert_eq!(credentials.as_deref(), Some(&b"true"[..]));
        }
        let exposed =
            extract_token_list(&internal.header_list, "Access-Control-Expose-Headers").ok().flatten();
        let exposed = exposed.unwrap_or_default();
        let all = !include && exposed.iter().any(|name| name == b"*");
        for (name, _) in response.header_list.iter() {
            let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
            assert!(!matches!(lower.as_str(), "set-cookie" | "set-cookie2"), "{lower} is shown");
            let safe = [
                "cache-control",
                "content-language",
                "content-length",
                "content-type",
                "expires",
                "last-modified",
                "pragma",
            ];
            assert!(
                all || safe.contains(&lower.as_str())
                    || exposed.iter().any(|name| name.eq_ignore_ascii_case(lower.as_bytes())),
                "{lower} is shown"
            );
        }
    }

    /// What an intact body has to be, if the page said so.
    pub(crate) fn body_is_read(&self, bytes: &[u8]) {
        assert!(
            !self.integrity || bytes == b"hello",
            "the integrity is not that of {}",
            bytes.escape_ascii()
        );
    }
}

fn is_hollow(response: &Response) {
    assert!(response.header_list.is_empty() && response.body.is_none(), "an opaque response shows something");
    assert!(response.status == 0 && response.status_message.is_empty());
}

fn is_trustworthy(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// <https://w3c.github.io/webappsec-referrer-policy/#determine-requests-referrer>
fn referrer_for(source: &Url, url: &Url, policy: ReferrerPolicy) -> Option<Url> {
    let mut full = source.clone();
    full.set_fragment(None);
    let _ = full.set_username("");
    let _ = full.set_password(None);
    let mut origin = full.clone();
    origin.set_path("");
    origin.set_query(None);
    let is_same = full.origin() == url.origin();
    let is_downgrade = is_trustworthy(&full) && !is_trustworthy(url);
    match policy {
        ReferrerPolicy::NoReferrer => None,
        ReferrerPolicy::UnsafeUrl => Some(full),
        ReferrerPolicy::Origin => Some(origin),
        ReferrerPolicy::StrictOrigin => (!is_downgrade).then_some(origin),
        ReferrerPolicy::SameOrigin => is_same.then_some(full),
        ReferrerPolicy::OriginWhenCrossOrigin => Some(if is_same { full } else { origin }),
        ReferrerPolicy::NoReferrerWhenDowngrade => (!is_downgrade).then_some(full),
        _ if is_same => Some(full),
        _ => (!is_downgrade).then_some(origin),
    }
}
