//! Credentials modes, and cookies by way of them.

use longhaul::UserAgent;
use longhaul::cookies::{DefaultSameSite, JarConfig};
use longhaul::fetch::{CredentialsMode, Destination, Method, Mode, Response};

use crate::support::over::Over;
use crate::support::{Reply, Seen, Server, fetch, reply, request};

crate::over_each!(
    credentials_modes_decide_about_both_ways,
    another_site_sends_and_sets_only_what_allows_it,
    a_form_of_another_site_may_set_cookies_and_gets_young_ones_where_that_is_allowed,
    each_hop_has_its_own_cookies,
);

/// Sets what the query says, and shares with every origin, credentials included.
fn setting(seen: &Seen) -> Reply {
    let origin = seen.header("Origin").unwrap_or_default();
    let mut headers =
        vec![("Access-Control-Allow-Origin", origin.as_str()), ("Access-Control-Allow-Credentials", "true")];
    let cookie = seen.target.split_once('?').map(|(_, query)| query.replace("%20", " "));
    if let Some(cookie) = &cookie {
        headers.push(("Set-Cookie", cookie));
    }
    reply(200, &headers, "")
}

async fn go(
    user_agent: &UserAgent,
    page: &str,
    url: &str,
    mode: Mode,
    credentials_mode: CredentialsMode,
) -> Response {
    let mut request = request(page, url);
    request.mode = mode;
    request.credentials_mode = credentials_mode;
    let response = fetch(user_agent, request).await;
    assert_eq!(response.reason(), None);
    response
}

fn last_cookie(server: &Server) -> Option<String> {
    server.seen().last().unwrap().header("Cookie")
}

async fn credentials_modes_decide_about_both_ways(over: Over) {
    let home = over.server(setting).await;
    let other = over.server(setting).await;
    let page = home.origin();
    use CredentialsMode::{Include, Omit, SameOrigin};
    // (whom it asks, mode, whether credentials go along); both servers are one site, so that cookies could.
    let rows = [
        (&home, Omit, false),
        (&home, SameOrigin, true),
        (&home, Include, true),
        (&other, Omit, false),
        (&other, SameOrigin, false),
        (&other, Include, true),
    ];
    for mode in [Mode::Cors, Mode::NoCors] {
        for (server, credentials_mode, expected) in rows {
            let user_agent = over.user_agent().await;
            let url = |query: &str| format!("{}/{query}", server.origin());
            go(&user_agent, &page, &format!("{page}/?old=1"), Mode::Cors, Include).await;
            let response = go(&user_agent, &page, &url("?new=1"), mode, credentials_mode).await;
            assert!(!response.header_list.contains("Set-Cookie"));
            let context = format!("{mode} {credentials_mode} {}", server.origin());
            assert_eq!(last_cookie(server).as_deref(), expected.then_some("old=1"), "{context}");
            go(&user_agent, &page, &page, Mode::Cors, Include).await;
            let kept = if expected { "old=1; new=1" } else { "old=1" };
            assert_eq!(last_cookie(&home).as_deref(), Some(kept), "{context}");
        }
    }
}

async fn another_site_sends_and_sets_only_what_allows_it(over: Over) {
    let server = over.server(setting).await;
    let user_agent = over.user_agent().await;
    let (site, page) = (server.origin_of("site.localhost"), server.origin_of("page.localhost"));
    let include = CredentialsMode::Include;
    for cookie in [
        "strict=1;%20SameSite=Strict",
        "lax=1;%20SameSite=Lax",
        "unset=1",
        "none=1;%20SameSite=None;%20Secure",
    ] {
        go(&user_agent, &site, &format!("{site}/?{cookie}"), Mode::Cors, include).await;
    }
    go(&user_agent, &page, &format!("{site}/?mine=1"), Mode::Cors, include).await;
    assert_eq!(last_cookie(&server).as_deref(), Some("none=1"));
    go(&user_agent, &site, &site, Mode::Cors, include).await;
    assert_eq!(last_cookie(&server).as_deref(), Some("strict=1; lax=1; unset=1; none=1"));
}

async fn a_form_of_another_site_may_set_cookies_and_gets_young_ones_where_that_is_allowed(over: Over) {
    for (config, sent) in [
        (JarConfig::default(), "none=1"),
        (JarConfig::default().with_default_same_site(DefaultSameSite::LaxAllowingUnsafe), "unset=1; none=1"),
    ] {
        let server = over.server(setting).await;
        let user_agent = over.builder().cookie_config(config).build().await.unwrap();
        let site = server.origin_of("site.localhost");
        for cookie in ["lax=1;%20SameSite=Lax", "unset=1", "none=1;%20SameSite=None;%20Secure"] {
            go(&user_agent, &site, &format!("{site}/?{cookie}"), Mode::Cors, CredentialsMode::Include).await;
        }
        // A page of another site sends a form here, in the top window.
        let mut form = request(&site, &format!("{site}/?posted=1;%20SameSite=Strict"));
        form.mode = Mode::Navigate;
        form.destination = Destination::Document;
        form.method = Method::POST;
        form.credentials_mode = CredentialsMode::Include;
        form.top_level_navigation_initiator_origin =
            Some(url::Url::parse(&server.origin_of("page.localhost")).unwrap().origin());
        assert_eq!(fetch(&user_agent, form).await.reason(), None);
        assert_eq!(last_cookie(&server).as_deref(), Some(sent));
        go(&user_agent, &site, &site, Mode::Cors, CredentialsMode::Include).await;
        assert_eq!(last_cookie(&server).as_deref(), Some("lax=1; unset=1; none=1; posted=1"));
    }
}

async fn each_hop_has_its_own_cookies(over: Over) {
    let server = over
        .server(|seen| match seen.target.as_str() {
            "/start" => reply(302, &[("Location", "/next"), ("Set-Cookie", "hop=1")], ""),
            _ => reply(200, &[], ""),
        })
        .await;
    let page = server.origin();
    let start = format!("{page}/start");
    go(&over.user_agent().await, &page, &start, Mode::Cors, CredentialsMode::SameOrigin).await;
    assert_eq!(server.seen()[0].header("Cookie"), None);
    assert_eq!(last_cookie(&server).as_deref(), Some("hop=1"));
}
