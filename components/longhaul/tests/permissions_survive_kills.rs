//! A user agent that stores decisions is killed at random moments: what was durable is there, and nothing else is.
//!
//! `LONGHAUL_KILL_WRITES` sets how many decisions are made before the last process is left alone; 1,000 is a full run.

use std::path::Path;

use longhaul::UserAgent;
use longhaul::background_fetch::PermissionState;
use longhaul::storage::Location;
use longhaul_storage::testing::{KilledWriters, folder_of_writer, promise};

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
    let Some(folder) = folder_of_writer() else { return };
    let user_agent = open(&folder).await;
    let permissions = user_agent.permissions();
    for number in permissions.decisions().len().. {
        permissions.set(FEATURE, &origin(number), decision(number));
        if number % 5 == 0 {
            permissions.flush().await.expect("it is stored");
            promise(number);
        }
    }
}

#[tokio::test]
async fn no_durable_decision_is_lost_and_none_is_invented() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writers = KilledWriters::new(folder.path(), 100);
    while let Some(promised) = writers.kill_next() {
        let user_agent = open(folder.path()).await;
        let known = user_agent.permissions().decisions().len();
        let kills = writers.kills();
        assert!(known > promised, "kill {kills}: {promised} was promised");
        for number in 0..known {
            let state = user_agent.permissions().state(FEATURE, &origin(number));
            assert_eq!(state, decision(number), "kill {kills}: decision {number}");
        }
        user_agent.shutdown().await;
    }
    println!("{writers}");
}
