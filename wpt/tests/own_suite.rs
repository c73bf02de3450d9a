//! The adapter's own tests in the suite's format, run by the adapter: what the public suite does not cover of Background Fetch.

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use support::suite_server::SuiteServer;

#[test]
fn background_fetch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let harness = folder.join("node_modules/wpt-runner/testharness/testharness.js");
    if !harness.is_file() {
        let how = "testharness.js is not there; `npm ci` in wpt/ gets it";
        assert!(std::env::var_os("CI").is_none(), "{how}");
        eprintln!("not run: {how}");
        return;
    }
    let checkout = tempfile::tempdir().expect("a temporary folder");
    let root = checkout.path();
    std::fs::create_dir(root.join("resources")).expect("a folder");
    symlink(&harness, root.join("resources/testharness.js")).expect("a link");
    symlink(folder.join("tests/resources/user.js"), root.join("resources/user.js")).expect("a link");
    symlink(folder.join("tests/background-fetch"), root.join("background-fetch")).expect("a link");
    let server = SuiteServer::start(root);
    let run = Command::new(env!("CARGO_BIN_EXE_longhaul-wpt"))
        .args([
            "run",
            "--verbose",
            "--expectations",
            "none",
            "--timeout-multiplier",
            "6",
            "--server",
            &server.url(),
            "--wpt",
        ])
        .arg(root)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("subtests: 23 passed, 0 failed, 0 timed out, 0 not run, of 23"), "{said}");
}
