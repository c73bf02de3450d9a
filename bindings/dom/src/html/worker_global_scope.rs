//! <https://html.spec.whatwg.org/#the-workerglobalscope-common-interface>: the globals of dedicated and shared workers.

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use longhaul::fetch::{Destination, FetchOptions, ParserMetadata, Request, RequestOrigin, ResponseType};
use longhaul_idl::runtime::{ByteString, DomString, Exception, Held, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{
    DedicatedWorkerGlobalScopeMethods, RequestInfo, RequestInit, SharedWorkerGlobalScopeMethods,
    TimerHandler, WorkerGlobalScopeMethods,
};
use url::Url;

use super::window_or_worker_global_scope::{self as mixin, window_or_worker_global_scope_members};
use super::{GlobalOptions, GlobalScope, MessagePort, PortEnd, WorkerLocation, WorkerNavigator};
use crate::structured_clone;

/// The largest script that is imported.
const LIMIT: usize = 64 << 20;

/// A worker's own thread, for what only the host can do with it.
pub trait WorkerThread: Send + Sync + 'static {
    /// Waits for a future, which runs elsewhere. `false` if the worker was ended meanwhile.
    fn wait(&self, future: BoxFuture<'static, ()>) -> bool;

    /// <https://html.spec.whatwg.org/#close-a-worker>: no further task; the one that runs goes on to its end.
    fn close(&self);
}

/// What the global object of a worker is made from, besides what every global is made from.
pub struct WorkerOptions {
    /// The script's URL, after redirects.
    pub url: Url,
    /// The worker's name.
    pub name: DomString,
    /// Whether its script is a module.
    pub is_module: bool,
    /// Its thread.
    pub thread: Arc<dyn WorkerThread>,
}

impl std::fmt::Debug for WorkerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerOptions").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What both globals have.
struct Parts {
    options: WorkerOptions,
    location: Arc<WorkerLocation>,
    navigator: Arc<WorkerNavigator>,
}

impl Parts {
    fn new(options: WorkerOptions) -> Self {
        Self {
            location: Arc::new(WorkerLocation::new(options.url.clone())),
            navigator: Arc::new(WorkerNavigator::default()),
            options,
        }
    }
}

/// The global object of a dedicated worker.
pub struct DedicatedWorkerGlobal {
    scope: Arc<GlobalScope>,
    parts: Parts,
    inside: PortEnd,
}

/// The global object of a shared worker.
pub struct SharedWorkerGlobal {
    scope: Arc<GlobalScope>,
    parts: Parts,
}

longhaul_idl::platform_object!(DedicatedWorkerGlobal => longhaul_idl::dedicated_worker_global_scope);
longhaul_idl::platform_object!(SharedWorkerGlobal => longhaul_idl::shared_worker_global_scope);

impl DedicatedWorkerGlobal {
    /// The global object of a worker that is about to run. `inside` is its end of the implicit channel.
    pub fn new(options: GlobalOptions, worker: WorkerOptions, inside: PortEnd) -> Arc<Self> {
        Arc::new(Self { scope: GlobalScope::new(options), parts: Parts::new(worker), inside })
    }

    /// Lets messages in: the script has run. <https://html.spec.whatwg.org/#run-a-worker>
    pub fn enable_messages(self: &Arc<Self>, realm: &dyn Realm) {
        let target: ObjectRef = Arc::clone(self) as ObjectRef;
        self.inside.attach(realm, &target, |_, _| Ok(()));
        self.inside.start();
    }

    pub(crate) fn scope(&self) -> Arc<GlobalScope> {
        Arc::clone(&self.scope)
    }

    fn post(&self, realm: &dyn Realm, message: Value, transfer: Vec<Held>) -> Result<(), Exception> {
        self.inside.post(structured_clone::serialize(realm, message, transfer)?);
        Ok(())
    }
}

impl SharedWorkerGlobal {
    /// The global object of a worker that is about to run.
    pub fn new(options: GlobalOptions, worker: WorkerOptions) -> Arc<Self> {
        Arc::new(Self { scope: GlobalScope::new(options), parts: Parts::new(worker) })
    }

    pub(crate) fn scope(&self) -> Arc<GlobalScope> {
        Arc::clone(&self.scope)
    }
}

/// Fires `connect` at a shared worker, with a port of its own. <https://html.spec.whatwg.org/#dom-sharedworker>, step 10.
///
/// # Errors
/// What the core throws.
pub fn fire_connect(realm: &dyn Realm, port: PortEnd) -> Result<(), Exception> {
    let port: ObjectRef = MessagePort::create(realm, port);
    realm.core("fireConnect", vec![Value::Object(realm.global()), Value::Object(port)]).map(drop)
}

/// <https://html.spec.whatwg.org/#import-scripts-into-worker-global-scope>
fn import_scripts(
    scope: &GlobalScope,
    options: &WorkerOptions,
    realm: &dyn Realm,
    urls: &[String],
) -> Result<(), Exception> {
    // 1. Modules import in their own way.
    if options.is_module {
        return Err(Exception::type_error("a module worker cannot call importScripts()"));
    }
    // 4.–5. All URLs before any script.
    let base = &scope.settings().api_base_url;
    let parsed = urls.iter().map(|url| {
        base.join(url)
            .map_err(|_| Exception::dom("SyntaxError", format!("\"{}\" is not a URL", crate::shown(url))))
    });
    let parsed: Vec<Url> = parsed.collect::<Result<_, _>>()?;
    // 6. One after the other; this thread waits.
    for url in parsed {
        let result = Arc::new(OnceLock::new());
        let (sent, loading) = (Arc::clone(&result), import_script(scope, url.clone()));
        let finished = options.thread.wait(Box::pin(async move {
            // Nobody else sets it.
            let _ = sent.set(loading.await);
        }));
        let (source, muted) = match (finished, result.get()) {
            (true, Some(Ok(imported))) => imported,
            (true, Some(Err(reason))) => {
                return Err(Exception::dom("NetworkError", format!("{url}: {reason}")));
            }
            _ => return Err(Exception::dom("NetworkError", "the worker has ended")),
        };
        realm.run_script(source.as_bytes(), url.as_str()).map_err(|error| muted_error(error, *muted))?;
    }
    Ok(())
}

/// Whether a script is of another origin, which what it throws must not be told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Muted {
    Yes,
    No,
}

/// What an imported script threw, as whoever imports it sees it.
///
/// <https://html.spec.whatwg.org/#run-a-classic-script>, steps 8.1 and 8.2
pub(super) fn muted_error(error: Exception, muted: Muted) -> Exception {
    match muted {
        Muted::No => error,
        Muted::Yes => Exception::dom("NetworkError", "a script of another origin has thrown"),
    }
}

/// <https://html.spec.whatwg.org/#fetch-a-classic-worker-imported-script>
fn import_script(
    scope: &GlobalScope,
    url: Url,
) -> impl Future<Output = Result<(String, Muted), String>> + Send + 'static {
    // 2. No-CORS, with the worker as the client.
    let mut request = Request::new(url);
    request.origin = RequestOrigin::Origin(scope.settings().origin.clone());
    request.client = Some(Arc::clone(scope.settings()));
    request.destination = Destination::Script;
    request.parser_metadata = ParserMetadata::NotParserInserted;
    request.use_url_credentials = true;
    request.mode = longhaul::fetch::Mode::NoCors;
    request.credentials_mode = longhaul::fetch::CredentialsMode::Include;
    let user_agent = scope.user_agent().clone();
    async move {
        let response = user_agent.fetch(request, FetchOptions::default()).await;
        if let Some(reason) = response.reason() {
            return Err(reason.to_string());
        }
        let muted = if response.r#type == ResponseType::Opaque { Muted::Yes } else { Muted::No };
        let response = response.into_unfiltered();
        // 5. An ok status, and JavaScript whatever was sniffed.
        if !response.is_ok_status() {
            return Err(format!("the server answered with status {}", response.status));
        }
        let mime = response.header_list.extract_mime_type();
        if !mime.as_ref().is_some_and(|mime| is_javascript(mime.essence())) {
            return Err("the answer is not JavaScript".to_owned());
        }
        // 6. UTF-8.
        let bytes = match response.body {
            Some(body) => body.read_all(Some(LIMIT)).await.map_err(|error| error.to_string())?,
            None => bytes::Bytes::new(),
        };
        Ok((crate::blob::utf8_decode(&bytes), muted))
    }
}

/// <https://mimesniff.spec.whatwg.org/#javascript-mime-type>
fn is_javascript(essence: &str) -> bool {
    const SUBTYPES: [&str; 14] = [
        "ecmascript",
        "javascript",
        "x-ecmascript",
        "x-javascript",
        "javascript1.0",
        "javascript1.1",
        "javascript1.2",
        "javascript1.3",
        "javascript1.4",
        "javascript1.5",
        "jscript",
        "livescript",
        "x-ecmascript",
        "x-javascript",
    ];
    match essence.split_once('/') {
        Some(("text", subtype)) => SUBTYPES.contains(&subtype),
        Some(("application", subtype)) => SUBTYPES[..4].contains(&subtype),
        _ => false,
    }
}

macro_rules! worker_global_scope {
    ($($global:ty),*) => {$(
        impl WorkerGlobalScopeMethods for $global {
            window_or_worker_global_scope_members!();

            fn self_(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
                Ok(realm.global())
            }

            fn location(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
                Ok(Arc::clone(&self.parts.location) as ObjectRef)
            }

            fn navigator(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
                Ok(Arc::clone(&self.parts.navigator) as ObjectRef)
            }

            fn import_scripts(
                self: &Arc<Self>,
                realm: &dyn Realm,
                urls: Vec<String>,
            ) -> Result<(), Exception> {
                import_scripts(&self.scope, &self.parts.options, realm, &urls)
            }
        }
    )*};
}
worker_global_scope!(DedicatedWorkerGlobal, SharedWorkerGlobal);

impl DedicatedWorkerGlobalScopeMethods for DedicatedWorkerGlobal {
    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.parts.options.name.clone())
    }

    crate::html::post_message_members!();

    fn close(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.scope.begin_closing();
        self.parts.options.thread.close();
        Ok(())
    }
}

impl SharedWorkerGlobalScopeMethods for SharedWorkerGlobal {
    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.parts.options.name.clone())
    }

    fn close(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.scope.begin_closing();
        self.parts.options.thread.close();
        Ok(())
    }
}
