//! Jobs and their queues.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use longhaul_fetch::EnvironmentSettings;
use tokio::sync::{oneshot, watch};
use url::Url;

use crate::register::RegisterError;
use crate::service_worker_registration::{Registered, Registration, RegistrationHandle, UpdateViaCache};
use crate::service_workers::Inner;
use crate::update::WorkerType;

/// <https://w3c.github.io/ServiceWorker/#dfn-job-queue>
pub(crate) type JobQueue = VecDeque<Arc<Job>>;

/// <https://w3c.github.io/ServiceWorker/#dfn-job-type>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    Register,
    Update,
    Unregister,
}

/// Whether an update goes past the HTTP cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForceBypassCache {
    Yes,
    No,
}

/// What a job ends with.
#[derive(Clone, Debug)]
pub(crate) enum JobValue {
    Registration(RegistrationHandle),
    Unregistered(bool),
}

/// [`JobValue`] as one of those who wait for it gets it.
pub(crate) enum JobEnd {
    Registered(Registered),
    Unregistered(bool),
}

type JobResult = Result<JobEnd, RegisterError>;

/// Called when the job's promise settles, at that very moment; dropped if it never does.
pub(crate) type JobWaiter = Box<dyn FnOnce(JobResult) + Send>;

/// <https://w3c.github.io/ServiceWorker/#dfn-job>
pub(crate) struct Job {
    pub(crate) kind: JobKind,
    pub(crate) storage_key: String,
    pub(crate) scope: Url,
    script_url: Option<Url>,
    pub(crate) worker_type: WorkerType,
    update_via_cache: Option<UpdateViaCache>,
    pub(crate) client: Option<Arc<EnvironmentSettings>>,
    pub(crate) force_bypass_cache: ForceBypassCache,
    promise: Mutex<JobPromise>,
    /// What it is for is gone.
    aborted: watch::Sender<bool>,
}

/// The job promise with those of the equivalent jobs.
#[derive(Default)]
struct JobPromise {
    settled: bool,
    waiting: Vec<JobWaiter>,
}

impl Job {
    /// <https://w3c.github.io/ServiceWorker/#create-job>
    pub(crate) fn new(kind: JobKind, storage_key: String, scope: Url) -> Self {
        Self {
            kind,
            storage_key,
            scope,
            script_url: None,
            worker_type: WorkerType::Classic,
            update_via_cache: None,
            client: None,
            force_bypass_cache: ForceBypassCache::No,
            promise: Mutex::default(),
            aborted: watch::Sender::new(false),
        }
    }

    pub(crate) fn with_script(mut self, script_url: Url, worker_type: WorkerType) -> Self {
        self.script_url = Some(script_url);
        self.worker_type = worker_type;
        self
    }

    pub(crate) fn with_update_via_cache(mut self, mode: UpdateViaCache) -> Self {
        self.update_via_cache = Some(mode);
        self
    }

    pub(crate) fn with_client(mut self, client: Arc<EnvironmentSettings>) -> Self {
        self.client = Some(client);
        self
    }

    pub(crate) fn with_force_bypass_cache(mut self, force: ForceBypassCache) -> Self {
        self.force_bypass_cache = force;
        self
    }

    /// The script of a register or update job; the scope for an unregister job, which has none and never asks.
    pub(crate) fn script_url(&self) -> &Url {
        self.script_url.as_ref().unwrap_or(&self.scope)
    }

    /// The mode that the job sets.
    pub(crate) fn update_via_cache(&self) -> UpdateViaCache {
        self.update_via_cache.unwrap_or_default()
    }

    /// Sets the registration's mode, if the job was given one.
    ///
    /// DEVIATION: an update job has no mode in the standard, and setting it would reset the registration's.
    pub(crate) fn set_update_via_cache(&self, registration: &Registration) {
        if let Some(mode) = self.update_via_cache {
            registration.slots().update_via_cache = mode;
        }
    }

    /// <https://w3c.github.io/ServiceWorker/#dfn-job-equivalent>
    fn is_equivalent(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.scope == other.scope
            && self.script_url == other.script_url
            && self.worker_type == other.worker_type
            && self.update_via_cache == other.update_via_cache
            && self.force_bypass_cache == other.force_bypass_cache
    }

    /// <https://w3c.github.io/ServiceWorker/#resolve-job-promise>
    pub(crate) fn resolve(&self, value: JobValue) {
        self.settle(Ok(value));
    }

    pub(crate) fn resolve_registration(&self, registration: &Arc<Registration>) {
        self.resolve(JobValue::Registration(registration.handle()));
    }

    /// <https://w3c.github.io/ServiceWorker/#reject-job-promise>
    pub(crate) fn reject(&self, error: RegisterError) {
        self.settle(Err(error));
    }

    /// Ends the job wherever it is.
    pub(crate) fn abort(&self) {
        self.aborted.send_replace(true);
        self.reject(RegisterError::Cleared);
    }

    async fn is_aborted(&self) {
        let mut aborted = self.aborted.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = aborted.wait_for(|aborted| *aborted).await;
    }

    fn settle(&self, result: Result<JobValue, RegisterError>) {
        let waiting = {
            let mut promise = self.promise.lock().unwrap_or_else(PoisonError::into_inner);
            // A promise settles once; what comes later has no effect.
            if std::mem::replace(&mut promise.settled, true) {
                return;
            }
            std::mem::take(&mut promise.waiting)
        };
        for waiter in waiting {
            let end = result.clone().map(|value| match value {
                JobValue::Registration(registration) => {
                    JobEnd::Registered(Registered { events: registration.observe(), registration })
                }
                JobValue::Unregistered(done) => JobEnd::Unregistered(done),
            });
            waiter(end);
        }
    }

    /// Adds a waiter, unless the promise has settled.
    fn join(&self, waiter: JobWaiter) -> Result<(), JobWaiter> {
        let mut promise = self.promise.lock().unwrap_or_else(PoisonError::into_inner);
        if promise.settled {
            return Err(waiter);
        }
        promise.waiting.push(waiter);
        Ok(())
    }
}

impl Inner {
    /// Schedules a register or update job and waits for its promise.
    pub(crate) async fn schedule_job(self: &Arc<Self>, job: Job) -> Result<Registered, RegisterError> {
        let scope = job.scope.to_string();
        match self.enqueue(job).await {
            Ok(end) => registered(end, scope),
            Err(_) => Err(RegisterError::Stopped),
        }
    }

    /// Schedules a register or update job; the call comes when its promise settles, before anything else happens to the
    /// registration. It is dropped if everything stops.
    pub(crate) fn schedule_job_then(
        self: &Arc<Self>,
        job: Job,
        then: impl FnOnce(Result<Registered, RegisterError>) + Send + 'static,
    ) {
        let scope = job.scope.to_string();
        self.enqueue_then(job, Box::new(move |end| then(registered(end, scope))));
    }

    /// Schedules a job, and gives what its promise settles with.
    pub(crate) fn enqueue(self: &Arc<Self>, job: Job) -> oneshot::Receiver<JobResult> {
        let (sender, receiver) = oneshot::channel();
        let tell = Box::new(move |end| {
            // Whoever asked may have gone away.
            let _ = sender.send(end);
        });
        self.enqueue_then(job, tell);
        receiver
    }

    /// <https://w3c.github.io/ServiceWorker/#schedule-job>; the call comes when the job's promise settles.
    ///
    /// DEVIATION: queues are per storage key and scope, since partitions must not wait for each other.
    pub(crate) fn enqueue_then(self: &Arc<Self>, job: Job, waiter: JobWaiter) {
        let key = (job.storage_key.clone(), job.scope.to_string());
        let mut state = self.state();
        if self.is_stopped() {
            // NOTE: the waiter is dropped, which those who wait take for the end of everything.
            return;
        }
        let queue = state.queues.entry(key.clone()).or_default();
        // 6. An equivalent job at the back that is still open takes this one along.
        let waiter = match queue.back() {
            Some(last) if last.is_equivalent(&job) => match last.join(waiter) {
                Ok(()) => return,
                Err(waiter) => waiter,
            },
            _ => waiter,
        };
        job.promise.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(waiter);
        queue.push_back(Arc::new(job));
        // 5. The first job of a queue starts it.
        if queue.len() == 1 {
            let inner = self.clone();
            self.spawn(async move { inner.run_queue(key).await });
        }
    }

    /// <https://w3c.github.io/ServiceWorker/#run-job>, until the queue is empty
    async fn run_queue(self: Arc<Self>, key: (String, String)) {
        loop {
            let job = {
                let mut state = self.state();
                match state.queues.get(&key).and_then(VecDeque::front) {
                    Some(job) => job.clone(),
                    None => {
                        state.queues.remove(&key);
                        return;
                    }
                }
            };
            let run = async {
                match job.kind {
                    JobKind::Register => self.run_register(&job).await,
                    JobKind::Update => {
                        self.run_update(&job).await;
                    }
                    JobKind::Unregister => self.run_unregister(&job).await,
                }
            };
            tokio::select! {
                biased;
                () = job.is_aborted() => {}
                () = run => {}
            }
            // <https://w3c.github.io/ServiceWorker/#finish-job>
            if let Some(queue) = self.state().queues.get_mut(&key) {
                queue.pop_front();
            }
        }
    }
}

fn registered(end: JobResult, scope: String) -> Result<Registered, RegisterError> {
    match end? {
        JobEnd::Registered(registered) => Ok(registered),
        JobEnd::Unregistered(_) => Err(RegisterError::NotRegistered(scope)),
    }
}
