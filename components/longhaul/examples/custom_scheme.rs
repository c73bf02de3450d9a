//! A scheme of one's own: `app:` URLs are answered from a table in memory, as an application's own pages might be.
//!
//! ```sh
//! cargo run -p longhaul --example custom_scheme -- app:hello
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::fetch::{Body, NetworkError, Request, Response, SchemeHandler};
use longhaul::{BuildError, UserAgent};

/// Resources by the path of their URL: a type and a text.
pub(crate) struct Resources(HashMap<&'static str, (&'static str, &'static str)>);

impl Resources {
    /// Those of this application.
    pub(crate) fn new() -> Resources {
        Resources(HashMap::from([
            ("hello", ("text/plain", "Hello!")),
            ("page", ("text/html", "<!doctype html><title>A page</title>")),
        ]))
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::new()
    }
}

impl SchemeHandler for Resources {
    fn fetch(&self, request: &Request) -> BoxFuture<'static, Response> {
        let url = request.current_url();
        let response = match self.0.get(url.path()) {
            Some((content_type, text)) => {
                let mut response = Response::new();
                response.url_list = vec![url.clone()];
                response.header_list.append("Content-Type", content_type);
                response.body = Some(Body::from_bytes(*text));
                response
            }
            None => Response::network_error(NetworkError::SchemeFetch {
                scheme: "app".to_owned(),
                reason: format!("there is no {}", url.path()),
            }),
        };
        async { response }.boxed()
    }
}

/// A user agent that knows `app:` too.
pub(crate) async fn with_app_scheme() -> Result<UserAgent, BuildError> {
    let resources = Arc::new(Resources::new());
    UserAgent::builder().services(|services| services.with_scheme_handler("app", resources)).build().await
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use longhaul::fetch::FetchOptions;

    let url = std::env::args().nth(1).ok_or("usage: custom_scheme app:NAME")?.parse()?;
    let user_agent = with_app_scheme().await?;
    let response = user_agent.fetch(Request::new(url), FetchOptions::default()).await;
    match (response.reason().cloned(), response.into_unfiltered().body) {
        (Some(reason), _) => return Err(reason.into()),
        (None, Some(body)) => println!("{}", String::from_utf8_lossy(&body.read_all(None).await?)),
        (None, None) => {}
    }
    Ok(())
}
