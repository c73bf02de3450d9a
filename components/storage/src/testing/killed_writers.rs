//! Processes that write to a profile and are killed with SIGKILL at random moments.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "LONGHAUL_TEST_CHILD_FOLDER";
const WRITES: &str = "LONGHAUL_KILL_WRITES";
const PROMISE: &str = "promised: ";

/// In a process that is to be killed, the folder it writes to; nothing elsewhere.
///
/// The test that writes is named `child`, and does nothing where this gives nothing.
pub fn folder_of_writer() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Says, in the process that is to be killed, that everything up to this number is durable.
pub fn promise(number: usize) {
    let mut out = std::io::stdout().lock();
    // Whoever listens may have stopped just before the kill.
    let _ = writeln!(out, "\n{PROMISE}{number}").and_then(|()| out.flush());
}

/// Starts the test `child` of this binary and kills it, again and again.
#[derive(Debug)]
pub struct KilledWriters {
    folder: PathBuf,
    wanted: usize,
    random: u64,
    promised: Option<usize>,
    kills: usize,
}

impl KilledWriters {
    /// They write to this folder, until so many writes were promised, or as many as the environment variable
    /// `LONGHAUL_KILL_WRITES` says.
    pub fn new(folder: &Path, wanted: usize) -> KilledWriters {
        let said = std::env::var(WRITES).ok().and_then(|text| text.parse().ok());
        KilledWriters {
            folder: folder.to_owned(),
            wanted: said.unwrap_or(wanted),
            random: u64::from(std::process::id()),
            promised: None,
            kills: 0,
        }
    }

    /// How many were killed.
    pub fn kills(&self) -> usize {
        self.kills
    }

    /// Starts a process that goes on writing, kills it some promises later, and gives the last number promised; nothing once
    /// enough was written.
    ///
    /// # Panics
    ///
    /// If the process cannot be started or killed, or ends before it promises anything.
    pub fn kill_next(&mut self) -> Option<usize> {
        if self.promised.is_some_and(|promised| promised >= self.wanted) {
            return None;
        }
        let mut process = Command::new(std::env::current_exe().expect("this test's path"))
            .args(["child", "--exact", "--nocapture"])
            .env(FOLDER, &self.folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let promises =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix(PROMISE)?.parse::<usize>().ok());
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let patience = 1 + usize::try_from(self.random >> 60).expect("four bits");
        for promise in promises.take(patience) {
            self.promised = Some(promise);
        }
        process.kill().expect("it is killed");
        process.wait().expect("it is dead");
        self.kills += 1;
        Some(self.promised.expect("at least one promise"))
    }
}

impl fmt::Display for KilledWriters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} processes were killed; {} was the last write promised",
            self.kills,
            self.promised.unwrap_or(0)
        )
    }
}
