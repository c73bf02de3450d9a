//! The fetching part of a browser engine, put together.
//!
//! An embedder builds one [`UserAgent`] and hands it requests:
//!
//! ```no_run
//! use longhaul::fetch::{FetchOptions, Request};
//! use longhaul::{UserAgent, storage::Location};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let user_agent = UserAgent::builder().profile(Location::Memory).build().await?;
//! let request = Request::new("https://example.com/".parse()?);
//! let response = user_agent.fetch(request, FetchOptions::default()).await;
//! match response.reason() {
//!     Some(reason) => println!("no response: {reason}"),
//!     None => println!("{} from {:?}", response.status, response.url()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What an embedder may replace are traits of the parts, each with a default that works without configuration:
//! [`background_fetch::PermissionPolicy`] by way of [`Permissions`], [`background_fetch::Display`],
//! [`service_worker::AgentHost`], [`net::Resolver`], [`storage::Clock`]. There is no global state: two user agents in
//! one process share nothing.

#![forbid(unsafe_code)]

mod builder;
mod cookie_store;
mod hsts_store;
mod http_cache;
mod object_urls;
mod permissions;
mod record_fetcher;
mod script_loader;
mod service_worker_hook;
mod site_data;
#[cfg(feature = "testing")]
pub mod testing;
mod user_agent;
mod wire;
mod worker_host;

pub use builder::{BuildError, Builder};
pub use longhaul_background_fetch as background_fetch;
pub use longhaul_cookies as cookies;
pub use longhaul_fetch as fetch;
pub use longhaul_hsts as hsts;
pub use longhaul_http_cache as http_caching;
pub use longhaul_net as net;
pub use longhaul_service_worker as service_worker;
pub use longhaul_storage as storage;
pub use object_urls::ObjectUrls;
pub use permissions::{
    BACKGROUND_FETCH, Decision, PermissionPrompt, PermissionQuestion, Permissions, PermissionsError,
};
pub use user_agent::UserAgent;
