//! `Clear-Site-Data`: what it takes away, and from whom.

use longhaul::UserAgent;
use longhaul::fetch::CredentialsMode;
use longhaul::fetch::Response as FetchResponse;

use crate::support::over::Over;
use crate::support::{Reply, Seen, Server, fetch, reply, request};

crate::over_each!(each_kind_is_cleared_for_the_origin_that_asks_and_no_other);

/// Keeps for long, sets a cookie, and clears what the query says.
fn keeping(seen: &Seen) -> Reply {
    let query = seen.target.split_once('?').map(|(_, query)| format!("\"{query}\""));
    let mut headers = vec![("Cache-Control", "max-age=1000"), ("Set-Cookie", "kept=1; Max-Age=1000")];
    if let Some(kinds) = &query {
        headers = vec![("Cache-Control", "no-store"), ("Clear-Site-Data", kinds)];
    }
    reply(200, &headers, "")
}

async fn get(user_agent: &UserAgent, origin: &str, path: &str) -> FetchResponse {
    let mut request = request(origin, &format!("{origin}{path}"));
    request.credentials_mode = CredentialsMode::Include;
    let mut response = fetch(user_agent, request).await;
    assert_eq!(response.reason(), None);
    // To its end, so that it is stored.
    response.body.take().expect("a body").read_all(None).await.expect("it comes whole");
    response
}

fn asked(server: &Server, path: &str) -> usize {
    server.seen().iter().filter(|seen| seen.target == path).count()
}

async fn each_kind_is_cleared_for_the_origin_that_asks_and_no_other(over: Over) {
    let (own, other) = (over.server(keeping).await, over.server(keeping).await);
    let user_agent = over.user_agent().await;
    let (own_origin, other_origin) = (own.origin_of("own.localhost"), other.origin_of("other.localhost"));
    for origin in [&own_origin, &other_origin] {
        get(&user_agent, origin, "/kept").await;
        get(&user_agent, origin, "/kept").await;
    }
    user_agent.http_cache().expect("there is one").settled().await;
    assert_eq!((asked(&own, "/kept"), asked(&other, "/kept")), (1, 1), "it is cached");
    assert_eq!(user_agent.cookies().len(), 2);

    get(&user_agent, &own_origin, "/?cookies").await;
    let left: Vec<_> = user_agent.cookies().cookies().into_iter().map(|cookie| cookie.domain).collect();
    assert_eq!(left, ["other.localhost"]);
    get(&user_agent, &own_origin, "/kept").await;
    assert_eq!(asked(&own, "/kept"), 1, "the cache was not meant");

    get(&user_agent, &own_origin, "/?cache").await;
    for origin in [&own_origin, &other_origin] {
        get(&user_agent, origin, "/kept").await;
    }
    assert_eq!((asked(&own, "/kept"), asked(&other, "/kept")), (2, 1));
}
