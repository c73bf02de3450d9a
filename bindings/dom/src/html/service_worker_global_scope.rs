//! <https://w3c.github.io/ServiceWorker/#serviceworkerglobalscope-interface>,
//! <https://html.spec.whatwg.org/#workerglobalscope>

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use longhaul::service_worker::WorkerDescription;
use longhaul_idl::runtime::{
    ByteString, DomString, Exception, Held, ObjectRef, PromiseOf, Realm, TaskSource, Value,
};
use longhaul_idl::{
    RequestInfo, RequestInit, ServiceWorkerGlobalScopeMethods, TimerHandler, WorkerGlobalScopeMethods,
};

use super::window_or_worker_global_scope::{self as mixin, window_or_worker_global_scope_members};
use super::worker_global_scope::{Muted, muted_error};
use super::{GlobalOptions, GlobalScope, WorkerLocation, WorkerNavigator};
use crate::service_worker::Clients;

/// The global object of a service worker.
pub struct ServiceWorkerGlobal {
    scope: Arc<GlobalScope>,
    description: WorkerDescription,
    location: Arc<WorkerLocation>,
    navigator: Arc<WorkerNavigator>,
    clients: OnceLock<Arc<Clients>>,
    /// The user has just done something that the worker is told of: it may show a window for it, once.
    interaction: AtomicBool,
}

longhaul_idl::platform_object!(ServiceWorkerGlobal => longhaul_idl::service_worker_global_scope);

impl ServiceWorkerGlobal {
    /// The global object of the described worker. `options.environment` is the worker's.
    pub fn new(options: GlobalOptions, description: WorkerDescription) -> Arc<Self> {
        Arc::new(Self {
            location: Arc::new(WorkerLocation::new(description.script_url.clone())),
            navigator: Arc::new(WorkerNavigator::default()),
            clients: OnceLock::new(),
            interaction: AtomicBool::new(false),
            scope: GlobalScope::new(options),
            description,
        })
    }

    pub(crate) fn scope(&self) -> Arc<GlobalScope> {
        Arc::clone(&self.scope)
    }

    /// <https://html.spec.whatwg.org/#transient-activation>, as far as a worker has a part in it.
    pub(crate) fn set_interaction(&self, allowed: bool) {
        self.interaction.store(allowed, Ordering::Relaxed);
    }

    /// Whether the worker may show a window; not once more.
    pub(crate) fn consume_interaction(&self) -> bool {
        self.interaction.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn description(&self) -> &WorkerDescription {
        &self.description
    }
}

impl WorkerGlobalScopeMethods for ServiceWorkerGlobal {
    window_or_worker_global_scope_members!();

    fn self_(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(realm.global())
    }

    fn location(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.location) as ObjectRef)
    }

    fn navigator(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.navigator) as ObjectRef)
    }

    /// <https://html.spec.whatwg.org/#import-scripts-into-worker-global-scope>
    fn import_scripts(self: &Arc<Self>, realm: &dyn Realm, urls: Vec<String>) -> Result<(), Exception> {
        // 1. Modules import in their own way.
        if self.description.worker_type == longhaul::service_worker::WorkerType::Module {
            return Err(Exception::type_error("a module worker cannot call importScripts()"));
        }
        // 4.–5. All URLs before any script.
        let base = &self.scope.settings().api_base_url;
        let parsed = urls.iter().map(|url| {
            base.join(url)
                .map_err(|_| Exception::dom("SyntaxError", format!("\"{}\" is not a URL", crate::shown(url))))
        });
        let parsed: Vec<url::Url> = parsed.collect::<Result<_, _>>()?;
        // 6. One after the other; this thread waits.
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Exception::dom("NetworkError", "scripts cannot be loaded here"))?;
        for url in parsed {
            let loading = self.description.worker_scope.import_script(url.clone());
            let source = runtime
                .block_on(loading)
                .map_err(|error| Exception::dom("NetworkError", error.to_string()))?;
            // FIXME: a redirect to another origin mutes too.
            let muted = if url.origin() == self.scope.settings().origin { Muted::No } else { Muted::Yes };
            realm.run_script(&source, url.as_str()).map_err(|error| muted_error(error, muted))?;
        }
        Ok(())
    }
}

impl ServiceWorkerGlobalScopeMethods for ServiceWorkerGlobal {
    fn clients(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(self.clients.get_or_init(|| Arc::new(Clients))) as ObjectRef)
    }

    fn registration(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.scope.service_workers.registration(realm, self.description.worker_scope.registration())?)
    }

    fn service_worker(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        // NOTE: the registration's object is what hears of the worker's changes.
        self.registration(realm)?;
        Ok(self.scope.service_workers.worker(realm, self.description.worker_scope.service_worker())?)
    }

    /// <https://w3c.github.io/ServiceWorker/#dom-serviceworkerglobalscope-skipwaiting>
    fn skip_waiting(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<()>, Exception> {
        crate::promise::called_promise(realm, TaskSource::ServiceWorker, |settle| {
            self.description.worker_scope.skip_waiting(move || settle(Ok(Value::Undefined)));
        })
    }
}
