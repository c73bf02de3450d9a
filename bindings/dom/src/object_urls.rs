//! <https://w3c.github.io/FileAPI/#creating-revoking>

use std::ops::Range;
use std::sync::Arc;

use longhaul::fetch::{Blob, BlobUrlEntry, BodyStream};
use longhaul_idl::runtime::{Exception, ObjectRef, Realm};
use url::Url;

use crate::blob::{BlobData, blob_data};
use crate::html::GlobalScope;

/// A blob as the Fetch layer sees it.
struct StoredBlob(BlobData);

impl Blob for StoredBlob {
    fn size(&self) -> u64 {
        self.0.bytes.len() as u64
    }

    fn content_type(&self) -> &str {
        &self.0.r#type
    }

    fn read(&self, range: Range<u64>) -> BodyStream {
        let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.0.bytes.len());
        let range = position(range.start)..position(range.end).max(position(range.start));
        BodyStream::from_bytes(self.0.bytes.slice(range))
    }
}

/// What stands behind a URL, if it is a `blob:` one, now that it is parsed: it may be revoked before it is fetched.
///
/// <https://url.spec.whatwg.org/#concept-url-blob-entry>
pub(crate) fn blob_url_entry(scope: &GlobalScope, url: &Url) -> Option<BlobUrlEntry> {
    let urls = scope.user_agent().object_urls();
    let blob = (url.scheme() == "blob").then(|| urls.obtain(Some(scope.settings()), url)).flatten();
    blob.map(BlobUrlEntry)
}

/// <https://w3c.github.io/FileAPI/#dfn-createObjectURL>
pub(crate) fn create_object_url(realm: &dyn Realm, object: &ObjectRef) -> Result<String, Exception> {
    let blob = Arc::new(StoredBlob(blob_data(object)?));
    let scope = crate::global_scope(realm)?;
    Ok(scope.user_agent().object_urls().create(scope.settings(), blob))
}

/// <https://w3c.github.io/FileAPI/#dfn-revokeObjectURL>
pub(crate) fn revoke_object_url(realm: &dyn Realm, url: &str) -> Result<(), Exception> {
    let scope = crate::global_scope(realm)?;
    // NOTE: one with a fragment is not in the store.
    if let Ok(url) = Url::parse(url)
        && url.scheme() == "blob"
    {
        scope.user_agent().object_urls().revoke(scope.settings(), &url);
    }
    Ok(())
}
