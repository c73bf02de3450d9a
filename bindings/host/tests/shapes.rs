//! The Background Fetch interfaces look from a script as their IDL says, in a window and in a service worker.

mod support;

use support::run::Run;
use support::server::{Connection, Request, Server};

const SHAPES: &str = include_str!("shapes.js");

#[test]
fn every_member_of_the_five_interfaces_is_as_its_idl_says() {
    let page = "<!doctype html><script src=shapes.js></script><script>(async () => {
        await navigator.serviceWorker.register('sw.js');
        await shapes('window', await navigator.serviceWorker.ready);
    })();</script>";
    let worker = "importScripts('shapes.js'); addEventListener('install', () => skipWaiting());
        addEventListener('activate', (e) => e.waitUntil(shapes('service worker', registration)));";
    let server =
        Server::start(move |request: &Request, connection: &mut Connection| match request.path.as_str() {
            "/" => connection.respond("200 OK", &["Content-Type: text/html"], page.as_bytes()),
            "/sw.js" => connection.respond("200 OK", &["Content-Type: text/javascript"], worker.as_bytes()),
            "/shapes.js" => {
                connection.respond("200 OK", &["Content-Type: text/javascript"], SHAPES.as_bytes())
            }
            _ => connection.respond("404 Not Found", &[], b""),
        });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, stderr) = Run::start(folder.path(), &server.origin(), &[]).finish();
    let said = |place: &str| {
        let start = format!("shapes: {place}: ");
        let line =
            events.iter().filter_map(|e| e["message"].as_str()).find_map(|m| m.strip_prefix(start.as_str()));
        line.unwrap_or_else(|| panic!("nothing from the {place}: {events:#?}\n{stderr}")).to_owned()
    };
    for place in ["window", "service worker"] {
        let line = said(place);
        println!("{place}: {line}");
        let passed: usize =
            line.strip_suffix(" passed").unwrap_or_else(|| panic!("{place}: {line}")).parse().unwrap();
        assert!(passed > 80, "{place}: only {passed} checks ran");
    }
    assert!(status.success(), "{stderr}");
}
