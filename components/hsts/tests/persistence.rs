//! What a profile keeps, and what a process leaves that is killed.
//!
//! `LONGHAUL_KILL_WRITES` sets how many hosts are noted before the last process is left alone; 1,000 is a full run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use longhaul_hsts::{KnownHosts, Policy, TABLES};
use longhaul_storage::testing::{KilledWriters, folder_of_writer, promise};
use longhaul_storage::{Clock, Location, ManualClock, Profile, SystemClock};

const HERE: &str = "https://example.com";

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
    let Some(folder) = folder_of_writer() else { return };
    let (_profile, hosts) = open(&folder, Arc::new(SystemClock::new()));
    for number in hosts.hosts().len().. {
        hosts.note(
            &format!("https://p{}.example", number % 5),
            &format!("h{number}.example"),
            policy(100_000),
        );
        if number % 7 == 0 {
            block_on(hosts.flush()).expect("it is stored");
            promise(number);
        }
    }
}

#[test]
fn no_durable_host_is_lost() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writers = KilledWriters::new(folder.path(), 200);
    while let Some(promised) = writers.kill_next() {
        let (_profile, hosts) = open(folder.path(), Arc::new(SystemClock::new()));
        let known = hosts.hosts();
        let kills = writers.kills();
        for number in 0..known.len() {
            let partition = format!("https://p{}.example", number % 5);
            assert!(hosts.is_known(&partition, &format!("h{number}.example")), "kill {kills}: host {number}");
        }
        assert!(known.len() > promised, "kill {kills}: {promised} was promised");
    }
    println!("{writers}");
}
