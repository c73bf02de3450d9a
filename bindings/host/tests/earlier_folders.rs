//! A run on another target goes on with what the folders of earlier runs left unfinished.

mod support;

use std::net::TcpListener;
use std::path::Path;

use support::command::{longhaul, output, parts};
use support::folder::{folder, text};
use support::run::Run;

const SIZE: u64 = 3_000_000;

const PAGE: &str = r#"(async () => {
  await navigator.serviceWorker.register("sw.js");
  const swReg = await navigator.serviceWorker.ready;
  await swReg.backgroundFetch.fetch("one", "/big.bin", { title: "One" });
})();"#;

const WORKER: &str = r#"
addEventListener("install", () => skipWaiting());
addEventListener("backgroundfetchsuccess", (event) => event.waitUntil((async () => {
  const [record] = await event.registration.matchAll();
  const bytes = await (await record.responseReady).arrayBuffer();
  console.log(`${event.registration.id}: ${bytes.byteLength} of ${await (await fetch("name.txt")).text()}`);
})()));"#;

fn site(name: &str) -> tempfile::TempDir {
    let manifest = format!(r#"{{ "/big.bin": {{ "size": {SIZE}, "seed": 1 }} }}"#);
    folder(&[
        ("index.html", "<!doctype html><script src=page.js></script>"),
        ("page.js", PAGE),
        ("sw.js", WORKER),
        ("name.txt", name),
        ("longhaul-serve.json", &manifest),
    ])
}

fn empty() -> tempfile::TempDir {
    folder(&[("index.html", "<!doctype html>")])
}

/// Runs a folder until some bytes have come, and kills it. Gives its origin.
fn begin(data: &Path, target: &Path, more: &[&str]) -> String {
    let mut command = longhaul(data);
    command.args(["run", text(target), "--progress", "json", "--throttle", "300000", "--timeout", "100"]);
    let mut run = Run::spawn({
        command.args(more);
        command
    });
    let progress = run.wait_for("some bytes", |event| {
        event["event"] == "progress" && event["downloaded"].as_u64() > Some(0)
    });
    run.kill();
    progress["origin"].as_str().expect("it has an origin").to_owned()
}

fn run(data: &Path, target: &str) -> (Option<i32>, String, String) {
    parts(&output(data, &["run", target, "--progress", "json", "--timeout", "60"]))
}

/// The rows of the host's own table: ports and paths.
fn remembered(data: &Path) -> Vec<(u16, String)> {
    let database = rusqlite::Connection::open(data.join("longhaul/profile/metadata.sqlite")).unwrap();
    let mut rows = database.prepare("SELECT port, CAST(target AS TEXT) FROM host_served_folders").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_run_of_another_folder_serves_it_to_its_end_and_then_forgets_it() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (first, second, other) = (site("the first"), site("the second"), empty());
    begin(data.path(), first.path(), &[]);
    // A port that was named is as good as one that was computed; the first folder waits meanwhile or goes on.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    drop(listener);
    let mut command = longhaul(data.path());
    command.args(["run", text(second.path()), "--progress", "json", "--throttle", "300000"]);
    command.args(["--timeout", "100", "--port", &port.to_string()]);
    let mut both = Run::spawn(command);
    both.wait_for("some bytes of the second", |event| {
        event["origin"] == format!("http://localhost:{port}") && event["downloaded"].as_u64() > Some(0)
    });
    both.kill();
    assert_eq!(remembered(data.path()).len(), 2);

    let (code, stdout, stderr) = run(data.path(), text(other.path()));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    for name in ["the first", "the second"] {
        assert!(stdout.contains(&format!("one: {SIZE} of {name}")), "{name}: {stdout}");
    }
    assert!(!stdout.contains(r#""result":"failure""#), "{stdout}");

    assert_eq!(run(data.path(), text(other.path())).0, Some(0));
    let left = remembered(data.path());
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(Path::new(&left[0].1), other.path().canonicalize().unwrap());
}

#[test]
fn a_run_of_a_page_of_the_web_serves_it_too() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let first = site("the first");
    begin(data.path(), first.path(), &[]);
    let (code, stdout, stderr) = run(data.path(), "http://localhost:1/");
    assert_eq!(code, Some(1), "there is no such page: {stderr}");
    assert!(stdout.contains(&format!("one: {SIZE} of the first")), "{stdout}{stderr}");
}

#[test]
fn a_folder_that_is_gone_and_a_port_that_is_taken_are_one_line() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (first, other) = (site("the first"), empty());
    let origin = begin(data.path(), first.path(), &[]);
    let port: u16 = origin.rsplit(':').next().and_then(|port| port.parse().ok()).expect("it has a port");
    let again = || parts(&output(data.path(), &["run", text(other.path()), "--timeout", "0.3"]));

    let held = TcpListener::bind(("127.0.0.1", port)).expect("the run is over");
    let (code, _, stderr) = again();
    drop(held);
    assert_eq!(code, Some(4));
    let line = format!(
        "longhaul: “one” waits (`longhaul abort` ends that): port {port} is in use, so {} is not served\n",
        first.path().canonicalize().unwrap().display()
    );
    assert!(stderr.contains(&line), "{stderr}");

    let path = first.path().canonicalize().unwrap();
    drop(first);
    let (code, _, stderr) = again();
    assert_eq!(code, Some(4));
    let line = format!(
        "longhaul: “one” waits (`longhaul abort` ends that): {}: no such file or folder\n",
        path.display()
    );
    assert!(stderr.contains(&line), "{stderr}");

    // What is there now in its place was never meant to be served.
    std::os::unix::fs::symlink(other.path(), &path).unwrap();
    let (code, _, stderr) = again();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code, Some(4));
    assert!(stderr.contains(&format!("{}: it is a symbolic link now\n", path.display())), "{stderr}");
    // It stays remembered for when it is back.
    assert_eq!(remembered(data.path()).len(), 2);
}
