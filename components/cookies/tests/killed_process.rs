//! A real process, killed with SIGKILL at random moments while it sets cookies: what it was told is durable is there
//! afterwards, and nothing is there that was never set.
//!
//! `LONGHAUL_KILL_WRITES` sets how many cookies are set before the last process is left alone; 1,000 is a full run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::executor::block_on;
use longhaul_cookies::{CookieJar, JarConfig, Limits, RetrievalContext, TABLES};
use longhaul_storage::{Location, Profile, SystemClock};
use url::Url;

const FOLDER: &str = "LONGHAUL_TEST_CHILD_FOLDER";

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
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (_profile, jar) = open(&folder);
    let first = numbers(&jar).last().map_or(0, |last| last + 1);
    for number in first.. {
        let header = format!("n{number}={}; Max-Age=100000", value(number));
        jar.set_cookie(&url(), header.as_bytes(), &RetrievalContext::default()).expect("it is taken");
        if number % BATCH == 0 {
            block_on(jar.flush()).expect("it is stored");
            let mut out = std::io::stdout().lock();
            // The parent may have stopped listening just before it kills us.
            let _ = writeln!(out, "\nchild: {number}").and_then(|()| out.flush());
        }
    }
}

#[test]
fn no_durable_cookie_is_lost_and_none_is_torn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wanted = std::env::var("LONGHAUL_KILL_WRITES").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let mut random = u64::from(std::process::id());
    let (mut durable, mut kills) = (None, 0);
    while durable.is_none_or(|durable| durable < wanted) {
        let mut process = Command::new(std::env::current_exe().expect("this test's path"))
            .args(["child", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let promises =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("child: ")?.parse().ok());
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let patience = 1 + usize::try_from(random >> 60).expect("four bits");
        for promise in promises.take(patience) {
            durable = Some(promise);
        }
        process.kill().expect("it is killed");
        process.wait().expect("it is dead");
        kills += 1;

        let (_profile, jar) = open(folder.path());
        let numbers = numbers(&jar);
        assert!(numbers.iter().copied().eq(0..numbers.len()), "kill {kills}: {numbers:?}");
        assert!(
            numbers.len() > durable.expect("at least one promise"),
            "kill {kills}: {durable:?} was promised"
        );
    }
    println!("{kills} processes were killed; {durable:?} was the last cookie promised");
}
