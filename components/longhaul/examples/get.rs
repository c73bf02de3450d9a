//! One GET: the body goes to standard output as it comes, what is known of the response to standard error.
//!
//! ```sh
//! cargo run -p longhaul --example get -- https://example.com/
//! ```

use futures::StreamExt as _;
use longhaul::UserAgent;
use longhaul::fetch::{BodyError, FetchOptions, NetworkError, Request};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use url::Url;

/// What can go wrong. A script would only ever see that something did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GetError {
    /// There is no response.
    #[error(transparent)]
    NoResponse(#[from] NetworkError),
    /// The response ended too early.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The output takes no more.
    #[error(transparent)]
    Output(#[from] std::io::Error),
}

/// Fetches `url` and writes the body to `output`; gives the status.
pub(crate) async fn get(
    user_agent: &UserAgent,
    url: Url,
    output: &mut (impl AsyncWrite + Unpin),
) -> Result<u16, GetError> {
    let response = user_agent.fetch(Request::new(url), FetchOptions::default()).await;
    // A failure is a response too: a network error, which knows its reason.
    if let Some(reason) = response.reason() {
        return Err(reason.clone().into());
    }
    // What a script may see of it is filtered; who holds the user agent sees all.
    let response = response.into_unfiltered();
    let status = response.status;
    if let Some(body) = response.body {
        // Nothing is read faster than it is written. Dropping the stream would free the connection.
        let mut chunks = body.into_stream();
        while let Some(chunk) = chunks.next().await {
            output.write_all(&chunk?).await?;
        }
    }
    output.flush().await?;
    Ok(status)
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: get URL")?.parse()?;
    let user_agent = UserAgent::builder().build().await?;
    let mut output = Vec::new();
    let status = get(&user_agent, url, &mut output).await?;
    eprintln!("status {status}");
    std::io::Write::write_all(&mut std::io::stdout(), &output)?;
    Ok(())
}
