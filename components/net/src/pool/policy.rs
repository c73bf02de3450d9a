//! Who gets which connection, and when one is opened or closed: a state machine without I/O. Events and the time come in, actions
//! go out.
//!
//! <https://fetch.spec.whatwg.org/#concept-connection-obtain>

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::connect::Protocol;
use crate::pool_key::{PoolKey, Scheme};

/// Names a connection, or an attempt at one, for as long as the pool lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// Names a request that waits. Smaller ones are more urgent, or as urgent and came earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WaiterId {
    urgency: Urgency,
    number: u64,
}

/// How urgent a request is: 0 is served before all others that wait, 7 after them.
///
/// <https://www.rfc-editor.org/rfc/rfc9218#section-4.1>
pub(crate) type Urgency = u8;

/// Whether an idle connection will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Any,
    /// One has just turned out dead; those that have lain beside it are not trusted either.
    DistrustIdle,
    /// None will do, idle or not.
    New,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin an attempt; tell [`Policy::connected`] or [`Policy::connect_failed`].
    Open { connection: ConnectionId, key: Arc<PoolKey> },
    /// Close the connection or give up the attempt. It is forgotten already.
    Close { connection: ConnectionId },
    /// The waiter may use the connection; tell [`Policy::released`] when it no longer does.
    Assign { waiter: WaiterId, connection: ConnectionId },
    /// The attempt's failure is this waiter's answer.
    Fail { waiter: WaiterId },
}

/// The limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) per_key: usize,
    pub(crate) total: usize,
    pub(crate) idle_timeout: Duration,
}

#[derive(Debug)]
enum State {
    Connecting,
    /// HTTP/1.1, serving nobody.
    Idle {
        since: Duration,
    },
    /// HTTP/1.1, serving somebody.
    Busy,
    /// HTTP/1.1, about to be idle: its response is complete.
    Returning,
    /// HTTP/2.
    Multiplexed {
        streams: usize,
        limit: usize,
        idle_since: Duration,
    },
}

#[derive(Debug)]
struct Connection {
    key: Arc<PoolKey>,
    state: State,
}

impl Connection {
    fn idle_since(&self) -> Option<Duration> {
        match self.state {
            State::Idle { since } => Some(since),
            State::Multiplexed { streams: 0, idle_since, .. } => Some(idle_since),
            _ => None,
        }
    }
}

/// All that shares one key.
#[derive(Debug, Default)]
struct Group {
    connections: Vec<ConnectionId>,
    /// In their order.
    waiters: VecDeque<WaiterId>,
    /// A first attempt failed, so those who waited to learn the protocol from it no longer wait for one another.
    probe_failed: bool,
}

/// The pool's state.
#[derive(Debug)]
pub(crate) struct Policy {
    limits: Limits,
    connections: BTreeMap<ConnectionId, Connection>,
    groups: HashMap<Arc<PoolKey>, Group>,
    waiting: HashMap<WaiterId, Arc<PoolKey>>,
    next_id: u64,
}

impl Policy {
    pub(crate) fn new(limits: Limits) -> Self {
        Policy {
            limits,
            connections: BTreeMap::new(),
            groups: HashMap::new(),
            waiting: HashMap::new(),
            next_id: 0,
        }
    }

    /// A request wants a connection.
    pub(crate) fn obtain(
        &mut self,
        key: PoolKey,
        freshness: Freshness,
        urgency: Urgency,
        now: Duration,
    ) -> (WaiterId, Vec<Action>) {
        let mut actions = Vec::new();
        let key = Arc::new(key);
        let gives_way = |connection: &Connection| match freshness {
            Freshness::Any => false,
            Freshness::DistrustIdle => matches!(connection.state, State::Idle { .. }),
            // Those at work finish what they do, outside the pool.
            Freshness::New => !matches!(connection.state, State::Connecting),
        };
        for id in self.connections_of(&key, gives_way) {
            self.close(id, &mut actions);
        }
        let waiter = WaiterId { urgency, number: self.new_id() };
        let waiters = &mut self.groups.entry(key.clone()).or_default().waiters;
        waiters.insert(waiters.partition_point(|other| *other < waiter), waiter);
        self.waiting.insert(waiter, key);
        self.serve(now, &mut actions);
        (waiter, actions)
    }

    /// A request no longer waits. Attempts that nobody waits for any more are given up.
    pub(crate) fn cancel(&mut self, waiter: WaiterId, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(key) = self.waiting.remove(&waiter) else { return actions };
        if let Some(group) = self.groups.get_mut(&key) {
            group.waiters.retain(|other| *other != waiter);
            let waiters = group.waiters.len();
            let attempts =
                self.connections_of(&key, |connection| matches!(connection.state, State::Connecting));
            for id in attempts.into_iter().skip(waiters) {
                self.close(id, &mut actions);
            }
        }
        self.forget_if_empty(&key);
        self.serve(now, &mut actions);
        actions
    }

    /// An attempt succeeded.
    pub(crate) fn connected(
        &mut self,
        id: ConnectionId,
        protocol: Protocol,
        stream_limit: usize,
        now: Duration,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(key) = self.connections.get(&id).map(|connection| connection.key.clone()) else {
            return actions;
        };
        match protocol {
            Protocol::Http1 => self.set_state(id, State::Idle { since: now }),
            Protocol::Http2 => {
                if self.multiplexed(&key).is_none() {
                    self.set_state(
                        id,
                        State::Multiplexed { streams: 0, limit: stream_limit.max(1), idle_since: now },
                    );
                } else {
                    self.close(id, &mut actions);
                }
                // One connection is enough for all.
                for attempt in
                    self.connections_of(&key, |connection| matches!(connection.state, State::Connecting))
                {
                    self.close(attempt, &mut actions);
                }
            }
        }
        self.serve(now, &mut actions);
        actions
    }

    /// An attempt failed. Its answer goes to the one who has waited longest.
    pub(crate) fn connect_failed(&mut self, id: ConnectionId, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(key) = self.forget(id) else { return actions };
        if let Some(group) = self.groups.get_mut(&key) {
            if let Some(waiter) = group.waiters.pop_front() {
                self.waiting.remove(&waiter);
                actions.push(Action::Fail { waiter });
            }
            group.probe_failed = true;
        }
        self.forget_if_empty(&key);
        self.serve(now, &mut actions);
        actions
    }

    /// A request no longer uses the connection, which will be ready for another in a moment.
    pub(crate) fn returning(&mut self, id: ConnectionId) {
        if let Some(Connection { state: state @ State::Busy, .. }) = self.connections.get_mut(&id) {
            *state = State::Returning;
        }
    }

    /// A request no longer uses the connection, and another may.
    pub(crate) fn released(&mut self, id: ConnectionId, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(connection) = self.connections.get_mut(&id) {
            match &mut connection.state {
                State::Multiplexed { streams, idle_since, .. } => {
                    *streams = streams.saturating_sub(1);
                    *idle_since = now;
                }
                state => *state = State::Idle { since: now },
            }
            self.serve(now, &mut actions);
        }
        actions
    }

    /// The key's HTTP/2 connection.
    pub(crate) fn multiplexed(&self, key: &PoolKey) -> Option<ConnectionId> {
        let multiplexed = |connection: &Connection| matches!(connection.state, State::Multiplexed { .. });
        self.connections_of(key, multiplexed).first().copied()
    }

    /// The server allows this many streams at once.
    pub(crate) fn set_stream_limit(&mut self, id: ConnectionId, streams_allowed: usize) {
        if let Some(Connection { state: State::Multiplexed { limit, .. }, .. }) =
            self.connections.get_mut(&id)
        {
            *limit = streams_allowed.max(1);
        }
    }

    /// The connection takes no more requests: it has ended, or is about to.
    pub(crate) fn closed(&mut self, id: ConnectionId, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.connections.contains_key(&id) {
            self.close(id, &mut actions);
            self.serve(now, &mut actions);
        }
        actions
    }

    /// Closes what has lain idle for too long.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<Action> {
        let timeout = self.limits.idle_timeout;
        self.close_idle_where(|since| since + timeout <= now, now)
    }

    /// Closes all that is idle.
    pub(crate) fn close_idle(&mut self, now: Duration) -> Vec<Action> {
        self.close_idle_where(|_| true, now)
    }

    /// When [`Policy::expire`] will have something to do.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        let oldest = self.connections.values().filter_map(Connection::idle_since).min()?;
        Some(oldest + self.limits.idle_timeout)
    }

    fn close_idle_where(&mut self, which: impl Fn(Duration) -> bool, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        let idle: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.idle_since().is_some_and(&which))
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            self.close(id, &mut actions);
        }
        self.serve(now, &mut actions);
        actions
    }

    /// Serves all who can be served, the most urgent first, and of those who are alike those who came first.
    fn serve(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let mut order: Vec<(WaiterId, Arc<PoolKey>)> = self
            .groups
            .iter()
            .filter_map(|(key, group)| group.waiters.front().map(|waiter| (*waiter, key.clone())))
            .collect();
        order.sort_unstable_by_key(|(waiter, _)| *waiter);
        for (_, key) in &order {
            self.assign(key, now, actions);
        }
        for (_, key) in &order {
            self.open(key, actions);
        }
    }

    /// Hands out the group's connections that can take a request.
    fn assign(&mut self, key: &Arc<PoolKey>, now: Duration, actions: &mut Vec<Action>) {
        while let Some(waiter) = self.groups.get(key).and_then(|group| group.waiters.front().copied()) {
            let Some(connection) = self.available(key) else { return };
            match self.connections.get_mut(&connection).map(|connection| &mut connection.state) {
                Some(State::Multiplexed { streams, idle_since, .. }) => {
                    *streams += 1;
                    *idle_since = now;
                }
                Some(state) => *state = State::Busy,
                None => return,
            }
            if let Some(group) = self.groups.get_mut(key) {
                group.waiters.pop_front();
            }
            self.waiting.remove(&waiter);
            actions.push(Action::Assign { waiter, connection });
        }
    }

    /// A connection that can take a request: of several idle ones the one used last, so that the others may expire.
    fn available(&self, key: &PoolKey) -> Option<ConnectionId> {
        let group = self.groups.get(key)?;
        let mut best: Option<(Duration, ConnectionId)> = None;
        for id in &group.connections {
            match self.connections.get(id).map(|connection| &connection.state) {
                Some(State::Multiplexed { streams, limit, .. }) if streams < limit => return Some(*id),
                Some(State::Idle { since }) if best.is_none_or(|best| best < (*since, *id)) => {
                    best = Some((*since, *id));
                }
                _ => {}
            }
        }
        best.map(|(_, id)| id)
    }

    /// Begins as many attempts as the group's waiters need and the limits allow.
    fn open(&mut self, key: &Arc<PoolKey>, actions: &mut Vec<Action>) {
        loop {
            let Some(group) = self.groups.get(key) else { return };
            let (mut attempts, mut returning, mut busy) = (0, 0, 0);
            for id in &group.connections {
                match self.connections.get(id).map(|connection| &connection.state) {
                    // Its streams will be free sometime; there is never a second one.
                    Some(State::Multiplexed { .. }) => return,
                    Some(State::Connecting) => attempts += 1,
                    Some(State::Returning) => returning += 1,
                    _ => busy += 1,
                }
            }
            let coming = attempts + returning;
            if coming >= group.waiters.len() || coming + busy >= self.limits.per_key {
                return;
            }
            // Until the first handshake it is not known whether one connection will be enough.
            let protocol_unknown =
                key.scheme == Scheme::Https && returning + busy == 0 && !group.probe_failed;
            if protocol_unknown && attempts > 0 {
                return;
            }
            if self.connections.len() >= self.limits.total && !self.evict(actions) {
                return;
            }
            let id = ConnectionId(self.new_id());
            self.connections.insert(id, Connection { key: key.clone(), state: State::Connecting });
            self.groups.entry(key.clone()).or_default().connections.push(id);
            actions.push(Action::Open { connection: id, key: key.clone() });
        }
    }

    /// Makes room by closing what has been idle for longest.
    fn evict(&mut self, actions: &mut Vec<Action>) -> bool {
        let idle =
            self.connections.iter().filter_map(|(id, connection)| Some((connection.idle_since()?, *id)));
        match idle.min() {
            Some((_, id)) => {
                self.close(id, actions);
                true
            }
            None => false,
        }
    }

    fn connections_of(&self, key: &PoolKey, which: impl Fn(&Connection) -> bool) -> Vec<ConnectionId> {
        let Some(group) = self.groups.get(key) else { return Vec::new() };
        let ids = group.connections.iter().copied();
        ids.filter(|id| self.connections.get(id).is_some_and(&which)).collect()
    }

    fn set_state(&mut self, id: ConnectionId, state: State) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.state = state;
        }
    }

    fn close(&mut self, id: ConnectionId, actions: &mut Vec<Action>) {
        if let Some(key) = self.forget(id) {
            actions.push(Action::Close { connection: id });
            self.forget_if_empty(&key);
        }
    }

    fn forget(&mut self, id: ConnectionId) -> Option<Arc<PoolKey>> {
        let connection = self.connections.remove(&id)?;
        if let Some(group) = self.groups.get_mut(&connection.key) {
            group.connections.retain(|other| *other != id);
        }
        Some(connection.key)
    }

    fn forget_if_empty(&mut self, key: &PoolKey) {
        if self.groups.get(key).is_some_and(|group| group.connections.is_empty() && group.waiters.is_empty())
        {
            self.groups.remove(key);
        }
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
