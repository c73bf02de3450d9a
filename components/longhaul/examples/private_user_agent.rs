//! A private user agent: its profile is in memory and gone with it. It lives beside a usual one in the same process, and the two share
//! nothing: no cookies, no connections, no sessions of TLS.
//!
//! ```sh
//! cargo run -p longhaul --example private_user_agent -- https://example.com/
//! ```

use std::path::Path;

use longhaul::fetch::{CredentialsMode, EnvironmentSettings, FetchOptions, Mode, Request, Response};
use longhaul::storage::Location;
use longhaul::{BuildError, UserAgent};
use url::Url;

/// Keeps what it learns in that folder.
pub(crate) async fn usual(profile: &Path) -> Result<UserAgent, BuildError> {
    UserAgent::builder().profile(Location::Directory(profile.to_owned())).build().await
}

/// Keeps nothing.
pub(crate) async fn private() -> Result<UserAgent, BuildError> {
    UserAgent::builder().profile(Location::Memory).build().await
}

/// A visit with cookies, as a page of the same origin makes one.
pub(crate) async fn visit(user_agent: &UserAgent, url: Url) -> Response {
    let page = EnvironmentSettings::for_url(url.clone());
    let mut request = Request::new(url);
    request.client = Some(page.into_shared());
    request.mode = Mode::SameOrigin;
    request.credentials_mode = CredentialsMode::Include;
    user_agent.fetch(request, FetchOptions::default()).await
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url: Url = std::env::args().nth(1).ok_or("usage: private_user_agent URL")?.parse()?;
    let folder = std::env::temp_dir().join("longhaul-example-profile");
    let (usual, private) = (usual(&folder).await?, private().await?);
    for (name, user_agent) in [("usual", &usual), ("private", &private)] {
        for round in ["first", "second"] {
            let response = visit(user_agent, url.clone()).await;
            println!("{name}, {round} visit: {} {:?}", response.status, response.reason());
        }
    }
    // What the private one has learnt goes here; the folder keeps what the usual one has.
    drop(private);
    usual.shutdown().await;
    Ok(())
}
