//! A process that writes is killed at random moments: the profile opens, what was stored is there, and nothing torn is served.
//!
//! `LONGHAUL_CACHE_WRITES` sets how many writes are made in all (1,000 is the full count; a default run makes 60).

#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use longhaul_http_cache::{CacheMode, Config, Lookup};
use longhaul_storage::Location;

use support::{Rig, get, mode, read, reply};

const CHILD: &str = "LONGHAUL_KILLED_CHILD";

fn url(number: u64) -> String {
    format!("https://a.example/{number}")
}

/// The body at that URL: of any size up to 2 MiB, and different at each place.
fn body(number: u64) -> String {
    let length = match number % 10 {
        0 => 2_000_000,
        1 => 0,
        odd if odd % 2 == 1 => 300_000,
        _ => 700,
    } + number as usize % 97;
    format!("{number:09};").chars().cycle().take(length).collect()
}

/// Writes from a number on, and says which are stored, until it is killed.
async fn write(directory: &Path, first: u64) {
    let rig = Rig::at(Location::Directory(directory.to_owned()), Config::default());
    for number in first.. {
        let body = body(number);
        rig.ask(get(&url(number)), |_| reply(200, &[("Cache-Control", "max-age=60")], &body)).await;
        println!("stored {number}");
    }
}

#[tokio::test]
async fn nothing_that_was_stored_is_lost_and_nothing_torn_is_served() {
    if let Ok(directory) = std::env::var(CHILD) {
        let first = std::env::var("LONGHAUL_FIRST").unwrap().parse().unwrap();
        return write(Path::new(&directory), first).await;
    }
    let writes: u64 =
        std::env::var("LONGHAUL_CACHE_WRITES").ok().and_then(|value| value.parse().ok()).unwrap_or(60);
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("profile");
    let mut stored = HashSet::new();
    let (mut next, mut kills, mut chance) = (0, 0_u64, 12_345_u64);
    while (stored.len() as u64) < writes {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["nothing_that_was_stored", "--nocapture", "--test-threads=1"])
            .env(CHILD, &directory)
            .env("LONGHAUL_FIRST", next.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // After so many, and at whatever moment of the next one.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = 1 + (chance >> 33) % 30;
        let mut said = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((_, number)) = line.split_once("stored ") else { continue };
            stored.insert(number.trim().parse::<u64>().unwrap());
            said += 1;
            if said == after {
                // Some of the next one gets done.
                for _ in 0..(chance >> 20) % 2_000_000 {
                    std::hint::spin_loop();
                }
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        kills += 1;
        next = stored.iter().max().unwrap() + 2;

        let rig = Rig::at(Location::Directory(directory.clone()), Config::default());
        // All of it is looked at in the end; each time, the last ones are.
        let from = if stored.len() as u64 >= writes { 0 } else { next.saturating_sub(40) };
        for number in from..next {
            match rig.cache.lookup(mode(get(&url(number)), CacheMode::OnlyIfCached)).await {
                Lookup::Stored(answer) => {
                    assert!(read(answer.body).await.unwrap() == body(number), "{number} is torn");
                }
                _ => assert!(!stored.contains(&number), "{number} was stored and is lost"),
            }
        }
    }
    println!("{} writes, {kills} kills", stored.len());
}
