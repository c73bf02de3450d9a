//! What a page puts off: sent at its end, counted by what its documents may use.

mod support;

use std::sync::{Arc, Mutex};

use support::run::Run;
use support::server::{Connection, Request, Server};

const PAGE: &str = "<!doctype html><title>later</title><script>
    const refused = (name, body) => {
      try { fetchLater(name, { method: 'POST', body }); return 'taken'; } catch (error) { return error.name; }
    };
    console.log('first: ' + refused('/late', 'at the end'));
    const given = new AbortController();
    try { fetchLater('/never', { method: 'POST', signal: given.signal }); } catch {}
    given.abort();
    console.log('page: ' + refused('/never', 'x'.repeat(70000)));
    const frame = document.createElement('iframe');
    frame.src = '/framed';
    frame.onload = () => {
      console.log('frame: ' + frame.contentWindow.result);
      frame.remove();
      console.log('over');
    };
    document.documentElement.append(frame);
  </script>";
const FRAMED: &str = "<!doctype html><script>
    try { fetchLater('/from-the-frame', { method: 'POST', body: 'its end' }); window.result = 'taken'; }
    catch (error) { window.result = error.name; }
  </script>";

/// Runs the page with a header; gives what it said and what the server was sent.
fn run(header: &'static str) -> (Vec<String>, Vec<String>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        let html = ["Content-Type: text/html", header];
        match request.path.as_str() {
            "/" => connection.respond("200 OK", &html, PAGE.as_bytes()),
            "/framed" => connection.respond("200 OK", &html, FRAMED.as_bytes()),
            path => {
                notes.lock().unwrap().push(format!("{} {path}", request.method));
                connection.respond("204 No Content", &[], b"")
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, stderr) = Run::start(folder.path(), &server.origin(), &[]).finish();
    assert!(status.success(), "{stderr}");
    let said = events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect();
    let mut seen = seen.lock().unwrap().clone();
    seen.retain(|line| !line.contains("favicon"));
    seen.sort();
    (said, seen)
}

#[test]
fn what_waits_is_sent_when_its_document_ends() {
    let (said, seen) = run("X-Nothing: 1");
    assert_eq!(said, ["first: taken", "page: QuotaExceededError", "frame: taken", "over"]);
    assert_eq!(seen, ["POST /from-the-frame", "POST /late"]);
}

#[test]
fn a_permissions_policy_takes_it_away() {
    let (said, seen) = run("Permissions-Policy: deferred-fetch=(), geolocation=*");
    let refused = "QuotaExceededError";
    let expected = [
        format!("first: {refused}"),
        format!("page: {refused}"),
        format!("frame: {refused}"),
        "over".to_owned(),
    ];
    assert_eq!(said, expected);
    assert!(seen.is_empty(), "{seen:?}");
}
