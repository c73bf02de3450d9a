//! <https://html.spec.whatwg.org/#event-loop>: one thread, its engine, and what it is given to do.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use longhaul_dom::TimerHost;
use longhaul_idl::runtime::{AgentHandle, Realm, RealmId, TaskSource, Value};
use longhaul_quickjs::{Engine, EngineLimits, InterruptHandle};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::listeners::Listeners;
use super::runaways::{ProcessorTime, RunawayWatch};
use super::task_queues::{TaskQueues, Timers};

/// What an agent may use up.
#[derive(Clone, Copy, Debug)]
pub struct AgentLimits {
    /// The engine's memory, in bytes.
    pub memory: usize,
    /// The engine's stack, in bytes.
    pub stack: usize,
    /// How long one task may run before its script counts as runaway and the agent is ended: for how long it may
    /// have the processor, where the system tells. It may wait, for what it has asked for or for the processor, eight times as long.
    pub task: Duration,
}

impl Default for AgentLimits {
    fn default() -> Self {
        AgentLimits { memory: 256 << 20, stack: 1 << 20, task: Duration::from_secs(60) }
    }
}

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentEnd {
    /// Somebody asked for it.
    #[error("the agent was ended")]
    Terminated,
    /// A task ran longer than the limit.
    #[error("a script ran longer than {} s", .0.as_secs_f32())]
    Runaway(Duration),
    /// More tasks were queued than the event loop could ever run.
    #[error("the agent's task queue is full")]
    QueueFull,
    /// The engine could not be made.
    #[error("no engine could be made: {0}")]
    Engine(String),
    /// The agent's thread panicked, which is a fault of this program.
    #[error("the agent's thread panicked: {0}")]
    Panicked(String),
}

type Task = Box<dyn FnOnce(&dyn Realm) + Send>;

/// Something to do on the agent's thread.
enum Work {
    /// A task of a realm: it is followed by a microtask checkpoint.
    Task(RealmId, Task),
    /// What the host itself does with the engine.
    Job(Box<dyn FnOnce(&Engine) + Send>),
}

thread_local! {
    /// The engine of an agent's thread, for what runs on it without being given it.
    static ENGINE: RefCell<std::rc::Weak<Engine>> = const { RefCell::new(std::rc::Weak::new()) };
}

/// Does something with the engine of this thread, if it is an agent's.
pub(super) fn with_engine<T>(run: impl FnOnce(&Engine) -> T) -> Option<T> {
    let engine = ENGINE.with_borrow(std::rc::Weak::upgrade)?;
    Some(run(&engine))
}

/// An agent: a thread with an engine and an event loop. Dropping it ends it.
pub struct Agent {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("end", &*self.shared.end.borrow()).finish_non_exhaustive()
    }
}

/// What the thread and all handles share.
pub(super) struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Work that is queued or under way: tasks, running timers, futures.
    pending: watch::Sender<usize>,
    /// How often work has begun.
    begun: AtomicU64,
    end: watch::Sender<Option<AgentEnd>>,
    /// Whether the agent is to end at once: what its thread waits for is not waited for any longer.
    stopping: watch::Sender<bool>,
    /// Agents that this one's scripts have made, for as long as they live.
    children: Mutex<Vec<Weak<Shared>>>,
    interrupt: OnceLock<InterruptHandle>,
    /// Runs the futures that the agent waits for.
    runtime: Handle,
    /// Runs those that only listen.
    listeners: Listeners,
    limits: AgentLimits,
}

#[derive(Default)]
struct State {
    queues: TaskQueues<Work>,
    timers: Timers,
    /// When the task that runs was begun.
    running_since: Option<Instant>,
    /// Where the system tells how long the thread has had the processor, if it does.
    processor_time: Option<ProcessorTime>,
    ending: Option<AgentEnd>,
}

impl Agent {
    /// Starts the thread. Futures that the agent waits for run on `runtime`, which must have timers; what its scripts only
    /// listen to comes by `listeners`.
    pub fn start(
        name: &str,
        limits: AgentLimits,
        runtime: Handle,
        listeners: Listeners,
    ) -> Result<Agent, AgentEnd> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            pending: watch::Sender::new(0),
            begun: AtomicU64::new(0),
            end: watch::Sender::new(None),
            stopping: watch::Sender::new(false),
            children: Mutex::default(),
            interrupt: OnceLock::new(),
            runtime,
            listeners,
            limits,
        });
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            // The engine measures its own stack; what Rust puts on top of it needs room too.
            .stack_size(limits.stack + (1 << 20))
            .spawn(move || of_thread.thread())
            .map_err(|error| AgentEnd::Engine(error.to_string()))?;
        shared.runtime.spawn(watch_for_runaways(Arc::downgrade(&shared), limits.task));
        Ok(Agent { shared })
    }

    /// What the agent's realms are given.
    pub fn handle(&self) -> Arc<dyn AgentHandle> {
        self.shared.clone()
    }

    /// What ends realms of the agent, each once no script is on the stack.
    pub(super) fn realm_ender(&self) -> Arc<dyn Fn(RealmId) + Send + Sync> {
        let shared = Arc::downgrade(&self.shared);
        Arc::new(move |realm| {
            if let Some(shared) = shared.upgrade() {
                let end = Box::new(move |engine: &Engine| engine.destroy_realm(realm));
                shared.push(TaskSource::Networking, Work::Job(end));
            }
        })
    }

    /// The agent's timers.
    pub fn timers(&self) -> Arc<dyn TimerHost> {
        self.shared.clone()
    }

    /// Does something with the engine, after what is queued already.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, AgentEnd> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |engine: &Engine| {
            // Whoever asked may have lost interest.
            let _ = sender.send(job(engine));
        });
        self.shared.push(TaskSource::Networking, Work::Job(job));
        match receiver.await {
            Ok(value) => Ok(value),
            Err(_) => Err(self.ended().await),
        }
    }

    /// [`Agent::run`], queued at once; the future gives nothing if the agent ended.
    pub fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |engine: &Engine| {
            // Whoever asked may have lost interest.
            let _ = sender.send(job(engine));
        });
        self.shared.push(TaskSource::Networking, Work::Job(job));
        async move { receiver.await.ok() }
    }

    /// Runs a task of a realm, with the microtask checkpoint that follows it; gives what it gave.
    pub async fn run_task<T: Send + 'static>(
        &self,
        source: TaskSource,
        realm: RealmId,
        task: impl FnOnce(&dyn Realm) -> T + Send + 'static,
    ) -> Result<T, AgentEnd> {
        match self.queue(source, realm, task).await {
            Some(value) => Ok(value),
            // The agent lives, so it was the realm that ended.
            None if self.alive() => Err(AgentEnd::Terminated),
            None => Err(self.ended().await),
        }
    }

    /// Queues a task of a realm; the future gives what it gave, or nothing if the agent ended or the realm is gone.
    pub fn queue<T: Send + 'static>(
        &self,
        source: TaskSource,
        realm: RealmId,
        task: impl FnOnce(&dyn Realm) -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let (sender, receiver) = oneshot::channel();
        let task = Box::new(move |realm: &dyn Realm| {
            // Whoever asked may have lost interest.
            let _ = sender.send(task(realm));
        });
        self.shared.push(source, Work::Task(realm, task));
        async move { receiver.await.ok() }
    }

    /// Ends the agent at once, a running script included.
    pub fn terminate(&self) {
        self.shared.terminate(AgentEnd::Terminated);
    }

    /// Whether it can still do anything.
    pub fn alive(&self) -> bool {
        self.shared.lock().ending.is_none() && self.shared.end.borrow().is_none()
    }

    /// Resolves once the thread is through, with the reason.
    pub async fn ended(&self) -> AgentEnd {
        self.shared.ended().await
    }

    /// [`Agent::ended`], of a life of its own.
    pub fn watch_end(&self) -> impl Future<Output = AgentEnd> + Send + 'static {
        let mut end = self.shared.end.subscribe();
        async move {
            let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
            ended.unwrap_or(AgentEnd::Terminated)
        }
    }

    /// Resolves once nothing is queued, running, timed or awaited.
    pub async fn idle(&self) {
        loop {
            // The agents that came from this one may give work to it, and to each other.
            for agent in self.shared.family() {
                let mut pending = agent.pending.subscribe();
                let mut end = agent.end.subscribe();
                // The senders live as long as `agent`, so neither can fail.
                tokio::select! {
                    _ = pending.wait_for(|count| *count == 0) => {}
                    _ = end.wait_for(Option::is_some) => {}
                }
            }
            if self.is_idle() {
                return;
            }
        }
    }

    /// Whether [`Agent::idle`] would resolve at once.
    pub fn is_idle(&self) -> bool {
        self.shared.family().iter().all(|agent| *agent.pending.borrow() == 0 || agent.end.borrow().is_some())
    }

    /// How many agents that this one's scripts have made live, as workers do until they end.
    pub fn live_workers(&self) -> usize {
        self.shared.family().len() - 1
    }

    /// How often the agent has been given something to do: where two looks find it idle with the same number, it has done
    /// nothing in between.
    pub fn generation(&self) -> u64 {
        self.shared.family().iter().map(|agent| agent.begun.load(Ordering::SeqCst)).sum()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.terminate();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic interrupts is a task, which runs outside the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, source: TaskSource, work: Work) {
        let mut state = self.lock();
        if state.ending.is_some() {
            return;
        }
        self.begin();
        let refused = state.queues.push(source, work);
        // What a refused task captured is dropped outside the lock.
        drop(state);
        match refused {
            Ok(()) => self.wake.notify_one(),
            Err(work) => {
                self.finish();
                drop(work);
                self.terminate(AgentEnd::QueueFull);
            }
        }
    }

    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.pending.send_if_modified(|count| {
            *count += 1;
            *count == 1
        });
    }

    fn finish(&self) {
        self.pending.send_if_modified(|count| {
            *count -= 1;
            *count == 0
        });
    }

    /// This agent and all that came from it and live.
    fn family(self: &Arc<Self>) -> Vec<Arc<Shared>> {
        let mut family = vec![self.clone()];
        let mut seen = 0;
        while let Some(agent) = family.get(seen).cloned() {
            seen += 1;
            for child in agent.children().iter().filter_map(Weak::upgrade) {
                if !family.iter().any(|known| Arc::ptr_eq(known, &child)) {
                    family.push(child);
                }
            }
        }
        family
    }

    fn children(&self) -> MutexGuard<'_, Vec<Weak<Shared>>> {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.upgrade().is_some_and(|child| child.end.borrow().is_none()));
        children
    }

    /// Makes an agent one of those that came from this one.
    pub(super) fn adopt(&self, child: &Arc<Shared>) {
        self.children().push(Arc::downgrade(child));
    }

    /// How many agents that came from this one live.
    pub(super) fn workers(&self) -> usize {
        self.children().len()
    }

    /// Blocks the agent's thread until a future is done, which runs elsewhere; `false` if the agent is to end first.
    pub(super) fn wait(&self, future: BoxFuture<'static, ()>) -> bool {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut stopping = self.stopping.subscribe();
        self.runtime.spawn(async move {
            let done = tokio::select! {
                biased;
                // The sender may be gone with the agent.
                _ = stopping.wait_for(|stopping| *stopping) => false,
                () = future => true,
            };
            // The thread waits for it.
            let _ = sender.send(done);
        });
        receiver.recv().unwrap_or(false)
    }

    /// The end is work that is still to come: others hear of what ends with the agent.
    fn end_with(&self, state: &mut State, reason: AgentEnd) {
        if state.ending.is_none() {
            state.ending = Some(reason);
            self.begin();
        }
    }

    /// Lets the task that runs be the last one.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        self.end_with(&mut state, AgentEnd::Terminated);
        drop(state);
        self.wake.notify_one();
    }

    fn terminate(&self, reason: AgentEnd) {
        let mut state = self.lock();
        self.end_with(&mut state, reason);
        self.stopping.send_replace(true);
        if let Some(interrupt) = self.interrupt.get() {
            interrupt.interrupt();
        }
        drop(state);
        self.wake.notify_one();
    }

    async fn ended(&self) -> AgentEnd {
        let mut end = self.end.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        ended.unwrap_or(AgentEnd::Terminated)
    }

    /// The thread: it never panics outwards, and always says how it ended.
    fn thread(self: Arc<Self>) {
        let end = match catch_unwind(AssertUnwindSafe(|| self.event_loop())) {
            Ok(end) => end,
            Err(panic) => AgentEnd::Panicked(panic_message(&*panic)),
        };
        let (rest, timers) = {
            let mut state = self.lock();
            state.ending.get_or_insert(end.clone());
            state.running_since = None;
            (std::mem::take(&mut state.queues), std::mem::take(&mut state.timers))
        };
        // Dropping a task may run whatever its captures do on drop: outside the lock.
        drop((rest, timers));
        self.end.send_replace(Some(end));
    }

    /// <https://html.spec.whatwg.org/#event-loop-processing-model>
    fn event_loop(self: &Arc<Self>) -> AgentEnd {
        // What a script's thread starts by itself is what the script listens to.
        let _entered = self.listeners.handle().enter();
        let limits = EngineLimits { memory: Some(self.limits.memory), stack: Some(self.limits.stack) };
        let engine = match Engine::new(limits) {
            Ok(engine) => Rc::new(engine),
            Err(error) => return AgentEnd::Engine(error.to_string()),
        };
        ENGINE.set(Rc::downgrade(&engine));
        // The thread sets it once.
        let _ = self.interrupt.set(engine.interrupt_handle());
        self.lock().processor_time = ProcessorTime::of_this_thread();
        loop {
            // 2. The oldest task of a queue that is not empty; a timer whose time has come queues one.
            let work = match self.next() {
                Ok(work) => work,
                Err(end) => return end,
            };
            match work {
                // 2.6. The task, then the microtask checkpoint: both in `run_task`.
                Work::Task(realm, task) => engine.run_task(realm, task),
                Work::Job(job) => job(&engine),
            }
            self.lock().running_since = None;
            self.finish();
        }
    }

    /// Waits for something to do.
    fn next(self: &Arc<Self>) -> Result<Work, AgentEnd> {
        let mut state = self.lock();
        loop {
            if let Some(end) = &state.ending {
                return Err(end.clone());
            }
            while let Some((realm, number)) = state.timers.due(Instant::now()) {
                let fire = Box::new(move |realm: &dyn Realm| {
                    if let Err(exception) = realm.core("timerFired", vec![Value::Number(number as f64)]) {
                        realm.report_exception(exception);
                    }
                });
                // The timer counted as pending; from here its task does.
                if state.queues.push(TaskSource::Timer, Work::Task(realm, fire)).is_err() {
                    return Err(AgentEnd::QueueFull);
                }
            }
            if let Some(work) = state.queues.pop() {
                state.running_since = Some(Instant::now());
                return Ok(work);
            }
            state = match state.timers.next_deadline() {
                Some(deadline) => {
                    let wait = deadline.saturating_duration_since(Instant::now());
                    self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl AgentHandle for Shared {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        if self.lock().ending.is_some() {
            return;
        }
        self.begin();
        let mut end = self.end.subscribe();
        let mut stopping = self.stopping.subscribe();
        let pending = self.pending.clone();
        self.runtime.spawn(async move {
            let _done = Pending(pending);
            tokio::select! {
                // The thread may be waiting for it, which it shall not any longer.
                _ = stopping.wait_for(|stopping| *stopping) => {}
                // The agent's end cancels what it waits for.
                _ = end.wait_for(Option::is_some) => {}
                () = future => {}
            }
        });
    }

    fn queue_task(&self, source: TaskSource, realm: RealmId, task: Box<dyn FnOnce(&dyn Realm) + Send>) {
        self.push(source, Work::Task(realm, task));
    }
}

/// Counts a future down when it ends, or when it panics or is dropped with the runtime.
struct Pending(watch::Sender<usize>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.send_if_modified(|count| {
            *count -= 1;
            *count == 0
        });
    }
}

impl TimerHost for Shared {
    fn start(&self, realm: RealmId, delay: Duration, number: u64) {
        let mut state = self.lock();
        if state.ending.is_some() {
            return;
        }
        // A deadline that no clock can show never comes.
        let Some(deadline) = Instant::now().checked_add(delay) else { return };
        let started = state.timers.start((realm, number), deadline);
        if started {
            self.begin();
        }
        drop(state);
        match started {
            true => self.wake.notify_one(),
            // A realm uses a number once, so there are too many.
            false => self.terminate(AgentEnd::QueueFull),
        }
    }

    fn cancel(&self, realm: RealmId, number: u64) {
        if self.lock().timers.cancel((realm, number)) {
            self.finish();
        }
    }
}

/// Looks now and then whether a task has run for too long.
async fn watch_for_runaways(shared: Weak<Shared>, limit: Duration) {
    let mut watch = RunawayWatch::new(limit);
    let mut look = tokio::time::interval(watch.between());
    loop {
        look.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.end.borrow().is_some() {
            return;
        }
        let (running_since, processor_time) = {
            let state = shared.lock();
            (state.running_since, state.processor_time.clone())
        };
        if watch.runs_away(running_since, processor_time.as_ref()) {
            shared.terminate(AgentEnd::Runaway(limit));
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    }
}
