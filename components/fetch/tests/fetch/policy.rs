//! Policies before and after the network.

use std::sync::Arc;

use longhaul_fetch::{
    Destination, EmbedderPolicy, EnvironmentSettings, FetchOptions, Mode, NetworkError, NetworkState,
    PolicyCheck, PolicyDecision, Request, Response, Services, fetch,
};
use url::Url;

use crate::support::{FakeNetwork, cors, reason, redirect, reply, request, run, text};

fn quiet() -> Arc<FakeNetwork> {
    FakeNetwork::new(|_| reply(200, &[("Access-Control-Allow-Origin", "*")], "body"))
}

#[tokio::test]
async fn bad_ports_and_insecure_urls_are_never_asked() {
    let network = quiet();
    let port = run(&network, cors("https://b.example:6667/")).await;
    assert_eq!(reason(&port), &NetworkError::PortBlocked(6667));
    let mixed = run(&network, cors("http://b.example/")).await;
    assert_eq!(reason(&mixed), &NetworkError::MixedContent("http://b.example".into()));
    let mut local = cors("/");
    local.local_urls_only = true;
    assert!(matches!(reason(&run(&network, local).await), NetworkError::LocalUrlsOnly(_)));
    assert!(network.seen().is_empty());
    let mut image = request(Mode::NoCors, "http://b.example/");
    image.destination = Destination::Image;
    assert!(!run(&network, image).await.is_network_error());
    assert_eq!(network.seen()[0].url, "https://b.example/");
}

#[tokio::test]
async fn types_that_do_not_suit_a_script_are_refused() {
    let script = || {
        let mut script = request(Mode::NoCors, "/x.js");
        script.destination = Destination::Script;
        script
    };
    let network = FakeNetwork::new(|_| reply(200, &[("Content-Type", "image/png")], ""));
    assert_eq!(reason(&run(&network, script()).await), &NetworkError::MimeTypeBlocked("image/png".into()));
    let headers = [("Content-Type", "text/plain"), ("X-Content-Type-Options", "nosniff")];
    let network = FakeNetwork::new(move |_| reply(200, &headers, ""));
    assert_eq!(reason(&run(&network, script()).await), &NetworkError::NoSniff("text/plain".into()));
}

#[tokio::test]
async fn resources_may_refuse_to_be_embedded() {
    let network = FakeNetwork::new(|_| reply(200, &[("Cross-Origin-Resource-Policy", "same-origin")], ""));
    let response = run(&network, request(Mode::NoCors, "https://b.example/")).await;
    assert_eq!(reason(&response), &NetworkError::CrossOriginResourcePolicy);
    assert!(!run(&network, request(Mode::NoCors, "/")).await.is_network_error());
}

#[tokio::test]
async fn a_credentialless_embedder_sends_no_credentials_elsewhere() {
    let network = quiet();
    let mut embedded = request(Mode::NoCors, "https://b.example/");
    embedded.credentials_mode = longhaul_fetch::CredentialsMode::Include;
    let mut client = EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap());
    client.policy_container.embedder_policy = EmbedderPolicy::Credentialless;
    embedded.client = Some(Arc::new(client));
    let response = run(&network, embedded).await;
    assert!(!response.is_network_error(), "{:?}", response.reason());
    assert!(!network.seen()[0].key.credentials);
}

struct Csp;

impl PolicyCheck for Csp {
    fn should_block_request(&self, request: &Request) -> PolicyDecision {
        match request.current_url().path() {
            "/blocked" => PolicyDecision::Blocked("connect-src".into()),
            _ => PolicyDecision::Allowed,
        }
    }

    fn should_block_response(&self, _request: &Request, response: &Response) -> PolicyDecision {
        match response.header_list.contains("X-Blocked") {
            true => PolicyDecision::Blocked("script-src".into()),
            false => PolicyDecision::Allowed,
        }
    }

    fn upgrade(&self, request: &Request) -> Option<Url> {
        let mut url = request.current_url().clone();
        (url.scheme() == "http").then(|| url.set_scheme("https").map(|()| url).ok()).flatten()
    }
}

#[tokio::test]
async fn the_policy_is_asked_for_every_hop_and_every_response() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "/blocked"),
        "/two" => reply(200, &[("X-Blocked", "1")], ""),
        _ => reply(200, &[("Access-Control-Allow-Origin", "*")], ""),
    });
    let services = Services::new(Arc::clone(&network) as _).with_policy(Arc::new(Csp));
    for (url, directive) in [("/one", "connect-src"), ("/two", "script-src")] {
        let response = fetch(&services, cors(url), FetchOptions::default()).await;
        assert_eq!(reason(&response), &NetworkError::Csp { directive: directive.into() });
    }
    let upgraded = fetch(&services, cors("http://b.example/"), FetchOptions::default()).await;
    assert_eq!(upgraded.url().unwrap().as_str(), "https://b.example/");
}

#[tokio::test]
async fn integrity_is_verified_or_nothing_is_given() {
    let network = quiet();
    let with = |url: &str, mode: Mode, metadata: &str| {
        let mut request = request(mode, url);
        request.integrity_metadata = metadata.into();
        request
    };
    let right = "sha256-Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=";
    let wrong = "sha256-AAAAWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=";
    let response = run(&network, with("/", Mode::Cors, wrong)).await;
    assert!(matches!(reason(&response), NetworkError::Integrity(_)));
    let opaque = run(&network, with("https://b.example/", Mode::NoCors, right)).await;
    assert!(matches!(reason(&opaque), NetworkError::Integrity(_)));
    let response = run(&network, with("https://b.example/", Mode::Cors, right)).await;
    assert!(!response.is_network_error(), "{:?}", response.reason());
    assert_eq!(text(response).await, "body");
}

struct Offline;

impl NetworkState for Offline {
    fn is_offline(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn offline_nothing_is_sent_but_local_urls_are_there() {
    let network = quiet();
    let services = Services::new(Arc::clone(&network) as _).with_network_state(Arc::new(Offline));
    let response = fetch(&services, cors("/"), FetchOptions::default()).await;
    assert_eq!(reason(&response), &NetworkError::Offline);
    assert!(!reason(&response).request_may_have_been_sent() && network.seen().is_empty());
    let data = fetch(&services, cors("data:,x"), FetchOptions::default()).await;
    assert_eq!(text(data).await, "x");
}

#[tokio::test]
async fn server_timing_and_timing_are_kept_for_those_who_may() {
    let network = FakeNetwork::new(|_| {
        reply(200, &[("Server-Timing", "a, b"), ("Access-Control-Allow-Origin", "*")], "")
    });
    let own = run(&network, cors("/")).await;
    assert!(own.timing_allow_passed);
    assert_eq!(own.timing.unwrap().server_timing_headers, ["a", "b"]);
    assert!(!run(&network, cors("https://b.example/")).await.timing_allow_passed);
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_gets_none_and_is_no_server() {
    let network = FakeNetwork::new(|_| reply(407, &[("Proxy-Authenticate", "Basic realm=x")], "hello"));
    assert_eq!(reason(&run(&network, cors("/")).await), &NetworkError::ProxyAuthenticationRequired);
    assert_eq!(network.seen().len(), 1);
}
