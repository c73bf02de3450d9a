//! The policy by itself: cases, and a random walk that checks what must hold at all times.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { per_key: 2, total: 4, idle_timeout: Duration::from_secs(10) };
const NOW: Duration = Duration::ZERO;
const USUAL: Urgency = 3;

fn key(host: &str, scheme: Scheme) -> PoolKey {
    PoolKey::new("partition", scheme, host, 1)
}

fn opened(actions: &[Action]) -> Vec<ConnectionId> {
    let open = |action: &Action| match action {
        Action::Open { connection, .. } => Some(*connection),
        _ => None,
    };
    actions.iter().filter_map(open).collect()
}

fn assigned(actions: &[Action]) -> Vec<(WaiterId, ConnectionId)> {
    let assign = |action: &Action| match action {
        Action::Assign { waiter, connection } => Some((*waiter, *connection)),
        _ => None,
    };
    actions.iter().filter_map(assign).collect()
}

#[test]
fn http1_opens_up_to_the_limit_and_serves_in_order() {
    let mut policy = Policy::new(LIMITS);
    let plain = || key("a", Scheme::Http);
    let (first, one) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    let (second, two) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    let (third, three) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    let (fourth, _) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    let (a, b) = (opened(&one)[0], opened(&two)[0]);
    assert_eq!(three, []);
    // The second attempt is ready first and goes to the first waiter.
    assert_eq!(assigned(&policy.connected(b, Protocol::Http1, 1, NOW)), [(first, b)]);
    assert_eq!(assigned(&policy.connected(a, Protocol::Http1, 1, NOW)), [(second, a)]);
    assert_eq!(policy.released(b, NOW), [Action::Assign { waiter: third, connection: b }]);
    // A connection that ends makes room for a new one.
    let actions = policy.closed(a, NOW);
    assert_eq!(actions[0], Action::Close { connection: a });
    let c = opened(&actions)[0];
    assert_eq!(assigned(&policy.connected(c, Protocol::Http1, 1, NOW)), [(fourth, c)]);
}

#[test]
fn a_connection_about_to_be_idle_is_waited_for() {
    let mut policy = Policy::new(LIMITS);
    let plain = || key("a", Scheme::Http);
    let (_, actions) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    let a = opened(&actions)[0];
    policy.connected(a, Protocol::Http1, 1, NOW);
    policy.returning(a);
    let (second, actions) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    assert_eq!(actions, []);
    // For one request more it does not suffice, nor for any once it has ended.
    assert_eq!(opened(&policy.obtain(plain(), Freshness::Any, USUAL, NOW).1).len(), 1);
    assert_eq!(assigned(&policy.released(a, NOW)), [(second, a)]);
    policy.returning(a);
    policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    assert_eq!(opened(&policy.closed(a, NOW)).len(), 1);
}

#[test]
fn http2_needs_one_connection_and_respects_its_streams() {
    let mut policy = Policy::new(LIMITS);
    let tls = || key("a", Scheme::Https);
    let (first, one) = policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    let (second, two) = policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    let (third, _) = policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    assert_eq!(two, []);
    let a = opened(&one)[0];
    assert_eq!(assigned(&policy.connected(a, Protocol::Http2, 2, NOW)), [(first, a), (second, a)]);
    policy.set_stream_limit(a, 3);
    let (fourth, actions) = policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    assert_eq!(assigned(&actions), [(third, a)]);
    assert_eq!(assigned(&policy.released(a, NOW)), [(fourth, a)]);
}

#[test]
fn after_a_failed_first_handshake_the_others_do_not_queue_behind_one_another() {
    let mut policy = Policy::new(LIMITS);
    let tls = || key("a", Scheme::Https);
    let (first, one) = policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    policy.obtain(tls(), Freshness::Any, USUAL, NOW);
    let actions = policy.connect_failed(opened(&one)[0], NOW);
    assert_eq!(actions[0], Action::Fail { waiter: first });
    let attempts = opened(&actions);
    assert_eq!(attempts.len(), 2);
    // One of them learns that the server speaks HTTP/2: the other is not needed.
    let actions = policy.connected(attempts[1], Protocol::Http2, 100, NOW);
    assert!(actions.contains(&Action::Close { connection: attempts[0] }));
    assert_eq!(assigned(&actions).len(), 2);
}

#[test]
fn the_total_is_kept_by_closing_what_is_idle_and_else_by_waiting() {
    let mut policy = Policy::new(LIMITS);
    let mut busy = Vec::new();
    for host in ["a", "b", "c", "d"] {
        let (_, actions) = policy.obtain(key(host, Scheme::Http), Freshness::Any, USUAL, NOW);
        let connection = opened(&actions)[0];
        policy.connected(connection, Protocol::Http1, 1, NOW);
        busy.push(connection);
    }
    let (waiter, actions) = policy.obtain(key("e", Scheme::Http), Freshness::Any, USUAL, NOW);
    assert_eq!(actions, []);
    let actions = policy.released(busy[1], NOW);
    assert_eq!(actions[0], Action::Close { connection: busy[1] });
    let connection = opened(&actions)[0];
    assert_eq!(assigned(&policy.connected(connection, Protocol::Http1, 1, NOW)), [(waiter, connection)]);
}

#[test]
fn partitions_and_credentials_share_nothing() {
    let mut policy = Policy::new(LIMITS);
    let (_, actions) = policy.obtain(key("a", Scheme::Http), Freshness::Any, USUAL, NOW);
    let connection = opened(&actions)[0];
    policy.connected(connection, Protocol::Http1, 1, NOW);
    policy.released(connection, NOW);
    let strangers = [
        PoolKey { network_partition_key: "other".into(), ..key("a", Scheme::Http) },
        PoolKey { credentials: true, ..key("a", Scheme::Http) },
        PoolKey { tls_configuration: 1, ..key("a", Scheme::Http) },
    ];
    for stranger in strangers {
        let (_, actions) = policy.obtain(stranger, Freshness::Any, USUAL, NOW);
        assert_eq!((assigned(&actions).len(), opened(&actions).len()), (0, 1));
    }
    assert_eq!(assigned(&policy.obtain(key("a", Scheme::Http), Freshness::Any, USUAL, NOW).1).len(), 1);
}

#[test]
fn idle_connections_expire_and_distrust_closes_them() {
    let mut policy = Policy::new(LIMITS);
    let plain = || key("a", Scheme::Http);
    let (_, actions) = policy.obtain(plain(), Freshness::Any, USUAL, NOW);
    let connection = opened(&actions)[0];
    policy.connected(connection, Protocol::Http1, 1, NOW);
    assert_eq!(policy.next_expiry(), None);
    policy.released(connection, Duration::from_secs(5));
    assert_eq!(policy.next_expiry(), Some(Duration::from_secs(15)));
    assert_eq!(policy.expire(Duration::from_secs(14)), []);
    let (_, actions) = policy.obtain(plain(), Freshness::DistrustIdle, USUAL, Duration::from_secs(14));
    assert_eq!(actions[0], Action::Close { connection });
    let connection = opened(&actions)[0];
    policy.connected(connection, Protocol::Http1, 1, Duration::from_secs(14));
    policy.released(connection, Duration::from_secs(14));
    assert_eq!(policy.expire(Duration::from_secs(24)), [Action::Close { connection }]);
    assert!(policy.groups.is_empty() && policy.connections.is_empty());
}

#[test]
fn giving_up_ends_the_attempt_that_nobody_waits_for() {
    let mut policy = Policy::new(LIMITS);
    let (first, one) = policy.obtain(key("a", Scheme::Http), Freshness::Any, USUAL, NOW);
    let (_, two) = policy.obtain(key("a", Scheme::Http), Freshness::Any, USUAL, NOW);
    let surplus = opened(&two)[0];
    assert_eq!(policy.cancel(first, NOW), [Action::Close { connection: surplus }]);
    assert_eq!(opened(&one).len(), 1);
    assert_eq!(policy.cancel(first, NOW), []);
}

#[derive(Clone, Debug)]
enum Event {
    Obtain { host: u8, https: bool, distrust: bool, urgency: Urgency },
    Cancel(usize),
    Connected { which: usize, http2: bool, limit: usize },
    Failed(usize),
    Returning(usize),
    Released(usize),
    Closed(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u8..4, any::<bool>(), prop::bool::weighted(0.1), 0..8 as Urgency)
            .prop_map(|(host, https, distrust, urgency)| Event::Obtain { host, https, distrust, urgency }),
        1 => any::<usize>().prop_map(Event::Cancel),
        4 => (any::<usize>(), any::<bool>(), 1usize..4)
            .prop_map(|(which, http2, limit)| Event::Connected { which, http2, limit }),
        1 => any::<usize>().prop_map(Event::Failed),
        2 => any::<usize>().prop_map(Event::Returning),
        4 => any::<usize>().prop_map(Event::Released),
        1 => any::<usize>().prop_map(Event::Closed),
        1 => (0u64..12).prop_map(Event::Pass),
    ]
}

/// What the outside believes, from the actions alone.
#[derive(Default)]
struct Outside {
    waiting: BTreeMap<WaiterId, PoolKey>,
    attempts: BTreeMap<ConnectionId, PoolKey>,
    standing: BTreeMap<ConnectionId, (PoolKey, Protocol)>,
    uses: Vec<ConnectionId>,
}

impl Outside {
    fn apply(&mut self, actions: Vec<Action>) -> Result<(), TestCaseError> {
        for action in actions {
            match action {
                Action::Open { connection, key } => {
                    self.attempts.insert(connection, (*key).clone());
                }
                Action::Close { connection } => {
                    let known = self.attempts.remove(&connection).is_some()
                        || self.standing.remove(&connection).is_some();
                    prop_assert!(known);
                    self.uses.retain(|other| *other != connection);
                }
                Action::Assign { waiter, connection } => {
                    let key = self.waiting.remove(&waiter).expect("only who waits is served");
                    let (its_key, protocol) = &self.standing[&connection];
                    prop_assert_eq!(&key, its_key);
                    let earlier = self.waiting.iter().any(|(other, its)| *other < waiter && *its == key);
                    prop_assert!(!earlier, "served out of order");
                    let used = self.uses.contains(&connection);
                    prop_assert!(*protocol == Protocol::Http2 || !used, "two requests on one connection");
                    self.uses.push(connection);
                }
                Action::Fail { waiter } => prop_assert!(self.waiting.remove(&waiter).is_some()),
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.attempts.len() + self.standing.len() <= LIMITS.total);
        let all = || self.attempts.values().chain(self.standing.values().map(|(key, _)| key));
        let keys: BTreeSet<(String, Scheme)> = all().map(|key| (key.host.clone(), key.scheme)).collect();
        for (host, scheme) in keys {
            let here = key(&host, scheme);
            prop_assert!(all().filter(|other| **other == here).count() <= LIMITS.per_key);
            let multiplexed = self
                .standing
                .values()
                .filter(|(other, protocol)| *other == here && *protocol == Protocol::Http2);
            prop_assert!(multiplexed.count() <= 1);
        }
        // Whoever waits waits for something: an attempt or a busy connection of its own, or for the total to shrink, which
        // something busy or under way will make it do.
        for waiter in self.waiting.values() {
            let own = all().any(|other| other == waiter);
            let full = self.attempts.len() + self.standing.len() >= LIMITS.total;
            prop_assert!(own || full, "a waiter waits for nothing");
            let idle_exists = self.standing.keys().any(|id| !self.uses.contains(id));
            prop_assert!(own || !idle_exists, "a waiter waits beside an idle connection");
        }
        Ok(())
    }
}

fn pick<T: Clone>(items: Vec<T>, which: usize) -> Option<T> {
    if items.is_empty() { None } else { Some(items[which % items.len()].clone()) }
}

proptest! {
    #[test]
    fn limits_order_and_progress_hold_through_any_history(events in prop::collection::vec(event(), 1..200)) {
        let mut policy = Policy::new(LIMITS);
        let mut outside = Outside::default();
        let mut now = NOW;
        for event in events {
            let actions = match event {
                Event::Obtain { host, https, distrust, urgency } => {
                    let scheme = if https { Scheme::Https } else { Scheme::Http };
                    let key = key(&host.to_string(), scheme);
                    let freshness = if distrust { Freshness::DistrustIdle } else { Freshness::Any };
                    let (waiter, actions) = policy.obtain(key.clone(), freshness, urgency, now);
                    outside.waiting.insert(waiter, key);
                    actions
                }
                Event::Cancel(which) => match pick(outside.waiting.keys().copied().collect(), which) {
                    Some(waiter) => {
                        outside.waiting.remove(&waiter);
                        policy.cancel(waiter, now)
                    }
                    None => continue,
                },
                Event::Connected { which, http2, limit } => {
                    let Some((id, key)) = pick(outside.attempts.clone().into_iter().collect(), which) else { continue };
                    let protocol =
                        if http2 && key.scheme == Scheme::Https { Protocol::Http2 } else { Protocol::Http1 };
                    outside.attempts.remove(&id);
                    let actions = policy.connected(id, protocol, limit, now);
                    outside.standing.insert(id, (key, protocol));
                    actions
                }
                Event::Failed(which) => match pick(outside.attempts.keys().copied().collect(), which) {
                    Some(id) => {
                        outside.attempts.remove(&id);
                        policy.connect_failed(id, now)
                    }
                    None => continue,
                },
                Event::Returning(which) => {
                    if let Some(id) = pick(outside.uses.clone(), which) {
                        policy.returning(id);
                    }
                    continue;
                }
                Event::Released(which) => {
                    if outside.uses.is_empty() {
                        continue;
                    }
                    let id = outside.uses.swap_remove(which % outside.uses.len());
                    policy.released(id, now)
                }
                Event::Closed(which) => match pick(outside.standing.keys().copied().collect(), which) {
                    Some(id) => policy.closed(id, now),
                    None => continue,
                },
                Event::Pass(seconds) => {
                    now += Duration::from_secs(seconds);
                    policy.expire(now)
                }
            };
            outside.apply(actions)?;
            outside.check()?;
        }
        // When everybody goes, nothing is kept.
        for waiter in outside.waiting.keys().copied().collect::<Vec<_>>() {
            outside.waiting.remove(&waiter);
            outside.apply(policy.cancel(waiter, now))?;
        }
        for id in std::mem::take(&mut outside.uses) {
            outside.apply(policy.released(id, now))?;
        }
        outside.apply(policy.close_idle(now))?;
        for id in outside.attempts.keys().copied().collect::<Vec<_>>() {
            outside.attempts.remove(&id);
            outside.apply(policy.connect_failed(id, now))?;
        }
        prop_assert!(policy.connections.is_empty() && policy.groups.is_empty() && policy.waiting.is_empty());
    }
}
