//! Pages: a realm each, in one engine, with an event loop that ends.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::EnvironmentSettings;
use longhaul::storage::Location;
use longhaul_dom::{ConsoleSink, GlobalOptions, TimerHost, WindowGlobal};
use longhaul_idl::runtime::{AgentHandle, Exposure, ObjectRef, Realm, RealmId, TaskSource, Value};
use longhaul_net::NetworkConfig;
use longhaul_quickjs::{Engine, EngineLimits, RealmOptions};
use tokio::runtime::{Builder, Runtime};

use super::watchdog::Watchdog;
use crate::network::dialer::InMemory;
use crate::network::echo::Echo;
use crate::network::stack::plain_resolver;
use crate::network::transport::{AUTHORITY, Pipe, Protocol};

type Task = Box<dyn FnOnce(&dyn Realm) + Send>;

/// So many tasks of a page are run.
const MOST_TASKS: usize = 256;

/// How much of the engine's heap may stay when a realm is gone: what is made once, such as atoms and shapes.
const SLACK: usize = 256 << 10;

/// So many scripts a page may be given, one after the other.
const MOST_VISITS: usize = 128;

/// What there is one of for all inputs.
struct Browser {
    runtime: Runtime,
    user_agent: UserAgent,
    watchdog: Watchdog,
    /// The engine, until a script had to be ended.
    engine: RefCell<Option<Rc<Engine>>>,
    /// Whether the engine has had a page, and with it what is made once.
    warm: Cell<bool>,
    /// A page for scripts that leave nothing behind.
    kept: RefCell<Option<Page>>,
}

/// A realm and its tasks.
struct Page {
    realm: RealmId,
    agent: Agent,
    /// What the page was given to begin with.
    beginning: &'static str,
    visits: usize,
    /// What the engine's heap was before it, unless it is the engine's first.
    heap: Option<usize>,
}

thread_local! {
    static BROWSER: Browser = Browser::new();
}

#[derive(Clone)]
struct Agent {
    runtime: tokio::runtime::Handle,
    /// None once the page has ended.
    tasks: Arc<Mutex<Option<VecDeque<Task>>>>,
}

impl Agent {
    fn new(runtime: tokio::runtime::Handle) -> Agent {
        Agent { runtime, tasks: Arc::new(Mutex::new(Some(VecDeque::new()))) }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<VecDeque<Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_task(&self) -> Option<Task> {
        self.tasks().as_mut()?.pop_front()
    }

    fn forget_tasks(&self) {
        let tasks = self.tasks().as_mut().map(std::mem::take);
        // What they hold may queue others.
        drop(tasks);
    }

    fn end(&self) {
        let tasks = self.tasks().take();
        drop(tasks);
    }
}

impl AgentHandle for Agent {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.runtime.spawn(future);
    }

    /// What comes when nobody runs tasks any more is dropped: it may hold this agent, and so itself.
    fn queue_task(&self, _: TaskSource, _: RealmId, task: Task) {
        if let Some(tasks) = &mut *self.tasks() {
            tasks.push_back(task);
        }
    }
}

impl TimerHost for Agent {
    /// NOTE: every time has come at once.
    fn start(&self, realm: RealmId, _: Duration, number: u64) {
        let fire = move |realm: &dyn Realm| {
            let _ = realm.core("timerFired", vec![Value::Number(number as f64)]);
        };
        self.queue_task(TaskSource::Timer, realm, Box::new(fire));
    }

    fn cancel(&self, _: RealmId, _: u64) {}
}

struct Silent;

impl ConsoleSink for Silent {
    fn message(&self, _: &str, _: &str) {}
}

impl Browser {
    fn new() -> Browser {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without I/O");
        let dialer = InMemory::new(|address| {
            let tls = matches!(address.port(), 443 | 8443).then_some(Protocol::Http1);
            Ok(Pipe::new(Box::new(Echo::default()), tls, usize::MAX))
        });
        let mut network = NetworkConfig::default();
        network.dialer = Arc::new(dialer);
        network.resolver = plain_resolver();
        network.roots = longhaul_net::Roots::ExtraOnly;
        network.extra_roots_pem = vec![AUTHORITY.to_vec()];
        let building =
            UserAgent::builder().profile(Location::Memory).http_cache(None).network(network).build();
        let user_agent = runtime.block_on(building).expect("the user agent is built");
        Browser {
            runtime,
            user_agent,
            watchdog: Watchdog::new(),
            engine: RefCell::default(),
            warm: Cell::default(),
            kept: RefCell::default(),
        }
    }

    fn engine(&self) -> Rc<Engine> {
        let mut engine = self.engine.borrow_mut();
        let engine = engine.get_or_insert_with(|| {
            let engine = Engine::new(EngineLimits { memory: Some(64 << 20), stack: Some(512 << 10) });
            Rc::new(engine.expect("the engine starts"))
        });
        Rc::clone(engine)
    }

    fn open(&self, beginning: &'static str) -> Page {
        let agent = Agent::new(self.runtime.handle().clone());
        let url = "https://a.test/dir/page".parse().expect("a URL");
        let global: ObjectRef = WindowGlobal::new(
            GlobalOptions {
                user_agent: self.user_agent.clone(),
                environment: Arc::new(EnvironmentSettings::for_url(url)),
                console: Arc::new(Silent),
                timers: Arc::new(agent.clone()),
                workers: None,
            },
            "",
        );
        let engine = self.engine();
        let heap = self.warm.replace(true).then(|| engine.memory_used());
        let realm = engine.create_realm(RealmOptions {
            bindings: longhaul_dom::bindings(),
            core: longhaul_dom::core(),
            global: global.clone(),
            exposure: Exposure::Window,
            secure_context: true,
            agent: Arc::new(agent.clone()),
            id: global.realm().unwrap_or_else(RealmId::next),
            on_error: Box::new(|_| {}),
            modules: None,
        });
        let realm = realm.expect("the realm is made");
        let begun = engine.evaluate_script(realm, beginning.as_bytes(), "beginning.js");
        begun.expect("what a page begins with throws nothing");
        Page { realm, agent, beginning, visits: 0, heap }
    }

    /// Runs a script and what it leads to; gives what it left in `globalThis.result`.
    fn run(&self, page: &mut Page, script: &str) -> String {
        let engine = self.engine();
        page.visits += 1;
        let result = self.watchdog.watch(engine.interrupt_handle(), script, || {
            let _ = engine.evaluate_script(page.realm, b"globalThis.result = undefined", "page.js");
            let _ = engine.evaluate_script(page.realm, script.as_bytes(), "page.js");
            let mut run = 0;
            let mut idle = 0;
            while run < MOST_TASKS && idle < 3 {
                match page.agent.next_task() {
                    Some(task) => {
                        (run, idle) = (run + 1, 0);
                        engine.run_task(page.realm, task);
                    }
                    // The network goes on where the page waits.
                    None => {
                        idle += 1;
                        self.runtime.block_on(async {
                            for _ in 0..16 {
                                tokio::task::yield_now().await;
                            }
                        });
                    }
                }
            }
            page.agent.forget_tasks();
            engine.evaluate_script(page.realm, b"String(globalThis.result)", "result.js")
        });
        match result {
            _ if self.is_interrupted() => "no result: it was ended".to_owned(),
            Ok(Value::String(text)) => text.to_string(),
            other => format!("no result: {other:?}"),
        }
    }

    fn close(&self, page: Page) {
        let engine = self.engine();
        engine.destroy_realm(page.realm);
        page.agent.end();
        if engine.interrupt_handle().is_interrupted() {
            // It runs no script any more. What it had goes with it.
            self.warm.set(false);
            self.engine.borrow_mut().take();
            return;
        }
        let heap = engine.memory_used();
        if let Some(before) = page.heap {
            assert!(heap <= before + SLACK, "the engine's {before} bytes became {heap}");
        }
    }

    fn is_interrupted(&self) -> bool {
        self.engine().interrupt_handle().is_interrupted()
    }
}

/// Runs a script in a page of its own, and what it leads to; gives what it left in `globalThis.result`, as text.
///
/// # Panics
/// When the page has left something behind in the engine.
pub(crate) fn visit(script: &str) -> String {
    BROWSER.with(|browser| {
        let _entered = browser.runtime.enter();
        let mut page = browser.open("");
        let result = browser.run(&mut page, script);
        if browser.is_interrupted() {
            // The page for others has lost its engine too.
            drop(browser.kept.borrow_mut().take());
        }
        browser.close(page);
        result
    })
}

/// The same for a script that leaves nothing in its page which the next one could see: they share a page, which is another one after some
/// time. It begins with `beginning`, and each script is a block.
pub(crate) fn visit_again(beginning: &'static str, script: &str) -> String {
    BROWSER.with(|browser| {
        let _entered = browser.runtime.enter();
        let kept = browser.kept.borrow_mut().take();
        let mut page = match kept {
            Some(page) if page.beginning == beginning && page.visits < MOST_VISITS => page,
            other => {
                if let Some(other) = other {
                    browser.close(other);
                }
                browser.open(beginning)
            }
        };
        let result = browser.run(&mut page, &format!("{{ {script} }}"));
        if browser.is_interrupted() {
            browser.close(page);
        } else {
            *browser.kept.borrow_mut() = Some(page);
        }
        result
    })
}

/// Text as a script writes it.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            ' '..='~' if !matches!(character, '"' | '\\') => out.push(character),
            other => out.push_str(&format!("\\u{{{:x}}}", u32::from(other))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_comes_after_the_end_is_dropped() {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let agent = Agent::new(runtime.handle().clone());
        let marker = Arc::new(());
        let task = || -> Task {
            let held = (agent.clone(), Arc::clone(&marker));
            Box::new(move |_| drop(held))
        };
        agent.queue_task(TaskSource::Dom, RealmId::next(), task());
        assert_eq!(Arc::strong_count(&marker), 2);
        agent.end();
        assert_eq!(Arc::strong_count(&marker), 1);
        agent.queue_task(TaskSource::Dom, RealmId::next(), task());
        assert_eq!(Arc::strong_count(&marker), 1);
    }

    #[test]
    fn a_script_without_end_is_ended_and_the_next_one_runs() {
        assert!(visit("for (;;) {}").starts_with("no result"));
        assert_eq!(visit("globalThis.result = 1 + 1"), "2");
        assert!(visit("(async () => { for (;;) await 0; })()").starts_with("no result"));
        assert_eq!(visit_again("const two = 2;", "globalThis.result = two"), "2");
        assert!(visit_again("const two = 2;", "for (;;) {}").starts_with("no result"));
        assert_eq!(visit_again("const two = 2;", "const two = 3; globalThis.result = two"), "3");
        assert_eq!(visit_again("const two = 2;", "globalThis.result = two"), "2");
    }
}
