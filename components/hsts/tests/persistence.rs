//! What a profile keeps, and what a process leaves that is killed.
//!
//! `LONGHAUL_KILL_WRITES` sets how many hosts are noted before the last process is left alone; 1,000 is a full run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use longhaul_hsts::{KnownHosts, Policy, TABLES};
use longhaul_storage::{Clock, Location, ManualClock, Profile, SystemClock};

const HERE: &str = "https://example.com";
const FOLDER: &str = "LONGHAUL_TEST_CHILD_FOLDER";

fn open(folder: &Path, clock: Arc<dyn Clock>) -> (Profile, KnownHosts) {
    let (profile, report) =
        Profile::open(Location::Directory(folder.join("profile")), TABLES).expect("the profile opens");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let hosts = KnownHosts::open(&profile, clock).expect("the hosts");
    (profile, hosts)
}

fn policy(seconds: u64) -> Policy {
    Policy { max_age: Duration::from_secs(seconds), include_subdomains: seconds.is_multiple_of(2) }
}

#[test]
fn hosts_come_back_until_they_expire() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::default());
    let before = {
        let (_profile, hosts) = open(folder.path(), clock.clone());
        hosts.note(HERE, "a.example", policy(10));
        hosts.note(HERE, "b.example", policy(20));
        hosts.note("https://top.example", "c.example", policy(21));
        hosts.note(HERE, "forgotten.example", policy(20));
        hosts.note(HERE, "forgotten.example", policy(0));
        hosts.hosts()
    };
    assert_eq!(before.len(), 3);
    {
        let (_profile, hosts) = open(folder.path(), clock.clone());
        assert_eq!(hosts.hosts(), before);
    }
    clock.advance(Duration::from_secs(10));
    let (profile, hosts) = open(folder.path(), clock);
    assert_eq!(hosts.hosts(), before[1..]);
    assert!(hosts.is_known(HERE, "x.b.example") && !hosts.is_known("https://top.example", "x.c.example"));
    block_on(hosts.flush()).expect("it is stored");
    assert_eq!(profile.rows(TABLES[0]).expect("rows").len(), 2);
}

/// What the killed process does. Run as a test of its own it does nothing.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (_profile, hosts) = open(&folder, Arc::new(SystemClock::new()));
    for number in hosts.hosts().len().. {
        hosts.note(
            &format!("https://p{}.example", number % 5),
            &format!("h{number}.example"),
            policy(100_000),
        );
        if number % 7 == 0 {
            block_on(hosts.flush()).expect("it is stored");
            let mut out = std::io::stdout().lock();
            // The parent may have stopped listening just before it kills us.
            let _ = writeln!(out, "\nchild: {number}").and_then(|()| out.flush());
        }
    }
}

#[test]
fn no_durable_host_is_lost() {
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

        let (_profile, hosts) = open(folder.path(), Arc::new(SystemClock::new()));
        let known = hosts.hosts();
        for number in 0..known.len() {
            let partition = format!("https://p{}.example", number % 5);
            assert!(hosts.is_known(&partition, &format!("h{number}.example")), "kill {kills}: host {number}");
        }
        assert!(
            known.len() > durable.expect("at least one promise"),
            "kill {kills}: {durable:?} was promised"
        );
    }
    println!("{kills} processes were killed; {durable:?} was the last host promised");
}
