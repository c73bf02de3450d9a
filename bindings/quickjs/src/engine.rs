//! The engine of one agent: its runtime, its realms, tasks and microtask checkpoints.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use longhaul_idl::{
    core_bindings,
    runtime::{
        AgentHandle, Exposure, InterfaceBinding, ModuleLoader, ModuleType, ObjectRef, RealmId, ReleaseQueue,
        SelfHostedCore, Task, TaskSource, Value,
    },
};
use rquickjs::{Context, Ctx, Persistent, Runtime, Value as JsValue, promise::PromiseState};

use crate::{
    ended::{Ended, Life},
    modules::{Modules, Stage},
    promises::{self, Rejection},
    realm::{RealmState, Roots, Scope},
    script_error::{ScriptError, ScriptErrorKind},
};

/// What an engine may use. `None` is no limit of ours.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// Bytes of the engine's heap; past it scripts get an `InternalError`.
    pub memory: Option<usize>,
    /// Bytes of the thread's stack that scripts may use. It must be well below the thread's own size.
    pub stack: Option<usize>,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self { memory: Some(512 << 20), stack: Some(1 << 20) }
    }
}

/// What ended realms leave is collected once there is one of them for so many that are left.
const REALMS_PER_ENDED: usize = 4;
/// After so many checkpoints it is seen whether what is left of ended realms can go by now.
const CHECKPOINTS_PER_COLLECTION: u32 = 1024;

/// An engine could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the JavaScript engine could not be made: {0}")]
pub struct EngineError(String);

/// Ends the running script of an engine, and every later one, from any thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<AtomicBool>);

impl InterruptHandle {
    /// Ends the running script. Scripts cannot catch it.
    ///
    /// NOTE: QuickJS looks for it at calls and loops of scripts, not in loops of its own: a script that joins an array of a thousand
    /// million holes ends once that is done, or the memory is.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether [`Self::interrupt`] was called.
    pub fn is_interrupted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a realm is made of.
pub struct RealmOptions {
    /// The interfaces; those that are not exposed are left out. `DOMException` and `QuotaExceededError` come by themselves.
    pub bindings: Vec<InterfaceBinding>,
    /// What implements the self-hosted ones.
    pub core: SelfHostedCore,
    /// The object behind the global object. Its interface has `[Global]`.
    pub global: ObjectRef,
    /// What kind of global it is.
    pub exposure: Exposure,
    /// Whether `[SecureContext]` members are there.
    pub secure_context: bool,
    /// Futures and tasks.
    pub agent: Arc<dyn AgentHandle>,
    /// The realm's number.
    pub id: RealmId,
    /// Told of exceptions and rejections that no script handled. It runs in the middle of script: it must not use the engine.
    pub on_error: Box<dyn Fn(ScriptError)>,
    /// Where modules come from; `None` loads none.
    pub modules: Option<Arc<dyn ModuleLoader>>,
}

impl fmt::Debug for RealmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealmOptions")
            .field("id", &self.id)
            .field("exposure", &self.exposure)
            .finish_non_exhaustive()
    }
}

/// What the realms of an engine share.
#[derive(Default)]
pub(crate) struct Shared {
    realms: RefCell<BTreeMap<RealmId, Rc<RealmState>>>,
    rejections: RefCell<Vec<(RealmId, Rejection)>>,
    handled: RefCell<Vec<(RealmId, Rejection)>>,
    /// What a task is on its way to tell of.
    notices: RefCell<Vec<Notice>>,
    /// The engine's number for named properties objects; 0 before the first.
    pub(crate) named_properties_class: Cell<u32>,
    /// The engine's number for what looks after contexts; 0 before the first.
    life_class: Cell<u32>,
    /// What is left of realms that have ended.
    ended: Ended,
    interrupted: Arc<AtomicBool>,
    /// How often the engine is entered right now.
    entered: Cell<usize>,
    /// <https://html.spec.whatwg.org/#performing-a-microtask-checkpoint>
    checkpointing: Cell<bool>,
}

/// Counts an entry into the engine for as long as it lasts.
struct Entered<'a> {
    shared: &'a Shared,
    before: usize,
}

impl<'a> Entered<'a> {
    fn new(shared: &'a Shared) -> Self {
        let before = shared.entered.get();
        shared.entered.set(before + 1);
        Self { shared, before }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.shared.entered.set(self.before);
    }
}

/// A rejection to tell of, or one told of that has a handler after all.
pub(crate) struct Notice {
    realm: RealmId,
    pub(crate) rejection: Rejection,
    pub(crate) handled: bool,
}

impl Shared {
    pub(crate) fn realm(&self, id: RealmId) -> Option<Rc<RealmState>> {
        self.realms.borrow().get(&id).cloned()
    }

    pub(crate) fn realms(&self) -> Vec<Rc<RealmState>> {
        self.realms.borrow().values().cloned().collect()
    }

    /// The realm whose context this is.
    pub(crate) fn realm_of(&self, ctx: &Ctx<'_>) -> Option<Rc<RealmState>> {
        let realms = self.realms.borrow();
        let of = |realm: &&Rc<RealmState>| {
            realm.context.borrow().as_ref().is_some_and(|(context, _)| context.as_raw() == ctx.as_raw())
        };
        realms.values().find(of).cloned()
    }

    /// <https://html.spec.whatwg.org/#the-hostpromiserejectiontracker-implementation>
    fn track<'js>(&self, ctx: &Ctx<'js>, promise: JsValue<'js>, reason: JsValue<'js>, is_handled: bool) {
        let Some(realm) = self.realm_of(ctx) else { return };
        // 1.–2. A script whose errors are muted tells nobody.
        if realm.muted.get() {
            return;
        }
        if !is_handled {
            self.rejections.borrow_mut().push((realm.id, promises::saved(ctx, promise, reason)));
            return;
        }
        let pending = self.rejections.borrow().iter().position(|(_, rejection)| {
            rejection.promise.clone().restore(ctx).is_ok_and(|known| known == promise)
        });
        if let Some(index) = pending {
            drop(self.rejections.borrow_mut().remove(index));
            return;
        }
        let noticed = self.notices.borrow().iter().position(|notice| {
            !notice.handled
                && notice.rejection.promise.clone().restore(ctx).is_ok_and(|known| known == promise)
        });
        match noticed {
            Some(index) => drop(self.notices.borrow_mut().remove(index)),
            None => self.handled.borrow_mut().push((realm.id, promises::saved(ctx, promise, reason))),
        }
    }

    /// Runs the jobs that are queued, while a task is under way that has no script on the stack.
    pub(crate) fn microtask_checkpoint(&self, ctx: &Ctx<'_>) {
        // 1. Whoever entered it further up has script on the stack, and what runs microtasks goes on to their end by itself.
        if self.entered.get() > 1 || self.checkpointing.replace(true) {
            return;
        }
        self.run_jobs(ctx);
        self.checkpointing.set(false);
    }

    #[allow(unsafe_code, reason = "the engine's own way to run a job swallows what the job throws")]
    fn run_jobs(&self, ctx: &Ctx<'_>) {
        // SAFETY: the runtime is this engine's, which lives, and whose lock is held by the task.
        let runtime = unsafe { rquickjs::qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
        // As in the engine's own checkpoint.
        while !self.interrupted.load(Ordering::Acquire) {
            let mut of_job = std::ptr::null_mut();
            // SAFETY: as above; the engine writes the context of the job that ran.
            let ran = unsafe { rquickjs::qjs::JS_ExecutePendingJob(runtime, &raw mut of_job) };
            if ran == 0 {
                return;
            }
            let Some(of_job) = std::ptr::NonNull::new(of_job).filter(|_| ran < 0) else { continue };
            // A job that throws is nobody's promise: report it.
            // SAFETY: the context is of this runtime, and its realm keeps it, or what is left of its realm.
            let of_job = unsafe { Ctx::from_raw(of_job) };
            let thrown = of_job.catch();
            if let Some(realm) = self.realm_of(&of_job) {
                Scope::new(of_job, realm).report(thrown);
            }
        }
    }

    /// The next thing that a realm is to be told of.
    pub(crate) fn next_notice(&self, realm: RealmId) -> Option<Notice> {
        let index = self.notices.borrow().iter().position(|notice| notice.realm == realm)?;
        Some(self.notices.borrow_mut().remove(index))
    }
}

/// The JavaScript engine of one agent. It stays on its thread; everything about it that may be sent is in
/// [`InterruptHandle`] and the agent's handle.
pub struct Engine {
    shared: Rc<Shared>,
    runtime: Runtime,
    memory: Option<usize>,
    /// The realms that have ended since what they left was last collected.
    uncollected: Cell<usize>,
    /// The checkpoints since then.
    checkpoints: Cell<u32>,
    /// Whether it is to be collected as soon as it can be.
    collection_due: Cell<bool>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("realms", &self.shared.realms.borrow().len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine without realms.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(limits: EngineLimits) -> Result<Self, EngineError> {
        let runtime = Runtime::new().map_err(|error| EngineError(error.to_string()))?;
        if let Some(memory) = limits.memory {
            runtime.set_memory_limit(memory);
        }
        if let Some(stack) = limits.stack {
            runtime.set_max_stack_size(stack);
        }
        let shared = Rc::new(Shared::default());
        let flag = Arc::clone(&shared.interrupted);
        runtime.set_interrupt_handler(Some(Box::new(move || flag.load(Ordering::Acquire))));
        let tracker = Rc::downgrade(&shared);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, is_handled| {
                if let Some(shared) = tracker.upgrade() {
                    shared.track(&ctx, promise, reason, is_handled);
                }
            },
        )));
        runtime.set_loader(Modules(Rc::downgrade(&shared)), Modules(Rc::downgrade(&shared)));
        Ok(Self {
            shared,
            runtime,
            memory: limits.memory,
            uncollected: Cell::new(0),
            checkpoints: Cell::new(0),
            collection_due: Cell::new(false),
        })
    }

    /// A handle that ends scripts from other threads.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(Arc::clone(&self.shared.interrupted))
    }

    /// Bytes the engine's heap holds now.
    pub fn memory_used(&self) -> usize {
        usize::try_from(self.runtime.memory_usage().malloc_size).unwrap_or_default()
    }

    /// Makes a realm: evaluates the core, then mounts the interfaces.
    ///
    /// # Errors
    /// When the core throws, or lacks something that an interface needs.
    pub fn create_realm(&self, options: RealmOptions) -> Result<RealmId, ScriptError> {
        let mount = |message: String| ScriptError::new(ScriptErrorKind::Mount, message);
        if self.shared.realm(options.id).is_some() {
            return Err(mount(format!("{:?} is in use", options.id)));
        }
        let (context, life) = self.new_context().map_err(|error| mount(error.to_string()))?;
        let RealmOptions { bindings, core, global, exposure, secure_context, agent, id, on_error, modules } =
            options;
        let state = Rc::new(RealmState {
            id,
            shared: Rc::downgrade(&self.shared),
            context: RefCell::new(Some((context.clone(), life))),
            exposure,
            secure_context,
            agent,
            global,
            on_error,
            modules,
            modules_stage: Cell::new(Stage::Idle),
            modules_broken: Cell::new(false),
            hooks: core.hooks,
            roots: RefCell::new(Roots::default()),
            next_number: Cell::new(0),
            muted_files: RefCell::default(),
            muted: Cell::new(false),
            reporting: Cell::new(false),
            release: Arc::new(ReleaseQueue::default()),
            graveyard: Rc::default(),
        });
        self.shared.realms.borrow_mut().insert(id, Rc::clone(&state));
        let made = self.with(&context, |ctx| {
            let scope = Scope::new(ctx, Rc::clone(&state));
            let mut all = core_bindings();
            all.extend(bindings);
            let interface = state.global.interface();
            let result = scope.load_core(&core).and_then(|definitions| {
                scope.mount(&all, &definitions)?;
                let prototype = scope.prototype_of(interface)?;
                scope.helper("setPrototype")?.call::<_, ()>((scope.global_object(), prototype))
            });
            result.map_err(|error| {
                let thrown = scope.thrown(error);
                let mut error = ScriptError::from_value(&scope, &thrown);
                error.kind = ScriptErrorKind::Mount;
                error
            })
        });
        drop(context);
        match made {
            Ok(()) => Ok(id),
            Err(error) => {
                self.destroy_realm(id);
                Err(error)
            }
        }
    }

    /// Ends a realm and lets go of everything it holds. Its tasks are dropped from now on.
    pub fn destroy_realm(&self, realm: RealmId) {
        self.end_realm(realm);
        // OPTIMIZATION: a collection looks through all realms that are left, so many that end one by one share some.
        let left = self.shared.realms.borrow().len();
        if self.uncollected.get() * REALMS_PER_ENDED >= left {
            self.collection_due.set(true);
        }
        self.collect_if_due();
    }

    /// Collects what ended realms have left, once no script is on the stack and no job waits.
    fn collect_if_due(&self) {
        let may_collect = self.collection_due.get() && self.shared.entered.get() == 0;
        if may_collect && self.shared.ended.collect(&self.runtime) {
            self.collection_due.set(false);
            self.uncollected.set(0);
            self.checkpoints.set(0);
        }
    }

    fn end_realm(&self, realm: RealmId) {
        let Some(state) = self.shared.realms.borrow_mut().remove(&realm) else { return };
        self.shared.rejections.borrow_mut().retain(|(of, _)| *of != realm);
        self.shared.handled.borrow_mut().retain(|(of, _)| *of != realm);
        self.shared.notices.borrow_mut().retain(|notice| notice.realm != realm);
        if let Some((context, life)) = state.end() {
            self.shared.ended.keep(context, life);
        }
        drop(state);
        self.uncollected.set(self.uncollected.get() + 1);
    }

    /// Runs a classic script, then a microtask checkpoint; a task tells of unhandled rejections. An exception is reported as
    /// HTML says, and given back.
    ///
    /// # Errors
    /// What the script threw.
    pub fn evaluate_script(&self, realm: RealmId, source: &[u8], file: &str) -> Result<Value, ScriptError> {
        let result = self.enter(realm, |scope| {
            let result = scope.classic_script(source, file).and_then(|value| scope.any(value));
            result.map_err(|error| reported(scope, error))
        });
        self.checkpoint();
        result.unwrap_or_else(|| Err(no_realm()))
    }

    /// Runs a module script as [`Self::evaluate_script`] runs a classic one. Its imports come from the realm's loader.
    ///
    /// # Errors
    /// What the module or one of its imports threw before its first pause; later exceptions are reported only.
    pub fn evaluate_module(&self, realm: RealmId, source: &[u8], url: &str) -> Result<(), ScriptError> {
        self.evaluate(realm, |scope| scope.module_script(source, url))
    }

    /// The same, of a module that may not wait for anything at its top level, nor may what it imports: it is a `TypeError` if one
    /// does.
    ///
    /// # Errors
    /// As [`Self::evaluate_module`] says.
    pub fn evaluate_synchronous_module(
        &self,
        realm: RealmId,
        source: &[u8],
        url: &str,
    ) -> Result<(), ScriptError> {
        self.evaluate(realm, |scope| {
            let promise = scope.module_script(source, url)?;
            // NOTE: what has not waited is settled before any microtask has run.
            match promise.state() {
                PromiseState::Pending => {
                    Err(scope.type_error("a module here may not await at its top level"))
                }
                _ => Ok(promise),
            }
        })
    }

    /// Runs the module at an address, which the realm's loader has.
    ///
    /// # Errors
    /// As [`Self::evaluate_module`] says.
    pub fn import_module(&self, realm: RealmId, url: &str) -> Result<(), ScriptError> {
        self.evaluate(realm, |scope| {
            let promise = scope.imported(url, ModuleType::JavaScript)?;
            scope.report_rejection(promise)
        })
    }

    fn evaluate(
        &self,
        realm: RealmId,
        run: impl for<'js> FnOnce(&Scope<'js>) -> rquickjs::Result<rquickjs::Promise<'js>>,
    ) -> Result<(), ScriptError> {
        let evaluation = self.enter(realm, |scope| {
            let promise = run(scope).map(|promise| Persistent::save(&scope.ctx, promise));
            promise.map_err(|error| reported(scope, error))
        });
        let Some(evaluation) = evaluation else { return Err(no_realm()) };
        self.checkpoint();
        let evaluation = evaluation?;
        let failed = self.enter(realm, |scope| {
            let promise = evaluation.restore(&scope.ctx).ok()?;
            if promise.state() != PromiseState::Rejected {
                return None;
            }
            let error = promise.result::<JsValue<'_>>()?.err()?;
            let thrown = scope.thrown(error);
            Some(ScriptError::from_value(scope, &thrown))
        });
        failed.flatten().map_or(Ok(()), Err)
    }

    /// Runs a task of the event loop, then a microtask checkpoint; another task tells of unhandled rejections. A task of a realm that
    /// has ended is dropped.
    pub fn run_task(&self, realm: RealmId, task: Task) {
        self.enter(realm, |scope| task(scope));
        self.checkpoint();
    }

    /// Does something in a realm at once, also while script runs; no microtask checkpoint follows.
    pub fn run_now(&self, realm: RealmId, task: &mut dyn FnMut(&dyn longhaul_idl::runtime::Realm)) {
        self.enter(realm, |scope| task(scope));
    }

    fn enter<T>(&self, realm: RealmId, run: impl FnOnce(&Scope<'_>) -> T) -> Option<T> {
        let state = self.shared.realm(realm)?;
        let context = state.context()?;
        let result = self.with(&context, |ctx| {
            let scope = Scope::new(ctx, state);
            scope.sweep();
            run(&scope)
        });
        Some(result)
    }

    /// Enters a context. Where script that runs already has called its host, and this is the host again, the engine's lock is
    /// held further up.
    #[allow(unsafe_code, reason = "the engine enters a context only once by itself")]
    fn with<T>(&self, context: &Context, run: impl FnOnce(Ctx<'_>) -> T) -> T {
        let entered = Entered::new(&self.shared);
        if entered.before == 0 {
            return context.with(run);
        }
        // SAFETY: the context is of this engine's runtime, whose lock a caller on this thread holds for as long as this runs.
        let ctx = unsafe { Ctx::from_raw(context.as_raw()) };
        run(ctx)
    }

    /// A context, also while another one is entered.
    ///
    /// NOTE: QuickJS frees a context that it runs out of memory for while its collector still knows of it. So one context is made
    /// whatever the limit; if that was too much, the next allocation fails.
    fn new_context(&self) -> Result<(Context, Life), rquickjs::Error> {
        let looked_after = |context: Context| {
            let life = self.with(&context, |ctx| Life::of(&ctx, &self.shared.life_class))?;
            Ok((context, life))
        };
        if self.shared.entered.get() > 0 {
            return self.new_context_inside(looked_after);
        }
        self.runtime.set_memory_limit(0);
        let made = Context::full(&self.runtime).and_then(looked_after);
        self.runtime.set_memory_limit(self.memory.unwrap_or(0));
        made
    }

    #[allow(unsafe_code, reason = "the engine locks its runtime to make one")]
    fn new_context_inside<T>(
        &self,
        looked_after: impl FnOnce(Context) -> Result<T, rquickjs::Error>,
    ) -> Result<T, rquickjs::Error> {
        let of_realm = self.shared.realms().into_iter().find_map(|realm| realm.context());
        let other = of_realm.or_else(|| self.shared.ended.any()).ok_or(rquickjs::Error::Unknown)?;
        // SAFETY: the runtime lives and is locked by a caller on this thread; the new context has one reference, which the
        // owner takes over.
        unsafe {
            let runtime = other.get_runtime_ptr();
            rquickjs::qjs::JS_SetMemoryLimit(runtime, 0);
            let made = std::ptr::NonNull::new(rquickjs::qjs::JS_NewContext(runtime));
            let made = made.map(|made| looked_after(Context::from_raw(made, self.runtime.clone())));
            rquickjs::qjs::JS_SetMemoryLimit(runtime, self.memory.unwrap_or(0) as rquickjs::qjs::size_t);
            made.ok_or(rquickjs::Error::Allocation)?
        }
    }

    /// <https://html.spec.whatwg.org/#perform-a-microtask-checkpoint>, then unhandled rejections.
    fn checkpoint(&self) {
        // The stack is not empty where script has called its host.
        if self.shared.entered.get() > 0 {
            return;
        }
        self.run_microtasks();
        let rejections = std::mem::take(&mut *self.shared.rejections.borrow_mut());
        let handled = std::mem::take(&mut *self.shared.handled.borrow_mut());
        let mut realms: Vec<RealmId> = Vec::new();
        let unhandled = rejections.into_iter().map(|(realm, rejection)| (realm, rejection, false));
        let handled = handled.into_iter().map(|(realm, rejection)| (realm, rejection, true));
        for (realm, rejection, handled) in unhandled.chain(handled) {
            if !realms.contains(&realm) {
                realms.push(realm);
            }
            self.shared.notices.borrow_mut().push(Notice { realm, rejection, handled });
        }
        // 4. A task for each global.
        for state in realms.into_iter().filter_map(|realm| self.shared.realm(realm)) {
            state.agent.queue_task(TaskSource::Dom, state.id, Box::new(|realm| realm.notify_rejections()));
        }
        if !self.shared.ended.is_empty() {
            self.checkpoints.set(self.checkpoints.get() + 1);
            let is_time = self.checkpoints.get() >= CHECKPOINTS_PER_COLLECTION;
            self.collection_due.set(self.collection_due.get() || is_time);
        }
        self.collect_if_due();
    }

    fn run_microtasks(&self) {
        self.shared.checkpointing.set(true);
        self.run_jobs();
        self.shared.checkpointing.set(false);
    }

    fn run_jobs(&self) {
        // An engine that is to end runs none any more: each may ask for the next one, and be interrupted only now and then.
        while !self.shared.interrupted.load(Ordering::Acquire) {
            let entered = Entered::new(&self.shared);
            let ran = self.runtime.execute_pending_job();
            drop(entered);
            match ran {
                Ok(true) => {}
                Ok(false) => return,
                Err(failed) => {
                    // A job that throws is nobody's promise: report it.
                    failed.0.with(|ctx| {
                        let thrown = ctx.catch();
                        if let Some(realm) = self.shared.realm_of(&ctx) {
                            Scope::new(ctx, realm).report(thrown);
                        }
                    });
                }
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let realms: Vec<RealmId> = self.shared.realms.borrow().keys().copied().collect();
        for realm in realms {
            self.end_realm(realm);
        }
        // NOTE: jobs that are left go with the runtime. They name their contexts without holding them, so none may run now.
        self.shared.ended.clear();
        self.shared.rejections.borrow_mut().clear();
        self.shared.handled.borrow_mut().clear();
        self.shared.notices.borrow_mut().clear();
        self.runtime.run_gc();
    }
}

fn reported(scope: &Scope<'_>, error: rquickjs::Error) -> ScriptError {
    let thrown = scope.thrown(error);
    let error = ScriptError::from_value(scope, &thrown);
    scope.report(thrown);
    error
}

fn no_realm() -> ScriptError {
    ScriptError::new(ScriptErrorKind::NoRealm, "the realm has ended")
}
