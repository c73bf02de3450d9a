//! Who asks for cookies, and for what.

use crate::same_site::SameSiteContext;

/// Who asks for cookies or sets them, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrievalContext {
    /// The partition of `Partitioned` cookies, which stands for the top-level site. Without one the URL's own site is
    /// taken for the top-level one.
    pub partition_key: Option<String>,
    /// Whether the request comes from the site itself.
    pub same_site: SameSiteContext,
    /// Whether a script asks.
    pub api: CookieApi,
}

/// How cookies are read or set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieApi {
    /// By a request or its response.
    #[default]
    Http,
    /// By a script, which neither sees nor changes `HttpOnly` cookies.
    NonHttp,
}
