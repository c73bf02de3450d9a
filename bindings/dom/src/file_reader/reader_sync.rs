//! <https://w3c.github.io/FileAPI/#FileReaderSync>

use std::sync::Arc;

use longhaul_idl::runtime::{Buffer, DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{FileReaderSyncMethods, FileReaderSyncStatics};

use super::package_data::{binary_string, data_url, text};
use crate::blob::blob_data;

/// Reads blobs at once.
pub(crate) struct FileReaderSync;

longhaul_idl::platform_object!(FileReaderSync => longhaul_idl::file_reader_sync);

impl FileReaderSyncStatics for FileReaderSync {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

impl FileReaderSyncMethods for FileReaderSync {
    fn read_as_array_buffer(self: &Arc<Self>, _: &dyn Realm, blob: ObjectRef) -> Result<Buffer, Exception> {
        Ok(Buffer::array_buffer(blob_data(&blob)?.bytes))
    }

    fn read_as_binary_string(
        self: &Arc<Self>,
        _: &dyn Realm,
        blob: ObjectRef,
    ) -> Result<DomString, Exception> {
        Ok(binary_string(&blob_data(&blob)?))
    }

    fn read_as_text(
        self: &Arc<Self>,
        _: &dyn Realm,
        blob: ObjectRef,
        encoding: Option<DomString>,
    ) -> Result<DomString, Exception> {
        Ok(text(&blob_data(&blob)?, encoding.as_deref()))
    }

    fn read_as_data_url(self: &Arc<Self>, _: &dyn Realm, blob: ObjectRef) -> Result<DomString, Exception> {
        Ok(data_url(&blob_data(&blob)?))
    }
}
