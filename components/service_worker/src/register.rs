//! Start Register and Register, and the errors of a job.

use std::sync::Arc;

use longhaul_fetch::{EnvironmentSettings, is_url_potentially_trustworthy};
use url::Url;

use crate::agent_host::StartError;
use crate::exception_kind::ExceptionKind;
use crate::job::{Job, JobKind};
use crate::script_resource::LoadError;
use crate::service_worker_registration::{
    Registered, Registration, RegistrationHandle, Slots, UpdateViaCache,
};
use crate::service_workers::{Inner, ServiceWorkers};
use crate::update::{Updated, WorkerType};

/// The options of `register()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrationOptions {
    /// Classic or module.
    pub worker_type: WorkerType,
    /// How updates use the HTTP cache.
    pub update_via_cache: UpdateViaCache,
}

/// Why a registration or an update was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The client is not a secure context.
    #[error("service workers need a secure context (https, or a loopback host)")]
    InsecureContext,
    /// The script's origin is not potentially trustworthy.
    #[error("{0} is not from a trustworthy origin (https, or a loopback host)")]
    UntrustedOrigin(Url),
    /// The script's URL is not http(s).
    #[error("the script's URL {0} is not http(s)")]
    ScriptScheme(Url),
    /// The scope's URL is not http(s).
    #[error("the scope {0} is not http(s)")]
    ScopeScheme(Url),
    /// A path holds an escaped slash or backslash.
    #[error("the path of {0} holds %2f or %5c")]
    EscapedSlash(Url),
    /// No scope was given and none can be made from the script's URL.
    #[error("no scope can be made from {0}")]
    NoScope(Url),
    /// The script is of another origin than the client.
    #[error("the script {0} is of another origin than the page")]
    CrossOriginScript(Url),
    /// The scope is of another origin than the client.
    #[error("the scope {0} is of another origin than the page")]
    CrossOriginScope(Url),
    /// The script is not JavaScript.
    #[error("{0}")]
    MimeType(LoadError),
    /// The scope is wider than the script may have.
    #[error("the scope {scope} is not under {}; `Service-Worker-Allowed` could widen it", allowed.as_deref().unwrap_or("anything of this origin"))]
    ScopeTooWide {
        /// The path of the scope that was asked for.
        scope: String,
        /// The path that the script's place or its header allows, if any of this origin.
        allowed: Option<String>,
    },
    /// The `Service-Worker-Allowed` header is not a URL.
    #[error("the header `Service-Worker-Allowed: {0}` is not a URL")]
    BadServiceWorkerAllowed(String),
    /// The script could not be loaded.
    #[error("{0}")]
    Load(LoadError),
    /// The script did not run.
    #[error("{0}")]
    Start(StartError),
    /// There is no such registration, or it went away.
    #[error("there is no registration for the scope {0}")]
    NotRegistered(String),
    /// The registration has no worker that could be updated.
    #[error("the registration for {0} has no worker")]
    NoWorker(String),
    /// The registration's newest worker has another script by now.
    #[error("the registration's worker has another script by now")]
    ScriptChanged,
    /// What its origin has stored was cleared meanwhile.
    #[error("the origin's storage was cleared")]
    Cleared,
    /// The user agent is shutting down.
    #[error("the user agent is shutting down")]
    Stopped,
}

impl RegisterError {
    /// The exception that a script gets.
    pub fn kind(&self) -> ExceptionKind {
        match self {
            Self::InsecureContext
            | Self::UntrustedOrigin(_)
            | Self::CrossOriginScript(_)
            | Self::CrossOriginScope(_)
            | Self::MimeType(_)
            | Self::ScopeTooWide { .. }
            // DEVIATION: the standard knows no network error from another; web-platform-tests asserts this one.
            | Self::Load(LoadError::Redirected { .. }) => ExceptionKind::SecurityError,
            Self::NoWorker(_) => ExceptionKind::InvalidStateError,
            Self::Cleared => ExceptionKind::AbortError,
            Self::ScriptScheme(_)
            | Self::ScopeScheme(_)
            | Self::EscapedSlash(_)
            | Self::NoScope(_)
            | Self::BadServiceWorkerAllowed(_)
            | Self::Load(_)
            | Self::Start(_)
            | Self::NotRegistered(_)
            | Self::ScriptChanged
            | Self::Stopped => ExceptionKind::TypeError,
        }
    }
}

impl ServiceWorkers {
    /// Registers a worker, or gives the registration back if it is there already. Resolves when the new worker starts
    /// to install.
    ///
    /// <https://w3c.github.io/ServiceWorker/#start-register>
    pub async fn register(
        &self,
        client: Arc<EnvironmentSettings>,
        script_url: Url,
        scope_url: Option<Url>,
        options: RegistrationOptions,
    ) -> Result<RegistrationHandle, RegisterError> {
        self.register_and_observe(client, script_url, scope_url, options).await.map(|it| it.registration)
    }

    /// [`ServiceWorkers::register`], with what happens to the registration from the moment on in which the new worker starts
    /// to install.
    pub async fn register_and_observe(
        &self,
        client: Arc<EnvironmentSettings>,
        script_url: Url,
        scope_url: Option<Url>,
        options: RegistrationOptions,
    ) -> Result<Registered, RegisterError> {
        let job = register_job(client, script_url, scope_url, options)?;
        self.inner.schedule_job(job).await
    }

    /// The same with a call in the place of the promise: it comes at the very moment in which that settles, before anything else
    /// happens to the registration. It must be quick, and is dropped if everything stops before.
    pub fn register_then(
        &self,
        client: Arc<EnvironmentSettings>,
        script_url: Url,
        scope_url: Option<Url>,
        options: RegistrationOptions,
        then: impl FnOnce(Result<Registered, RegisterError>) + Send + 'static,
    ) {
        match register_job(client, script_url, scope_url, options) {
            Ok(job) => self.inner.schedule_job_then(job, then),
            Err(error) => then(Err(error)),
        }
    }
}

/// The steps of Start Register, up to the job.
fn register_job(
    client: Arc<EnvironmentSettings>,
    script_url: Url,
    scope_url: Option<Url>,
    options: RegistrationOptions,
) -> Result<Job, RegisterError> {
    // NOTE: in a page the interface is not even exposed outside of a secure context.
    if !client.secure_context {
        return Err(RegisterError::InsecureContext);
    }
    // 2-4. The script's URL: no fragment, http(s), no escaped slashes.
    let mut script_url = script_url;
    script_url.set_fragment(None);
    if !is_http(&script_url) {
        return Err(RegisterError::ScriptScheme(script_url));
    }
    if has_escaped_slash(&script_url) {
        return Err(RegisterError::EscapedSlash(script_url));
    }
    // 5-9. The scope: the script's folder by default; the same demands.
    let mut scope_url = match scope_url {
        Some(scope_url) => scope_url,
        None => script_url.join("./").map_err(|_| RegisterError::NoScope(script_url.clone()))?,
    };
    scope_url.set_fragment(None);
    if !is_http(&scope_url) {
        return Err(RegisterError::ScopeScheme(scope_url));
    }
    if has_escaped_slash(&scope_url) {
        return Err(RegisterError::EscapedSlash(scope_url));
    }
    // 10-14. A job for it, with the client's URL as the referrer.
    let job = Job::new(JobKind::Register, client.storage_key.clone(), scope_url)
        .with_script(script_url, options.worker_type)
        .with_update_via_cache(options.update_via_cache)
        .with_client(client);
    Ok(job)
}

impl Inner {
    /// <https://w3c.github.io/ServiceWorker/#register>
    pub(crate) async fn run_register(self: &Arc<Self>, job: &Arc<Job>) {
        let script_url = job.script_url();
        let Some(client) = job.client.as_ref() else {
            return job.reject(RegisterError::InsecureContext);
        };
        // 1. Only from a trustworthy origin.
        if !is_url_potentially_trustworthy(script_url) {
            return job.reject(RegisterError::UntrustedOrigin(script_url.clone()));
        }
        // 2-3. The script and the scope are of the client's origin.
        let referrer = client.creation_url.origin();
        if script_url.origin() != referrer {
            return job.reject(RegisterError::CrossOriginScript(script_url.clone()));
        }
        if job.scope.origin() != referrer {
            return job.reject(RegisterError::CrossOriginScope(job.scope.clone()));
        }
        match self.get_registration(&job.storage_key, job.scope.as_str()) {
            // 5. Known: nothing to do if nothing is different.
            Some(registration) => {
                let same = registration.newest_worker().is_some_and(|newest| {
                    newest.script_url == *script_url
                        && newest.worker_type == job.worker_type
                        && registration.slots().update_via_cache == job.update_via_cache()
                });
                if same {
                    return job.resolve_registration(&registration);
                }
                // DEVIATION: in force from here on and not from the installation on, as web-platform-tests asserts: it decides how
                // this job fetches.
                let before = registration.slots().update_via_cache;
                job.set_update_via_cache(&registration);
                // 7. The rest is an update.
                if self.run_update(job).await == Updated::No {
                    registration.slots().update_via_cache = before;
                }
            }
            // 6. Unknown: into the map, without a worker as yet.
            None => {
                self.set_registration(job);
                self.run_update(job).await;
            }
        }
    }

    /// <https://w3c.github.io/ServiceWorker/#set-registration>
    fn set_registration(&self, job: &Job) {
        let slots = Slots { update_via_cache: job.update_via_cache(), ..Slots::default() };
        let position = self.new_worker_id().0;
        let registration = Registration::new(job.storage_key.clone(), job.scope.clone(), position, slots);
        self.state().registrations.push(registration);
    }
}

pub(crate) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn has_escaped_slash(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}
