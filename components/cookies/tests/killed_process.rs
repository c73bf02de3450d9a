//! A real process, killed with SIGKILL at random moments while it sets cookies: what it was told is durable is there
//! afterwards, and nothing is there that was never set.
//!
//! `LONGHAUL_KILL_WRITES` sets how many cookies are set before the last process is left alone; 1,000 is a full run.

use std::path::Path;
use std::sync::Arc;

use futures::executor::block_on;
use longhaul_cookies::{CookieJar, JarConfig, Limits, RetrievalContext, TABLES};
use longhaul_storage::testing::{KilledWriters, folder_of_writer, promise};
use longhaul_storage::{Location, Profile, SystemClock};
use url::Url;

/// How many cookies are set between two waits for durability.
const BATCH: usize = 7;

fn open(folder: &Path) -> (Profile, CookieJar) {
    let (profile, report) =
        Profile::open(Location::Directory(folder.join("profile")), TABLES).expect("the profile opens");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let config = JarConfig::default().with_limits(Limits { per_domain: 100_000, total: 100_000 });
    let jar = CookieJar::open_with_config(&profile, Arc::new(SystemClock::new()), config).expect("a jar");
    (profile, jar)
}

fn url() -> Url {
    Url::parse("https://a.example/").expect("a URL")
}

/// The value that tells whether a cookie is whole.
fn value(number: usize) -> String {
    format!("{number}-").repeat(40)
}

/// The numbers of the cookies in the jar, each of which has to be whole.
fn numbers(jar: &CookieJar) -> Vec<usize> {
    let mut numbers: Vec<usize> = jar
        .cookies()
        .iter()
        .map(|cookie| {
            let number = cookie.name.strip_prefix('n').and_then(|name| name.parse().ok()).expect("a name");
            assert_eq!(cookie.value, value(number));
            number
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// What the killed process does. Run as a test of its own it does nothing.
#[test]
fn child() {
    let Some(folder) = folder_of_writer() else { return };
    let (_profile, jar) = open(&folder);
    let first = numbers(&jar).last().map_or(0, |last| last + 1);
    for number in first.. {
        let header = format!("n{number}={}; Max-Age=100000", value(number));
        jar.set_cookie(&url(), header.as_bytes(), &RetrievalContext::default()).expect("it is taken");
        if number % BATCH == 0 {
            block_on(jar.flush()).expect("it is stored");
            promise(number);
        }
    }
}

#[test]
fn no_durable_cookie_is_lost_and_none_is_torn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writers = KilledWriters::new(folder.path(), 200);
    while let Some(promised) = writers.kill_next() {
        let (_profile, jar) = open(folder.path());
        let numbers = numbers(&jar);
        let kills = writers.kills();
        assert!(numbers.iter().copied().eq(0..numbers.len()), "kill {kills}: {numbers:?}");
        assert!(numbers.len() > promised, "kill {kills}: {promised} was promised");
    }
    println!("{writers}");
}
