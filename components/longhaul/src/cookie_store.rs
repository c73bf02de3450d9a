//! The Fetch layer's cookies, kept by the jar.

use std::sync::Arc;

use longhaul_cookies::{CookieApi, CookieJar, RetrievalContext, SameSiteContext};
use longhaul_fetch::{CookieRequest, CookieStore, SameSiteMode};

/// [`CookieStore`] by [`CookieJar`].
pub(crate) struct Cookies(pub(crate) Arc<CookieJar>);

impl CookieStore for Cookies {
    fn cookie_header(&self, request: &CookieRequest) -> Option<Vec<u8>> {
        self.0.cookie_header(&request.url, &context(request))
    }

    fn set_cookie(&self, request: &CookieRequest, header_value: &[u8]) {
        if let Err(rejection) = self.0.set_cookie(&request.url, header_value, &context(request)) {
            // A cookie that is not taken is no fault of the fetch.
            tracing::debug!(url = request.url.as_str(), %rejection, "a cookie was not taken");
        }
    }
}

fn context(request: &CookieRequest) -> RetrievalContext {
    RetrievalContext {
        partition_key: Some(request.network_partition_key.as_str().to_owned()),
        same_site: match request.same_site {
            SameSiteMode::StrictOrLess => SameSiteContext::SameSite,
            SameSiteMode::LaxOrLess => SameSiteContext::CrossSiteTopLevel,
            SameSiteMode::UnsetOrLess if request.top_level_navigation => {
                SameSiteContext::CrossSiteTopLevelUnsafe
            }
            SameSiteMode::UnsetOrLess => SameSiteContext::CrossSite,
        },
        api: if request.http_api { CookieApi::Http } else { CookieApi::NonHttp },
    }
}
