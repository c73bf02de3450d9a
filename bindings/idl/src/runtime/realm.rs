//! What an adapter gives to the objects behind the façade.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{
    CallbackDescriptor, Exception, ExposureSet, GlobalProxy, Held, IdlType, InterfaceDescriptor, ModuleType,
    ObjectRef, PromiseFuture, Value,
};

/// A realm of an agent. Numbers are never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealmId(pub u64);

impl RealmId {
    /// A number no realm of this process has had.
    pub fn next() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Settles one promise of a realm, by its number.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Resolver {
    /// The realm that has the promise.
    pub realm: RealmId,
    /// The promise's number there.
    pub number: u64,
}

/// The realm a member runs in. It is not `Send`: it lives for the length of a call, on the realm's own thread.
///
/// Everything here may run script, and so may call back into any object: hold no lock over it.
pub trait Realm {
    /// This realm's number.
    fn id(&self) -> RealmId;

    /// The global object behind the façade.
    fn global(&self) -> ObjectRef;

    /// The realm whose function called the running member: the incumbent one, as far as the engine can tell. This realm where
    /// none did.
    fn caller(&self) -> RealmId;

    /// The browsing context a held value is the global object of: a proxy of another realm's, or nothing.
    fn global_proxy(&self, held: &Held) -> Option<Arc<dyn GlobalProxy>>;

    /// Where this realm is exposed: the names of its global, as a set.
    fn exposure(&self) -> ExposureSet;

    /// Whether this realm is a secure context.
    fn is_secure_context(&self) -> bool;

    /// The agent's handle, for futures and tasks.
    fn agent(&self) -> &Arc<dyn AgentHandle>;

    /// Calls a function of script with these values and gives what it returns, unconverted. A callback is called through the
    /// function that is generated for it, which is typed.
    ///
    /// # Errors
    /// What the callback throws.
    fn call(&self, callback: &Held, this: Option<Value>, args: Vec<Value>) -> Result<Value, Exception>;

    /// Invokes a callback function, by the types of its definition: the arguments as they are declared, fewer where optional ones
    /// are missing, and the result converted. A callback that returns a promise never throws: what it throws rejects one.
    ///
    /// <https://webidl.spec.whatwg.org/#invoke-a-callback-function>
    ///
    /// # Errors
    /// What the callback throws, or the conversion of its result.
    fn invoke_callback(
        &self,
        callback: &Held,
        of: &'static CallbackDescriptor,
        this: Option<Value>,
        args: Vec<Value>,
    ) -> Result<Value, Exception>;

    /// Calls the operation of a callback interface on script's object, which may be a function, as [`Self::invoke_callback`]
    /// does.
    ///
    /// <https://webidl.spec.whatwg.org/#call-a-user-objects-operation>
    ///
    /// # Errors
    /// What the operation throws, a `TypeError` if there is none, or what the conversion of its result throws.
    fn call_user_object(
        &self,
        object: &Held,
        of: &'static InterfaceDescriptor,
        this: Option<Value>,
        args: Vec<Value>,
    ) -> Result<Value, Exception>;

    /// Calls a function that the self-hosted core exports.
    ///
    /// # Errors
    /// What the function throws; a `TypeError` if there is none of that name.
    fn core(&self, function: &str, args: Vec<Value>) -> Result<Value, Exception>;

    /// <https://html.spec.whatwg.org/#report-the-exception>
    fn report_exception(&self, exception: Exception);

    /// The value that script catches where the exception is thrown.
    ///
    /// # Errors
    /// What making the value throws (out of memory).
    fn exception_value(&self, exception: Exception) -> Result<Held, Exception>;

    /// <https://html.spec.whatwg.org/#notify-about-rejected-promises>, step 4. For adapters: the task that they queue themselves.
    fn notify_rejections(&self);

    /// Keeps a value, or the wrapper of an object, from being collected for as long as the handle lives.
    ///
    /// # Errors
    /// What making the value throws (out of memory).
    fn hold(&self, value: Value) -> Result<Held, Exception>;

    /// The native object behind a held wrapper.
    fn platform_object(&self, held: &Held) -> Option<ObjectRef>;

    /// Whether a held value is an object that implements the interface, native or self-hosted.
    fn implements(&self, held: &Held, interface: &'static InterfaceDescriptor) -> bool;

    /// Converts a held value to an IDL type, as if it were an argument of that type.
    ///
    /// # Errors
    /// What the conversion throws.
    fn convert(&self, held: &Held, to: &'static IdlType) -> Result<Value, Exception>;

    /// A pending promise of this realm, and its resolver.
    ///
    /// # Errors
    /// Out of memory.
    fn new_promise(&self) -> Result<(Held, Resolver), Exception>;

    /// Settles a promise of [`Self::new_promise`], at once. From elsewhere: queue a task that does.
    fn settle(&self, resolver: Resolver, result: Result<Value, Exception>);

    /// Waits for a promise of script (any value is taken as a promise resolved with it). What it gives is an `any`.
    fn observe_promise(&self, promise: &Held) -> PromiseFuture;

    /// Writes into a buffer or view of script from a byte offset in it.
    ///
    /// # Errors
    /// A `TypeError` if it is none, is detached, or is too short.
    fn write_buffer(&self, buffer: &Held, offset: usize, bytes: &[u8]) -> Result<(), Exception>;

    /// <https://infra.spec.whatwg.org/#parse-a-json-string-to-a-javascript-value>
    ///
    /// # Errors
    /// A `SyntaxError`.
    fn parse_json(&self, text: &str) -> Result<Value, Exception>;

    /// <https://infra.spec.whatwg.org/#serialize-a-javascript-value-to-a-json-string>
    ///
    /// # Errors
    /// What `toJSON` throws; a `TypeError` for a value that has no JSON.
    fn to_json(&self, value: Value) -> Result<String, Exception>;

    /// Runs a classic script now (`importScripts`), without a microtask checkpoint.
    ///
    /// # Errors
    /// What the script throws, or its `SyntaxError`.
    fn run_script(&self, source: &[u8], file: &str) -> Result<Value, Exception>;

    /// Runs something of a script of this file whose errors are muted: what it throws, now or later, is told without saying what.
    ///
    /// <https://html.spec.whatwg.org/#muted-errors>
    fn with_muted_errors(&self, file: &str, run: &mut dyn FnMut());

    /// Runs a module script now, without a microtask checkpoint. What it throws later is reported.
    ///
    /// # Errors
    /// Why it, or one of its imports, cannot be run.
    fn run_module(&self, source: &[u8], url: &str) -> Result<(), Exception>;

    /// <https://html.spec.whatwg.org/#perform-a-microtask-checkpoint>, in the middle of a task, unless a script is on the stack. The
    /// self-hosted core is none.
    fn microtask_checkpoint(&self);

    /// Runs the module at an address as [`Self::run_module`] does, unless it has run already.
    ///
    /// # Errors
    /// Why it, or one of its imports, cannot be run.
    fn import_module(&self, url: &str) -> Result<(), Exception>;

    /// Runs the module at an address, unless it has run already: the promise of its namespace.
    ///
    /// # Errors
    /// Why it, or one of its imports, cannot be run.
    fn import(&self, url: &str, module_type: ModuleType) -> Result<Value, Exception>;
}

/// A task of an event loop, to run in a realm.
pub type Task = Box<dyn FnOnce(&dyn Realm) + Send>;

/// What the agent's host gives to its realms. Usable from any thread.
pub trait AgentHandle: Send + Sync {
    /// Runs a future to its end, off the agent's thread.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Queues a task on the agent's event loop. When the realm is gone by then, the task is dropped.
    fn queue_task(&self, source: TaskSource, realm: RealmId, task: Task);
}

/// <https://html.spec.whatwg.org/#generic-task-sources>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TaskSource {
    /// The DOM manipulation task source; also what settles promises.
    Dom,
    /// The user interaction task source.
    UserInteraction,
    /// The networking task source.
    Networking,
    /// The navigation and traversal task source.
    Navigation,
    /// The timer task source.
    Timer,
    /// The posted message task source.
    PostedMessage,
    /// The DOM manipulation tasks of service workers: lifecycle and functional events.
    ServiceWorker,
    /// The background fetch task source.
    BackgroundFetch,
}
