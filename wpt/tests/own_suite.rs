//! The adapter's own tests in the suite's format, run by the adapter: what the public suite does not cover of Background Fetch.

mod support;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use longhaul_wpt::report::{Report, Status};
use support::suite_server::SuiteServer;

/// A checkout with our tests, each as `change` makes it; none where the harness is missing.
fn checkout(change: impl Fn(&str, String) -> String) -> Option<tempfile::TempDir> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let harness = folder.join("node_modules/wpt-runner/testharness/testharness.js");
    if !harness.is_file() {
        let how = "testharness.js is not there; `npm ci` in wpt/ gets it";
        assert!(std::env::var_os("CI").is_none(), "{how}");
        eprintln!("not run: {how}");
        return None;
    }
    let checkout = tempfile::tempdir().expect("a temporary folder");
    let root = checkout.path();
    for made in ["resources", "background-fetch"] {
        std::fs::create_dir(root.join(made)).expect("a folder");
    }
    symlink(&harness, root.join("resources/testharness.js")).expect("a link");
    symlink(folder.join("tests/resources/user.js"), root.join("resources/user.js")).expect("a link");
    let tests = folder.join("tests/background-fetch");
    symlink(tests.join("resources"), root.join("background-fetch/resources")).expect("a link");
    for path in files(&tests) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name");
        let text = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(root.join("background-fetch").join(name), change(name, text)).expect("a file");
    }
    Some(checkout)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.filter(|path| path.is_file()).collect()
}

fn run(root: &Path, arguments: &[&str]) -> Output {
    let server = SuiteServer::start(root);
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul-wpt"));
    command.args(["run", "--verbose", "--expectations", "none", "--timeout-multiplier", "6"]);
    command.args(["--server", &server.url(), "--wpt"]).arg(root).args(arguments).output().expect("it starts")
}

#[test]
fn background_fetch() {
    let Some(checkout) = checkout(|_, text| text) else { return };
    let run = run(checkout.path(), &[]);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("subtests: 23 passed, 0 failed, 0 timed out, 0 not run, of 23"), "{said}");
}

#[test]
fn an_assertion_turned_round_fails_in_each_file() {
    let turn_round = |name: &str, text: String| {
        let at = text.rfind("assert_equals(").unwrap_or_else(|| panic!("{name} asserts nothing"));
        let (before, after) = text.split_at(at);
        format!("{before}assert_not_equals{}", &after["assert_equals".len()..])
    };
    let Some(checkout) = checkout(turn_round) else { return };
    let report = checkout.path().join("report.json");
    let run = run(checkout.path(), &["--log-wptreport", report.to_str().expect("it is UTF-8")]);
    assert_eq!(run.status.code(), Some(1));
    let report = Report::read(&report).expect("it is written");
    assert_eq!(report.results.len(), 13);
    for result in &report.results {
        let failed = result.subtests.iter().filter(|subtest| subtest.status == Status::Fail).count();
        assert_eq!((result.status, failed), (Status::Ok, 1), "{result:?}");
    }
}
