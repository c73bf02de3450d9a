//! Usage errors, bad input, and the exit code of each.

mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use support::command::{longhaul, output, parts};
use support::folder::{folder, text};

#[test]
fn bad_usage_is_exit_code_2() {
    let data = tempfile::tempdir().expect("a temporary folder");
    for arguments in [
        &[][..],
        &["nonsense"],
        &["run"],
        &["run", "x", "--progress", "loud"],
        &["run", "x", "--grant", "camera=granted"],
        &["run", "x", "--timeout", "0"],
        &["run", "x", "--timeout", "\u{1b}[2J\n\u{9b}1"],
        &["run", "x", "--throttle", "0"],
        &["run", "x", "--port", "70000"],
        &["\u{1b}]0;title"],
        &["run", "\u{1b}[2J"],
        &["run", "ftp://example.com/"],
        &["run", "/nowhere/at/all"],
        &["pause"],
        &["fetch", "not a url"],
        &["fetch", "http://localhost/", "-H", "Host: x"],
        &["fetch", "http://localhost/", "--method", "TRACE"],
        &["fetch", "http://localhost/", "--data", "@/nowhere/at/all"],
    ] {
        let (code, stdout, stderr) = parts(&output(data.path(), arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
        if arguments.is_empty() {
            assert!(stderr.contains("Usage: longhaul <COMMAND>"), "{stderr}");
            continue;
        }
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("longhaul: "), "{arguments:?}: {stderr}");
        assert!(stderr.trim_end().chars().all(|character| !character.is_control()), "{stderr:?}");
    }
}

#[test]
fn a_folder_of_other_files_does_not_become_a_profile() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", "<script>console.log('here')</script>"), ("a.txt", "")]);
    std::fs::set_permissions(site.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    for arguments in [&["run", text(site.path())][..], &["list"], &["offline"], &["abort", "x"]] {
        let arguments = [arguments, &["--profile", text(site.path())]].concat();
        let (code, stdout, stderr) = parts(&output(data.path(), &arguments));
        let line = "the folder has other files in it and no profile; name one of its own";
        let line = format!("longhaul: {}: {line}\n", text(site.path()));
        assert_eq!((code, stdout.as_str(), stderr), (Some(2), "", line), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(site.path()).expect("a folder").count(), 2);
    let mode = std::fs::metadata(site.path()).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "who may read it is as it was");

    let file = site.path().join("a.txt");
    for command in [&["run", text(site.path())][..], &["list"]] {
        let (code, _, stderr) = parts(&output(data.path(), &[command, &["--profile", text(&file)]].concat()));
        let line = format!("longhaul: {}: a profile is a folder, and this is none\n", text(&file));
        assert_eq!((code, stderr), (Some(2), line));
    }
    // An empty folder becomes one, and stays one.
    let profile = data.path().join("empty");
    std::fs::create_dir(&profile).expect("a folder");
    for _ in 0..2 {
        let run = output(data.path(), &["run", text(site.path()), "--profile", text(&profile)]);
        assert_eq!(parts(&run), (Some(0), String::new(), "[window] here\n".to_owned()));
    }
}

#[test]
fn a_file_of_certificates_that_has_none_is_named() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", ""), ("a.txt", "no certificate")]);
    let file = site.path().join("a.txt");
    let line = format!("longhaul: {}: no certificates in PEM: it holds no certificate\n", text(&file));
    for command in [["run", text(site.path())], ["fetch", "https://localhost/"]] {
        let (code, _, stderr) =
            parts(&output(data.path(), &[&command[..], &["--cacert", text(&file)]].concat()));
        assert_eq!((code, &stderr), (Some(2), &line));
    }
}

#[test]
fn a_bad_target_is_named_in_one_line() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let empty = folder(&[("page.html", "<p>")]);
    for (target, end) in [
        ("ftp://a.example/", "ftp://a.example/: pages are loaded by http: and https:, not by ftp:"),
        ("/nowhere/at/all", "/nowhere/at/all: no such file or folder"),
        (text(empty.path()), "the folder has no index.html"),
        ("http://[", "http://[: invalid IPv6 address"),
    ] {
        let (_, _, stderr) = parts(&output(data.path(), &["run", target]));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("longhaul: ") && stderr.trim_end().ends_with(end), "{stderr}");
    }
}

#[test]
fn an_empty_page_is_done_at_once() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", "<!doctype html><title>t</title>")]);
    let (code, stdout, stderr) = parts(&output(data.path(), &["run", text(site.path())]));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn scripts_run_in_order_and_their_console_is_printed_escaped() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let page = "<!doctype html><title>t</title>
<script src=deferred.js defer></script>
<script>console.log('inline', document.readyState)</script>
<script src=external.js></script>
<script type=module>import { name } from './module.mjs'; console.log('module', name)</script>
<script>addEventListener('DOMContentLoaded', () => console.log('DOMContentLoaded'));
addEventListener('load', () => { console.log('load'); setTimeout(() => console.warn('\\u001b[2J\\n'), 1) })</script>";
    let site = folder(&[
        ("index.html", page),
        ("external.js", "console.log('external')"),
        ("deferred.js", "console.log('deferred', document.readyState)"),
        ("module.mjs", "export const name = 'imported'"),
    ]);
    let run = output(data.path(), &["run", text(site.path()), "--progress", "plain"]);
    let (code, stdout, stderr) = parts(&run);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "[window] inline loading",
            "[window] external",
            "[window] deferred interactive",
            "[window] module imported",
            "[window] DOMContentLoaded",
            "[window] load",
            "[window warn] \\u{1b}[2J\\n",
        ]
    );
    assert_eq!((code, stdout.as_str()), (Some(0), ""));

    let run = output(data.path(), &["run", text(site.path()), "--progress", "json"]);
    let (code, stdout, stderr) = parts(&run);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.chars().all(|character| character == '\n' || !character.is_control()));
    let events: Vec<serde_json::Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!(events.len(), lines.len());
    assert_eq!(
        events[0],
        serde_json::json!({ "event": "console", "agent": "window", "level": "log", "message": "inline loading" })
    );
    assert_eq!(events[6]["message"], "\u{1b}[2J\n");
}

#[test]
fn a_script_that_throws_is_named_with_file_and_line() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[
        ("index.html", "<script src=bad.js></script><script>console.log('on')</script>"),
        ("bad.js", "\n\nnull.x;\n"),
    ]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(site.path())]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.lines().any(|line| line.starts_with("longhaul: ") && line.contains("/bad.js:3: TypeError")),
        "{stderr}"
    );
    assert!(stderr.contains("[window] on"), "the page goes on: {stderr}");

    let inline = folder(&[("index.html", "<p>\n<script>\nthrow new Error('x\\u001by')</script>")]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(inline.path())]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/:3: ") && stderr.contains("x\\u{1b}y"), "{stderr}");

    let syntax = folder(&[("x.js", "1;\nlet let = 2;\n")]);
    let script = syntax.path().join("x.js");
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(&script)]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/x.js:2: SyntaxError"), "{stderr}");

    // What is thrown without a place of its own is named by its script, or by the page once that is over.
    let bare = folder(&[
        (
            "index.html",
            "<script src=bare.js></script><script>setTimeout(() => { throw undefined }, 1)</script>",
        ),
        ("bare.js", "Promise.reject({}); throw null;"),
    ]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(bare.path())]));
    assert_eq!(code, Some(1), "{stderr}");
    let ends = [
        "/bare.js: uncaught null",
        "/bare.js: unhandled rejection: [object Object]",
        "/: uncaught undefined",
    ];
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), ends.len(), "{stderr}");
    for (line, end) in lines.iter().zip(ends) {
        assert!(line.starts_with("longhaul: http://localhost:") && line.ends_with(end), "{line}");
    }

    let rejected = folder(&[("x.js", "Promise.reject(new Error('nobody'));")]);
    let script = rejected.path().join("x.js");
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(&script)]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("nobody"), "{stderr}");
}

#[test]
fn a_script_that_does_not_come_and_a_page_that_does_not_come_are_failures() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", "<script src=missing.js></script>")]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(site.path())]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/missing.js: the server answered with status 404"), "{stderr}");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    drop(listener);
    let (code, _, stderr) = parts(&output(data.path(), &["run", &format!("http://localhost:{port}/x")]));
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with(&format!("longhaul: http://localhost:{port}/x: ")), "{stderr}");
}

#[test]
fn the_origin_of_a_folder_is_the_same_in_every_run() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", "<script>console.log(location.origin)</script>")]);
    let origin = || parts(&output(data.path(), &["run", text(site.path())])).2;
    let first = origin();
    assert!(first.starts_with("[window] http://localhost:"), "{first}");
    assert_eq!(first, origin());
}

#[test]
fn a_port_in_use_is_one_line() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", "")]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it has an address").port().to_string();
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(site.path()), "--port", &port]));
    assert_eq!((code, stderr), (Some(1), format!("longhaul: port {port} is in use\n")));
}

#[test]
fn a_rejected_wait_until_is_named() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[
        ("index.html", "<script>navigator.serviceWorker.register('sw.js')</script>"),
        (
            "sw.js",
            "addEventListener('install', (event) => event.waitUntil(Promise.reject(new Error('no room'))))",
        ),
    ]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(site.path())]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains("/sw.js: install: a promise given to waitUntil() was rejected: Error: no room"),
        "{stderr}"
    );
}

#[test]
fn a_service_worker_that_throws_is_named_with_file_and_line() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[
        (
            "index.html",
            "<script>navigator.serviceWorker.register('sw.js').catch((e) => console.log(e.name))</script>",
        ),
        ("sw.js", "\n\nundefined.x;"),
    ]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(site.path())]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("/sw.js:3: TypeError") && stderr.contains("[window] TypeError"), "{stderr}");
}

#[test]
fn a_run_that_does_not_end_times_out_with_4() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[("index.html", "<script>setInterval(() => {}, 10)</script>")]);
    let (code, _, stderr) = parts(&output(data.path(), &["run", text(site.path()), "--timeout", "0.3"]));
    assert_eq!((code, stderr.as_str()), (Some(4), "longhaul: not done after 0.3 s\n"));
}

#[test]
fn a_profile_in_use_is_exit_code_3() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let profile = data.path().join("p");
    let site = folder(&[("index.html", "<script>console.log('here'); setInterval(() => {}, 1000)</script>")]);
    let mut first = longhaul(data.path());
    first.args(["run", text(site.path()), "--profile", text(&profile)]).stderr(Stdio::piped());
    let mut first = first.spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(first.stderr.take().expect("it is piped")).read_line(&mut line).expect("it is text");
    assert_eq!(line, "[window] here\n");
    let other = folder(&[("index.html", "")]);
    let (code, _, stderr) =
        parts(&output(data.path(), &["run", text(other.path()), "--profile", text(&profile)]));
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("in use") && stderr.contains(text(&profile)), "{stderr}");
    let (code, _, stderr) =
        parts(&output(data.path(), &["run", text(other.path()), "--profile", text(&profile)]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "a killed run leaves nothing in the way");
}

#[test]
fn interrupted_it_ends_cleanly() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let profile = data.path().join("p");
    let site = folder(&[("index.html", "<script>console.log('here'); setInterval(() => {}, 1000)</script>")]);
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let mut run = longhaul(data.path());
        run.args(["run", text(site.path()), "--profile", text(&profile)]).stderr(Stdio::piped());
        let mut run = run.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(run.stderr.take().expect("it is piped")).read_line(&mut line).expect("it is text");
        let pid = run.id().to_string();
        let kill = std::process::Command::new("kill").args([signal, &pid]).status().expect("there is a kill");
        assert!(kill.success());
        assert_eq!(run.wait().expect("it ends").code(), Some(code));
    }
}

#[test]
fn a_profile_of_a_newer_format_is_refused_and_left_alone() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let profile = data.path().join("p");
    let site = folder(&[("index.html", "")]);
    let run = || parts(&output(data.path(), &["run", text(site.path()), "--profile", text(&profile)]));
    assert_eq!(run().0, Some(0));
    let database = rusqlite::Connection::open(metadata(&profile)).expect("it is SQLite");
    database.pragma_update(None, "user_version", 1_000_000).expect("it is writable");
    drop(database);
    let (code, stdout, stderr) = run();
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(1), "", 1), "{stderr}");
    assert!(
        stderr.starts_with(&format!("longhaul: {}: ", text(&profile))) && stderr.contains("1000000"),
        "{stderr}"
    );
    let database = rusqlite::Connection::open(metadata(&profile)).expect("it is SQLite");
    let version: i64 =
        database.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("it can be read");
    assert_eq!(version, 1_000_000);
}

/// The profile's metadata.
fn metadata(profile: &std::path::Path) -> std::path::PathBuf {
    let entries = std::fs::read_dir(profile).expect("the profile is a folder");
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0")))
        .expect("the metadata is SQLite")
}

#[test]
fn a_corrupt_profile_is_named_and_the_run_goes_on() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let profile = data.path().join("p");
    let site = folder(&[("index.html", "<script>console.log('here')</script>")]);
    let run = || parts(&output(data.path(), &["run", text(site.path()), "--profile", text(&profile)]));
    assert_eq!(run().0, Some(0));
    let database = metadata(&profile);
    for entry in std::fs::read_dir(&profile).expect("the profile is a folder").flatten() {
        let name = entry.file_name().into_string().expect("plain names");
        if name.ends_with("-wal") || name.ends_with("-shm") {
            std::fs::remove_file(entry.path()).expect("it is a file");
        }
    }
    std::fs::write(&database, [b"SQLite format 3\0".as_slice(), &[0xff; 5000]].concat())
        .expect("it is writable");
    let (code, _, stderr) = run();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("[window] here"), "{stderr}");
    assert!(stderr.lines().any(|line| line.starts_with("longhaul: ")), "what is damaged is named: {stderr}");
}

#[test]
fn a_fetch_shows_the_response_and_the_reason_of_a_failure() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = folder(&[
        ("index.html", "<script>console.log(location.origin); setInterval(() => {}, 1000)</script>"),
        ("a.txt", "content"),
        ("a.css", "content"),
    ]);
    let mut run = longhaul(data.path());
    run.args(["run", text(site.path())]).stderr(Stdio::piped());
    let mut run = run.spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(run.stderr.take().expect("it is piped")).read_line(&mut line).expect("it is text");
    let origin = line.trim_end().strip_prefix("[window] ").expect("its console").to_owned();
    let url = format!("{origin}/a.txt");

    let (code, stdout, stderr) = parts(&output(data.path(), &["fetch", &url]));
    let json = output(data.path(), &["fetch", &url, "--json", "--method", "HEAD"]);
    let foreign = output(data.path(), &["fetch", &url, "--origin", "https://a.example"]);
    let no_cors = |url: &str| {
        output(data.path(), &["fetch", url, "--origin", "http://a.example", "--mode", "no-cors", "--json"])
    };
    let blocked = no_cors(&url);
    let opaque = no_cors(&format!("{origin}/a.css"));
    run.kill().expect("it runs");
    run.wait().expect("it ends");

    assert_eq!((code, stdout.as_str()), (Some(0), "content"), "{stderr}");
    assert!(stderr.contains("type: basic\nstatus: 200 OK\n"), "{stderr}");
    assert!(stderr.contains("header: content-type: text/plain;charset=utf-8\n"), "{stderr}");
    let (code, stdout, _) = parts(&json);
    let described: serde_json::Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!((code, &described["status"], &described["type"]), (Some(0), &200.into(), &"basic".into()));
    let (code, _, stderr) = parts(&foreign);
    assert_eq!(code, Some(1), "CORS refuses");
    assert!(stderr.contains(&format!("{url}: network error: ")), "{stderr}");
    let (code, stdout, _) = parts(&blocked);
    let described: serde_json::Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!((code, &described["type"]), (Some(1), &"error".into()), "no page has ever embedded a text");
    let (code, stdout, _) = parts(&opaque);
    let described: serde_json::Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!((code, &described["type"], &described["status"]), (Some(0), &"opaque".into(), &0.into()));
}
