//! Object URLs: one store for all agents of the user agent.
//!
//! <https://w3c.github.io/FileAPI/#url>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_fetch::{Blob, BlobUrls, EnvironmentSettings, Request, serialize_origin};
use url::Url;

/// The blob URL store.
///
/// <https://w3c.github.io/FileAPI/#BlobURLStore>
#[derive(Clone, Default)]
pub struct ObjectUrls(Arc<Mutex<HashMap<String, Entry>>>);

/// <https://w3c.github.io/FileAPI/#blob-url-entry>
struct Entry {
    blob: Arc<dyn Blob>,
    /// The environment it goes with.
    environment: String,
    storage_key: String,
}

impl ObjectUrls {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new URL for a blob, which lasts until it is revoked or its environment ends.
    ///
    /// <https://w3c.github.io/FileAPI/#add-an-entry>
    pub fn create(&self, environment: &EnvironmentSettings, blob: Arc<dyn Blob>) -> String {
        let url = format!("blob:{}/{}", serialize_origin(&environment.origin), uuid());
        let entry =
            Entry { blob, environment: environment.id.clone(), storage_key: environment.storage_key.clone() };
        self.entries().insert(url.clone(), entry);
        url
    }

    /// Takes a URL back, if the environment may. An unknown one is passed over.
    ///
    /// <https://w3c.github.io/FileAPI/#removeTheEntry>
    pub fn revoke(&self, environment: &EnvironmentSettings, url: &Url) {
        let mut entries = self.entries();
        if entries.get(url.as_str()).is_some_and(|entry| entry.storage_key == environment.storage_key) {
            entries.remove(url.as_str());
        }
    }

    /// Takes back all URLs of an environment that has ended.
    ///
    /// <https://w3c.github.io/FileAPI/#lifeTime>
    pub fn environment_ended(&self, environment: &EnvironmentSettings) {
        self.entries().retain(|_, entry| entry.environment != environment.id);
    }

    /// The blob behind a URL, for a client.
    ///
    /// <https://w3c.github.io/FileAPI/#blob-url-obtain-object>
    pub fn obtain(&self, client: Option<&EnvironmentSettings>, url: &Url) -> Option<Arc<dyn Blob>> {
        // NOTE: the fragment is not part of what is looked up.
        let mut url = url.clone();
        url.set_fragment(None);
        let entries = self.entries();
        let entry = entries.get(url.as_str())?;
        let same = client.is_none_or(|client| client.storage_key == entry.storage_key);
        same.then(|| Arc::clone(&entry.blob))
    }
}

impl std::fmt::Debug for ObjectUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectUrls").field("entries", &self.entries().len()).finish()
    }
}

impl BlobUrls for ObjectUrls {
    fn resolve(&self, url: &Url, request: &Request) -> Option<Arc<dyn Blob>> {
        self.obtain(request.client.as_deref(), url)
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4>
fn uuid() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("the system gives random bytes");
    bits[6] = bits[6] & 0x0F | 0x40;
    bits[8] = bits[8] & 0x3F | 0x80;
    let hex = |range: std::ops::Range<usize>| {
        bits[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    format!("{}-{}-{}-{}-{}", hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16))
}
