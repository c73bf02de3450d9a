//! The adapter on a small checkout of our own, with a harness of our own.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use longhaul_wpt::checkout::Checkout;
use longhaul_wpt::report::{Report, Status, TestResult};
use longhaul_wpt::run::RunOptions;
use longhaul_wpt::server::Server;
use support::suite_server::SuiteServer;

const HARNESS: &str =
    "<script src=/resources/testharness.js></script><script src=/resources/testharnessreport.js></script>";

/// A checkout with these files.
struct Suite {
    folder: tempfile::TempDir,
    server: SuiteServer,
}

impl Suite {
    fn new(files: &[(&str, String)]) -> Suite {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let harness = include_str!("checkout/testharness.js").to_owned();
        for (path, text) in files.iter().chain([&("resources/testharness.js", harness)]) {
            let path = folder.path().join("suite").join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let server = SuiteServer::start(&folder.path().join("suite"));
        Suite { folder, server }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("suite")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `longhaul-wpt run` with these arguments too.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul-wpt"));
        command.args(["run", "--server", &self.server.url(), "--wpt"]).arg(self.root()).args(arguments);
        command.output().expect("it starts")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("it is UTF-8")
}

fn any_test() -> (&'static str, String) {
    let script = "promise_test(async () => {}, 'passes');
        promise_test(async () => { throw new Error('\\ud800 no') }, 'fails');
        promise_test(async () => {}, 'twice');
        promise_test(async () => { throw new Error('second') }, 'twice');";
    ("folder/any.any.js", script.to_owned())
}

fn statuses(result: &TestResult) -> Vec<(String, Status)> {
    result.unique_subtests().map(|(name, subtest)| (name, subtest.status)).collect()
}

#[test]
fn results_are_reported_and_kept_as_expectations_with_their_reasons() {
    let suite = Suite::new(&[any_test()]);
    let (report, log, expectations) =
        (suite.path("report.json"), suite.path("log.json"), suite.path("expectations"));
    let arguments =
        ["--log-wptreport", path(&report), "--log-json", path(&log), "--expectations", path(&expectations)];
    // 1. Nothing is expected yet, so what fails is a surprise.
    let first = suite.run(&arguments);
    assert_eq!(first.status.code(), Some(1), "{}", said(&first));
    assert!(
        said(&first).contains("FAIL instead of PASS: /folder/any.any.worker.html | twice #2"),
        "{}",
        said(&first)
    );
    assert!(
        said(&first).contains("subtests: 4 passed, 4 failed, 0 timed out, 0 not run, of 8"),
        "{}",
        said(&first)
    );
    let read = Report::read(&report).expect("it is written");
    let names: Vec<_> = read.results.iter().map(|result| (result.test.as_str(), result.status)).collect();
    assert_eq!(names, [("/folder/any.any.html", Status::Ok), ("/folder/any.any.worker.html", Status::Ok)]);
    let wanted = [
        ("passes".to_owned(), Status::Pass),
        ("fails".to_owned(), Status::Fail),
        ("twice".to_owned(), Status::Pass),
        ("twice #2".to_owned(), Status::Fail),
    ];
    for result in &read.results {
        assert_eq!(statuses(result), wanted);
        assert_eq!(result.subtests[1].message.as_deref(), Some("Error: U+d800 no"));
        assert_eq!(result.subtests[1].expected, Some(Status::Pass));
    }
    let log = std::fs::read_to_string(&log).expect("it is written");
    let actions =
        |action: &str| log.lines().filter(|line| line.contains(&format!("\"action\":\"{action}\""))).count();
    assert_eq!(
        (actions("test_start"), actions("test_status"), actions("test_end"), actions("suite_end")),
        (2, 8, 2, 1)
    );
    // 2. Taken up as expected, it is no surprise, but each wants a reason.
    let update = Command::new(env!("CARGO_BIN_EXE_longhaul-wpt"))
        .args([
            "update-expectations",
            "--expectations",
            path(&expectations),
            "--wpt",
            path(&suite.root()),
            path(&report),
        ])
        .output()
        .expect("it starts");
    assert!(update.status.success(), "{}", said(&update));
    let second = suite.run(&arguments);
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    assert!(
        said(&second).contains("an expectation without a reason: /folder/any.any.html"),
        "{}",
        said(&second)
    );
    assert!(said(&second).contains("; 0 unexpected results"), "{}", said(&second));
    // 3. With reasons all is well, again and again.
    let file = expectations.join("folder/any.any.js.expect");
    let text = std::fs::read_to_string(&file).expect("it is written");
    let text: String =
        text.lines()
            .map(|line| {
                if line.contains("FAIL") { format!("{line}\n    It throws.\n") } else { format!("{line}\n") }
            })
            .collect();
    std::fs::write(&file, &text).expect("it is written");
    let third = suite.run(&["--rerun", "2", "--expectations", path(&expectations)]);
    assert_eq!(third.status.code(), Some(0), "{}", said(&third));
    // 4. What passes unexpectedly is as bad.
    std::fs::write(&file, text.replace("FAIL \"fails\"", "FAIL \"passes\"")).expect("it is written");
    let fourth = suite.run(&["--expectations", path(&expectations)]);
    assert_eq!(fourth.status.code(), Some(1), "{}", said(&fourth));
    assert!(
        said(&fourth).contains("PASS instead of FAIL: /folder/any.any.html | passes"),
        "{}",
        said(&fourth)
    );
}

#[test]
fn a_test_that_hangs_or_waits_for_ever_costs_that_test_only() {
    let suite = Suite::new(&[
        ("a/busy.window.js", "promise_test(async () => {}, 'before'); for (;;);".to_owned()),
        (
            "a/silent.html",
            format!("{HARNESS}<script>promise_test(() => new Promise(() => {{}}), 'waits')</script>"),
        ),
        (
            "a/missing.html",
            format!(
                "{HARNESS}<script src=nowhere.js></script><script>promise_test(async () => {{}}, 'goes on')</script>"
            ),
        ),
        any_test(),
        ("crashtests/load.html", "<p>Loads.".to_owned()),
    ]);
    let report = suite.path("report.json");
    let run = suite.run(&[
        "--expectations",
        "none",
        "--timeout-multiplier",
        "0.2",
        "--log-wptreport",
        path(&report),
    ]);
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    let read = Report::read(&report).expect("it is written");
    let found: Vec<_> = read
        .results
        .iter()
        .map(|result| (result.test.as_str(), result.status, result.subtests.len()))
        .collect();
    assert_eq!(
        found,
        [
            ("/a/busy.window.html", Status::Timeout, 0),
            ("/a/missing.html", Status::Ok, 1),
            ("/a/silent.html", Status::Timeout, 1),
            ("/crashtests/load.html", Status::Pass, 0),
            ("/folder/any.any.html", Status::Ok, 4),
            ("/folder/any.any.worker.html", Status::Ok, 4),
        ]
    );
    assert_eq!(statuses(&read.results[2]), [("waits".to_owned(), Status::Timeout)]);
}

#[test]
fn every_test_begins_with_a_fresh_profile_and_may_ask_for_what_a_user_does() {
    let page = format!(
        "<button id=button>Go</button>{HARNESS}<script>window.test_driver_internal = {{}}; window.test_driver = {{ click: () => Promise.reject('it was looked for') }};</script>
         <script src=/resources/testdriver-vendor.js></script><script>
         promise_test(async () => {{
           if (document.cookie !== '') throw new Error('cookies: ' + document.cookie);
           if ((await caches.keys()).length !== 0) throw new Error('caches');
           document.cookie = 'a=b';
           await caches.open('c');
           if ((await test_driver_internal.get_named_cookie('a')).value !== 'b') throw new Error('no cookie');
           await test_driver_internal.delete_all_cookies();
           if (document.cookie !== '') throw new Error('not deleted');
           document.cookie = 'a=b';
         }}, 'fresh');
         promise_test(async () => {{
           const clicked = new Promise((resolve) => button.onclick = resolve);
           await test_driver.click(button);
           const event = await clicked;
           if (!event.isTrusted || event.target !== button) throw new Error('no user\\'s click');
         }}, 'click');
         promise_test(async () => {{
           await test_driver_internal.set_permission({{ descriptor: {{ name: 'background-fetch' }}, state: 'denied' }});
           const {{ state }} = await navigator.permissions.query({{ name: 'background-fetch' }});
           if (state !== 'denied') throw new Error(state);
         }}, 'permission');
         promise_test(async () => {{
           const error = await test_driver_internal.set_permission({{ descriptor: {{ name: 'x' }}, state: 'y' }}).catch((error) => error);
           if (!String(error).includes('y is no state')) throw new Error(error);
         }}, 'what cannot be done');
         </script>"
    );
    let suite = Suite::new(&[("a/one.html", page.clone()), ("a/two.html", page)]);
    // One after the other.
    let run = suite.run(&["--expectations", "none", "--jobs", "1", "--verbose"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(said(&run).contains("subtests: 8 passed, 0 failed"), "{}", said(&run));
}

#[test]
fn what_a_driver_is_asked_for_is_done_once_the_page_is_parsed() {
    let page = format!(
        "{HARNESS}<script>window.test_driver_internal = {{}};</script>
         <script src=/resources/testdriver-vendor.js></script><script>
         promise_test(async () => {{
           await test_driver_internal.delete_all_cookies();
           if (document.body === null) throw new Error(document.readyState);
         }}, 'parsed');</script>"
    );
    let run = Suite::new(&[("a/page.html", page)]).run(&["--expectations", "none", "--verbose"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(said(&run).contains("subtests: 1 passed, 0 failed"), "{}", said(&run));
}

#[test]
fn frames_and_their_harnesses_report_nothing_for_the_test() {
    let inner = format!("{HARNESS}<script>promise_test(async () => {{ throw 1 }}, 'inner')</script>");
    let outer = format!(
        "{HARNESS}<script>promise_test(() => new Promise((resolve) => onmessage = resolve), 'outer')</script>
         <iframe src=resources/inner.html onload='setTimeout(() => postMessage(1, \"*\"), 50)'></iframe>"
    );
    let suite = Suite::new(&[("a/outer.html", outer), ("a/resources/inner.html", inner)]);
    let run = suite.run(&["--expectations", "none", "--verbose"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(
        said(&run).contains("subtests: 1 passed, 0 failed, 0 timed out, 0 not run, of 1"),
        "{}",
        said(&run)
    );
}

#[test]
fn a_process_may_crash_or_talk_nonsense() {
    use std::os::unix::fs::PermissionsExt as _;

    let suite = Suite::new(&[any_test()]);
    let tests = Checkout::open(suite.root()).expect("it is one").tests(&[]).expect("it has tests");
    let server = Server::at(&suite.server.url(), Vec::new()).expect("a URL");
    for (script, status, message) in [
        ("echo last words >&2; kill -9 $$", Status::Crash, "signal: 9"),
        ("exit 3", Status::Crash, "exit status: 3"),
        ("echo nonsense; cat > /dev/null", Status::Error, "cannot be read"),
        ("cat > /dev/null; sleep 600", Status::Timeout, "did not answer"),
    ] {
        let program = suite.path("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let options = RunOptions { jobs: 2, timeout_multiplier: 0.01, program };
        let mut done = 0;
        let results =
            longhaul_wpt::run::run(&tests, &server, &options, |_, _| done += 1).expect("they start");
        assert_eq!((results.len(), done), (2, 2));
        for result in &results {
            assert_eq!(result.status, status, "{script}: {result:?}");
            assert!(
                result.message.as_deref().is_some_and(|text| text.contains(message)),
                "{script}: {result:?}"
            );
        }
        if script.contains("last words") {
            assert_eq!(results[0].console, ["last words"]);
        }
    }
}
