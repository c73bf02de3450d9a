//! The example programs of the explainer's kind, run as they are.

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;
use support::run::Run;
use support::server::{Connection, Request, Server};
use support::site;

const FILM: u64 = 12 * 1024 * 1024;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/longhaul/examples").join(name)
}

/// What page and worker print.
fn messages(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter(|event| event["event"] == "console")
        .filter_map(|event| event["message"].as_str())
        .collect()
}

fn said(events: &[Value], line: &str) -> usize {
    messages(events).iter().filter(|message| **message == line).count()
}

/// Opens once.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.lock().unwrap();
        let (_open, waited) =
            self.1.wait_timeout_while(closed, Duration::from_secs(120), |open| !*open).unwrap();
        assert!(!waited.timed_out(), "the gate was never opened");
    }
}

/// A film is watched while it downloads, from the download; and then without a network, page and all, with jumps in it.
#[test]
fn a_film_is_served_from_its_download_and_then_from_the_cache() {
    let watched = Arc::new(Gate::default());
    let until_watched = Arc::clone(&watched);
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        let name = match request.path.trim_start_matches('/') {
            "" => "index.html",
            name => name,
        };
        if name == "film.webm" {
            let start = request.range_start();
            connection.head(&[
                "HTTP/1.1 200 OK",
                &format!("Content-Length: {}", FILM - start),
                "Content-Type: video/webm",
                "ETag: \"film\"",
            ])?;
            connection.body(&site::bytes(start..FILM / 2))?;
            // The second half is not there before the page plays.
            until_watched.pass();
            return connection.body(&site::bytes(FILM / 2..FILM));
        }
        let r#type = match name.rsplit_once('.') {
            Some((_, "html")) => "Content-Type: text/html",
            Some((_, "js")) => "Content-Type: text/javascript",
            _ => "Content-Type: application/octet-stream",
        };
        match std::fs::read(example("film").join(name)) {
            Ok(bytes) => connection.respond("200 OK", &[r#type], &bytes),
            Err(_) => connection.respond("404 Not Found", &[], b""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let origin = server.origin();

    let mut run = Run::start(&profile, &origin, &[]);
    run.wait_for("the film to play", |event| event["message"] == "page: plays, video/webm");
    watched.open();
    let (status, events, stderr) = run.finish();
    assert!(status.success(), "{stderr}{:#?}", messages(&events));
    assert_eq!(said(&events, "worker: /film.webm comes from the download"), 1, "{:#?}", messages(&events));
    assert_eq!(said(&events, &format!("page: saw {FILM} bytes")), 1, "{:#?}", messages(&events));
    assert_eq!(said(&events, &format!("worker: stored {FILM} bytes")), 1, "{:#?}", messages(&events));
    assert_eq!(server.requests_for("/film.webm").len(), 1, "the film came once");

    // The server is gone: what the page is made of comes from the worker too.
    drop(server);
    let (status, events, stderr) = Run::start(&profile, &origin, &["--offline"]).finish();
    assert!(status.success(), "{stderr}{:#?}", messages(&events));
    let middle = FILM / 2;
    for line in [
        "page: the film is here",
        "page: plays, video/webm",
        &format!("page: saw {FILM} bytes"),
        &format!("page: seeks: 206 bytes {middle}-{}/{FILM} as seen", middle + 99),
    ] {
        assert_eq!(said(&events, line), 1, "{line}: {:#?}", messages(&events));
    }
    for name in ["/", "/film.js"] {
        assert_eq!(
            said(&events, &format!("worker: {name} comes from the cache")),
            1,
            "{:#?}",
            messages(&events)
        );
    }
}

/// Photos are uploaded in the background: the server has all of each, the page sees the progress, the worker the answers.
#[test]
fn photos_are_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let example = example("photos");
    let target = example.to_str().expect("its name is plain");
    let (status, events, stderr) = Run::start(&profile, target, &[]).finish();
    assert!(status.success(), "{stderr}{:#?}", messages(&events));
    let all = 6 * 1024 * 1024;
    for line in [
        format!("page: uploads {all} bytes, all of them"),
        format!("page: success, {all} bytes"),
        "worker: beach.jpg: 201, the server has 1048576 bytes".to_owned(),
        "worker: dinner.jpg: 201, the server has 2097152 bytes".to_owned(),
        "worker: sunset.jpg: 201, the server has 3145728 bytes".to_owned(),
    ] {
        assert_eq!(said(&events, &line), 1, "{line}: {:#?}", messages(&events));
    }
    let settled = events.iter().find(|event| event["event"] == "settled").expect("it settled");
    assert_eq!(settled["uploaded"], all);
}
