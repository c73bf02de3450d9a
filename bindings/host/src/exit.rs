//! How the command ends.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// The exit codes of `longhaul`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Exit {
    /// Done, and all successful.
    Success = 0,
    /// A fetch failed, a script threw, or something that was named could not be used.
    Failure = 1,
    /// Bad usage.
    Usage = 2,
    /// The profile is in use by another process.
    ProfileInUse = 3,
    /// The time given with `--timeout` was over.
    Timeout = 4,
    /// Ended by SIGINT, as shells count it.
    Interrupted = 130,
    /// Ended by SIGTERM, as shells count it.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What ended a command early: its one line for people, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The line, without the program's name. It is escaped when it is printed.
    pub message: String,
}

impl Failure {
    /// A failure with [`Exit::Failure`].
    pub fn new(message: impl fmt::Display) -> Failure {
        Failure { exit: Exit::Failure, message: message.to_string() }
    }

    /// Bad usage.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure { exit: Exit::Usage, message: message.to_string() }
    }
}

/// Prints a line for people: `longhaul: …`, on standard error, escaped.
pub fn complain(message: &str) {
    note(&format!("longhaul: {}", crate::escape::printable(message)));
}

/// Prints a line, already escaped, on standard error.
pub(crate) fn note(line: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints a line, already escaped, on standard output. A reader that has seen enough is no fault.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
