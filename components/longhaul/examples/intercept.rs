//! Intercepting requests: each one may be let through, refused, sent elsewhere by HTTPS, or answered here.
//!
//! ```sh
//! cargo run -p longhaul --example intercept -- https://example.com/
//! ```

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::fetch::{
    Body, FetchController, PolicyCheck, PolicyDecision, Request, Response, ServiceWorkerHook, Services,
};
use longhaul::{BuildError, UserAgent};

/// Refuses requests to some hosts, and remembers what it has seen.
#[derive(Default)]
pub(crate) struct Blocker {
    hosts: Vec<String>,
    seen: Mutex<Vec<String>>,
}

impl Blocker {
    /// Refuses these hosts.
    pub(crate) fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Arc<Blocker> {
        Arc::new(Blocker { hosts: hosts.into_iter().map(str::to_owned).collect(), seen: Mutex::default() })
    }

    /// Every URL that was asked for, redirects included.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panics while holding it").clone()
    }
}

impl PolicyCheck for Blocker {
    fn should_block_request(&self, request: &Request) -> PolicyDecision {
        let url = request.current_url();
        self.seen.lock().expect("nobody panics while holding it").push(url.to_string());
        match url.host_str() {
            Some(host) if self.hosts.iter().any(|blocked| blocked == host) => {
                PolicyDecision::Blocked(format!("{host} is blocked"))
            }
            _ => PolicyDecision::Allowed,
        }
    }
}

/// Answers every request for one path itself, before it reaches the network.
pub(crate) struct Answering(pub(crate) &'static str, pub(crate) &'static str);

impl ServiceWorkerHook for Answering {
    fn handle_fetch(
        &self,
        request: Request,
        _controller: FetchController,
    ) -> BoxFuture<'static, Option<Response>> {
        let (path, text) = (self.0, self.1);
        async move {
            (request.current_url().path() == path).then(|| {
                let mut response = Response::new();
                response.header_list.append("Content-Type", "text/plain");
                response.body = Some(Body::from_bytes(text));
                response
            })
        }
        .boxed()
    }

    fn may_handle(&self, request: &Request) -> bool {
        request.current_url().path() == self.0
    }
}

/// A user agent with both in their places. The second takes that of service workers, whose events an embedder without agents cannot
/// handle anyway.
pub(crate) async fn intercepting(
    blocker: Arc<Blocker>,
    answering: Answering,
) -> Result<UserAgent, BuildError> {
    let change = |services: Services| services.with_policy(blocker).with_service_workers(Arc::new(answering));
    UserAgent::builder().services(change).build().await
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use longhaul::fetch::FetchOptions;

    let url: url::Url = std::env::args().nth(1).ok_or("usage: intercept URL")?.parse()?;
    let blocker = Blocker::new(["ads.example"]);
    let user_agent = intercepting(blocker.clone(), Answering("/hello", "from here")).await?;
    for url in [url.clone(), url.join("/hello")?, "https://ads.example/".parse()?] {
        let response = user_agent.fetch(Request::new(url), FetchOptions::default()).await;
        println!("{} {:?}", response.unfiltered().status, response.reason());
    }
    println!("{:#?}", blocker.seen());
    Ok(())
}
