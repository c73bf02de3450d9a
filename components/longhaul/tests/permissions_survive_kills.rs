//! A user agent that stores decisions is killed at random moments: what was durable is there, and nothing else is.
//!
//! `LONGHAUL_KILL_WRITES` sets how many decisions are made before the last process is left alone; 1,000 is a full run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use longhaul::UserAgent;
use longhaul::background_fetch::PermissionState;
use longhaul::storage::Location;

const FOLDER: &str = "LONGHAUL_TEST_CHILD_FOLDER";
const FEATURE: &str = "local-network";

async fn open(folder: &Path) -> UserAgent {
    let location = Location::Directory(folder.join("profile"));
    let user_agent = UserAgent::builder().profile(location).offline(true).build().await.expect("it opens");
    assert!(user_agent.findings().is_empty(), "{:?}", user_agent.findings());
    user_agent
}

fn origin(number: usize) -> String {
    format!("https://o{number}.example")
}

fn decision(number: usize) -> PermissionState {
    if number.is_multiple_of(3) { PermissionState::Denied } else { PermissionState::Granted }
}

/// What the killed process does. Run as a test of its own it does nothing.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let user_agent = open(&folder).await;
    let permissions = user_agent.permissions();
    for number in permissions.decisions().len().. {
        permissions.set(FEATURE, &origin(number), decision(number));
        if number % 5 == 0 {
            permissions.flush().await.expect("it is stored");
            let mut out = std::io::stdout().lock();
            // The parent may have stopped listening just before it kills us.
            let _ = writeln!(out, "\nchild: {number}").and_then(|()| out.flush());
        }
    }
}

#[tokio::test]
async fn no_durable_decision_is_lost_and_none_is_invented() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wanted = std::env::var("LONGHAUL_KILL_WRITES").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
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
        let promises = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("child: ")?.parse::<usize>().ok());
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let patience = 1 + usize::try_from(random >> 60).expect("four bits");
        for promise in promises.take(patience) {
            durable = Some(promise);
        }
        process.kill().expect("it is killed");
        process.wait().expect("it is dead");
        kills += 1;

        let user_agent = open(folder.path()).await;
        let known = user_agent.permissions().decisions().len();
        assert!(known > durable.expect("at least one promise"), "kill {kills}: {durable:?} was promised");
        for number in 0..known {
            let state = user_agent.permissions().state(FEATURE, &origin(number));
            assert_eq!(state, decision(number), "kill {kills}: decision {number}");
        }
        user_agent.shutdown().await;
    }
    println!("{kills} processes were killed; {durable:?} was the last decision promised");
}
