//! `longhaul state`: what the profile remembers of sites, with a run alive and without.

mod support;

use serde_json::Value;
use support::command::{longhaul, output, parts};
use support::run::Run;
use support::server::Server;

const COOKIES: [&str; 3] = [
    "Set-Cookie: session=1",
    "Set-Cookie: lasting=2; Max-Age=1000; HttpOnly",
    "Set-Cookie: framed=3; Max-Age=1000; Secure; SameSite=None; Partitioned",
];

/// A page that sets cookies, and then says so and waits until it is ended.
fn serve() -> Server {
    Server::start(|request, connection| match request.path.as_str() {
        "/" => {
            let headers = [&["Content-Type: text/html"][..], &COOKIES].concat();
            connection.respond(
                "200 OK",
                &headers,
                b"<!doctype html><script src=kept.js></script>\
                  <script>setInterval(() => {}, 1000); console.log('loaded')</script>",
            )
        }
        "/kept.js" => connection.respond(
            "200 OK",
            &["Content-Type: text/javascript", "Cache-Control: max-age=1000"],
            b"console.log('kept')",
        ),
        _ => connection.respond("404 Not Found", &[], b""),
    })
}

#[test]
fn cookies_are_shown_and_cleared() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = serve();
    let origin = server.origin();
    let mut command = longhaul(data.path());
    command.args(["run", &format!("{origin}/"), "--progress", "json", "--timeout", "120"]);
    let mut run = Run::spawn(command);
    run.wait_for("the page", |event| event["message"] == "loaded");
    let state = |arguments: &[&str]| {
        let (code, stdout, stderr) = parts(&output(data.path(), &[&["state"], arguments].concat()));
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        stdout
    };
    let report = |arguments: &[&str]| -> Value {
        serde_json::from_str(&state(&[arguments, &["--json"]].concat())).expect("it is JSON")
    };
    let names = |report: &Value| -> Vec<String> {
        let cookies = report["cookies"].as_array().expect("there are cookies");
        cookies.iter().map(|cookie| cookie["name"].as_str().expect("a name").to_owned()).collect()
    };

    // While the run is alive it knows its session's cookies too.
    let all = report(&[]);
    assert_eq!(names(&all), ["session", "lasting", "framed"]);
    let cookies = &all["cookies"];
    assert_eq!(cookies[0]["expires"], Value::Null);
    assert_eq!((&cookies[1]["httpOnly"], &cookies[1]["domain"]), (&true.into(), &"localhost".into()));
    assert_eq!(cookies[2]["partition"], "http://localhost");
    assert_eq!(all["hsts"], serde_json::json!([]));
    assert_eq!(names(&report(&["cookies", "--origin", "https://other.example"])), [""; 0]);
    let text = state(&["cookies"]);
    assert!(text.contains("cookie  localhost/  session=1  for this session\n"), "{text}");
    assert!(text.contains("cookie  localhost/  lasting=2  HttpOnly  until "), "{text}");

    run.kill();
    assert_eq!(names(&report(&["list", "cookies"])), ["lasting", "framed"]);
    assert_eq!(state(&["clear", "cookies", "--origin", "https://other.example"]), "cleared 0 cookies\n");
    assert_eq!(state(&["cookies", "clear", "--origin", &origin]), "cleared 2 cookies\n");
    assert_eq!(names(&report(&[])), [""; 0]);
    assert!(state(&["clear"]).starts_with("cleared 0 cookies, "));
}

#[test]
fn cached_responses_are_shown_and_cleared() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = serve();
    let origin = server.origin();
    let target = format!("{origin}/");
    let load = || {
        let mut command = longhaul(data.path());
        command.args(["run", &target, "--progress", "json", "--timeout", "120"]);
        let mut run = Run::spawn(command);
        run.wait_for("the page", |event| event["message"] == "loaded");
        run.kill();
        server.requests_for("/kept.js").len()
    };
    let cached = || -> Vec<String> {
        let (code, stdout, stderr) = parts(&output(data.path(), &["state", "cache", "--json"]));
        assert_eq!(code, Some(0), "{stderr}");
        let report: Value = serde_json::from_str(&stdout).expect("it is JSON");
        let entries = report["cache"].as_array().expect("a list").iter();
        entries.map(|entry| entry["url"].as_str().expect("a URL").to_owned()).collect()
    };
    assert_eq!(load(), 1);
    assert!(cached().contains(&format!("{origin}/kept.js")), "{:?}", cached());
    assert_eq!(load(), 1, "the second time it comes from the cache");
    let (_, stdout, _) = parts(&output(data.path(), &["state", "cache", "clear", "--origin", &origin]));
    assert!(stdout.starts_with("cleared ") && !stdout.starts_with("cleared 0"), "{stdout}");
    assert!(cached().is_empty());
    assert_eq!(load(), 2);
}

#[test]
fn a_profile_that_is_not_there_remembers_nothing_and_is_not_made() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (code, stdout, _) = parts(&output(data.path(), &["state"]));
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    assert_eq!(std::fs::read_dir(data.path()).expect("a folder").count(), 0);
}

#[test]
fn bad_words_are_bad_usage() {
    let data = tempfile::tempdir().expect("a temporary folder");
    for arguments in [&["state", "cookies", "hsts"][..], &["state", "everything"]] {
        let (code, _, stderr) = parts(&output(data.path(), arguments));
        assert_eq!(code, Some(2), "{stderr}");
    }
    for origin in ["nowhere", "data:,x"] {
        let profile = data.path().join("profile");
        std::fs::create_dir_all(&profile).expect("a folder");
        let arguments = ["state", "--origin", origin, "--profile", profile.to_str().expect("UTF-8")];
        let (code, _, stderr) = parts(&output(data.path(), &arguments));
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("no origin"), "{stderr}");
    }
}
