//! A test's process.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{GRACE, RunOptions};
use crate::child::{Ending, Order, Outcome};
use crate::report::Status;
use crate::server::Server;

/// How many lines of a process' standard error are kept.
const LAST_WORDS: usize = 20;

/// How often a test may go on in a new process.
const RESTARTS: usize = 8;

/// A process that runs one test. Dropping it kills it.
#[derive(Debug)]
pub struct TestProcess {
    process: Child,
}

impl TestProcess {
    /// Runs a test to its end, in as many processes as it wants. Whatever the process does is an outcome.
    ///
    /// # Errors
    /// No process could be started.
    pub fn run(order: &Order, server: &Server, options: &RunOptions) -> io::Result<Outcome> {
        let mut console = Vec::new();
        for _ in 0..RESTARTS {
            let mut outcome =
                TestProcess::start(server, options)?.outcome(order, options.milliseconds(GRACE));
            console.append(&mut outcome.console);
            if outcome.ending == Ending::Over {
                outcome.console = console;
                return Ok(outcome);
            }
        }
        Ok(Outcome::without_subtests(Status::Error, format!("restarted more than {RESTARTS} times")))
    }

    fn start(server: &Server, options: &RunOptions) -> io::Result<TestProcess> {
        let mut command = Command::new(&options.program);
        command.arg("child").arg("--timeout-multiplier").arg(options.timeout_multiplier.to_string());
        for host in server.hosts() {
            command.arg("--host").arg(host);
        }
        for file in server.cacert() {
            command.arg("--cacert").arg(file);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(TestProcess { process: command.spawn()? })
    }

    fn outcome(mut self, order: &Order, grace: u64) -> Outcome {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (self.process.stdin.take(), self.process.stdout.take(), self.process.stderr.take())
        else {
            return Outcome::without_subtests(Status::Error, "the process has no pipes");
        };
        let last_words = std::thread::spawn(move || last_words(stderr));
        // The answer is read elsewhere, so that there can be an end to waiting for it.
        let (sender, answer) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Whoever waited may have stopped.
            let _ = sender.send(read.map(|_| line));
        });
        let mut line = serde_json::to_string(order).expect("an order has nothing that JSON has not");
        line.push('\n');
        // If it is gone already, that is seen below.
        let _ = stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush());
        let outcome = match answer.recv_timeout(Duration::from_millis(order.limit + grace)) {
            Ok(Ok(line)) if !line.is_empty() => serde_json::from_str(&line).unwrap_or_else(|error| {
                Outcome::without_subtests(
                    Status::Error,
                    format!("the process' answer cannot be read: {error}"),
                )
            }),
            Ok(_) => {
                let how = match self.process.wait() {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                };
                let mut outcome = Outcome::without_subtests(
                    Status::Crash,
                    format!("the process ended without an answer: {how}"),
                );
                outcome.console = last_words.join().unwrap_or_default();
                return outcome;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Outcome::without_subtests(Status::Timeout, "the process did not answer in time")
            }
        };
        drop(stdin);
        drop(self);
        outcome
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The last lines that a process says on standard error.
fn last_words(stderr: impl Read) -> Vec<String> {
    let mut lines = VecDeque::new();
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        if lines.len() == LAST_WORDS {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(&line).into_owned());
    }
    lines.into()
}
