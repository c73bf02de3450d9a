//! An agent and its event loop; a window, and the host of service workers.

use std::collections::BTreeSet;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::EnvironmentSettings;
use longhaul::service_worker::{
    AgentHost, DispatchOutcome, FunctionalEvent, StartError, WorkerAgent, WorkerDescription,
};
use longhaul_dom::{ConsoleSink, GlobalOptions, ServiceWorkerGlobal, TimerHost, WindowGlobal};
use longhaul_idl::runtime::{AgentHandle, Exposure, ObjectRef, Realm, RealmId, TaskSource, Value};
use longhaul_quickjs::{Engine, EngineLimits, RealmOptions, ScriptError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub(crate) type Task = Box<dyn FnOnce(&dyn Realm) + Send>;

enum Message {
    Task(Task),
    Script { source: Vec<u8>, file: String, done: Box<dyn FnOnce(Result<(), ScriptError>) + Send> },
    Stop,
}

/// Console messages and errors of an agent, as lines `level: text`.
pub(crate) type Lines = mpsc::Sender<String>;

struct Sink(Mutex<Lines>);

impl ConsoleSink for Sink {
    fn message(&self, level: &str, text: &str) {
        let _ = self.0.lock().unwrap().send(format!("{level}: {text}"));
    }
}

/// The handle of an agent, for its realms and for tests.
#[derive(Clone)]
pub(crate) struct Agent {
    sender: mpsc::Sender<Message>,
    runtime: Handle,
    /// By their times; of those of one time, the one that was set first.
    timers: Arc<Mutex<BTreeSet<(Instant, u64)>>>,
}

impl AgentHandle for Agent {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.runtime.spawn(future);
    }

    fn queue_task(&self, _: TaskSource, _: RealmId, task: Task) {
        let _ = self.sender.send(Message::Task(task));
    }
}

impl TimerHost for Agent {
    // Called by the agent's own thread, which looks for what is due before it waits again.
    fn start(&self, _: RealmId, delay: Duration, number: u64) {
        self.timers.lock().unwrap().insert((Instant::now() + delay, number));
    }

    fn cancel(&self, _: RealmId, number: u64) {
        self.timers.lock().unwrap().retain(|(_, other)| *other != number);
    }
}

/// What runs in an agent.
pub(crate) enum Global {
    Window { environment: Arc<EnvironmentSettings>, title: String },
    ServiceWorker(Box<WorkerDescription>),
}

impl Agent {
    /// Starts an agent with one realm.
    pub(crate) fn start(user_agent: UserAgent, global: Global, lines: Lines) -> (Agent, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel();
        let agent = Agent { sender, runtime: Handle::current(), timers: Arc::default() };
        let own = agent.clone();
        let thread = std::thread::Builder::new()
            .stack_size(4 << 20)
            .spawn(move || run(own, user_agent, global, lines, receiver))
            .expect("the thread starts");
        (agent, thread)
    }

    /// Evaluates a script.
    pub(crate) fn script(&self, source: &str, file: &str) -> oneshot::Receiver<Result<(), ScriptError>> {
        let (sender, receiver) = oneshot::channel();
        let done = Box::new(move |result| {
            let _ = sender.send(result);
        });
        let _ = self.sender.send(Message::Script { source: source.into(), file: file.into(), done });
        receiver
    }

    /// Runs a task.
    pub(crate) fn task(&self, task: impl FnOnce(&dyn Realm) + Send + 'static) {
        let _ = self.sender.send(Message::Task(Box::new(task)));
    }

    pub(crate) fn stop(&self) {
        let _ = self.sender.send(Message::Stop);
    }
}

fn run(agent: Agent, user_agent: UserAgent, global: Global, lines: Lines, receiver: mpsc::Receiver<Message>) {
    let (runtime, timers) = (agent.runtime.clone(), Arc::clone(&agent.timers));
    let _entered = runtime.enter();
    let engine = Engine::new(EngineLimits::default()).expect("the engine starts");
    let errors = lines.clone();
    let environment = match &global {
        Global::Window { environment, .. } => environment.clone(),
        Global::ServiceWorker(worker) => worker.environment.clone(),
    };
    let secure_context = environment.secure_context;
    let options = GlobalOptions {
        user_agent,
        environment,
        console: Arc::new(Sink(Mutex::new(lines))),
        timers: Arc::new(agent.clone()),
        workers: None,
    };
    let (object, exposure): (ObjectRef, _) = match global {
        Global::Window { title, .. } => (WindowGlobal::new(options, &title), Exposure::Window),
        Global::ServiceWorker(worker) => {
            (ServiceWorkerGlobal::new(options, *worker), Exposure::ServiceWorker)
        }
    };
    let number = object.realm().unwrap_or_else(RealmId::next);
    let id = engine
        .create_realm(RealmOptions {
            bindings: longhaul_dom::bindings(),
            core: longhaul_dom::core(),
            global: object,
            exposure,
            secure_context,
            agent: Arc::new(agent),
            id: number,
            on_error: Box::new(move |error| {
                let _ = errors.send(format!("uncaught: {} ({}:{})", error.message, error.file, error.line));
            }),
            modules: None,
        })
        .expect("the realm is made");
    let mut had_turn = false;
    loop {
        let first = timers.lock().unwrap().first().copied();
        let message = match first {
            None => receiver.recv().map_err(RecvTimeoutError::from),
            Some((due, number)) => {
                let left = due.saturating_duration_since(Instant::now());
                // A timer that sets the next one leaves the others their turn.
                let waiting = if had_turn { receiver.try_recv().ok() } else { None };
                had_turn = false;
                if let Some(waiting) = waiting {
                    Ok(waiting)
                } else if left.is_zero() {
                    had_turn = true;
                    timers.lock().unwrap().remove(&(due, number));
                    let fire = move |realm: &dyn Realm| {
                        let number = Value::Number(number as f64);
                        realm.core("timerFired", vec![number]).expect("the core has timers");
                    };
                    Ok(Message::Task(Box::new(fire)))
                } else {
                    receiver.recv_timeout(left)
                }
            }
        };
        match message {
            Ok(Message::Task(task)) => engine.run_task(id, task),
            Ok(Message::Script { source, file, done }) => {
                done(engine.evaluate_script(id, &source, &file).map(drop))
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    engine.destroy_realm(id);
}

/// Runs service workers in agents of their own.
#[derive(Default)]
pub(crate) struct Host {
    user_agent: Mutex<Option<(UserAgent, Lines)>>,
}

impl Host {
    pub(crate) fn set(&self, user_agent: UserAgent, lines: Lines) {
        *self.user_agent.lock().unwrap() = Some((user_agent, lines));
    }
}

struct Worker {
    agent: Agent,
}

impl AgentHost for Host {
    fn start(
        &self,
        worker: WorkerDescription,
    ) -> BoxFuture<'static, Result<Arc<dyn WorkerAgent>, StartError>> {
        let (user_agent, lines) = self.user_agent.lock().unwrap().clone().expect("the user agent is there");
        async move {
            let source = worker.scripts.get(&worker.script_url).cloned().expect("the script is there");
            let file = worker.script_url.to_string();
            let (agent, _) = Agent::start(user_agent, Global::ServiceWorker(Box::new(worker)), lines);
            let source = String::from_utf8_lossy(&source).into_owned();
            match agent.script(&source, &file).await {
                Ok(Ok(())) => Ok(Arc::new(Worker { agent }) as Arc<dyn WorkerAgent>),
                Ok(Err(error)) => Err(StartError::ScriptThrew {
                    message: error.message,
                    file: error.file,
                    line: error.line,
                }),
                Err(_) => Err(StartError::Terminated("the agent ended".into())),
            }
        }
        .boxed()
    }
}

impl WorkerAgent for Worker {
    fn dispatch(&self, event: FunctionalEvent) -> BoxFuture<'static, DispatchOutcome> {
        let (sender, receiver) = oneshot::channel();
        self.agent.task(move |realm| {
            let _ = sender.send(longhaul_dom::dispatch_functional_event(realm, &event));
        });
        async move {
            match receiver.await {
                Ok(over) => over.await,
                Err(_) => DispatchOutcome::Crashed("the agent ended".into()),
            }
        }
        .boxed()
    }

    fn handles_fetch(&self) -> bool {
        false
    }

    fn terminate(&self) {
        self.agent.stop();
    }

    fn alive(&self) -> bool {
        true
    }
}
