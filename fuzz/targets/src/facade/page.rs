//! Pages: a realm each, in one engine, with an event loop that ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
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

use crate::network::dialer::InMemory;
use crate::network::echo::Echo;
use crate::network::stack::plain_resolver;
use crate::network::transport::{AUTHORITY, Pipe, Protocol};

type Task = Box<dyn FnOnce(&dyn Realm) + Send>;

/// So many tasks of a page are run.
const MOST_TASKS: usize = 256;

/// How much of the engine's heap may stay when a realm is gone: what is made once, such as atoms and shapes.
const SLACK: usize = 256 << 10;

/// What there is one of for all inputs.
struct Browser {
    runtime: Runtime,
    user_agent: UserAgent,
    engine: Engine,
    /// What the engine's heap was once the first page was gone.
    heap: std::cell::Cell<Option<usize>>,
}

thread_local! {
    static BROWSER: Browser = Browser::new();
}

#[derive(Clone)]
struct Agent {
    runtime: tokio::runtime::Handle,
    tasks: Arc<Mutex<VecDeque<Task>>>,
}

impl AgentHandle for Agent {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.runtime.spawn(future);
    }

    fn queue_task(&self, _: TaskSource, _: RealmId, task: Task) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push_back(task);
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
        let engine = Engine::new(EngineLimits { memory: Some(64 << 20), stack: Some(512 << 10) });
        Browser {
            runtime,
            user_agent,
            engine: engine.expect("the engine starts"),
            heap: std::cell::Cell::new(None),
        }
    }

    fn visit(&self, script: &str) -> String {
        let _entered = self.runtime.enter();
        let agent = Agent { runtime: self.runtime.handle().clone(), tasks: Arc::default() };
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
        let realm = self.engine.create_realm(RealmOptions {
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
        let _ = self.engine.evaluate_script(realm, script.as_bytes(), "page.js");
        let mut run = 0;
        let mut idle = 0;
        while run < MOST_TASKS && idle < 3 {
            let task = agent.tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match task {
                Some(task) => {
                    (run, idle) = (run + 1, 0);
                    self.engine.run_task(realm, task);
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
        let result = self.engine.evaluate_script(realm, b"String(globalThis.result)", "result.js");
        self.engine.destroy_realm(realm);
        agent.tasks.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop(global);
        match result {
            Ok(Value::String(text)) => text.to_string(),
            other => format!("no result: {other:?}"),
        }
    }
}

/// Runs a script in a page of its own, and what it leads to; gives what it left in `globalThis.result`, as text.
///
/// # Panics
/// When the page has left something behind in the engine.
pub(crate) fn visit(script: &str) -> String {
    BROWSER.with(|browser| {
        let result = browser.visit(script);
        let heap = browser.engine.memory_used();
        match browser.heap.get() {
            None => browser.heap.set(Some(heap)),
            Some(before) => assert!(heap <= before + SLACK, "the engine's {before} bytes became {heap}"),
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
