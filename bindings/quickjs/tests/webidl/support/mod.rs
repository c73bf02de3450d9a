//! An agent small enough for tests, and a realm in it.

mod callbacks;
mod implementations;
mod legacy;

use std::{
    cell::RefCell,
    collections::VecDeque,
    rc::Rc,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{executor, future::BoxFuture};
use longhaul_idl::runtime::{
    AgentHandle, DomString, Exposure, ModuleFailure, ModuleLoader, ModuleSource, ModuleState, ModuleType,
    Realm, RealmId, SelfHostedCore, TaskSource, Value,
};
use longhaul_quickjs::{Engine, EngineLimits, RealmOptions, ScriptError};

pub use implementations::{Counter, TestGlobal, bindings};

type Task = (RealmId, Box<dyn FnOnce(&dyn Realm) + Send>);

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    spawned: Vec<BoxFuture<'static, ()>>,
    running: usize,
}

/// An agent whose futures run on threads of their own, once it settles: none is done while a script runs.
#[derive(Default)]
pub struct Agent {
    state: Mutex<State>,
    changed: Condvar,
}

impl Agent {
    /// The next task, when one has come before no future is left.
    fn next_task(self: &Arc<Self>) -> Option<Task> {
        let mut state = self.state.lock().unwrap();
        loop {
            for future in std::mem::take(&mut state.spawned) {
                state.running += 1;
                let agent = Arc::clone(self);
                std::thread::spawn(move || {
                    executor::block_on(future);
                    agent.state.lock().unwrap().running -= 1;
                    agent.changed.notify_all();
                });
            }
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap();
        }
    }
}

/// The handle of an [`Agent`].
pub struct Handle(pub Arc<Agent>);

impl AgentHandle for Handle {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.state.lock().unwrap().spawned.push(future);
        self.0.changed.notify_all();
    }

    fn queue_task(&self, _: TaskSource, realm: RealmId, task: Box<dyn FnOnce(&dyn Realm) + Send>) {
        self.0.state.lock().unwrap().tasks.push_back((realm, task));
        self.0.changed.notify_all();
    }
}

/// Modules by name; `late.js` comes once it is imported.
pub struct Files {
    pub files: Vec<(&'static str, &'static str)>,
    come: Arc<AtomicBool>,
}

impl ModuleLoader for Files {
    fn resolve(&self, base: &str, specifier: &str) -> Result<String, String> {
        match specifier.strip_prefix("./") {
            Some(name) => Ok(format!("{}/{name}", base.rsplit_once('/').map_or("", |(folder, _)| folder))),
            None => Err(format!("{specifier} is no address")),
        }
    }

    fn state(&self, url: &str, module_type: ModuleType) -> ModuleState {
        self.look(url, module_type, &mut Vec::new())
    }

    fn source(&self, url: &str, _: ModuleType) -> Option<ModuleSource> {
        let (_, source) = self.files.iter().find(|(name, _)| url.ends_with(name))?;
        Some(ModuleSource { text: (*source).to_owned(), base_url: url.to_owned() })
    }

    fn allows_dynamic_import(&self) -> bool {
        true
    }

    fn import(&self, _: &str, _: &str, _: ModuleType) -> BoxFuture<'static, ()> {
        let come = Arc::clone(&self.come);
        Box::pin(async move { come.store(true, Ordering::SeqCst) })
    }
}

impl Files {
    fn look(&self, url: &str, module_type: ModuleType, seen: &mut Vec<String>) -> ModuleState {
        if seen.iter().any(|known| known == url) {
            return ModuleState::Ready;
        }
        seen.push(url.to_owned());
        if url.ends_with("late.js") && !self.come.load(Ordering::SeqCst) {
            return ModuleState::Absent;
        }
        let Some(source) = self.source(url, module_type) else {
            return ModuleState::Failed(ModuleFailure::Fetch(format!("there is no {url}")));
        };
        let requests = match longhaul_quickjs::module_requests(&source.text, module_type) {
            Ok(requests) => requests,
            Err(error) => {
                return ModuleState::Failed(ModuleFailure::Syntax { url: url.to_owned(), error });
            }
        };
        for request in requests {
            let state = match self.resolve(url, &request.specifier) {
                Ok(url) => self.look(&url, request.module_type.unwrap_or(module_type), seen),
                Err(reason) => ModuleState::Failed(ModuleFailure::Resolution { url: url.to_owned(), reason }),
            };
            if state != ModuleState::Ready {
                return state;
            }
        }
        ModuleState::Ready
    }
}

/// An engine with a realm.
pub struct Page {
    pub engine: Engine,
    pub agent: Arc<Agent>,
    pub realm: RealmId,
    pub errors: Rc<RefCell<Vec<ScriptError>>>,
}

fn greet(_: &dyn Realm, args: Vec<Value>) -> Result<Value, longhaul_idl::runtime::Exception> {
    Ok(Value::String(format!("hello, {args:?}").into()))
}

/// What a realm of [`Page`] is made of.
pub fn options(agent: &Arc<Agent>, errors: &Rc<RefCell<Vec<ScriptError>>>) -> RealmOptions {
    let errors = Rc::clone(errors);
    RealmOptions {
        bindings: bindings(),
        core: SelfHostedCore {
            sources: &[("core.js", include_str!("../core.js"))],
            hooks: &[("greet", greet)],
        },
        global: TestGlobal::new(),
        exposure: Exposure::Window,
        secure_context: true,
        agent: Arc::new(Handle(Arc::clone(agent))),
        id: RealmId::next(),
        on_error: Box::new(move |error| errors.borrow_mut().push(error)),
        modules: Some(Arc::new(Files {
            come: Arc::default(),
            files: vec![
                ("a.js", "import { b } from './b.js'; globalThis.a = b + 1; export default b;"),
                ("b.js", "export const b = 41; globalThis.count = (globalThis.count ?? 0) + 1;"),
                ("bad.js", "throw new Error('in a module');"),
                ("late.js", "import { b } from './b.js'; export const late = b; await 0;"),
                ("thenable.js", "export function then(resolve) { resolve('then') }"),
                ("syntax.js", "export const x = 1;\n  var 1"),
                ("importer.js", "import './b.js'; import './syntax.js'"),
                ("bare.js", "import 'bare'"),
                ("data.json", "{ \"__proto__\": 1, \"list\": [1, 2] }"),
                ("no.json", "{ list: 1 }"),
                ("cycle.js", "import './half.js'; import './syntax.js'; export const whole = 1"),
                ("half.js", "import { whole } from './cycle.js'; export const half = () => whole"),
            ],
        })),
    }
}

impl Page {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut RealmOptions)) -> Self {
        let engine = Engine::new(EngineLimits::default()).unwrap();
        let (agent, errors) = (Arc::default(), Rc::default());
        let mut options = options(&agent, &errors);
        change(&mut options);
        let realm = engine.create_realm(options).unwrap();
        Self { engine, agent, realm, errors }
    }

    /// Runs a script; it must not throw.
    pub fn run(&self, source: &str) -> Value {
        match self.engine.evaluate_script(self.realm, source.as_bytes(), "http://test/page.js") {
            Ok(value) => value,
            Err(error) => panic!("{source}\n{error}\n{}", error.stack),
        }
    }

    /// A script's value as text.
    pub fn text(&self, source: &str) -> String {
        match self.run(&format!("String({source})")) {
            Value::String(text) => text.to_string(),
            other => panic!("{source}: {other:?}"),
        }
    }

    /// Each script's value as text, in order.
    #[track_caller]
    pub fn expect(&self, cases: &[(&str, &str)]) {
        for (source, expected) in cases {
            assert_eq!(self.text(source), *expected, "{source}");
        }
    }

    /// Each script throws an error of this name.
    #[track_caller]
    pub fn throws(&self, name: &str, cases: &[&str]) {
        for source in cases {
            let found = self.text(&format!(
                "(() => {{ try {{ {source}; return 'nothing' }} catch (e) {{ return e.name }} }})()"
            ));
            assert_eq!(found, name, "{source}");
        }
    }

    /// Runs tasks until no future is left.
    pub fn settle(&self) {
        while let Some((realm, task)) = self.agent.next_task() {
            self.engine.run_task(realm, task);
        }
    }

    /// What the promise of an expression settles with, as text; rejections begin with `!`.
    pub fn awaited(&self, source: &str) -> String {
        self.run(&format!(
            "globalThis.settled = 'pending'; Promise.resolve({source}).then(v => {{ settled = String(v) }}, e => {{ settled = `!${{e}}` }})"
        ));
        self.settle();
        self.text("settled")
    }
}

/// A task's realm, for what must be asked of Rust.
pub fn in_realm<T: Send + 'static>(page: &Page, run: impl FnOnce(&dyn Realm) -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    page.engine.run_task(page.realm, Box::new(move |realm| sender.send(run(realm)).unwrap()));
    receiver.recv().unwrap()
}

/// A string value.
pub fn string(text: &str) -> Value {
    Value::String(DomString::from(text))
}
