//! <https://wicg.github.io/background-fetch/#background-fetch-manager>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longhaul::background_fetch::RegistrationKey;
use longhaul::fetch::Mode;
use longhaul::service_worker::RegistrationHandle;
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{
    BackgroundFetchManagerMethods, BackgroundFetchOptions, BackgroundFetchRegistrationOrUndefined,
    RequestInfo, RequestInit, RequestOrUsvStringOrSequenceOfRequestInfo as Requests,
};

use super::{fetch_exception, icons};
use crate::fetch::Request;
use crate::promise::promise_in_realm;

/// <https://wicg.github.io/background-fetch/#backgroundfetchmanager>
pub(crate) struct BackgroundFetchManager {
    /// The service worker registration it belongs to.
    registration: RegistrationKey,
    /// Whether that has an active worker, as the realm knows it.
    has_active_worker: AtomicBool,
}

longhaul_idl::platform_object!(BackgroundFetchManager => longhaul_idl::background_fetch_manager);

impl BackgroundFetchManager {
    pub(crate) fn new(registration: &RegistrationHandle, has_active_worker: bool) -> Arc<Self> {
        let registration = RegistrationKey {
            storage_key: registration.storage_key().to_owned(),
            scope: registration.scope().to_string(),
        };
        Arc::new(Self { registration, has_active_worker: has_active_worker.into() })
    }

    /// The realm hears whether the registration has an active worker.
    pub(crate) fn set_has_active_worker(&self, has: bool) {
        self.has_active_worker.store(has, Ordering::Relaxed);
    }
}

impl BackgroundFetchManagerMethods for BackgroundFetchManager {
    /// <https://wicg.github.io/background-fetch/#background-fetch-manager-fetch>
    fn fetch(
        self: &Arc<Self>,
        realm: &dyn Realm,
        id: DomString,
        requests: Requests,
        options: BackgroundFetchOptions,
    ) -> Result<PromiseOf<ObjectRef>, Exception> {
        // FIXME: the switch that takes this method from service workers; it rejects with NotAllowedError there.
        // 4. One request is a list, too.
        let infos = match requests {
            Requests::Request(request) => vec![RequestInfo::Request(request)],
            Requests::UsvString(url) => vec![RequestInfo::UsvString(url)],
            Requests::SequenceOfRequestInfo(infos) => infos,
        };
        // 5. At least one.
        if infos.is_empty() {
            return Err(Exception::type_error("at least one request is needed"));
        }
        // 6. What the constructor makes of each. NOTE: the client stays with the request, so that its policies do.
        let mut requests = Vec::with_capacity(infos.len());
        for info in infos {
            let request = Request::new(realm, info, RequestInit::default())?.take_request(realm)?;
            if request.mode == Mode::NoCors {
                return Err(Exception::type_error("a request's mode is no-cors"));
            }
            requests.push(request);
        }
        // 8.1. NOTE: as the script sees it: a worker that has become active meanwhile is not there before the task that says so.
        if !self.has_active_worker.load(Ordering::Relaxed) {
            return Err(Exception::type_error("the service worker registration has no active worker"));
        }
        // 7.–8. The rest is the scheduler's.
        let scope = crate::global_scope(realm)?;
        let options = longhaul::background_fetch::BackgroundFetchOptions {
            title: options.title.map(Into::into).unwrap_or_default(),
            icons: icons(options.icons.unwrap_or_default(), &scope.settings().api_base_url),
            download_total: options.download_total,
        };
        let background_fetches = scope.user_agent().background_fetch().clone();
        let registration = self.registration.clone();
        promise_in_realm(realm, async move {
            let started = background_fetches.fetch(registration, id.into(), requests, options).await;
            let started = started.map_err(|error| fetch_exception(&error))?;
            // NOTE: the draft performs the fetch after the task that makes the instance is queued, so that the instance begins
            // with nothing done, and hears of everything.
            let (start, updates) = started.observe_from_the_start();
            Ok(Value::in_realm(move |realm| {
                let scope = crate::global_scope(realm)?;
                Ok(Value::Object(scope.background_fetches.object_since(realm, started, start, updates)?))
            }))
        })
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-manager-get>
    fn get(
        self: &Arc<Self>,
        realm: &dyn Realm,
        id: DomString,
    ) -> Result<PromiseOf<BackgroundFetchRegistrationOrUndefined>, Exception> {
        // NOTE: the draft allows the empty id here, the tests do not.
        if id.is_empty() {
            return Err(Exception::type_error("the id is empty"));
        }
        let scope = crate::global_scope(realm)?;
        Ok(PromiseOf::resolved(match scope.user_agent().background_fetch().get(&self.registration, &id) {
            Some(found) => BackgroundFetchRegistrationOrUndefined::BackgroundFetchRegistration(
                scope.background_fetches.object(realm, found)?,
            ),
            None => BackgroundFetchRegistrationOrUndefined::Undefined,
        }))
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-manager-get-ids>
    fn get_ids(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<Vec<DomString>>, Exception> {
        let scope = crate::global_scope(realm)?;
        let ids = scope.user_agent().background_fetch().get_ids(&self.registration);
        Ok(PromiseOf::resolved(ids.into_iter().map(DomString::from).collect()))
    }
}
