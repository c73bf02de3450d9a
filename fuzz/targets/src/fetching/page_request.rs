//! Requests as a page can make them.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use longhaul_fetch::{
    Body, BodyError, BodySource, CacheMode, CredentialsMode, CspDisposition, Destination,
    EnvironmentSettings, Initiator, IpAddressSpace, Method, Mode, RedirectMode, Referrer, ReferrerPolicy,
    Request, RequestOrigin, is_no_cors_safelisted_request_header,
};
use url::Url;

use crate::choices::Choices;

const PAGES: [&str; 5] = [
    "https://a.test/dir/page?query#fragment",
    "http://a.test/dir/page",
    "https://a.test:8443/",
    "http://localhost:8000/page",
    "https://user:secret@a.test/private?token",
];

/// Where requests and redirects lead.
pub(crate) const URLS: [&str; 24] = [
    "https://a.test/same",
    "https://b.test/other?x#y",
    "https://sub.a.test/site",
    "http://b.test/plain",
    "https://a.test/same#fragment",
    "http://a.test/plain",
    "https://a.test:8443/port",
    "https://user:pw@a.test/credentials",
    "https://user:pw@b.test/credentials",
    "https://hsts.test/",
    "http://hsts.test/known",
    "http://localhost:8000/here",
    "http://127.0.0.1/loop",
    "http://10.0.0.1/near",
    "https://c.test/third",
    "https://a.test:22/bad-port",
    "data:text/plain,hello",
    "about:blank",
    "blob:https://a.test/1",
    "ftp://a.test/",
    "/relative?path",
    "//c.test/scheme-relative",
    "https://b.test/other",
    "https://[::1]/six",
];

pub(crate) const AUTHORS_AUTHORIZATION: &str = "Bearer the-author";

const HEADERS: [(&str, &str); 16] = [
    ("X-Custom", "1"),
    ("Accept", "text/html"),
    ("Content-Type", "text/plain"),
    ("Content-Type", "application/json"),
    ("Authorization", AUTHORS_AUTHORIZATION),
    ("Range", "bytes=0-4"),
    ("If-None-Match", "\"x\""),
    ("Cache-Control", "no-cache"),
    ("Accept-Language", "de"),
    ("Content-Language", "en"),
    ("User-Agent", "me"),
    ("x-other", ""),
    ("Accept", "\u{22}bad\u{7b}"),
    ("Range", "bytes=-5"),
    ("Pragma", "no-cache"),
    ("X-Custom", "2"),
];

pub(crate) const POLICIES: [ReferrerPolicy; 9] = [
    ReferrerPolicy::Empty,
    ReferrerPolicy::NoReferrer,
    ReferrerPolicy::NoReferrerWhenDowngrade,
    ReferrerPolicy::SameOrigin,
    ReferrerPolicy::Origin,
    ReferrerPolicy::StrictOrigin,
    ReferrerPolicy::OriginWhenCrossOrigin,
    ReferrerPolicy::StrictOriginWhenCrossOrigin,
    ReferrerPolicy::UnsafeUrl,
];

/// What `sha256-` of `hello` is.
pub(crate) const INTEGRITY_OF_HELLO: &str = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

/// A request, and what the rules have to know of it once it is gone.
pub(crate) struct PageRequest {
    pub(crate) request: Request,
    pub(crate) page: Url,
    pub(crate) mode: Mode,
    pub(crate) credentials: CredentialsMode,
    pub(crate) redirect: RedirectMode,
    pub(crate) keepalive: bool,
    pub(crate) destination: Destination,
    pub(crate) referrer_policies: Vec<ReferrerPolicy>,
    pub(crate) sends: Bytes,
    pub(crate) integrity: bool,
}

impl PageRequest {
    /// Of any page, to anywhere.
    pub(crate) fn new(choices: &mut Choices<'_>) -> PageRequest {
        let page = choices.pick(&PAGES).parse().expect("a URL");
        let target = choices.pick(&URLS);
        PageRequest::make(page, target, choices)
    }

    /// Of a page that came without TLS, to servers without TLS.
    pub(crate) fn in_the_clear(choices: &mut Choices<'_>) -> PageRequest {
        let page = choices.pick(&["http://a.test/dir/page?query#fragment", "http://localhost/page"]);
        let targets =
            ["/same", "http://b.test/plain", "http://sub.a.test/", "http://a.test/x#y", "http://10.0.0.1/"];
        let target = choices.pick(&targets);
        PageRequest::make(page.parse().expect("a URL"), target, choices)
    }

    /// With TLS alone.
    pub(crate) fn securely(choices: &mut Choices<'_>) -> PageRequest {
        let targets = ["/same", "https://b.test/other", "https://sub.a.test/", "https://a.test:8443/port"];
        let target = choices.pick(&targets);
        PageRequest::make("https://a.test/dir/page?query#fragment".parse().expect("a URL"), target, choices)
    }

    fn make(page: Url, target: &str, choices: &mut Choices<'_>) -> PageRequest {
        let url = page.join(target).expect("a URL");
        let mut request = Request::new(url);
        let client = client(&page, choices);
        let container_policy = client.policy_container.referrer_policy;
        request.origin = RequestOrigin::Origin(client.origin.clone());
        request.client = Some(Arc::new(client));
        request.mode =
            choices.pick(&[Mode::Cors, Mode::NoCors, Mode::SameOrigin, Mode::Navigate, Mode::Cors]);
        request.credentials_mode =
            choices.pick(&[CredentialsMode::SameOrigin, CredentialsMode::Include, CredentialsMode::Omit]);
        request.redirect_mode = choices.pick(&[
            RedirectMode::Follow,
            RedirectMode::Follow,
            RedirectMode::Error,
            RedirectMode::Manual,
        ]);
        request.cache_mode = choices.pick(&[
            CacheMode::Default,
            CacheMode::NoStore,
            CacheMode::Reload,
            CacheMode::NoCache,
            CacheMode::ForceCache,
        ]);
        request.referrer_policy = choices.pick(&POLICIES);
        request.referrer = match choices.below(4) {
            0 | 1 => Referrer::Client,
            2 => Referrer::NoReferrer,
            _ => Referrer::Url(page.join("/elsewhere?secret#part").expect("a URL")),
        };
        request.unsafe_request = true;
        request.use_url_credentials = choices.once_in(3);
        request.keepalive = choices.once_in(4);
        request.method = choices
            .pick(&["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "chicken"])
            .parse_method();
        headers(&mut request, choices);
        let integrity = choices.once_in(6);
        if integrity {
            request.integrity_metadata = INTEGRITY_OF_HELLO.into();
        }
        shape(&mut request, choices);
        let sends = body(&mut request, choices);
        let referrer_policies = vec![request.referrer_policy, container_policy];
        PageRequest {
            page,
            mode: request.mode,
            credentials: request.credentials_mode,
            redirect: request.redirect_mode,
            keepalive: request.keepalive,
            destination: request.destination,
            integrity: integrity && !request.integrity_metadata.is_empty(),
            request,
            referrer_policies,
            sends,
        }
    }
}

trait ParseMethod {
    fn parse_method(self) -> Method;
}

impl ParseMethod for &str {
    fn parse_method(self) -> Method {
        Method::new(self).expect("a token")
    }
}

fn client(page: &Url, choices: &mut Choices<'_>) -> EnvironmentSettings {
    let mut client = EnvironmentSettings::for_url(page.clone());
    let container = &mut client.policy_container;
    container.referrer_policy = choices.pick(&POLICIES);
    container.ip_address_space =
        choices.pick(&[None, Some(IpAddressSpace::Public), Some(IpAddressSpace::Loopback)]);
    if choices.once_in(4) {
        let policy = choices.pick(&[
            "upgrade-insecure-requests",
            "default-src 'self'",
            "connect-src https:; img-src *",
            "default-src https://b.test",
        ]);
        let disposition = choices.pick(&[CspDisposition::Enforce, CspDisposition::Report]);
        container.csp.push(policy.into(), disposition);
    }
    client
}

fn headers(request: &mut Request, choices: &mut Choices<'_>) {
    for _ in 0..choices.below(5) {
        let (name, value) = choices.pick(&HEADERS);
        if request.mode == Mode::Navigate
            || (request.mode == Mode::NoCors
                && !is_no_cors_safelisted_request_header(name.as_bytes(), value.as_bytes()))
        {
            continue;
        }
        request.header_list.append(name, value);
    }
}

/// What the places that make requests see to.
fn shape(request: &mut Request, choices: &mut Choices<'_>) {
    match request.mode {
        Mode::Navigate => {
            request.destination = choices.pick(&[Destination::Document, Destination::Iframe]);
            request.credentials_mode = CredentialsMode::Include;
            request.redirect_mode = RedirectMode::Manual;
            request.use_url_credentials = true;
            request.integrity_metadata.clear();
            request.keepalive = false;
            if !matches!(request.method.as_str(), "GET" | "POST") {
                request.method = Method::GET;
            }
        }
        Mode::NoCors => {
            if !request.method.is_cors_safelisted() {
                request.method = Method::GET;
            }
            request.destination = choices.pick(&[
                Destination::None,
                Destination::Image,
                Destination::Script,
                Destination::Video,
                Destination::Style,
                Destination::Font,
            ]);
            if request.destination == Destination::Image && choices.once_in(2) {
                request.initiator = Initiator::ImageSet;
            }
        }
        _ => {
            request.destination = choices.pick(&[
                Destination::None,
                Destination::Script,
                Destination::Json,
                Destination::Worker,
                Destination::Image,
            ]);
        }
    }
}

fn body(request: &mut Request, choices: &mut Choices<'_>) -> Bytes {
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        return Bytes::new();
    }
    let bytes = Bytes::from_static(b"what the page sends");
    match choices.below(4) {
        0 => return Bytes::new(),
        1 => request.body = Some(Body::from_bytes(bytes.clone())),
        2 => {
            // As the constructor has it for streams: no keepalive, and a preflight in any case.
            let (first, second) = (bytes.slice(..5), bytes.slice(5..));
            let pieces = stream::iter([Ok(first), Ok(second)]).boxed();
            request.body = Some(Body::from_stream(pieces, None, None));
            request.keepalive = false;
            if request.mode == Mode::Navigate || request.mode == Mode::NoCors {
                request.body = Some(Body::from_bytes(bytes.clone()));
            } else {
                request.use_cors_preflight = true;
            }
        }
        _ => {
            let all = bytes.clone();
            let open = move || {
                let all = all.clone();
                longhaul_fetch::BodyStream::new(stream::iter([Ok::<_, BodyError>(all)]).boxed())
            };
            let length = Some(bytes.len() as u64);
            request.body = Some(Body::from_source(BodySource::Reopen(Arc::new(open)), length));
        }
    }
    bytes
}
