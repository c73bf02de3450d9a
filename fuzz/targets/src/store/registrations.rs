//! Background fetches that are read back from a profile.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use longhaul_background_fetch::scheduler::Policy;
use longhaul_background_fetch::{
    BackgroundFetchOptions, BackgroundFetchResult, BackgroundFetches, Config, Connectivity, Dependencies,
    DispatchOutcome, NoDisplay, PermissionState, Summary, TABLES, live_bodies,
};
use longhaul_fetch::{Body, NetworkError};
use longhaul_storage::{ColumnKind, Location, Profile, Row, Transaction, Value};

use super::world::{
    After, Fetcher, Host, Resource, Server, Step, TokioClock, Workers, chunked, get, key, post, refused,
    reset, response, timeout,
};
use crate::choices::Choices;
use crate::runtime;

/// A time in which everything comes to its end: retries give up after two weeks.
const LONG: Duration = Duration::from_secs(60 * 24 * 60 * 60);

pub(super) fn registrations(choices: &mut Choices<'_>) {
    runtime::fresh().block_on(async {
        let (profile, _) = Profile::open(Location::Memory, TABLES).expect("a profile in memory");
        let mut kept = first_life(choices, &profile).await;
        for _ in 0..1 + choices.below(2) {
            let touched = damage(choices, &profile, kept.keys().copied().collect()).await;
            kept.retain(|key, _| !touched.contains(key));
            kept = later_life(choices, &profile, &kept, &touched).await;
        }
        end(&profile).await;
    });
}

/// Makes some by the real calls, lets them go on for a while, and stops.
async fn first_life(choices: &mut Choices<'_>, profile: &Profile) -> BTreeMap<u64, Summary> {
    let (server, workers) = world(choices);
    let fetches = open(choices, profile, &server, &workers).await;
    for number in 0..1 + choices.below(3) {
        let requests = (0..1 + choices.below(3)).map(|_| {
            let path = choices.pick(&PATHS);
            match choices.once_in(4) {
                false => get(path),
                true => post(path, Body::from_bytes(Bytes::from_static(b"upload"))),
            }
        });
        let requests = requests.collect();
        let options = BackgroundFetchOptions {
            title: choices.pick(&["", "a title", "\u{0}\"\u{1f600}"]).to_owned(),
            download_total: choices.pick(&[0, 1, 2500, u64::MAX]),
            ..BackgroundFetchOptions::default()
        };
        let started = fetches.fetch(key(), format!("id {number}"), requests, options);
        // A quota, or a body that fails, may be in the way.
        let Ok(Ok(registration)) = tokio::time::timeout(Duration::from_secs(60), started).await else {
            continue;
        };
        match choices.below(8) {
            0 => registration.pause(),
            1 => drop(registration.abort()),
            _ => {}
        }
    }
    go_on(choices, &fetches).await;
    stop(profile, fetches).await
}

const PATHS: [&str; 4] = ["/a", "/b", "/c", "/none"];

/// What answers and what is told: well, or not.
fn world(choices: &mut Choices<'_>) -> (Arc<Server>, Arc<Workers>) {
    let (server, workers): (Arc<Server>, Arc<Workers>) = Default::default();
    for path in &PATHS[..3] {
        let length = choices.pick(&[0, 10, 2500]);
        let mut resource = Resource::new(length);
        resource.ranges = !choices.once_in(4);
        if choices.once_in(4) {
            resource = resource.with_headers(&[("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")]);
        }
        server.put(path, resource);
        let steps = (0..choices.below(4)).map(|_| step(choices)).collect::<Vec<_>>();
        server.will(path, steps);
    }
    workers.will((0..choices.below(4)).map(|_| match choices.below(5) {
        0 => None,
        1 => Some(DispatchOutcome::Crashed("x".to_owned())),
        2 => Some(DispatchOutcome::CouldNotStart("x".to_owned())),
        3 => Some(DispatchOutcome::NoWorker),
        _ => Some(DispatchOutcome::Delivered),
    }));
    (server, workers)
}

fn step(choices: &mut Choices<'_>) -> Step {
    let bytes = usize::from(choices.byte()) << 3;
    match choices.below(10) {
        0 => Step::Fail(reset()),
        1 => Step::Fail(refused()),
        2 => Step::Fail(timeout()),
        3 => Step::Fail(NetworkError::CorsMissingAllowOrigin),
        4 => Step::Cut(bytes),
        5 => Step::Stall(bytes),
        6 => Step::Hang,
        7 | 8 => {
            let status = choices.pick(&[200, 204, 206, 404, 416, 429, 503]);
            let range = choices.pick(&["bytes 0-9/10", "bytes 10-19/*", "bytes */10", "bytes 5-2/1", ""]);
            let retry = choices.pick(&["1", "", "Mon, 01 Jan 2100 00:00:00 GMT", "99999999999999999999"]);
            let after = choices.pick(&[After::End, After::Reset, After::Nothing]);
            Step::Say(Box::new(move |asked| {
                let headers = [("Content-Range", range), ("Retry-After", retry), ("ETag", "\"v1\"")];
                let mut answer = response(&asked.url, status, &headers, Bytes::new());
                answer.body = Some(chunked(Bytes::from(vec![b'x'; bytes]), 100, after));
                answer
            }))
        }
        _ => Step::Well,
    }
}

async fn open(
    choices: &mut Choices<'_>,
    profile: &Profile,
    server: &Arc<Server>,
    workers: &Arc<Workers>,
) -> BackgroundFetches {
    let mut policy = Policy::default();
    if choices.once_in(2) {
        policy.limits.total = 1 + choices.below(3);
    }
    let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let opened = BackgroundFetches::open(Dependencies {
        profile: profile.clone(),
        clock: Arc::new(TokioClock { start: tokio::time::Instant::now(), epoch }),
        seed: u64::from(choices.byte()),
        fetcher: Arc::new(Fetcher(server.clone())),
        workers: Arc::new(Host(workers.clone())),
        permission: Arc::new(PermissionState::Granted),
        display: Arc::new(NoDisplay),
        connectivity: if choices.once_in(4) { Connectivity::Offline } else { Connectivity::Online },
        runtime: tokio::runtime::Handle::current(),
        config: Config::default().with_policy(policy),
    });
    opened.await.expect("whatever its rows are, it opens")
}

/// Some time passes, in which they may or may not come to an end.
async fn go_on(choices: &mut Choices<'_>, fetches: &BackgroundFetches) {
    let time = choices.pick(&[0, 1, 100, 10_000, 4_000_000]);
    let _ = tokio::time::timeout(Duration::from_millis(time), fetches.idle()).await;
    if choices.once_in(4) {
        fetches.set_online(choices.once_in(2));
        let _ = tokio::time::timeout(Duration::from_secs(1), fetches.idle()).await;
    }
}

/// What is there when it stops: what has settled and is delivered is not.
async fn stop(profile: &Profile, fetches: BackgroundFetches) -> BTreeMap<u64, Summary> {
    fetches.shutdown().await;
    let stored: HashSet<u64> = keys(profile);
    let listed = fetches.list().into_iter().map(|summary| (summary.unique_key, summary));
    listed.filter(|(key, _)| stored.contains(key)).collect()
}

/// The keys of all rows of the first table, which has one for each background fetch.
fn keys(profile: &Profile) -> HashSet<u64> {
    let rows = profile.rows(TABLES[0]).expect("rows");
    rows.iter().filter_map(|row| row[0].as_integer()).map(|key| key as u64).collect()
}

/// Replaces values in rows of some, removes rows, and adds rows that belong to none. Gives the keys that were touched.
async fn damage(choices: &mut Choices<'_>, profile: &Profile, mut known: Vec<u64>) -> HashSet<u64> {
    let mut touched = HashSet::new();
    // One at least is left as it is.
    known.truncate(known.len().saturating_sub(1));
    let mut transaction = Transaction::new();
    for _ in 0..choices.below(5) {
        let table = TABLES[choices.below(TABLES.len())];
        let rows = profile.rows(table).expect("rows");
        let Some(mut row) = choices.below(8).checked_rem(rows.len()).map(|which| rows[which].clone()) else {
            continue;
        };
        let key = row[0].as_integer().expect("a key") as u64;
        if choices.once_in(3) {
            // A row of none, or of one that gets more rows than it has.
            let strange = choices.pick(&[-1, 0, 77, i64::MAX, i64::MIN]);
            row[0] = Value::Integer(strange);
            touched.insert(strange as u64);
        } else if known.contains(&key) || touched.contains(&key) {
            touched.insert(key);
            if choices.once_in(4) {
                transaction.delete(table, row[..table.key_columns].to_vec());
                continue;
            }
        } else {
            continue;
        }
        for _ in 0..choices.below(3) {
            let column = 1 + choices.below(table.columns.len() - 1);
            if column < table.key_columns {
                row[column] = Value::Integer(choices.pick(&[0, 1, 2, -1, i64::MAX]));
            } else {
                row[column] = value(choices, table.columns[column].kind, &row, column);
            }
        }
        transaction.put(table, row);
    }
    profile.commit(transaction).await.expect("rows that fit");
    touched
}

/// Anything that the column may hold: often what is there, changed in one place.
fn value(choices: &mut Choices<'_>, kind: ColumnKind, row: &Row, column: usize) -> Value {
    match kind {
        _ if choices.once_in(6) => Value::Null,
        ColumnKind::Integer => {
            Value::Integer(choices.pick(&[0, 1, -1, 9, 2500, i64::MAX, i64::MIN, 1_700_000_000_000]))
        }
        ColumnKind::Blob => Value::Blob(choices.bytes().to_vec()),
        ColumnKind::Text => match row[column].as_text() {
            Some(text) if choices.once_in(2) => {
                let mut bytes = text.as_bytes().to_vec();
                let at = (choices.below(256) * 8 + choices.below(8)) % (bytes.len() + 1);
                let end = (at + choices.below(16)).min(bytes.len());
                bytes.splice(at..end, choices.bytes().iter().copied());
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => {
                let words = ["", "success", "failure", "active", "aborted", "[]", "{}", "null", "0"];
                if choices.once_in(4) { Value::Text(choices.text()) } else { choices.pick(&words).into() }
            }
        },
    }
}

async fn later_life(
    choices: &mut Choices<'_>,
    profile: &Profile,
    kept: &BTreeMap<u64, Summary>,
    touched: &HashSet<u64>,
) -> BTreeMap<u64, Summary> {
    let live = live_bodies(profile).expect("rows");
    profile.bodies().collect_garbage(&live).await.expect("in memory");
    let (server, workers) = world(choices);
    // NOTE: what settles at once is gone, so nothing is answered until all was looked at.
    let fetches = open(choices, profile, &server, &workers).await;
    let listed: BTreeMap<u64, Summary> =
        fetches.list().into_iter().map(|summary| (summary.unique_key, summary)).collect();
    for (key, before) in kept {
        match listed.get(key) {
            Some(now) => same(before, now),
            // Its event was owed and has been delivered meanwhile.
            None => assert_ne!(before.state.result, BackgroundFetchResult::None, "{before:?} is lost"),
        }
    }
    for summary in listed.values() {
        let known = kept.contains_key(&summary.unique_key) || touched.contains(&summary.unique_key);
        assert!(known, "it was invented: {summary:?}");
    }
    go_on(choices, &fetches).await;
    stop(profile, fetches).await
}

/// What never changes, and what only grows.
fn same(before: &Summary, now: &Summary) {
    assert_eq!(before.id, now.id);
    let (was, is) = (&before.state, &now.state);
    assert_eq!(
        (&was.title, &was.icons, &was.origin, was.upload_total, was.download_total, was.pausable),
        (&is.title, &is.icons, &is.origin, is.upload_total, is.download_total, is.pausable)
    );
    if was.result != BackgroundFetchResult::None {
        assert_eq!((was.result, was.failure_reason), (is.result, is.failure_reason));
    }
}

/// With servers and workers that do what they should, all come to an end, and nothing is kept.
async fn end(profile: &Profile) {
    let (server, workers): (Arc<Server>, Arc<Workers>) = Default::default();
    workers.gone.store(false, Ordering::SeqCst);
    for path in &PATHS[..3] {
        server.put(path, Resource::new(10));
    }
    let fetches = open(&mut Choices::new(&[]), profile, &server, &workers).await;
    for registration in fetches.registrations() {
        registration.resume();
    }
    let ended = tokio::time::timeout(LONG, fetches.idle()).await.is_ok();
    assert!(
        ended,
        "it does not come to an end: {:?}",
        TABLES.iter().map(|table| profile.rows(table)).collect::<Vec<_>>()
    );
    assert_eq!(fetches.list(), [], "something is left");
    fetches.shutdown().await;
    for table in TABLES {
        assert_eq!(profile.rows(table).expect("rows"), Vec::<Row>::new(), "{}", table.name);
    }
}
