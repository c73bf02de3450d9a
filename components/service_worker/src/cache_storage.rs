//! CacheStorage: the caches of a storage key by name.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use longhaul_fetch::cache_query::CacheQueryOptions;
use longhaul_fetch::{Request, Response};
use longhaul_storage::{
    BodyId, Column, ColumnKind, Profile, Row, StorageError, TableDefinition, Transaction, Value,
};
use tokio::runtime::Handle;

use crate::cache::{Cache, CacheState};
use crate::cache_error::CacheError;
use crate::cache_padding::PaddingSecret;

pub(crate) static CACHES: TableDefinition = TableDefinition {
    name: "caches",
    columns: &[
        Column { name: "storage_key", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "id", kind: ColumnKind::Integer },
    ],
    key_columns: 2,
};

pub(crate) static ENTRIES: TableDefinition = TableDefinition {
    name: "cache_entries",
    columns: &[
        Column { name: "cache", kind: ColumnKind::Integer },
        Column { name: "entry", kind: ColumnKind::Integer },
        Column { name: "request", kind: ColumnKind::Text },
        Column { name: "response", kind: ColumnKind::Text },
        Column { name: "body", kind: ColumnKind::Text },
    ],
    key_columns: 2,
};

/// The caches of a profile. There must be one for each profile; clones are the same.
#[derive(Clone)]
pub struct Caches {
    store: Arc<CacheStore>,
    by_storage_key: Arc<Mutex<HashMap<String, Arc<NameToCacheMap>>>>,
}

/// What all caches of a profile share. Each of them holds it, so it holds none of them: they would never end.
pub(crate) struct CacheStore {
    pub(crate) profile: Profile,
    pub(crate) runtime: Handle,
    last_cache_id: AtomicI64,
    padding: PaddingSecret,
}

/// <https://w3c.github.io/ServiceWorker/#dfn-name-to-cache-map>, read when it is first used
#[derive(Default)]
struct NameToCacheMap {
    caches: tokio::sync::Mutex<Option<NamedCaches>>,
}

/// Caches with their names, in the order in which they were made.
type NamedCaches = Vec<(String, Arc<CacheState>)>;

/// The caches of a storage key.
///
/// <https://w3c.github.io/ServiceWorker/#cachestorage-interface>
#[derive(Clone)]
pub struct CacheStorage {
    store: Arc<CacheStore>,
    storage_key: String,
    map: Arc<NameToCacheMap>,
}

/// <https://w3c.github.io/ServiceWorker/#dictdef-multicachequeryoptions>
#[derive(Clone, Debug, Default)]
pub struct MultiCacheQueryOptions {
    /// How the request is looked up.
    pub query: CacheQueryOptions,
    /// In which cache; in all of them by default.
    pub cache_name: Option<String>,
}

/// The bodies that the caches of a profile refer to. Blocks. To be asked after [`Caches::open`], which removes what
/// deleted caches left behind.
pub fn live_bodies(profile: &Profile) -> Result<HashSet<BodyId>, StorageError> {
    Ok(profile.rows(&ENTRIES)?.iter().filter_map(body_of).collect())
}

impl Caches {
    /// The caches of a profile. Removes what a cache that was deleted while it was in use left behind.
    ///
    /// Needs a tokio runtime, which removals run on from then on.
    pub async fn open(profile: Profile) -> Result<Self, CacheError> {
        let reader = profile.clone();
        let (names, entries) = tokio::task::spawn_blocking(move || {
            Ok::<_, StorageError>((reader.rows(&CACHES)?, reader.rows(&ENTRIES)?))
        })
        .await
        .map_err(|_| CacheError::Stopped)??;
        let named: HashSet<i64> = names.iter().filter_map(|row| row[2].as_integer()).collect();
        let found = entries.iter().filter_map(|row| row[0].as_integer());
        let last_cache_id = found.chain(named.iter().copied()).max().unwrap_or(0);
        let mut orphans = Transaction::new();
        for row in entries.iter().filter(|row| !row[0].as_integer().is_some_and(|id| named.contains(&id))) {
            remove_entry(&mut orphans, &profile, row);
        }
        if !orphans.is_empty() {
            profile.commit(orphans).await?;
        }
        let padding = PaddingSecret::of(&profile).await?;
        let store = CacheStore {
            padding,
            profile,
            runtime: Handle::current(),
            last_cache_id: AtomicI64::new(last_cache_id),
        };
        Ok(Self { store: Arc::new(store), by_storage_key: Arc::default() })
    }

    /// The caches of a storage key.
    pub fn storage(&self, storage_key: &str) -> CacheStorage {
        let mut maps = self.by_storage_key.lock().unwrap_or_else(PoisonError::into_inner);
        let map = maps.entry(storage_key.to_owned()).or_default().clone();
        CacheStorage { store: self.store.clone(), storage_key: storage_key.to_owned(), map }
    }
}

impl CacheStorage {
    /// What the opaque responses of all caches count for beyond their bytes, where usage is told to pages.
    pub async fn padding(&self) -> Result<u64, CacheError> {
        let mut caches = self.map.caches.lock().await;
        let mut sum = 0_u64;
        for (_, state) in self.loaded(&mut caches).await?.iter() {
            let mut entries = state.entries.lock().await;
            for entry in state.loaded(&mut entries).await?.iter() {
                let padding =
                    self.store.padding.padding(&self.storage_key, entry.request.url(), &entry.response);
                sum = sum.saturating_add(padding);
            }
        }
        Ok(sum)
    }

    /// Opens a cache, making it if there is none of that name.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-storage-open>
    /// Caches that are made have the order of the calls, whenever their futures run.
    pub fn open(&self, name: &str) -> impl Future<Output = Result<Cache, CacheError>> + Send + 'static {
        let id = self.store.last_cache_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (storage, name) = (self.clone(), name.to_owned());
        async move { storage.open_as(id, name).await }
    }

    async fn open_as(&self, id: i64, name: String) -> Result<Cache, CacheError> {
        let mut caches = self.map.caches.lock().await;
        let caches = self.loaded(&mut caches).await?;
        // 2.1. There is one.
        if let Some((_, state)) = caches.iter().find(|(known, _)| *known == name) {
            return Ok(Cache::new(state.clone()));
        }
        // 2.2-2.3. There is one now.
        let mut transaction = Transaction::new();
        transaction.put(&CACHES, vec![self.storage_key.as_str().into(), name.as_str().into(), id.into()]);
        self.store.profile.commit(transaction).await?;
        let state = CacheState::new(self.store.clone(), id, self.storage_key.clone());
        let place = caches.partition_point(|(_, known)| known.id < id);
        caches.insert(place, (name, state.clone()));
        Ok(Cache::new(state))
    }

    /// Whether there is a cache of that name.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-storage-has>
    pub async fn has(&self, name: &str) -> Result<bool, CacheError> {
        let mut caches = self.map.caches.lock().await;
        Ok(self.loaded(&mut caches).await?.iter().any(|(known, _)| known == name))
    }

    /// Deletes a cache; false if there is none of that name. Whoever holds it can go on using it.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-storage-delete>
    pub async fn delete(&self, name: &str) -> Result<bool, CacheError> {
        // Once begun it goes on, even if nobody waits for it any more.
        let (storage, name) = (self.clone(), name.to_owned());
        let task = self.store.runtime.spawn(async move { storage.run_delete(&name).await });
        task.await.map_err(|_| CacheError::Stopped)?
    }

    async fn run_delete(&self, name: &str) -> Result<bool, CacheError> {
        let mut caches = self.map.caches.lock().await;
        let caches = self.loaded(&mut caches).await?;
        let Some(index) = caches.iter().position(|(known, _)| known == name) else { return Ok(false) };
        let mut transaction = Transaction::new();
        transaction.delete(&CACHES, vec![self.storage_key.as_str().into(), name.into()]);
        self.store.profile.commit(transaction).await?;
        let (_, state) = caches.remove(index);
        // Its entries go with its last holder.
        CacheState::discard(state).await?;
        Ok(true)
    }

    /// The names of the caches, in the order in which they were made.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-storage-keys>
    pub async fn keys(&self) -> Result<Vec<String>, CacheError> {
        let mut caches = self.map.caches.lock().await;
        Ok(self.loaded(&mut caches).await?.iter().map(|(name, _)| name.clone()).collect())
    }

    /// The first response for a request in the named cache, or in any.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-storage-match>
    pub async fn match_(
        &self,
        request: &Request,
        options: &MultiCacheQueryOptions,
    ) -> Result<Option<Response>, CacheError> {
        let states: Vec<Arc<CacheState>> = {
            let mut caches = self.map.caches.lock().await;
            let caches = self.loaded(&mut caches).await?;
            let wanted = |name: &str| options.cache_name.as_deref().is_none_or(|wanted| wanted == name);
            caches.iter().filter(|(name, _)| wanted(name)).map(|(_, state)| state.clone()).collect()
        };
        for state in states {
            if let Some(response) = Cache::new(state).match_(request, &options.query).await? {
                return Ok(Some(response));
            }
        }
        Ok(None)
    }

    /// Deletes every cache of the storage key.
    pub async fn clear(&self) -> Result<(), CacheError> {
        for name in self.keys().await? {
            self.delete(&name).await?;
        }
        Ok(())
    }

    async fn loaded<'a>(
        &self,
        caches: &'a mut Option<NamedCaches>,
    ) -> Result<&'a mut NamedCaches, CacheError> {
        if caches.is_none() {
            let profile = self.store.profile.clone();
            let prefix = vec![Value::from(self.storage_key.as_str())];
            let rows = tokio::task::spawn_blocking(move || profile.rows_with_prefix(&CACHES, &prefix))
                .await
                .map_err(|_| CacheError::Stopped)??;
            let mut named: Vec<(i64, String)> = rows
                .iter()
                .filter_map(|row| Some((row[2].as_integer()?, row[1].as_text()?.to_owned())))
                .collect();
            // Ids are given in the order in which caches are made.
            named.sort_unstable();
            let state = |id| CacheState::new(self.store.clone(), id, self.storage_key.clone());
            *caches = Some(named.into_iter().map(|(id, name)| (name, state(id))).collect());
        }
        Ok(caches.get_or_insert_default())
    }
}

/// Removes an entry's row and what it refers to.
pub(crate) fn remove_entry(transaction: &mut Transaction, profile: &Profile, row: &Row) {
    transaction.delete(&ENTRIES, row[..2].to_vec());
    // A body that is gone already must not keep its row.
    if let Some(body) = body_of(row).filter(|body| profile.bodies().state(*body).is_some()) {
        transaction.release_body(body);
    }
}

pub(crate) fn body_of(row: &Row) -> Option<BodyId> {
    row[4].as_text()?.parse().ok()
}
