//! Hosts that want to be reached over TLS alone.

use std::sync::Arc;
use std::time::Duration;

use longhaul::UserAgent;
use longhaul::hsts::{Policy, Preload};
use longhaul::net::{NetworkConfig, StaticResolver};
use longhaul::storage::Location;

use crate::support::over::Over;
use crate::support::{Seen, Server, fetch, reply, request};

crate::over_tls!(
    a_host_is_upgraded_where_it_has_said_so_until_it_takes_that_back,
    a_preloaded_host_is_upgraded_for_everybody,
);

const HOST: &str = "strict.test";

/// A server of [`HOST`] over TLS that says it wants that, and settings that find it and trust it.
async fn strict(over: Over) -> (Server, impl Fn() -> NetworkConfig) {
    let answer = |seen: &Seen| {
        let age = seen.target.trim_start_matches("/?").to_owned();
        let policy = format!("max-age={age}; includeSubDomains");
        let headers = [("Strict-Transport-Security", policy.as_str()), ("Access-Control-Allow-Origin", "*")];
        reply(200, if age.is_empty() { &headers[1..] } else { &headers }, "")
    };
    let server = over.server(answer).await;
    let settings = move || {
        let loopback = "127.0.0.1:0".parse().expect("an address");
        over.network().with_resolver(Arc::new(StaticResolver::new().with(HOST, [loopback])))
    };
    (server, settings)
}

/// Whether the host is reached when it is asked for without TLS, which its port does not speak.
async fn is_upgraded(user_agent: &UserAgent, server: &Server, page: &str) -> bool {
    let url = server.origin_of(HOST).replace("https:", "http:");
    let response = fetch(user_agent, request(page, &url)).await;
    response.reason().is_none() && response.url().is_some_and(|url| url.scheme() == "https")
}

async fn a_host_is_upgraded_where_it_has_said_so_until_it_takes_that_back(over: Over) {
    let (server, settings) = strict(over).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = async || {
        let profile = Location::Directory(folder.path().join("profile"));
        UserAgent::builder().network(settings()).profile(profile).build().await.expect("it is built")
    };
    let own = format!("http://{HOST}");
    let says = |age: &str| request(&server.origin_of(HOST), &format!("{}/?{age}", server.origin_of(HOST)));
    {
        let user_agent = open().await;
        assert!(!is_upgraded(&user_agent, &server, &own).await);
        assert_eq!(fetch(&user_agent, says("1000")).await.reason(), None);
        assert_eq!(user_agent.hsts().hosts().len(), 1);
        assert!(is_upgraded(&user_agent, &server, &own).await);
        // Another site's page does not learn that the host was visited.
        assert!(!is_upgraded(&user_agent, &server, "http://other.test").await);
        user_agent.shutdown().await;
    }
    let user_agent = open().await;
    assert!(is_upgraded(&user_agent, &server, &own).await, "it was kept");
    assert_eq!(fetch(&user_agent, says("0")).await.reason(), None);
    assert!(!is_upgraded(&user_agent, &server, &own).await);
}

async fn a_preloaded_host_is_upgraded_for_everybody(over: Over) {
    let (server, settings) = strict(over).await;
    let preload = Preload::parse("test include-subdomains\n").expect("a list");
    let user_agent =
        UserAgent::builder().network(settings()).hsts_preload(preload).build().await.expect("it is built");
    for page in ["http://other.test", "http://another.example"] {
        assert!(is_upgraded(&user_agent, &server, page).await, "{page}");
    }
    user_agent.hsts().note(
        "https://other.test",
        HOST,
        Policy { max_age: Duration::ZERO, include_subdomains: false },
    );
    assert!(is_upgraded(&user_agent, &server, "http://other.test").await);
}
