//! A realm: its state on the Rust side, and the scope in which its members run.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    rc::{Rc, Weak},
    sync::Arc,
};

use longhaul_idl::runtime::{
    AgentHandle, Exposure, GlobalProxy, Held, Hook, InterfaceBinding, InterfaceDescriptor, ModuleLoader,
    ObjectRef, RealmId, ReleaseQueue,
};
use rquickjs::{Context, Ctx, Function, Object, Persistent, Result, Value as JsValue};

use crate::{ended::Life, engine::Shared, modules::Stage, script_error::ScriptError};

/// An interface as it is mounted in one realm.
pub(crate) struct Mounted {
    pub(crate) binding: InterfaceBinding,
    pub(crate) prototype: Persistent<Object<'static>>,
    /// What the self-hosted core gave for this interface.
    pub(crate) hosted: Option<Persistent<Object<'static>>>,
}

/// What a realm keeps outside the engine's heap. Everything of the engine in here is a root until the realm ends.
pub(crate) struct RealmState {
    pub(crate) id: RealmId,
    pub(crate) shared: Weak<Shared>,
    pub(crate) context: RefCell<Option<(Context, Life)>>,
    pub(crate) exposure: Exposure,
    pub(crate) secure_context: bool,
    pub(crate) agent: Arc<dyn AgentHandle>,
    pub(crate) global: ObjectRef,
    pub(crate) on_error: Box<dyn Fn(ScriptError)>,
    pub(crate) modules: Option<Arc<dyn ModuleLoader>>,
    pub(crate) modules_stage: Cell<Stage>,
    /// Whether the engine has failed to declare a module: it loads no more.
    pub(crate) modules_broken: Cell<bool>,
    pub(crate) hooks: &'static [(&'static str, Hook)],
    pub(crate) roots: RefCell<Roots>,
    pub(crate) next_number: Cell<u64>,
    /// The scripts whose errors are muted, by their files.
    pub(crate) muted_files: RefCell<HashSet<String>>,
    /// Whether such a script runs right now.
    pub(crate) muted: Cell<bool>,
    /// Whether an exception is being reported right now.
    pub(crate) reporting: Cell<bool>,
    pub(crate) release: Arc<ReleaseQueue>,
    pub(crate) graveyard: Rc<RefCell<Vec<usize>>>,
}

/// The engine's values that a realm keeps alive.
#[derive(Default)]
pub(crate) struct Roots {
    pub(crate) global_object: Option<Persistent<Object<'static>>>,
    pub(crate) global_slots: Option<Persistent<Object<'static>>>,
    pub(crate) global_kept: Vec<(&'static InterfaceDescriptor, usize, Persistent<JsValue<'static>>)>,
    pub(crate) helpers: Option<Persistent<Object<'static>>>,
    pub(crate) helper_functions: HashMap<&'static str, Persistent<Function<'static>>>,
    pub(crate) core_exports: Option<Persistent<Object<'static>>>,
    pub(crate) mounted: HashMap<usize, Rc<Mounted>>,
    /// Objects that hold an interface's unforgeable members, to copy from.
    pub(crate) unforgeable: HashMap<usize, Persistent<Object<'static>>>,
    /// The traps of legacy platform objects, by their interface.
    pub(crate) legacy_handlers: HashMap<usize, Persistent<Object<'static>>>,
    /// What gives a global's named properties.
    pub(crate) named_property: Option<Persistent<Function<'static>>>,
    /// The proxies of other realms' globals, by the address of what they stand for.
    pub(crate) global_proxies: HashMap<usize, (Arc<dyn GlobalProxy>, Persistent<Object<'static>>)>,
    pub(crate) global_proxy_handler: Option<Persistent<Object<'static>>>,
    pub(crate) hosted_functions: Vec<Persistent<Function<'static>>>,
    pub(crate) held: HashMap<u64, Persistent<JsValue<'static>>>,
    pub(crate) resolvers: HashMap<u64, (Persistent<Function<'static>>, Persistent<Function<'static>>)>,
    /// What is wrong with modules, by their addresses.
    pub(crate) module_failures: HashMap<String, Persistent<JsValue<'static>>>,
    /// `WeakRef`s of wrappers, by the address of the object behind them.
    pub(crate) wrappers: HashMap<usize, Persistent<Object<'static>>>,
}

impl RealmState {
    pub(crate) fn next_number(&self) -> u64 {
        let number = self.next_number.get() + 1;
        self.next_number.set(number);
        number
    }

    /// The global object, while the realm lives.
    pub(crate) fn global_in<'js>(&self, ctx: &Ctx<'js>) -> Option<Object<'js>> {
        let saved = self.roots.borrow().global_object.clone();
        saved?.restore(ctx).ok()
    }

    /// The engine's context, while the realm lives.
    pub(crate) fn context(&self) -> Option<Context> {
        self.context.borrow().as_ref().map(|(context, _)| context.clone())
    }

    /// Lets go of everything but the context. The realm's functions throw from now on.
    pub(crate) fn end(&self) -> Option<(Context, Life)> {
        drop(std::mem::take(&mut *self.roots.borrow_mut()));
        self.context.borrow_mut().take()
    }
}

/// A realm, entered: the engine's lock is held by a caller further up.
pub(crate) struct Scope<'js> {
    pub(crate) ctx: Ctx<'js>,
    pub(crate) state: Rc<RealmState>,
    /// The realm that called the running function, where it is another one.
    pub(crate) caller: Option<Rc<RealmState>>,
}

impl<'js> Scope<'js> {
    /// Enters a realm from a call of any realm of the same runtime. `None` once the realm has ended.
    #[allow(
        unsafe_code,
        reason = "the function's realm is not the caller's, and the engine only gives the caller's context"
    )]
    pub(crate) fn enter(caller: &Ctx<'js>, state: Rc<RealmState>) -> Option<Self> {
        let raw = state.context.borrow().as_ref()?.0.as_raw();
        if raw == caller.as_raw() {
            return Some(Self { ctx: caller.clone(), state, caller: None });
        }
        // SAFETY: both contexts belong to the runtime that `caller` shows to be locked for all of `'js`: a function holds a
        // `RealmState` of the runtime it lives in, and the state keeps its context until the realm ends.
        let ctx = unsafe { Ctx::from_raw(raw) };
        let caller = state.shared.upgrade().and_then(|shared| shared.realm_of(caller));
        Some(Self { ctx, state, caller })
    }

    /// Enters a realm whose context is known to be entered.
    pub(crate) fn new(ctx: Ctx<'js>, state: Rc<RealmState>) -> Self {
        Self { ctx, state, caller: None }
    }

    /// Lets go of dropped handles and of wrappers that are gone.
    pub(crate) fn sweep(&self) {
        let released: Vec<_> = {
            let numbers = self.state.release.take();
            let mut roots = self.state.roots.borrow_mut();
            numbers.into_iter().filter_map(|number| roots.held.remove(&number)).collect()
        };
        // NOTE: dropped outside the borrow: what a finalizer drops may want the roots.
        drop(released);
        let dead = std::mem::take(&mut *self.state.graveyard.borrow_mut());
        for address in dead {
            // NOTE: the address may be another object's by now, whose wrapper lives.
            if self.cached_wrapper(address).is_none() {
                let gone = self.state.roots.borrow_mut().wrappers.remove(&address);
                drop(gone);
            }
        }
    }

    /// A helper of the prelude.
    pub(crate) fn helper(&self, name: &'static str) -> Result<Function<'js>> {
        let known = self.state.roots.borrow().helper_functions.get(name).cloned();
        if let Some(function) = known {
            return function.restore(&self.ctx);
        }
        let helpers =
            self.state.roots.borrow().helpers.clone().ok_or(rquickjs::Error::Unknown)?.restore(&self.ctx)?;
        let function: Function<'js> = helpers.get(name)?;
        let saved = Persistent::save(&self.ctx, function.clone());
        self.state.roots.borrow_mut().helper_functions.insert(name, saved);
        Ok(function)
    }

    /// The realm's global object.
    pub(crate) fn global_object(&self) -> Object<'js> {
        self.ctx.globals()
    }

    /// The interface as it is mounted here, or its nearest ancestor that is.
    pub(crate) fn mounted(&self, interface: &'static InterfaceDescriptor) -> Option<Rc<Mounted>> {
        let roots = self.state.roots.borrow();
        let mut current = Some(interface);
        while let Some(interface) = current {
            if let Some(mounted) = roots.mounted.get(&address_of(interface)) {
                return Some(Rc::clone(mounted));
            }
            current = interface.parent;
        }
        None
    }

    /// The interface of a name, if it is mounted here.
    pub(crate) fn mounted_by_name(&self, name: &str) -> Option<Rc<Mounted>> {
        let roots = self.state.roots.borrow();
        roots.mounted.values().find(|mounted| mounted.binding.descriptor.name == name).cloned()
    }

    /// Keeps a value under a number.
    pub(crate) fn keep(&self, value: JsValue<'js>) -> Held {
        let number = self.state.next_number();
        let saved = Persistent::save(&self.ctx, value);
        self.state.roots.borrow_mut().held.insert(number, saved);
        Held::new(number, self.state.id, Arc::clone(&self.state.release))
    }

    /// A kept value. `None` if its realm has ended.
    pub(crate) fn kept(&self, held: &Held) -> Option<JsValue<'js>> {
        let saved = if held.realm() == self.state.id {
            self.state.roots.borrow().held.get(&held.number()).cloned()
        } else {
            let realm = self.state.shared.upgrade()?.realm(held.realm())?;
            let roots = realm.roots.borrow();
            roots.held.get(&held.number()).cloned()
        };
        saved?.restore(&self.ctx).ok()
    }

    /// A function of the self-hosted core, by its place.
    pub(crate) fn hosted(&self, index: usize) -> Result<Function<'js>> {
        let saved = self.state.roots.borrow().hosted_functions.get(index).cloned();
        saved.ok_or(rquickjs::Error::Unknown)?.restore(&self.ctx)
    }
}

/// The address that tells interfaces apart.
pub(crate) fn address_of(interface: &'static InterfaceDescriptor) -> usize {
    std::ptr::from_ref(interface).addr()
}
