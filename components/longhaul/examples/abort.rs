//! Aborting: a fetch gets so much time for its whole response, and no more. Wherever it is when the time is over (looking up the name,
//! connecting, sending, reading), nothing of it is left running.
//!
//! ```sh
//! cargo run -p longhaul --example abort -- https://example.com/ 2
//! ```

use std::time::Duration;

use bytes::Bytes;
use longhaul::UserAgent;
use longhaul::fetch::{BodyError, FetchOptions, NetworkError, Request};
use url::Url;

/// The whole body of `url`, if it comes in time.
pub(crate) async fn get_within(user_agent: &UserAgent, url: Url, time: Duration) -> Result<Bytes, BodyError> {
    let options = FetchOptions::default();
    // The controller may be kept anywhere, for example behind a button.
    let controller = options.controller.clone();
    let fetching = async {
        let response = user_agent.fetch(Request::new(url), options).await;
        match (response.reason().cloned(), response.into_unfiltered().body) {
            (Some(reason), _) => Err(BodyError::Network(reason)),
            (None, Some(body)) => body.read_all(None).await,
            (None, None) => Ok(Bytes::new()),
        }
    };
    tokio::pin!(fetching);
    tokio::select! {
        body = &mut fetching => body,
        () = tokio::time::sleep(time) => {
            controller.abort(None);
            // It ends now, and says why. Dropping it instead would end it as well.
            fetching.await
        }
    }
}

/// Whether that is what an aborted fetch says.
pub(crate) fn was_aborted(error: &BodyError) -> bool {
    matches!(error, BodyError::Aborted | BodyError::Network(NetworkError::Aborted))
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: abort URL SECONDS".into());
    };
    let user_agent = UserAgent::builder().build().await?;
    let time = Duration::from_secs_f64(seconds.parse()?);
    match get_within(&user_agent, url.parse()?, time).await {
        Ok(body) => println!("{} bytes", body.len()),
        Err(error) if was_aborted(&error) => println!("it took too long"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
