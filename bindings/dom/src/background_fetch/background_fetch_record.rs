//! <https://wicg.github.io/background-fetch/#background-fetch-record-interface>

use std::sync::Arc;

use longhaul::background_fetch::{Record, RecordError};
use longhaul_idl::BackgroundFetchRecordMethods;
use longhaul_idl::runtime::{Exception, ObjectRef, PromiseOf, Realm, TaskSource, Value};

use crate::fetch::{Guard, Request, Response};
use crate::promise::listening_promise;

/// <https://wicg.github.io/background-fetch/#backgroundfetchrecord>
pub(crate) struct BackgroundFetchRecord {
    record: Record,
    request: Arc<Request>,
}

longhaul_idl::platform_object!(BackgroundFetchRecord => longhaul_idl::background_fetch_record);

impl BackgroundFetchRecord {
    /// <https://wicg.github.io/background-fetch/#create-record-objects>
    pub(super) fn new(record: Record) -> Arc<Self> {
        let request = Request::create(record.request(), Guard::Immutable);
        Arc::new(Self { record, request })
    }
}

impl BackgroundFetchRecordMethods for BackgroundFetchRecord {
    fn request(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.request) as ObjectRef)
    }

    fn response_ready(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
        listening_promise(realm, TaskSource::Networking, self.record.response_ready(), |_, response| {
            match response {
                Ok(response) => Ok(Value::Object(Response::create(response, Guard::Immutable))),
                Err(RecordError::Aborted) => {
                    Err(Exception::dom("AbortError", RecordError::Aborted.to_string()))
                }
                Err(error) => Err(Exception::type_error(error.to_string())),
            }
        })
    }
}
