//! <https://wicg.github.io/background-fetch/#background-fetch-registration>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul::background_fetch::{self, FailureReason, Registration, State};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, PromiseOf, Realm, TaskSource, Value};
use longhaul_idl::{
    BackgroundFetchFailureReason, BackgroundFetchRecordOrUndefined, BackgroundFetchRegistrationMethods,
    BackgroundFetchResult, CacheQueryOptions, RequestInfo,
};

use super::BackgroundFetchRecord;
use crate::cache::query_options;
use crate::fetch::shape_from_info;
use crate::promise::called_promise;

/// <https://wicg.github.io/background-fetch/#backgroundfetchregistration>
pub(crate) struct BackgroundFetchRegistration {
    registration: Registration,
    /// How it stands as the realm knows it: it changes in the task that fires `progress`.
    state: Mutex<State>,
}

longhaul_idl::platform_object!(BackgroundFetchRegistration => longhaul_idl::background_fetch_registration);

impl BackgroundFetchRegistration {
    pub(super) fn new(registration: Registration, state: State) -> Arc<Self> {
        Arc::new(Self { registration, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The background fetch.
    pub(super) fn registration(&self) -> &Registration {
        &self.registration
    }

    pub(super) fn has_settled(&self) -> bool {
        self.state().result != background_fetch::BackgroundFetchResult::None
    }

    /// Takes over a state. False if nothing changed that an event would tell of.
    pub(super) fn update(&self, state: State) -> bool {
        let mut own = self.state();
        if own.result != background_fetch::BackgroundFetchResult::None {
            return false;
        }
        let changed = own.downloaded != state.downloaded
            || own.uploaded != state.uploaded
            || own.result != state.result
            || own.failure_reason != state.failure_reason;
        *own = state;
        changed
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-registration-match-all>
    fn matching(
        &self,
        realm: &dyn Realm,
        request: Option<RequestInfo>,
        options: &CacheQueryOptions,
    ) -> Result<Vec<background_fetch::Record>, Exception> {
        let request = request.map(|info| shape_from_info(realm, info)).transpose()?;
        // 1. Not for ever.
        if !self.registration.snapshot().records_available {
            return Err(Exception::dom("InvalidStateError", "the records are not available any more"));
        }
        // 3. Those that match.
        Ok(self.registration.match_all(request.as_ref(), &query_options(options)))
    }
}

impl BackgroundFetchRegistrationMethods for BackgroundFetchRegistration {
    fn id(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.registration.id().into())
    }

    fn upload_total(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> {
        Ok(self.state().upload_total)
    }

    fn uploaded(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> {
        Ok(self.state().uploaded)
    }

    fn download_total(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> {
        Ok(self.state().download_total)
    }

    fn downloaded(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> {
        Ok(self.state().downloaded)
    }

    fn result(self: &Arc<Self>, _: &dyn Realm) -> Result<BackgroundFetchResult, Exception> {
        Ok(match self.state().result {
            background_fetch::BackgroundFetchResult::None => BackgroundFetchResult::Empty,
            background_fetch::BackgroundFetchResult::Success => BackgroundFetchResult::Success,
            background_fetch::BackgroundFetchResult::Failure => BackgroundFetchResult::Failure,
        })
    }

    fn failure_reason(self: &Arc<Self>, _: &dyn Realm) -> Result<BackgroundFetchFailureReason, Exception> {
        Ok(match self.state().failure_reason {
            FailureReason::None => BackgroundFetchFailureReason::Empty,
            FailureReason::Aborted => BackgroundFetchFailureReason::Aborted,
            FailureReason::BadStatus => BackgroundFetchFailureReason::BadStatus,
            FailureReason::FetchError => BackgroundFetchFailureReason::FetchError,
            FailureReason::QuotaExceeded => BackgroundFetchFailureReason::QuotaExceeded,
            FailureReason::DownloadTotalExceeded => BackgroundFetchFailureReason::DownloadTotalExceeded,
        })
    }

    fn records_available(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        // NOTE: no update tells of this one, so it is looked up.
        Ok(self.registration.snapshot().records_available)
    }

    fn abort(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<bool>, Exception> {
        let registration = self.registration.clone();
        // What the worker makes of the event comes after the promise's task.
        called_promise(realm, TaskSource::Dom, |settle| {
            let abort = async move {
                registration.abort_then(|active| settle(Ok(Value::Boolean(active)))).await;
            };
            realm.agent().spawn(Box::pin(abort));
        })
    }

    fn match_(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: RequestInfo,
        options: CacheQueryOptions,
    ) -> Result<PromiseOf<BackgroundFetchRecordOrUndefined>, Exception> {
        let first = self.matching(realm, Some(request), &options)?.into_iter().next();
        Ok(PromiseOf::resolved(match first {
            Some(record) => {
                BackgroundFetchRecordOrUndefined::BackgroundFetchRecord(BackgroundFetchRecord::new(record))
            }
            None => BackgroundFetchRecordOrUndefined::Undefined,
        }))
    }

    fn match_all(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: Option<RequestInfo>,
        options: CacheQueryOptions,
    ) -> Result<PromiseOf<Vec<ObjectRef>>, Exception> {
        let records = self.matching(realm, request, &options)?;
        Ok(PromiseOf::resolved(
            records.into_iter().map(|record| BackgroundFetchRecord::new(record) as ObjectRef).collect(),
        ))
    }
}
