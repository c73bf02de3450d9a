//! `SameSite`: what a cookie asks for, and what a request is.

use crate::config::JarConfig;

/// The same-site-flag of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// It is sent whoever asks.
    None,
    /// It is sent to its own site, and to where a link from another leads.
    Lax,
    /// It is sent to its own site alone.
    Strict,
    /// It did not say.
    Default,
}

impl SameSite {
    pub(crate) fn from_attribute(value: &str) -> Self {
        match value.to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "lax" => Self::Lax,
            "strict" => Self::Strict,
            _ => Self::Default,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lax => "lax",
            Self::Strict => "strict",
            Self::Default => "default",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Lax, Self::Strict, Self::Default].into_iter().find(|known| known.as_str() == name)
    }
}

/// What a request is to the site that it goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSiteContext {
    /// It comes from the site itself, or from the user: every cookie takes part.
    #[default]
    SameSite,
    /// A top-level navigation from another site with a safe method: all but `SameSite=Strict`.
    CrossSiteTopLevel,
    /// A top-level navigation from another site with an unsafe method, such as a form's POST: only `SameSite=None`, and
    /// young cookies that did not say, if the jar allows them.
    CrossSiteTopLevelUnsafe,
    /// Anything else from another site: only `SameSite=None`.
    CrossSite,
}

/// How a cookie that has no `SameSite` is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultSameSite {
    /// As `Lax`.
    #[default]
    Lax,
    /// As `Lax`; for its first two minutes it also goes with top-level navigations whose method is unsafe.
    LaxAllowingUnsafe,
    /// As `None`, as before there was a `SameSite`.
    None,
}

/// For how long the default allows unsafe methods.
const LAX_ALLOWING_UNSAFE_MICROS: i64 = 2 * 60 * 1_000_000;

/// Whether a cookie goes with a request.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-retrieval-algorithm>
pub(crate) fn is_sent(flag: SameSite, age_micros: i64, context: SameSiteContext, config: &JarConfig) -> bool {
    let default = config.default_same_site;
    match (context, flag) {
        (SameSiteContext::SameSite, _) | (_, SameSite::None) => true,
        (_, SameSite::Default) if default == DefaultSameSite::None => true,
        (_, SameSite::Strict) => false,
        (SameSiteContext::CrossSiteTopLevel, SameSite::Lax | SameSite::Default) => true,
        (SameSiteContext::CrossSiteTopLevelUnsafe, SameSite::Default) => {
            default == DefaultSameSite::LaxAllowingUnsafe && age_micros <= LAX_ALLOWING_UNSAFE_MICROS
        }
        (SameSiteContext::CrossSiteTopLevelUnsafe | SameSiteContext::CrossSite, _) => false,
    }
}

/// Whether a cookie may be set by the response to a request.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model>
pub(crate) fn may_be_set(flag: SameSite, context: SameSiteContext, config: &JarConfig) -> bool {
    match flag {
        SameSite::None => true,
        SameSite::Default if config.default_same_site == DefaultSameSite::None => true,
        // A navigation shows the site's own page, which may set what it likes.
        SameSite::Lax | SameSite::Strict | SameSite::Default => context != SameSiteContext::CrossSite,
    }
}
