//! All background fetches of a profile: `BackgroundFetchManager`, and the user's list of them.

use std::fmt;
use std::sync::{Arc, Weak};

use futures::stream::BoxStream;
use longhaul_fetch::Request;

use crate::dependencies::{Dependencies, DisplayEvent};
use crate::driver::Driver;
use crate::error::{FetchError, Lookup, OpenError};
use crate::options::BackgroundFetchOptions;
use crate::registration::{Registration, RegistrationKey, State};
use crate::scheduler::{Connectivity, FetchKey};

/// All background fetches of a profile.
#[derive(Clone)]
pub struct BackgroundFetches {
    driver: Arc<Driver>,
}

/// [`BackgroundFetches`] that are not kept alive by it.
#[derive(Clone)]
pub struct WeakBackgroundFetches {
    driver: Weak<Driver>,
}

impl WeakBackgroundFetches {
    /// The background fetches, if they are still there.
    pub fn upgrade(&self) -> Option<BackgroundFetches> {
        Some(BackgroundFetches { driver: self.driver.upgrade()? })
    }
}

impl std::fmt::Debug for WeakBackgroundFetches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeakBackgroundFetches")
    }
}

/// One line of the user's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What tells it apart from every other one.
    pub unique_key: FetchKey,
    /// The id that the page gave it.
    pub id: String,
    /// How it stands; its origin and title too.
    pub state: State,
}

impl BackgroundFetches {
    /// The same, without keeping them alive.
    pub fn downgrade(&self) -> WeakBackgroundFetches {
        WeakBackgroundFetches { driver: Arc::downgrade(&self.driver) }
    }

    /// Restores what the profile has: active ones go on, owed events are delivered.
    pub async fn open(dependencies: Dependencies) -> Result<Self, OpenError> {
        let driver = crate::open::open(dependencies).await?;
        Ok(BackgroundFetches { driver })
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-manager-fetch>
    ///
    /// The requests' bodies are read and stored; once everything is durable it resolves. Dropping the future before
    /// that gives it up. Calls with the same id of one registration wait for each other; others do not.
    pub async fn fetch(
        &self,
        registration: RegistrationKey,
        id: String,
        requests: Vec<Request>,
        options: BackgroundFetchOptions,
    ) -> Result<Registration, FetchError> {
        crate::upload::fetch(&self.driver, registration, id, requests, options).await
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-manager-get>
    ///
    /// The active background fetch of this id.
    pub fn get(&self, registration: &RegistrationKey, id: &str) -> Option<Registration> {
        self.driver.active(registration, id)
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-manager-get-ids>
    ///
    /// The ids of the active background fetches, oldest first.
    pub fn get_ids(&self, registration: &RegistrationKey) -> Vec<String> {
        self.driver.active_ids(registration)
    }

    /// Every background fetch there is, oldest first: the active ones, and those whose event is still owed.
    pub fn list(&self) -> Vec<Summary> {
        self.registrations().iter().map(summary).collect()
    }

    /// The same as handles.
    pub fn registrations(&self) -> Vec<Registration> {
        self.driver.all()
    }

    /// The only background fetch that has this unique key or this id. With a `#` before it, the text is a key, which
    /// is how one is reached whose key is another one's id.
    pub fn find(&self, key_or_id: &str) -> Result<Registration, Lookup> {
        let key = key_or_id.strip_prefix('#').unwrap_or(key_or_id).parse::<FetchKey>().ok();
        let only_key = key.is_some() && key_or_id.starts_with('#');
        let mut found = self.registrations();
        found.retain(|registration| {
            key == Some(registration.unique_key()) || (!only_key && registration.id() == key_or_id)
        });
        match found.len() {
            0 => Err(Lookup::Unknown),
            1 => Ok(found.remove(0)),
            _ => Err(Lookup::Ambiguous(found.iter().map(summary).collect())),
        }
    }

    /// The network came or went.
    pub fn set_online(&self, online: bool) {
        self.driver.set_connectivity(if online { Connectivity::Online } else { Connectivity::Offline });
    }

    /// The service worker registration is gone: its background fetches end without events, nothing is kept.
    pub fn unregistered(&self, registration: &RegistrationKey) {
        self.driver.remove_where(|fetch| fetch.registration == *registration);
    }

    /// The storage key's data is cleared: its background fetches end without events, nothing is kept.
    pub fn clear_storage_key(&self, storage_key: &str) {
        self.driver.remove_where(|fetch| fetch.registration.storage_key == storage_key);
    }

    /// What a display is told, from now on. Progress is coalesced, everything else comes in order and complete.
    pub fn observe_all(&self) -> BoxStream<'static, DisplayEvent> {
        crate::display::observe_all(&self.driver)
    }

    /// Resolves when nothing is left to do: everything has settled and been delivered, or waits for the user. What
    /// waits for the network is still to be done.
    pub async fn idle(&self) {
        self.driver.idle().await;
    }

    /// Stops everything where it is, so that a later [`open`](BackgroundFetches::open) goes on there. A dispatch in
    /// flight is neither waited for nor counted: its event stays owed.
    pub async fn shutdown(&self) {
        self.driver.shutdown().await;
    }
}

fn summary(registration: &Registration) -> Summary {
    Summary {
        unique_key: registration.unique_key(),
        id: registration.id().to_owned(),
        state: registration.snapshot(),
    }
}

impl fmt::Debug for BackgroundFetches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundFetches").finish_non_exhaustive()
    }
}
