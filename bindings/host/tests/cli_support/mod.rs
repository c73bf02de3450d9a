//! What the command's own tests share.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command, with no terminal, and with a data directory that holds nothing of the user's.
pub(crate) fn longhaul(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
    command.stdin(Stdio::null()).env("XDG_DATA_HOME", data).env_remove("RUST_LOG");
    command
}

/// Runs it to its end.
pub(crate) fn output(data: &Path, arguments: &[&str]) -> Output {
    longhaul(data).args(arguments).output().expect("the command starts")
}

/// Exit code, standard output and standard error.
pub(crate) fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what it prints is UTF-8");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is inside")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    folder
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
