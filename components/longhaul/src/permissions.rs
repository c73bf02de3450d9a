//! Permissions of powerful features, as far as this user agent asks for any.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_background_fetch::{PermissionPolicy, PermissionState};

/// The name of the permission that background fetches ask for.
///
/// <https://wicg.github.io/background-fetch/#permissions>
pub const BACKGROUND_FETCH: &str = "background-fetch";

/// What has been decided about powerful features. A clone shares the decisions.
///
/// A feature nobody has decided about is `prompt`.
///
/// <https://www.w3.org/TR/permissions/>
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// By feature, then by origin; the empty origin stands for every other one.
    decisions: Arc<RwLock<HashMap<(String, String), PermissionState>>>,
}

impl Permissions {
    /// Decides for every origin that has no decision of its own.
    pub fn set_default(&self, name: &str, state: PermissionState) {
        self.set(name, "", state);
    }

    /// Decides for one origin, given as its serialization.
    pub fn set(&self, name: &str, origin: &str, state: PermissionState) {
        let mut decisions = self.decisions.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        decisions.insert((name.to_owned(), origin.to_owned()), state);
    }

    /// What holds for an origin.
    pub fn state(&self, name: &str, origin: &str) -> PermissionState {
        let decisions = self.decisions.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let decision = |origin: &str| decisions.get(&(name.to_owned(), origin.to_owned())).copied();
        decision(origin).or_else(|| decision("")).unwrap_or(PermissionState::Prompt)
    }
}

impl PermissionPolicy for Permissions {
    fn request(&self, origin: &str) -> BoxFuture<'static, PermissionState> {
        futures::future::ready(self.state(BACKGROUND_FETCH, origin)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_goes_before_the_default_and_silence_is_prompt() {
        let permissions = Permissions::default();
        assert_eq!(permissions.state(BACKGROUND_FETCH, "https://a.example"), PermissionState::Prompt);
        permissions.set_default(BACKGROUND_FETCH, PermissionState::Granted);
        permissions.set(BACKGROUND_FETCH, "https://b.example", PermissionState::Denied);
        assert_eq!(permissions.state(BACKGROUND_FETCH, "https://a.example"), PermissionState::Granted);
        assert_eq!(permissions.state(BACKGROUND_FETCH, "https://b.example"), PermissionState::Denied);
        assert_eq!(permissions.state("geolocation", "https://a.example"), PermissionState::Prompt);
    }
}
