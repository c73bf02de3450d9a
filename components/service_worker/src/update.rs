//! Update and Soft Update.

use std::sync::Arc;

use longhaul_fetch::{EnvironmentSettings, PolicyContainer, ReferrerPolicy};

use crate::job::{ForceBypassCache, Job, JobKind};
use crate::register::RegisterError;
use crate::script_resource::{
    LoadedScript, ScriptCache, ScriptKind, ScriptRequest, ScriptResourceMap, ScriptSource, StoredScript, Used,
};
use crate::service_worker::{Resources, Worker, WorkerParts, WorkerState};
use crate::service_worker_registration::{Registered, Registration, RegistrationHandle, UpdateViaCache};
use crate::service_workers::{Inner, ServiceWorkers};

/// <https://w3c.github.io/ServiceWorker/#dfn-type>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WorkerType {
    /// A classic script, which may call `importScripts()`.
    #[default]
    Classic,
    /// A module.
    Module,
}

impl WorkerType {
    /// The type as scripts see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Module => "module",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Classic, Self::Module].into_iter().find(|known| known.as_str() == name)
    }
}

/// Whether an update came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Updated {
    Yes,
    No,
}

/// What the update check fetched.
struct UpdatedResources {
    scripts: ScriptResourceMap,
    policy_container: PolicyContainer,
    /// Whether any of it differs from what the newest worker has.
    changed: bool,
}

impl ServiceWorkers {
    /// Checks a registration for a new script, on behalf of a client.
    ///
    /// <https://w3c.github.io/ServiceWorker/#service-worker-registration-update>
    pub async fn update(
        &self,
        registration: &RegistrationHandle,
        client: Option<Arc<EnvironmentSettings>>,
    ) -> Result<RegistrationHandle, RegisterError> {
        let job = self.update_job_of(registration, client)?;
        self.inner.schedule_job(job).await.map(|it| it.registration)
    }

    /// The same with a call in the place of the promise: it comes at the very moment in which that settles, before anything else
    /// happens to the registration. It must be quick, and is dropped if everything stops before.
    pub fn update_then(
        &self,
        registration: &RegistrationHandle,
        client: Option<Arc<EnvironmentSettings>>,
        then: impl FnOnce(Result<Registered, RegisterError>) + Send + 'static,
    ) {
        match self.update_job_of(registration, client) {
            Ok(job) => self.inner.schedule_job_then(job, then),
            Err(error) => then(Err(error)),
        }
    }

    fn update_job_of(
        &self,
        registration: &RegistrationHandle,
        client: Option<Arc<EnvironmentSettings>>,
    ) -> Result<Job, RegisterError> {
        // 2-3. Without a worker there is nothing to compare with.
        let job = self.inner.update_job(&registration.registration);
        let Some(job) = job else {
            return Err(RegisterError::NoWorker(registration.scope().to_string()));
        };
        Ok(match client {
            Some(client) => job.with_client(client),
            None => job,
        })
    }

    /// Checks a registration for a new script in the background.
    pub fn soft_update(&self, registration: &RegistrationHandle, force_bypass_cache: bool) {
        let force = if force_bypass_cache { ForceBypassCache::Yes } else { ForceBypassCache::No };
        self.inner.soft_update(&registration.registration, force);
    }
}

impl Inner {
    fn update_job(&self, registration: &Registration) -> Option<Job> {
        let newest = registration.newest_worker()?;
        let job = Job::new(JobKind::Update, registration.storage_key.clone(), registration.scope.clone());
        Some(job.with_script(newest.script_url.clone(), newest.worker_type))
    }

    /// <https://w3c.github.io/ServiceWorker/#soft-update>
    pub(crate) fn soft_update(self: &Arc<Self>, registration: &Registration, force: ForceBypassCache) {
        if let Some(job) = self.update_job(registration) {
            // Nobody waits for the outcome.
            drop(self.enqueue(job.with_force_bypass_cache(force)));
        }
    }

    /// [`Inner::soft_update`] after the configured time; once, however often it is asked for meanwhile.
    pub(crate) fn soft_update_later(self: &Arc<Self>, registration: &Arc<Registration>) {
        if std::mem::replace(&mut registration.slots().update_is_due, true) {
            return;
        }
        let (inner, registration) = (self.clone(), registration.clone());
        self.spawn(async move {
            tokio::time::sleep(inner.config.update_delay).await;
            registration.slots().update_is_due = false;
            inner.soft_update(&registration, ForceBypassCache::No);
        });
    }

    /// Schedules an update check if the last one is a day old.
    pub(crate) fn soft_update_if_stale(self: &Arc<Self>, registration: &Registration) {
        if registration.is_stale(self.clock.now()) {
            self.soft_update(registration, ForceBypassCache::No);
        }
    }

    /// <https://w3c.github.io/ServiceWorker/#update>
    pub(crate) async fn run_update(self: &Arc<Self>, job: &Arc<Job>) -> Updated {
        // 1-2. The registration may be gone by now.
        let Some(registration) = self.get_registration(&job.storage_key, job.scope.as_str()) else {
            job.reject(RegisterError::NotRegistered(job.scope.to_string()));
            return Updated::No;
        };
        // 3-4. So may the script that the job was made for.
        let newest = registration.newest_worker();
        if job.kind == JobKind::Update
            && newest.as_ref().is_some_and(|newest| newest.script_url != *job.script_url())
        {
            job.reject(RegisterError::ScriptChanged);
            return Updated::No;
        }
        if let Err(error) = self.update_and_install(job, &registration, newest.as_ref()).await {
            tracing::debug!(scope = %job.scope, %error, "a service worker was not updated");
            job.reject(error);
            // 8, 16. A registration that never had a worker goes.
            if newest.is_none() {
                self.forget(&registration);
            }
            return Updated::No;
        }
        Updated::Yes
    }

    async fn update_and_install(
        self: &Arc<Self>,
        job: &Arc<Job>,
        registration: &Arc<Registration>,
        newest: Option<&Arc<Worker>>,
    ) -> Result<(), RegisterError> {
        // A soft update has no client: the worker fetches for itself.
        let client = job.client.as_ref().or_else(|| newest.map(|newest| &newest.environment));
        let Some(client) = client.cloned() else {
            return Err(RegisterError::NoWorker(job.scope.to_string()));
        };
        // 5-7. Fetch and compare.
        let updated = self.fetch_updated_resources(job, registration, newest, &client).await?;
        // 9. Nothing new.
        if !updated.changed {
            job.set_update_via_cache(registration);
            self.store_registration(registration).await;
            job.resolve_registration(registration);
            return Ok(());
        }
        // 10-13. A new worker.
        let worker = self.new_worker(job, &client, updated);
        // 14-16. Its script has to run once before it is installed.
        match self.run_service_worker(registration, &worker).await {
            Ok(running) => drop(running),
            Err(error) => {
                self.terminate(&worker);
                worker.set_state(WorkerState::Redundant);
                return Err(RegisterError::Start(error));
            }
        }
        // 17. The rest is installing it.
        self.install(job, worker, registration).await;
        Ok(())
    }

    /// The fetch hook of Update.
    async fn fetch_updated_resources(
        &self,
        job: &Job,
        registration: &Registration,
        newest: Option<&Arc<Worker>>,
        client: &Arc<EnvironmentSettings>,
    ) -> Result<UpdatedResources, RegisterError> {
        let url = job.script_url();
        let stale = registration.is_stale(self.clock.now());
        let force = job.force_bypass_cache == ForceBypassCache::Yes;
        let mode = registration.slots().update_via_cache;
        // 2. The HTTP cache is asked only where the registration wants it so.
        let no_cache = mode != UpdateViaCache::All || force || (newest.is_some() && stale);
        let request = ScriptRequest {
            url: url.clone(),
            kind: ScriptKind::TopLevel,
            worker_type: job.worker_type,
            cache: if no_cache { ScriptCache::NoCache } else { ScriptCache::Default },
            client: client.clone(),
            referrer: None,
            referrer_policy: ReferrerPolicy::Empty,
        };
        // 1, 3-6. The loader adds the header, the mode and the redirect mode.
        let script = self.loader.load(request).await.map_err(RegisterError::Load)?;
        // 7. Only JavaScript.
        script.check_type(ScriptKind::TopLevel).map_err(RegisterError::MimeType)?;
        // 8-16. Only a scope that the script may have.
        check_scope(job, &script)?;
        // 19. That was an update check.
        if script.from == ScriptSource::Network {
            registration.slots().last_update_check = Some(self.clock.now());
        }
        // 20. Byte for byte.
        let mut changed = newest.is_none_or(|newest| {
            newest.script_url != *url
                || newest.worker_type != job.worker_type
                || newest.resources().scripts.get(url) != Some(&script.source)
        });
        let mut scripts = ScriptResourceMap::default();
        let main = StoredScript::new(&script, ScriptKind::TopLevel, Used::Yes);
        scripts.insert(url.clone(), main).map_err(RegisterError::Load)?;
        // 21. The same script may import others that are new.
        let importing = newest.filter(|newest| !changed && newest.resources().classic_scripts_imported);
        if let Some(newest) = importing {
            let no_cache = mode == UpdateViaCache::None || force || stale;
            let imported = newest.resources().scripts.kinds();
            for (import_url, kind) in imported.into_iter().filter(|(imported, _)| imported != url) {
                let request = ScriptRequest {
                    url: import_url.clone(),
                    kind,
                    worker_type: job.worker_type,
                    cache: if no_cache { ScriptCache::NoCache } else { ScriptCache::Default },
                    client: client.clone(),
                    // NOTE: the check does not know who imports it.
                    referrer: None,
                    referrer_policy: ReferrerPolicy::Empty,
                };
                // 7. A bad response does not count, and is fetched again should the new worker import it.
                let Ok(script) = self.loader.load(request).await else { continue };
                if script.from == ScriptSource::Network {
                    registration.slots().last_update_check = Some(self.clock.now());
                }
                if script.check_type(kind).is_err() {
                    continue;
                }
                // 8. No break: the rest is kept for the new worker.
                changed |= newest.resources().scripts.get(&import_url) != Some(&script.source);
                let stored = StoredScript::new(&script, kind, Used::No);
                scripts.insert(import_url, stored).map_err(RegisterError::Load)?;
            }
        }
        Ok(UpdatedResources { scripts, policy_container: script.policy_container, changed })
    }

    /// The worker, with the environment of its global object.
    ///
    /// <https://w3c.github.io/ServiceWorker/#setup-serviceworkerglobalscope>
    fn new_worker(&self, job: &Job, client: &EnvironmentSettings, updated: UpdatedResources) -> Arc<Worker> {
        let id = self.new_worker_id();
        let script_url = job.script_url().clone();
        let environment = EnvironmentSettings {
            id: id.to_string(),
            creation_url: script_url.clone(),
            api_base_url: script_url.clone(),
            policy_container: updated.policy_container,
            is_window: false,
            time_origin: self.clock.monotonic(),
            // FIXME: cross-origin isolated capability of a worker.
            cross_origin_isolated: false,
            // The rest is the registering client's: origin, storage key, partition, ancestors.
            ..client.clone()
        };
        Worker::new(WorkerParts {
            id,
            script_url,
            worker_type: job.worker_type,
            environment: Arc::new(environment),
            state: WorkerState::Parsed,
            resources: Resources {
                scripts: updated.scripts,
                force_bypass_cache_for_imports: job.force_bypass_cache == ForceBypassCache::Yes,
                ..Resources::default()
            },
        })
    }
}

/// Steps 8-16 of the fetch hook: the scope's path begins with the path that the script may have.
fn check_scope(job: &Job, script: &LoadedScript) -> Result<(), RegisterError> {
    let url = job.script_url();
    let max_scope = match script.headers.get("Service-Worker-Allowed") {
        // 12. By default the script's folder.
        None => url.join("./").ok().map(|folder| folder.path().to_owned()),
        // 13. The header may name another path of the same origin.
        Some(allowed) => {
            let allowed: String = allowed.iter().map(|byte| char::from(*byte)).collect();
            match url.join(&allowed) {
                Err(_) => return Err(RegisterError::BadServiceWorkerAllowed(allowed)),
                Ok(allowed) => (allowed.origin() == url.origin()).then(|| allowed.path().to_owned()),
            }
        }
    };
    // 14-15. By the text of the path.
    let scope = job.scope.path();
    if !max_scope.as_deref().is_some_and(|max_scope| scope.starts_with(max_scope)) {
        return Err(RegisterError::ScopeTooWide { scope: scope.to_owned(), allowed: max_scope });
    }
    Ok(())
}
