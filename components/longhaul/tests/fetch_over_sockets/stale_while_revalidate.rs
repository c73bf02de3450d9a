//! What is stale answers once more, while the server is asked behind.

use std::future::pending;

use longhaul::fetch::FetchOptions;
use tokio::sync::mpsc;

use crate::support::over::Over;
use crate::support::{Reply, body, fetch, reply, request};

crate::over_each!(a_revalidation_belongs_to_the_page_and_ends_with_it);

async fn a_revalidation_belongs_to_the_page_and_ends_with_it(over: Over) {
    let (tell, mut asked) = mpsc::unbounded_channel();
    let server = over
        .streaming(move |request| {
            let condition = request.headers().get("if-none-match").cloned();
            let is_held = condition.is_some() && request.uri().path() == "/held";
            tell.send(condition.map(|tag| tag.to_str().unwrap().to_owned())).unwrap();
            async move {
                let stale = [("Cache-Control", "max-age=0, stale-while-revalidate=1000"), ("ETag", "\"1\"")];
                match is_held {
                    true => pending::<Reply>().await,
                    false => reply(200, &stale, "stale"),
                }
            }
        })
        .await;
    let user_agent = over.user_agent().await;
    for target in ["/held", "/free"] {
        let first = fetch(&user_agent, request(&server.origin(), target)).await;
        assert_eq!(body(first).await.unwrap(), "stale");
        user_agent.http_cache().unwrap().settled().await;
        assert_eq!(asked.recv().await, Some(None));
        let request = request(&server.origin(), target);
        let group = request.client.as_ref().unwrap().fetch_group.clone();
        let second = user_agent.fetch(request, FetchOptions::default()).await;
        assert_eq!(body(second).await.unwrap(), "stale");
        assert_eq!(asked.recv().await, Some(Some("\"1\"".to_owned())));
        if target == "/held" {
            assert_eq!(group.fetches_under_way(), 1);
            group.terminate(user_agent.services());
        }
        server.all_done().await;
        while group.fetches_under_way() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
