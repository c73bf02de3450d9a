//! Aborting a background fetch settles it, whatever it was doing.

mod support;

use support::command::control;
use support::run::{Run, worker_reports};
use support::server::{Connection, Request, Server};
use support::site;

const FETCH: &str = "await swReg.backgroundFetch.fetch('it', 'file', { title: 'it' });";

/// A site whose `/file` sends `first` bytes of many and then nothing more.
fn stalling(script: &'static str, first: usize) -> Server {
    Server::start(move |request: &Request, connection: &mut Connection| {
        if let Some(done) = site::answer(request, connection, script) {
            return done;
        }
        if first == 0 {
            return connection.hang();
        }
        connection.head(&["HTTP/1.1 200 OK", "Content-Length: 10000000", "ETag: \"a\""])?;
        connection.body(&site::bytes(0..first as u64))?;
        connection.hang()
    })
}

fn assert_aborted(run: Run) {
    let (status, events, _) = run.finish();
    let settled = events.iter().find(|e| e["event"] == "settled").unwrap_or_else(|| panic!("{events:#?}"));
    assert_eq!(
        (settled["result"].as_str(), settled["failureReason"].as_str()),
        (Some("failure"), Some("aborted"))
    );
    assert_eq!(worker_reports(&events, "abort", "it").len(), 1, "{events:#?}");
    assert_eq!(status.code(), Some(1), "an aborted fetch was not successful");
}

fn abort_from_outside(run: &Run, profile: &std::path::Path) {
    let output = control(profile, &["abort", "it"]);
    assert!(output.status.success(), "{output:?} while {} runs", run.pid());
}

#[test]
fn before_the_first_byte() {
    let server = stalling(FETCH, 0);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &[]);
    run.wait_for_event("registered", "it");
    abort_from_outside(&run, folder.path());
    assert_aborted(run);
}

#[test]
fn in_the_middle() {
    let server = stalling(FETCH, 100_000);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &[]);
    run.wait_for("progress to 100000", |e| e["event"] == "progress" && e["downloaded"] == 100_000);
    abort_from_outside(&run, folder.path());
    assert_aborted(run);
}

#[test]
fn by_the_page() {
    let script = "const it = await swReg.backgroundFetch.fetch('it', 'file');
                  it.onprogress = () => it.abort().then((did) => console.log(`abort: ${did}`));";
    let server = stalling(script, 100_000);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &[]);
    run.wait_for("the page's abort", |e| e["event"] == "console" && e["message"] == "abort: true");
    assert_aborted(run);
}

#[test]
fn while_paused() {
    let server = stalling(FETCH, 100_000);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &[]);
    run.wait_for("progress to 100000", |e| e["event"] == "progress" && e["downloaded"] == 100_000);
    assert!(control(folder.path(), &["pause", "it"]).status.success());
    run.wait_for_event("paused", "it");
    // A paused fetch leaves the run nothing to do, so it may already have ended: then this acts on the profile.
    assert!(control(folder.path(), &["abort", "it"]).status.success());
    let (_, mut events, _) = run.finish();
    if !events.iter().any(|e| e["event"] == "settled") {
        let (_, later, _) = Run::start(folder.path(), &format!("{}/empty", server.origin()), &[]).finish();
        events.extend(later);
    }
    assert_eq!(worker_reports(&events, "abort", "it").len(), 1, "{events:#?}");
}

#[test]
fn while_offline() {
    let server = stalling(FETCH, 100_000);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &[]);
    run.wait_for("progress to 100000", |e| e["event"] == "progress" && e["downloaded"] == 100_000);
    assert!(control(folder.path(), &["offline"]).status.success());
    abort_from_outside(&run, folder.path());
    assert_aborted(run);
}

#[test]
fn while_permission_is_prompt() {
    let server = stalling(FETCH, 100_000);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &["--grant", "background-fetch=prompt"]);
    run.wait_for_event("registered", "it");
    assert!(control(folder.path(), &["abort", "it"]).status.success());
    let (_, mut events, _) = run.finish();
    if !events.iter().any(|e| e["event"] == "settled") {
        let (_, later, _) = Run::start(folder.path(), &format!("{}/empty", server.origin()), &[]).finish();
        events.extend(later);
    }
    assert_eq!(worker_reports(&events, "abort", "it").len(), 1, "{events:#?}");
    assert!(server.requests_for("/file").is_empty(), "nothing is fetched before the permission is given");
}
