//! The command, run to its end.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command under test, with no arguments and no terminal, and with a data directory that holds nothing of the user's.
pub fn longhaul(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
    command.stdin(Stdio::null()).env("XDG_DATA_HOME", data).env_remove("RUST_LOG");
    command
}

/// Runs it to its end.
pub fn output(data: &Path, arguments: &[&str]) -> Output {
    longhaul(data).args(arguments).output().expect("the command starts")
}

/// One of the control commands (`list`, `pause`, …) on a profile, run to its end.
pub fn control(profile: &Path, arguments: &[&str]) -> Output {
    longhaul(profile).args(arguments).arg("--profile").arg(profile).output().expect("the command starts")
}

/// Exit code, standard output and standard error.
pub fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what it prints is UTF-8");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
