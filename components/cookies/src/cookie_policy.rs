//! Which cookies a user agent keeps away from whom.

use url::Url;

/// Somebody wants to read or set cookies.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-third-party-cookies>
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CookieAccess<'a> {
    /// The URL whose cookies they are.
    pub url: &'a Url,
    /// The top-level site, as the partition names it.
    pub top_level_site: &'a str,
    /// Whether the URL's site is another one than the top-level site.
    pub third_party: bool,
    /// Whether it is about the cookies of this partition alone, rather than those that a site has everywhere.
    pub partitioned: bool,
    /// What is wanted.
    pub kind: AccessKind,
}

/// What is wanted with cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// To read them.
    Read,
    /// To set one.
    Set,
}

/// Decides who gets and sets cookies at all.
///
/// It is asked before the jar's own rules, once for the partition's cookies and once for the others.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-cookie-policy>
pub trait CookiePolicy: Send + Sync + 'static {
    /// Whether the cookies may be read or set.
    fn allows(&self, access: &CookieAccess<'_>) -> bool;
}

/// Every site has its cookies everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl CookiePolicy for AllowAll {
    fn allows(&self, _access: &CookieAccess<'_>) -> bool {
        true
    }
}

/// A site embedded in another has only the cookies of that partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockThirdParty;

impl CookiePolicy for BlockThirdParty {
    fn allows(&self, access: &CookieAccess<'_>) -> bool {
        access.partitioned || !access.third_party
    }
}
