//! What is chosen about a jar.

use crate::same_site::DefaultSameSite;

/// How a jar decides where the RFC leaves it to the user agent.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct JarConfig {
    /// How a cookie without `SameSite` is treated.
    pub default_same_site: DefaultSameSite,
    /// How many cookies there may be.
    pub limits: Limits,
}

impl JarConfig {
    /// The same with another treatment of cookies without `SameSite`.
    #[must_use]
    pub fn with_default_same_site(mut self, default_same_site: DefaultSameSite) -> Self {
        self.default_same_site = default_same_site;
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// How many cookies a jar keeps. The RFC asks for at least 50 and 3000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// With the same domain in the same partition.
    pub per_domain: usize,
    /// In all.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_domain: 180, total: 10_000 }
    }
}
