//! <https://html.spec.whatwg.org/#dedicated-workers-and-the-worker-interface>,
//! <https://html.spec.whatwg.org/#shared-workers-and-the-sharedworker-interface>: the owner's side.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use longhaul::fetch::{BlobUrlEntry, CredentialsMode, EnvironmentSettings};
use longhaul_idl::runtime::{
    AgentHandle, DomString, Exception, Held, ObjectRef, Realm, RealmId, TaskSource, Value,
};
use longhaul_idl::{
    DomStringOrWorkerOptions, RequestCredentials, SharedWorkerMethods, SharedWorkerStatics, WorkerMethods,
    WorkerOptions, WorkerStatics, WorkerType,
};
use url::Url;

use super::{MessagePort, PortEnd};
use crate::object_urls::blob_url_entry;
use crate::structured_clone;

/// What a worker is asked for.
#[derive(Clone, Debug)]
pub struct WorkerRequest {
    /// Its script.
    pub url: Url,
    /// What stands behind that, if it is a `blob:` URL.
    pub blob_url_entry: Option<BlobUrlEntry>,
    /// Its name.
    pub name: DomString,
    /// Whether its script is a module.
    pub is_module: bool,
    /// The credentials mode of its script's fetch, where it is a module.
    pub credentials: CredentialsMode,
    /// The settings of who asks.
    pub owner: Arc<EnvironmentSettings>,
}

/// An exception that no script of a worker dealt with.
#[derive(Clone, Debug, Default)]
pub struct WorkerError {
    /// The text.
    pub message: String,
    /// The script.
    pub filename: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// What the host runs workers with.
pub trait WorkerHost: Send + Sync + 'static {
    /// <https://html.spec.whatwg.org/#run-a-worker>, for a dedicated worker: returns at once. `inside` is the worker's end of
    /// the implicit channel.
    fn start_dedicated(
        &self,
        request: WorkerRequest,
        inside: PortEnd,
        events: Arc<dyn WorkerEvents>,
    ) -> Arc<dyn WorkerControl>;

    /// <https://html.spec.whatwg.org/#dom-sharedworker>, from step 10: connects to the worker of that name, or makes it.
    fn connect_shared(
        &self,
        request: WorkerRequest,
        port: PortEnd,
        events: Arc<dyn WorkerEvents>,
    ) -> Arc<dyn WorkerControl>;

    /// An exception of a worker that this agent's scripts did not deal with either.
    fn uncaught(&self, error: WorkerError);

    /// Tells people why a worker was not started.
    fn not_started(&self, reason: &str);
}

/// A worker, for its owner. When the last one is dropped, the worker ends.
pub trait WorkerControl: Send + Sync + 'static {
    /// <https://html.spec.whatwg.org/#terminate-a-worker>
    fn terminate(&self);
}

/// What a worker tells its owner, from any thread.
pub trait WorkerEvents: Send + Sync + 'static {
    /// The script did not come, or cannot be run.
    fn failed(&self, reason: &str);

    /// An exception was not dealt with.
    fn error(&self, error: WorkerError);

    /// The worker is over.
    fn ended(&self);
}

/// The workers that a global object owns: they live until they end or it does.
#[derive(Default)]
pub(crate) struct OwnedWorkers(Mutex<Vec<ObjectRef>>);

impl OwnedWorkers {
    fn lock(&self) -> MutexGuard<'_, Vec<ObjectRef>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, worker: ObjectRef) {
        self.lock().push(worker);
    }

    fn remove(&self, worker: &ObjectRef) {
        let mut workers = self.lock();
        let index = workers.iter().position(|owned| Arc::ptr_eq(owned, worker));
        let removed = index.map(|index| workers.swap_remove(index));
        drop(workers);
        drop(removed);
    }
}

/// <https://html.spec.whatwg.org/#worker>
pub(crate) struct Worker {
    /// None once the worker was terminated.
    outside: Mutex<Option<PortEnd>>,
    control: OnceLock<Arc<dyn WorkerControl>>,
    kept: Mutex<Option<Held>>,
}

/// <https://html.spec.whatwg.org/#sharedworker>
pub(crate) struct SharedWorker {
    port: Arc<MessagePort>,
    control: OnceLock<Arc<dyn WorkerControl>>,
    kept: Mutex<Option<Held>>,
}

longhaul_idl::platform_object!(Worker => longhaul_idl::worker);
longhaul_idl::platform_object!(SharedWorker => longhaul_idl::shared_worker);

/// Where the events of a worker go.
struct Owner {
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    worker: Weak<dyn longhaul_idl::runtime::PlatformObject>,
}

impl Owner {
    fn queue(&self, run: impl FnOnce(&dyn Realm, ObjectRef) -> Result<(), Exception> + Send + 'static) {
        let worker = Weak::clone(&self.worker);
        let task = move |realm: &dyn Realm| {
            let Some(worker) = worker.upgrade() else { return };
            if let Err(exception) = run(realm, worker) {
                realm.report_exception(exception);
            }
        };
        self.agent.queue_task(TaskSource::Dom, self.realm, Box::new(task));
    }
}

impl WorkerEvents for Owner {
    fn failed(&self, reason: &str) {
        let reason = reason.to_owned();
        self.queue(move |realm, worker| {
            if let Ok(scope) = crate::global_scope(realm)
                && let Some(workers) = scope.workers()
            {
                workers.not_started(&reason);
            }
            crate::fire_event(realm, worker, "error")
        });
    }

    fn error(&self, error: WorkerError) {
        self.queue(move |realm, worker| {
            let WorkerError { message, filename, line, column } = error;
            let args = vec![
                Value::Object(worker),
                Value::String(message.into()),
                Value::String(filename.into()),
                Value::Number(line.into()),
                Value::Number(column.into()),
            ];
            realm.core("workerError", args).map(drop)
        });
    }

    fn ended(&self) {
        self.queue(|realm, worker| {
            let kept = match worker.downcast::<Worker>() {
                Some(worker) => worker.kept().take(),
                None => worker.downcast::<SharedWorker>().and_then(|worker| worker.kept().take()),
            };
            drop(kept);
            crate::global_scope(realm)?.owned_workers.remove(&worker);
            Ok(())
        });
    }
}

impl Worker {
    fn kept(&self) -> MutexGuard<'_, Option<Held>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outside(&self) -> MutexGuard<'_, Option<PortEnd>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, realm: &dyn Realm, message: Value, transfer: Vec<Held>) -> Result<(), Exception> {
        let message = structured_clone::serialize(realm, message, transfer)?;
        if let Some(outside) = &*self.outside() {
            outside.post(message);
        }
        Ok(())
    }
}

impl SharedWorker {
    fn kept(&self) -> MutexGuard<'_, Option<Held>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the wrapper of a worker that somebody listens to for as long as the worker runs.
pub(crate) fn keep(realm: &dyn Realm, worker: &ObjectRef) -> Result<(), Exception> {
    let held = realm.hold(Value::Object(Arc::clone(worker)))?;
    if let Some(worker) = worker.downcast::<Worker>() {
        // NOTE: one that was terminated says nothing any more.
        if worker.outside().is_some() {
            let before = worker.kept().replace(held);
            drop(before);
        }
    } else if let Some(worker) = worker.downcast::<SharedWorker>() {
        let before = worker.kept().replace(held);
        drop(before);
    }
    Ok(())
}

/// A worker's port closes without anybody's hearing of it.
fn unheard(_: &dyn Realm, _: ObjectRef) -> Result<(), Exception> {
    Ok(())
}

/// The script's URL and the rest of what a constructor is given.
fn request(realm: &dyn Realm, script_url: &str, options: WorkerOptions) -> Result<WorkerRequest, Exception> {
    let scope = crate::global_scope(realm)?;
    let url = scope.settings().api_base_url.join(script_url);
    let url = url.map_err(|_| {
        Exception::dom("SyntaxError", format!("\"{}\" is not a URL", crate::shown(script_url)))
    })?;
    Ok(WorkerRequest {
        blob_url_entry: blob_url_entry(&scope, &url),
        url,
        name: options.name,
        is_module: options.type_ == WorkerType::Module,
        credentials: match options.credentials {
            RequestCredentials::Omit => CredentialsMode::Omit,
            RequestCredentials::SameOrigin => CredentialsMode::SameOrigin,
            RequestCredentials::Include => CredentialsMode::Include,
        },
        owner: Arc::clone(scope.settings()),
    })
}

impl WorkerStatics for Worker {
    /// <https://html.spec.whatwg.org/#dom-worker>
    fn construct(
        realm: &dyn Realm,
        script_url: String,
        options: WorkerOptions,
    ) -> Result<ObjectRef, Exception> {
        let scope = crate::global_scope(realm)?;
        // 3.–5. The URL.
        let request = request(realm, &script_url, options)?;
        let Some(host) = scope.workers() else {
            return Err(Exception::dom("NotSupportedError", "no worker can be made here"));
        };
        // 6.–8. The worker and its port.
        let (outside, inside) = PortEnd::pair();
        let worker = Arc::new(Self {
            outside: Mutex::new(Some(outside)),
            control: OnceLock::new(),
            kept: Mutex::default(),
        });
        let object: ObjectRef = Arc::clone(&worker) as ObjectRef;
        if let Some(outside) = &*worker.outside() {
            outside.attach(realm, &object, unheard);
            outside.start();
        }
        // 9. In parallel.
        let events =
            Owner { agent: Arc::clone(realm.agent()), realm: realm.id(), worker: Arc::downgrade(&object) };
        scope.owned_workers.add(Arc::clone(&object));
        let control = host.start_dedicated(request, inside, Arc::new(events));
        // The worker is new.
        let _ = worker.control.set(control);
        Ok(object)
    }
}

impl WorkerMethods for Worker {
    /// <https://html.spec.whatwg.org/#dom-worker-terminate>
    fn terminate(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        let outside = self.outside().take();
        if let Some(control) = self.control.get() {
            control.terminate();
        }
        drop(outside);
        let kept = self.kept().take();
        drop(kept);
        crate::global_scope(realm)?.owned_workers.remove(&(Arc::clone(self) as ObjectRef));
        Ok(())
    }

    crate::html::post_message_members!();
}

impl SharedWorkerStatics for SharedWorker {
    /// <https://html.spec.whatwg.org/#dom-sharedworker>
    fn construct(
        realm: &dyn Realm,
        script_url: String,
        options: DomStringOrWorkerOptions,
    ) -> Result<ObjectRef, Exception> {
        let scope = crate::global_scope(realm)?;
        // 2. A string is the name.
        let options = match options {
            DomStringOrWorkerOptions::DomString(name) => WorkerOptions {
                name,
                type_: WorkerType::Classic,
                credentials: RequestCredentials::SameOrigin,
            },
            DomStringOrWorkerOptions::WorkerOptions(options) => options,
        };
        // 4.–6. The URL.
        let request = request(realm, &script_url, options)?;
        let Some(host) = scope.workers() else {
            return Err(Exception::dom("NotSupportedError", "no worker can be made here"));
        };
        // 7.–9. The worker and its port.
        let (outside, inside) = PortEnd::pair();
        let worker = Arc::new(Self {
            port: MessagePort::create(realm, outside),
            control: OnceLock::new(),
            kept: Mutex::default(),
        });
        let object: ObjectRef = Arc::clone(&worker) as ObjectRef;
        let events =
            Owner { agent: Arc::clone(realm.agent()), realm: realm.id(), worker: Arc::downgrade(&object) };
        scope.owned_workers.add(Arc::clone(&object));
        // 10. In parallel.
        let control = host.connect_shared(request, inside, Arc::new(events));
        // The worker is new.
        let _ = worker.control.set(control);
        Ok(object)
    }
}

impl SharedWorkerMethods for SharedWorker {
    fn port(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.port) as ObjectRef)
    }
}
