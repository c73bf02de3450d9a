//! `longhaul` as a real process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use super::command::longhaul;

/// How long a test waits for something that must come before it fails. Never reached by a passing test.
const PATIENCE: Duration = Duration::from_secs(120);

/// A `longhaul run --progress json` under way; killed when dropped.
pub struct Run {
    child: Child,
    lines: Receiver<String>,
    /// Everything read so far.
    pub events: Vec<Value>,
    stderr: Option<std::thread::JoinHandle<String>>,
}

impl Run {
    pub fn start(profile: &Path, target: &str, arguments: &[&str]) -> Run {
        let mut command = longhaul(profile);
        command.args(["run", target, "--progress", "json", "--timeout", "300"]).arg("--profile").arg(profile);
        command.args(arguments);
        Run::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Run {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
            text
        });
        Run { child, lines, events: Vec::new(), stderr: Some(stderr) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event for which `wanted` holds, among those not yet read.
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let event: Value = serde_json::from_str(&line)
                        .unwrap_or_else(|e| panic!("`{line}` is not a JSON line: {e}"));
                    self.events.push(event.clone());
                    if wanted(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what} came; so far: {:#?}", self.events),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the process ended without {what}; so far: {:#?}", self.events)
                }
            }
        }
    }

    pub fn wait_for_event(&mut self, name: &str, id: &str) -> Value {
        self.wait_for(&format!("`{name}` of {id}"), |e| e["event"] == name && e["id"] == id)
    }

    /// SIGKILL, and the process is gone when this returns.
    pub fn kill(mut self) -> Vec<Value> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.drain();
        std::mem::take(&mut self.events)
    }

    /// Waits for the process to end by itself.
    pub fn finish(mut self) -> (ExitStatus, Vec<Value>, String) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.events.push(serde_json::from_str(&line).unwrap_or_else(|e| panic!("`{line}`: {e}")));
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("the process does not end; so far: {:#?}", self.events)
                }
            }
        }
        let status = self.child.wait().unwrap();
        let stderr = self.stderr.take().and_then(|stderr| stderr.join().ok()).unwrap_or_default();
        (status, std::mem::take(&mut self.events), stderr)
    }

    fn drain(&mut self) {
        while let Ok(line) = self.lines.recv() {
            // The line that the kill cut short is no JSON.
            if let Ok(event) = serde_json::from_str(&line) {
                self.events.push(event);
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the worker of [`super::site::WORKER`] printed for the event `kind` (`success`, `fail`, …) of `id`.
pub fn worker_reports(events: &[Value], kind: &str, id: &str) -> Vec<Value> {
    events
        .iter()
        .filter(|e| e["event"] == "console")
        .filter_map(|e| serde_json::from_str::<Value>(e["message"].as_str()?).ok())
        .filter(|r| r["type"] == format!("backgroundfetch{kind}") && r["id"] == id)
        .collect()
}
