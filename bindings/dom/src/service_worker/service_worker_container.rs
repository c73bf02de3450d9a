//! <https://w3c.github.io/ServiceWorker/#serviceworkercontainer-interface>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use longhaul::service_worker::{self, Registered, UpdateViaCache, WorkerType};
use longhaul_idl::runtime::{Exception, ObjectRef, PromiseOf, Realm, TaskSource, Value};
use longhaul_idl::{
    RegistrationOptions, ServiceWorkerContainerMethods, ServiceWorkerRegistrationOrUndefined,
    ServiceWorkerUpdateViaCache,
};
use url::Url;

use super::register_exception;
use crate::html::GlobalScope;
use crate::promise::{called_promise, listening_promise};

/// <https://w3c.github.io/ServiceWorker/#serviceworkercontainer>
#[derive(Default)]
pub(crate) struct ServiceWorkerContainer {
    messages_enabled: AtomicBool,
}

longhaul_idl::platform_object!(ServiceWorkerContainer => longhaul_idl::service_worker_container);

impl ServiceWorkerContainer {
    /// Fires `controllerchange` whenever the realm's client gets another controller.
    ///
    /// <https://w3c.github.io/ServiceWorker/#notify-controller-change>
    pub(crate) fn observe_controller(self: &Arc<Self>, scope: &GlobalScope, realm: &dyn Realm) {
        let controllers = scope.user_agent().service_workers().observe_controller(&scope.settings().id);
        let agent = Arc::clone(realm.agent());
        let id = realm.id();
        // NOTE: held for the call, so that listeners on it are heard for as long as the client is one.
        let wrapper = realm.hold(Value::Object(Arc::clone(self) as ObjectRef)).ok();
        let container = Arc::downgrade(self);
        controllers.to(move |_| {
            let _kept = &wrapper;
            let Some(container) = container.upgrade() else { return false };
            let fire = move |realm: &dyn Realm| {
                if let Err(exception) = crate::fire_event(realm, container, "controllerchange") {
                    realm.report_exception(exception);
                }
            };
            agent.queue_task(TaskSource::Dom, id, Box::new(fire));
            true
        });
    }
}

impl ServiceWorkerContainer {
    /// Lets the messages of service workers come, from the first on.
    ///
    /// <https://w3c.github.io/ServiceWorker/#dfn-client-message-queue>
    pub(crate) fn enable_messages(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        let scope = crate::global_scope(realm)?;
        if self.messages_enabled.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let messages = scope.user_agent().service_workers().observe_messages(&scope.settings().id);
        let (agent, id) = (Arc::clone(realm.agent()), realm.id());
        // NOTE: held for the call, so that listeners on it are heard for as long as the client is one.
        let wrapper = realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?;
        let container = Arc::downgrade(self);
        messages.to(move |message| {
            let _kept = &wrapper;
            let Some(container) = container.upgrade() else { return false };
            let receive = move |realm: &dyn Realm| {
                if let Err(exception) = super::messages::receive(realm, container, message) {
                    realm.report_exception(exception);
                }
            };
            agent.queue_task(TaskSource::PostedMessage, id, Box::new(receive));
            true
        });
        Ok(())
    }
}

fn parse(base: &Url, url: &str) -> Result<Url, Exception> {
    base.join(url).map_err(|_| Exception::type_error(format!("\"{}\" is not a URL", crate::shown(url))))
}

/// The object of a registration, made in the realm; what happens to the registration meanwhile is not missed.
pub(super) fn registration_object(registered: Registered) -> Value {
    Value::in_realm(move |realm| {
        let scope = crate::global_scope(realm)?;
        let Registered { registration, events, .. } = registered;
        Ok(Value::Object(scope.service_workers.registration_with_events(realm, registration, events)?))
    })
}

impl ServiceWorkerContainerMethods for ServiceWorkerContainer {
    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-controller>
    fn controller(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        let scope = crate::global_scope(realm)?;
        let settings = scope.settings();
        let service_workers = scope.user_agent().service_workers();
        let Some(controller) = service_workers.controller(&settings.id) else { return Ok(None) };
        // NOTE: the registration's object is what hears of the worker's changes.
        if let Some(registration) =
            service_workers.match_registration(&settings.storage_key, &settings.creation_url)
        {
            scope.service_workers.registration(realm, registration)?;
        }
        Ok(Some(scope.service_workers.worker(realm, controller)?))
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-ready>
    fn ready(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
        let scope = crate::global_scope(realm)?;
        let settings = scope.settings();
        let ready = scope.user_agent().service_workers().ready(&settings.storage_key, &settings.creation_url);
        let observed = async move {
            let handle = ready.await;
            let events = handle.observe();
            (handle, events)
        };
        listening_promise(realm, TaskSource::Dom, observed, |realm, (handle, events)| {
            let scope = crate::global_scope(realm)?;
            scope.service_workers.registration_with_events(realm, handle, events)?.when_active(realm)
        })
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-register>
    fn register(
        self: &Arc<Self>,
        realm: &dyn Realm,
        script_url: String,
        options: RegistrationOptions,
    ) -> Result<PromiseOf<ObjectRef>, Exception> {
        let scope = crate::global_scope(realm)?;
        let client = Arc::clone(scope.settings());
        // 3.–5. The URLs, against the client's base.
        let script_url = parse(&client.api_base_url, &script_url)?;
        let scope_url = options.scope.map(|scope| parse(&client.api_base_url, &scope)).transpose()?;
        // 6. The rest is Start Register.
        let options = service_worker::RegistrationOptions {
            worker_type: match options.type_ {
                longhaul_idl::WorkerType::Classic => WorkerType::Classic,
                longhaul_idl::WorkerType::Module => WorkerType::Module,
            },
            update_via_cache: match options.update_via_cache {
                ServiceWorkerUpdateViaCache::Imports => UpdateViaCache::Imports,
                ServiceWorkerUpdateViaCache::All => UpdateViaCache::All,
                ServiceWorkerUpdateViaCache::None => UpdateViaCache::None,
            },
        };
        let service_workers = scope.user_agent().service_workers();
        called_promise(realm, TaskSource::Dom, |settle| {
            service_workers.register_then(client, script_url, scope_url, options, move |registered| {
                settle(registered.map_err(register_exception).map(registration_object));
            });
        })
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-startMessages>
    fn start_messages(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        self.enable_messages(realm)
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-getRegistration>
    fn get_registration(
        self: &Arc<Self>,
        realm: &dyn Realm,
        client_url: String,
    ) -> Result<PromiseOf<ServiceWorkerRegistrationOrUndefined>, Exception> {
        let scope = crate::global_scope(realm)?;
        let settings = scope.settings();
        // 3.–4. The URL, without its fragment.
        let mut url = parse(&settings.api_base_url, &client_url)?;
        url.set_fragment(None);
        // 5. Of this origin.
        if url.origin() != settings.origin {
            return Err(Exception::dom("SecurityError", format!("{url} is of another origin")));
        }
        // 6.–8. What matches it.
        let found = scope.user_agent().service_workers().match_registration(&settings.storage_key, &url);
        let found = match found {
            Some(handle) => ServiceWorkerRegistrationOrUndefined::ServiceWorkerRegistration(
                scope.service_workers.registration(realm, handle)?,
            ),
            None => ServiceWorkerRegistrationOrUndefined::Undefined,
        };
        // NOTE: not before the script goes on: the lookup is made in parallel.
        Ok(PromiseOf::new(std::future::ready(Ok(found))))
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-getRegistrations>
    fn get_registrations(
        self: &Arc<Self>,
        realm: &dyn Realm,
    ) -> Result<PromiseOf<Vec<ObjectRef>>, Exception> {
        let scope = crate::global_scope(realm)?;
        let handles = scope.user_agent().service_workers().get_registrations(&scope.settings().storage_key);
        let mut objects: Vec<ObjectRef> = Vec::with_capacity(handles.len());
        for handle in handles {
            objects.push(scope.service_workers.registration(realm, handle)?);
        }
        Ok(PromiseOf::new(std::future::ready(Ok(objects))))
    }
}
