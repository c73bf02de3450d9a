//! The scheduler against a small reference model, under random operations and faults.

#[path = "support/harness.rs"]
mod harness;
#[path = "support/model.rs"]
mod model;

use std::time::Duration;

use longhaul_background_fetch::FailureReason;
use longhaul_background_fetch::scheduler::{
    Action, Connectivity, Event, FetchKey, FetchResult, Limits, NewFetch, NewRecord, Outcome, Policy,
    RecordResult, Repeat, RetryPolicy, Scheduler,
};
use proptest::prelude::*;

use harness::{Harness, Op};

const FETCH_ERROR: RecordResult = RecordResult::Failure(FailureReason::FetchError);

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Success),
        1 => Just(Outcome::BadStatus),
        1 => Just(Outcome::QuotaExceeded),
        1 => Just(Outcome::DownloadTotalExceeded),
        1 => Just(Outcome::Fatal),
        2 => Just(Outcome::NextRange),
        2 => (0u64..200_000).prop_map(|s| Outcome::RetryAfter(Duration::from_secs(s))),
        4 => Just(Outcome::RefusedOrUnknownHost),
        6 => any::<bool>().prop_map(|may_have_been_sent| Outcome::Transient { may_have_been_sent }),
    ]
}

fn failure() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::RefusedOrUnknownHost),
        Just(Outcome::Transient { may_have_been_sent: false }),
        Just(Outcome::RetryAfter(Duration::from_secs(30))),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let pass = prop_oneof![
        5 => (0u64..5_000).prop_map(Duration::from_millis),
        3 => (0u64..3_000).prop_map(Duration::from_secs),
        1 => (0u64..400).prop_map(|hours| Duration::from_secs(hours * 3600)),
    ];
    prop_oneof![
        4 => (0u8..4, prop::collection::vec(prop::bool::weighted(0.85), 1..6), prop::bool::weighted(0.2))
            .prop_map(|(storage_key, records, paused)| Op::Add { storage_key, records, paused }),
        1 => any::<usize>().prop_map(Op::Pause),
        2 => any::<usize>().prop_map(Op::Resume),
        1 => any::<usize>().prop_map(Op::Abort),
        1 => any::<usize>().prop_map(Op::Remove),
        2 => prop::bool::weighted(0.7).prop_map(Op::Network),
        5 => (any::<usize>(), 0u64..100).prop_map(|(attempt, bytes)| Op::Progress { attempt, bytes }),
        1 => any::<usize>().prop_map(|attempt| Op::Sent { attempt }),
        12 => (any::<usize>(), outcome()).prop_map(|(attempt, outcome)| Op::End { attempt, outcome }),
        1 => (0u64..50).prop_map(|attempt| Op::StaleEnd { attempt }),
        8 => pass.prop_map(Op::Pass),
        3 => (failure(), 1u8..8).prop_map(|(outcome, rounds)| Op::Burst { outcome, rounds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// On failure, proptest prints the seed and the shortest list of operations that fails.
    #[test]
    fn the_scheduler_does_as_the_model_says(
        seed in any::<u64>(),
        small in any::<bool>(),
        impatient in any::<bool>(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let limits = if small {
            Limits { total: 5, shared_total: 3, per_storage_key: 3, shared_per_storage_key: 2, per_fetch: 2 }
        } else {
            Limits::default()
        };
        let mut retry = RetryPolicy::default();
        if impatient {
            retry.give_up_after = Duration::from_secs(20 * 60);
        }
        let mut harness = Harness::with(seed, limits, retry);
        for op in ops {
            harness.run(op);
        }
        harness.come_to_an_end();
    }
}

fn add(harness: &mut Harness, storage_key: &str, records: usize) -> FetchKey {
    let key = harness.next_key;
    harness.next_key += 1;
    let records = (0..records).map(|_| NewRecord::fresh(Repeat::Allowed)).collect();
    harness.handle(Event::Add(NewFetch { key, storage_key: storage_key.to_owned(), paused: false, records }));
    key
}

#[test]
fn a_throttled_origin_holds_nobody_back() {
    let mut harness = Harness::with(1, Limits::default(), RetryPolicy::default());
    // Far more than may run at once, and none of it ever ends.
    for _ in 0..10 {
        add(&mut harness, "https://slow.example", 100);
    }
    for n in 0..20 {
        let fast = add(&mut harness, &format!("https://fast-{n}.example"), 3);
        assert!(harness.model.fetches[&fast].running() > 0, "held back");
    }
}

#[test]
fn two_background_fetches_of_one_origin_do_not_block_each_other() {
    let mut harness = Harness::with(1, Limits::default(), RetryPolicy::default());
    add(&mut harness, "https://a.example", 1000);
    let second = add(&mut harness, "https://a.example", 1);
    assert_eq!(harness.model.fetches[&second].running(), 1);
}

#[test]
fn a_refusing_host_gets_three_attempts_in_four_seconds() {
    let mut harness = Harness::with(3, Limits::default(), RetryPolicy::default());
    let key = add(&mut harness, "https://a.example", 1);
    let mut attempts = 0;
    while let Some((.., attempt)) = harness.model.running().first().copied() {
        attempts += 1;
        harness.handle(Event::Ended { attempt, outcome: Outcome::RefusedOrUnknownHost });
        let before = harness.model.now;
        while harness.scheduler.is_active(key) && harness.model.running().is_empty() {
            harness.pass(Duration::from_millis(50));
            assert!(harness.model.now - before < Duration::from_secs(4));
        }
    }
    assert_eq!(attempts, 3);
    assert!(harness.model.now < Duration::from_secs(4));
    assert!(!harness.scheduler.is_active(key), "refusal is final");
}

#[test]
fn refusal_is_not_final_once_a_byte_came() {
    let mut harness = Harness::with(3, Limits::default(), RetryPolicy::default());
    let key = add(&mut harness, "https://a.example", 2);
    let running = harness.model.running();
    harness.handle(Event::Progress { attempt: running[0].2, position: 1 });
    for _ in 0..20 {
        for (_, index, attempt) in harness.model.running() {
            if index == 1 {
                harness.handle(Event::Ended { attempt, outcome: Outcome::RefusedOrUnknownHost });
            } else {
                harness.handle(Event::Sent(attempt));
            }
        }
        harness.pass(Duration::from_secs(5 * 60));
    }
    assert!(harness.scheduler.is_active(key), "the other record had received something");
}

#[test]
fn a_record_is_given_up_after_fourteen_days_without_progress_but_time_offline_does_not_count() {
    let day = Duration::from_secs(24 * 60 * 60);
    let mut harness = Harness::with(9, Limits::default(), RetryPolicy::default());
    let key = add(&mut harness, "https://a.example", 1);
    let fail_all = |harness: &mut Harness| {
        for (.., attempt) in harness.model.running() {
            harness
                .handle(Event::Ended { attempt, outcome: Outcome::Transient { may_have_been_sent: true } });
        }
    };
    let hours = |harness: &mut Harness, hours: u64| {
        for _ in 0..hours * 4 {
            fail_all(harness);
            harness.pass(Duration::from_secs(15 * 60));
        }
    };
    hours(&mut harness, 13 * 24);
    harness.handle(Event::Network(Connectivity::Offline));
    harness.pass(30 * day);
    harness.handle(Event::Network(Connectivity::Online));
    assert!(harness.scheduler.is_active(key), "a month offline is no failure");
    hours(&mut harness, 23);
    assert!(harness.scheduler.is_active(key));
    hours(&mut harness, 2);
    assert!(!harness.scheduler.is_active(key), "fourteen days are over");
}

#[test]
fn a_crash_in_the_middle_of_a_post_fails_it() {
    let mut scheduler = Scheduler::new(Policy::default(), 1, Connectivity::Online);
    let record = NewRecord { may_have_been_sent: true, ..NewRecord::fresh(Repeat::Never) };
    let new = NewFetch { key: 1, storage_key: "a".to_owned(), paused: false, records: vec![record] };
    let actions = scheduler.handle(Duration::ZERO, Event::Add(new));
    assert_eq!(
        actions,
        [
            Action::SettleRecord { fetch: 1, record: 0, result: FETCH_ERROR },
            Action::Settle { fetch: 1, result: FetchResult::Failure(FailureReason::FetchError) },
        ]
    );
}

#[test]
fn what_was_failing_before_a_restart_is_given_up_at_its_next_failure() {
    let mut scheduler = Scheduler::new(Policy::default(), 1, Connectivity::Online);
    let record = NewRecord {
        without_progress: Some(Duration::from_secs(15 * 24 * 60 * 60)),
        high_water: 100,
        ..NewRecord::fresh(Repeat::Allowed)
    };
    let new = NewFetch { key: 1, storage_key: "a".to_owned(), paused: false, records: vec![record] };
    let actions = scheduler.handle(Duration::ZERO, Event::Add(new));
    let [Action::Start { attempt, .. }, Action::WakeAt(_)] = actions[..] else { panic!("{actions:?}") };
    let outcome = Outcome::Transient { may_have_been_sent: true };
    let actions = scheduler.handle(Duration::ZERO, Event::Ended { attempt, outcome });
    assert!(actions.contains(&Action::SettleRecord { fetch: 1, record: 0, result: FETCH_ERROR }));
}

#[test]
fn progress_makes_the_pauses_short_again() {
    for outcome in [Outcome::RefusedOrUnknownHost, Outcome::Transient { may_have_been_sent: true }] {
        let mut harness = Harness::with(5, Limits::default(), RetryPolicy::default());
        add(&mut harness, "https://a.example", 1);
        let attempt = harness.model.running()[0].2;
        harness.handle(Event::Progress { attempt, position: 1 });
        harness.run(Op::Burst { outcome: outcome.clone(), rounds: 10 });
        let attempt = harness.model.running()[0].2;
        harness.handle(Event::Progress { attempt, position: 2 });
        harness.handle(Event::Ended { attempt, outcome });
        harness.pass(Duration::from_secs(1));
        assert_eq!(harness.model.running().len(), 1, "it is tried again within a second");
    }
}
