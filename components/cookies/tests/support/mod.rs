//! A jar with a clock that the test moves.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

pub(crate) use longhaul_cookies::{
    CookieApi, CookieJar, DefaultSameSite, JarConfig, Limits, Rejection, RetrievalContext, SameSiteContext,
};
use longhaul_storage::ManualClock;
use url::Url;

pub(crate) struct Jar {
    pub(crate) jar: CookieJar,
    pub(crate) clock: Arc<ManualClock>,
}

impl Default for Jar {
    fn default() -> Self {
        Self::new(JarConfig::default())
    }
}

impl Jar {
    pub(crate) fn new(config: JarConfig) -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { jar: CookieJar::with_config(clock.clone(), config), clock }
    }

    pub(crate) fn set(&self, url: &str, header: &str) -> Result<(), Rejection> {
        self.set_in(url, header, &RetrievalContext::default())
    }

    pub(crate) fn set_in(
        &self,
        url: &str,
        header: &str,
        context: &RetrievalContext,
    ) -> Result<(), Rejection> {
        self.jar.set_cookie(&Url::parse(url).unwrap(), header.as_bytes(), context)
    }

    pub(crate) fn get(&self, url: &str) -> String {
        self.get_in(url, &RetrievalContext::default())
    }

    pub(crate) fn get_in(&self, url: &str, context: &RetrievalContext) -> String {
        let header = self.jar.cookie_header(&Url::parse(url).unwrap(), context);
        String::from_utf8(header.unwrap_or_default()).unwrap()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn script() -> RetrievalContext {
    RetrievalContext { api: CookieApi::NonHttp, ..RetrievalContext::default() }
}

pub(crate) fn from(same_site: SameSiteContext) -> RetrievalContext {
    RetrievalContext { same_site, ..RetrievalContext::default() }
}

pub(crate) fn under(top_level_site: &str) -> RetrievalContext {
    RetrievalContext {
        partition_key: Some(top_level_site.to_owned()),
        same_site: SameSiteContext::CrossSite,
        ..RetrievalContext::default()
    }
}
