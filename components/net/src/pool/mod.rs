//! The pool: the policy's decisions carried out.

mod connection;
mod lease;
mod policy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::config::{HeaderLimits, Http2Config, NetworkConfig};
use crate::connect::{ConnectionInfo, Connector};
use crate::error::Error;
use crate::outgoing_body::OutgoingBody;
use crate::pool_key::PoolKey;
use crate::task_group::TaskGroup;
use crate::timing::Reuse;

use connection::Sender;
pub(crate) use lease::{Disposal, Lease};
pub(crate) use policy::Freshness;
use policy::{Action, ConnectionId, Limits, Policy, Urgency, WaiterId};

type Answer = oneshot::Sender<Result<Lease, Error>>;
type Http1Sender = hyper::client::conn::http1::SendRequest<OutgoingBody>;
type Http2Sender = hyper::client::conn::http2::SendRequest<OutgoingBody>;

/// How a connection takes requests.
enum Line {
    Connecting,
    /// The sender is with the lease while one exists.
    Http1 {
        idle: Option<Http1Sender>,
        returns: connection::Returns,
    },
    Http2 {
        sender: Http2Sender,
        stream_limit: connection::StreamLimit,
    },
}

/// A connection or an attempt at one. Dropping it ends its tasks, unless a lease still needs them.
struct Live {
    tasks: Arc<TaskGroup>,
    line: Line,
    info: Option<Arc<ConnectionInfo>>,
    reuse: Reuse,
}

struct State {
    policy: Policy,
    connections: HashMap<ConnectionId, Live>,
    answers: HashMap<WaiterId, Answer>,
    janitor_runs: bool,
}

/// What is done after the lock is given up: leases and connections lock the pool when they are dropped.
#[derive(Default)]
struct Effects {
    answers: Vec<(Option<Answer>, Result<Lease, Error>)>,
    attempts: Vec<(ConnectionId, Arc<PoolKey>, Arc<TaskGroup>)>,
    closed: Vec<Live>,
}

/// Settings that connections need.
struct ConnectionSettings {
    http2: Http2Config,
    header_limits: HeaderLimits,
}

/// All connections of a network.
pub(crate) struct Pool {
    connector: Arc<Connector>,
    settings: Arc<ConnectionSettings>,
    runtime: OnceLock<Handle>,
    janitor: OnceLock<Arc<TaskGroup>>,
    epoch: Instant,
    state: Mutex<State>,
}

impl Pool {
    pub(crate) fn new(config: &NetworkConfig, connector: Connector) -> Arc<Self> {
        let limits = Limits {
            per_key: config.max_per_key,
            total: config.max_total,
            idle_timeout: config.idle_timeout,
        };
        Arc::new(Pool {
            connector: Arc::new(connector),
            settings: Arc::new(ConnectionSettings {
                http2: config.http2,
                header_limits: config.header_limits,
            }),
            runtime: OnceLock::new(),
            janitor: OnceLock::new(),
            epoch: Instant::now(),
            state: Mutex::new(State {
                policy: Policy::new(limits),
                connections: HashMap::new(),
                answers: HashMap::new(),
                janitor_runs: false,
            }),
        })
    }

    /// Gives a connection of the key, opened if need be, as soon as the limits and what is more urgent allow. Must be called in a tokio runtime; the first
    /// one is used for all connections.
    pub(crate) async fn obtain(
        self: &Arc<Self>,
        key: PoolKey,
        freshness: Freshness,
        urgency: Urgency,
    ) -> Result<Lease, Error> {
        if self.runtime.get().is_none() {
            let _ = self.runtime.set(Handle::current());
        }
        let (answer, answered) = oneshot::channel();
        let waiter = self.act(|state, now| {
            state.learn_stream_limits(&key);
            let (waiter, actions) = state.policy.obtain(key, freshness, urgency, now);
            state.answers.insert(waiter, answer);
            (waiter, actions)
        });
        let _guard = Waiting { pool: self, waiter };
        answered.await.unwrap_or(Err(Error::ShutDown))
    }

    pub(crate) fn close_idle(self: &Arc<Self>) {
        self.act(|state, now| ((), state.policy.close_idle(now)));
    }

    /// An attempt succeeded.
    fn connected(self: &Arc<Self>, id: ConnectionId, line: Line, info: ConnectionInfo) {
        self.act(|state, now| {
            let Some(live) = state.connections.get_mut(&id) else { return ((), Vec::new()) };
            let limit = match &line {
                Line::Http2 { stream_limit, .. } => stream_limit.get(),
                Line::Connecting | Line::Http1 { .. } => 1,
            };
            let protocol = info.protocol;
            live.line = line;
            live.info = Some(Arc::new(info));
            ((), state.policy.connected(id, protocol, limit, now))
        });
    }

    fn connect_failed(self: &Arc<Self>, id: ConnectionId, error: Error) {
        let mut error = Some(error);
        self.act_with(
            |state, now| {
                let actions = state.policy.connect_failed(id, now);
                let live = state.connections.remove(&id);
                ((), actions, live)
            },
            &mut error,
        );
    }

    /// An HTTP/1.1 connection will be ready for another request in a moment.
    fn returning(&self, id: ConnectionId) {
        self.lock().policy.returning(id);
    }

    /// An HTTP/1.1 connection is ready for another request.
    fn returned(self: &Arc<Self>, id: ConnectionId, sender: Http1Sender) {
        self.act(|state, now| match state.connections.get_mut(&id).map(|live| &mut live.line) {
            Some(Line::Http1 { idle, .. }) => {
                *idle = Some(sender);
                ((), state.policy.released(id, now))
            }
            _ => ((), Vec::new()),
        });
    }

    /// A stream of an HTTP/2 connection has ended.
    fn stream_ended(self: &Arc<Self>, id: ConnectionId) {
        self.act(|state, now| {
            let limit = match state.connections.get(&id).map(|live| &live.line) {
                Some(Line::Http2 { stream_limit, .. }) => Some(stream_limit.get()),
                _ => None,
            };
            if let Some(limit) = limit {
                state.policy.set_stream_limit(id, limit);
            }
            ((), state.policy.released(id, now))
        });
    }

    /// A connection takes no more requests.
    fn closed(self: &Arc<Self>, id: ConnectionId) {
        self.act(|state, now| ((), state.policy.closed(id, now)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act<T>(self: &Arc<Self>, event: impl FnOnce(&mut State, Duration) -> (T, Vec<Action>)) -> T {
        let with_nothing_removed = |state: &mut State, now: Duration| {
            let (value, actions) = event(state, now);
            (value, actions, None)
        };
        self.act_with(with_nothing_removed, &mut None)
    }

    /// Tells the policy of an event and does what it says. `failure` is the answer for whom it names.
    fn act_with<T>(
        self: &Arc<Self>,
        event: impl FnOnce(&mut State, Duration) -> (T, Vec<Action>, Option<Live>),
        failure: &mut Option<Error>,
    ) -> T {
        let now = self.epoch.elapsed();
        let mut effects = Effects::default();
        let (value, janitor_needed) = {
            let mut state = self.lock();
            let (value, actions, removed) = event(&mut state, now);
            effects.closed.extend(removed);
            for action in actions {
                self.apply(&mut state, action, failure, &mut effects);
            }
            let janitor_needed = !state.janitor_runs && state.policy.next_expiry().is_some();
            state.janitor_runs |= janitor_needed;
            (value, janitor_needed)
        };
        drop(effects.closed);
        for (id, key, tasks) in effects.attempts {
            tasks.spawn(connection::open_and_drive(
                Arc::downgrade(self),
                id,
                key,
                self.connector.clone(),
                self.settings.clone(),
                Arc::downgrade(&tasks),
            ));
        }
        for (answer, result) in effects.answers {
            // Whoever asked may have gone; a lease then goes back by being dropped.
            if let Some(answer) = answer {
                let _ = answer.send(result);
            }
        }
        if janitor_needed && let Some(runtime) = self.runtime.get() {
            let tasks = self.janitor.get_or_init(|| TaskGroup::new(runtime.clone()));
            tasks.spawn(expire_idle(Arc::downgrade(self)));
        }
        value
    }

    fn apply(
        self: &Arc<Self>,
        state: &mut State,
        action: Action,
        failure: &mut Option<Error>,
        effects: &mut Effects,
    ) {
        match action {
            Action::Open { connection, key } => {
                let Some(runtime) = self.runtime.get() else { return };
                let tasks = TaskGroup::new(runtime.clone());
                let live =
                    Live { tasks: tasks.clone(), line: Line::Connecting, info: None, reuse: Reuse::Fresh };
                state.connections.insert(connection, live);
                effects.attempts.push((connection, key, tasks));
            }
            Action::Close { connection } => effects.closed.extend(state.connections.remove(&connection)),
            Action::Assign { waiter, connection } => {
                let answer = state.answers.remove(&waiter);
                let lease =
                    state.connections.get_mut(&connection).and_then(|live| live.lease(self, connection));
                effects.answers.push((answer, lease.ok_or(Error::ShutDown)));
            }
            Action::Fail { waiter } => {
                let answer = state.answers.remove(&waiter);
                effects.answers.push((answer, Err(failure.take().unwrap_or(Error::ShutDown))));
            }
        }
    }
}

impl State {
    /// A server may change how many streams it allows at any time.
    fn learn_stream_limits(&mut self, key: &PoolKey) {
        if let Some(id) = self.policy.multiplexed(key)
            && let Some(Line::Http2 { stream_limit, .. }) = self.connections.get(&id).map(|live| &live.line)
        {
            self.policy.set_stream_limit(id, stream_limit.get());
        }
    }
}

impl Live {
    fn lease(&mut self, pool: &Arc<Pool>, id: ConnectionId) -> Option<Lease> {
        let sender = match &mut self.line {
            Line::Connecting => return None,
            Line::Http1 { idle, returns } => Sender::Http1(idle.take()?, returns.clone()),
            Line::Http2 { sender, .. } => Sender::Http2(sender.clone()),
        };
        let reuse = std::mem::replace(&mut self.reuse, Reuse::Reused);
        Some(Lease::new(Arc::downgrade(pool), id, sender, self.tasks.clone(), self.info.clone()?, reuse))
    }
}

/// Takes a waiter out of the queue when it goes away.
struct Waiting<'a> {
    pool: &'a Arc<Pool>,
    waiter: WaiterId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pool.act(|state, now| {
            state.answers.remove(&self.waiter);
            ((), state.policy.cancel(self.waiter, now))
        });
    }
}

/// Closes what has been idle for too long, and ends when nothing is idle.
async fn expire_idle(pool: Weak<Pool>) {
    loop {
        let next = {
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.lock();
            match state.policy.next_expiry() {
                Some(next) => pool.epoch + next,
                None => {
                    state.janitor_runs = false;
                    return;
                }
            }
        };
        sleep_until(next).await;
        if let Some(pool) = pool.upgrade() {
            pool.act(|state, now| ((), state.policy.expire(now)));
        }
    }
}
