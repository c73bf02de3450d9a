//! The user's side: list, show, pause, resume, abort, click, online and offline, with a run alive and without.

mod support;

use std::path::Path;

use serde_json::Value;
use support::command::{longhaul, output, parts};
use support::folder::{folder, text};
use support::run::Run;

const PAGE: &str = r#"
for (const type of ["online", "offline"]) addEventListener(type, () => console.log(type, navigator.onLine));
(async () => {
  await navigator.serviceWorker.register("sw.js");
  const swReg = await navigator.serviceWorker.ready;
  if ((await swReg.backgroundFetch.getIds()).length === 0) {
    await swReg.backgroundFetch.fetch("one", "/big.bin", { title: "One", downloadTotal: 50000000 });
  }
})();"#;

const WORKER: &str = r#"
addEventListener("install", () => skipWaiting());
for (const type of ["success", "fail", "abort", "click"]) {
  addEventListener(`backgroundfetch${type}`, (event) => console.log(`${event.type} ${event.registration.id}`));
}"#;

fn site() -> tempfile::TempDir {
    folder(&[
        ("index.html", "<script src=page.js></script>"),
        ("page.js", PAGE),
        ("sw.js", WORKER),
        ("longhaul-serve.json", r#"{ "/big.bin": { "size": 50000000, "seed": 1 } }"#),
    ])
}

/// A run that is slow enough for its download not to end during a test.
fn slow_run(data: &Path, site: &Path) -> Run {
    let mut command = longhaul(data);
    command.args(["run", text(site), "--progress", "json", "--throttle", "200000", "--timeout", "120"]);
    Run::spawn(command)
}

#[test]
fn a_run_that_is_alive_answers() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = site();
    let mut run = slow_run(data.path(), site.path());
    let registered = run.wait_for_event("registered", "one");
    assert_eq!((&registered["id"], &registered["title"]), (&"one".into(), &"One".into()));
    run.wait_for("some progress", |event| {
        event["event"] == "progress" && event["downloaded"].as_u64() > Some(0)
    });
    let control = |arguments: &[&str]| parts(&output(data.path(), arguments));

    let (code, stdout, _) = control(&["list", "--json"]);
    let list: Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!(
        (code, &list[0]["id"], &list[0]["downloadTotal"]),
        (Some(0), &"one".into(), &50_000_000.into())
    );
    let key = list[0]["key"].as_str().expect("it has a key").to_owned();
    assert_eq!(registered["key"], key.as_str());

    let (code, stdout, _) = control(&["show", "one"]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains(&format!("key: {key}\nid: one\nstate: active\ntitle: One\n")), "{stdout}");
    assert!(stdout.contains("/big.bin"), "{stdout}");

    assert_eq!(control(&["offline"]).0, Some(0));
    run.wait_for("the offline event", |event| {
        event["event"] == "console" && event["message"] == "offline false"
    });
    assert_eq!(control(&["online"]).0, Some(0));
    run.wait_for("the online event", |event| {
        event["event"] == "console" && event["message"] == "online true"
    });
    assert_eq!(control(&["pause", "one"]).0, Some(0));
    run.wait_for_event("paused", "one");
    assert!(control(&["show", "one"]).1.contains("state: paused"));
    assert_eq!(control(&["resume", "one"]).0, Some(0));
    let resumed = run.wait_for_event("resumed", "one");
    run.wait_for("more progress", |event| {
        event["event"] == "progress" && event["downloaded"].as_u64() > resumed["downloaded"].as_u64()
    });
    let (code, _, stderr) = control(&["pause", "nothing"]);
    assert_eq!((code, stderr.as_str()), (Some(1), "longhaul: there is no background fetch “nothing”\n"));
    assert_eq!(control(&["click", &key]).0, Some(0));
    run.wait_for("the click", |event| {
        event["event"] == "console" && event["message"] == "backgroundfetchclick one"
    });
    assert_eq!(control(&["abort", "one"]).0, Some(0));
    let settled = run.wait_for_event("settled", "one");
    assert_eq!((&settled["result"], &settled["failureReason"]), (&"failure".into(), &"aborted".into()));
    run.wait_for("the abort event", |event| {
        event["event"] == "console" && event["message"] == "backgroundfetchabort one"
    });
    run.wait_for("the outcome of the abort event", |event| {
        event["event"] == "worker-event" && event["type"] == "backgroundfetchabort"
    });
    assert_eq!(run.finish().0.code(), Some(1), "an aborted fetch was not successful");
}

#[test]
fn without_a_run_the_profile_itself_is_changed() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = site();
    let control = |arguments: &[&str]| parts(&output(data.path(), arguments));
    assert_eq!(control(&["list"]), (Some(0), String::new(), String::new()));
    assert_eq!(control(&["abort", "one"]).0, Some(1));
    assert!(!data.path().join("longhaul").exists(), "asking does not make a profile");

    let mut run = slow_run(data.path(), site.path());
    run.wait_for("some progress", |event| {
        event["event"] == "progress" && event["downloaded"].as_u64() > Some(0)
    });
    drop(run);

    let (code, stdout, stderr) = control(&["list"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("one") && stdout.contains("active"), "{stdout}");
    assert_eq!(control(&["pause", "one"]).0, Some(0));
    assert!(control(&["show", "one"]).1.contains("state: paused"));

    // A paused fetch leaves a run nothing to do.
    let empty = folder(&[("index.html", "")]);
    let (code, _, stderr) = control(&["run", text(empty.path())]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("paused") && stderr.contains("“one”"), "{stderr}");

    let (code, _, stderr) = control(&["click", "one"]);
    assert_eq!((code, stderr.as_str()), (Some(0), "[service-worker] backgroundfetchclick one\n"));
    assert_eq!(control(&["abort", "one"]).0, Some(0));
    assert!(control(&["list"]).1.contains("failure (aborted)"), "the event is still owed");
    let (_, stdout, _) = control(&["run", text(empty.path()), "--progress", "json"]);
    assert!(stdout.contains("backgroundfetchabort one"), "{stdout}");
    assert_eq!(control(&["list"]).1, "", "it has been delivered");
}

#[test]
fn an_id_of_two_origins_is_ambiguous_and_the_other_folder_is_named() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let control = |arguments: &[&str]| parts(&output(data.path(), arguments));
    let (first, second) = (site(), site());
    let mut origins = Vec::new();
    for folder in [&first, &second] {
        let mut run = slow_run(data.path(), folder.path());
        let registered = run.wait_for("a registration of a new origin", |event| {
            let origin = event["origin"].as_str().unwrap_or_default();
            event["event"] == "registered" && !origins.iter().any(|known| known == origin)
        });
        origins.push(registered["origin"].as_str().expect("it has an origin").to_owned());
    }
    let (code, stdout, _) = control(&["list", "--json"]);
    let list: Value = serde_json::from_str(&stdout).expect("it is JSON");
    let keys: Vec<&str> = list
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|item| item["key"].as_str().expect("it has a key"))
        .collect();
    assert_eq!((code, keys.len()), (Some(0), 2));

    let (code, stdout, stderr) = control(&["pause", "one"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    for (key, origin) in keys.iter().zip(&origins) {
        assert!(stderr.contains(&format!("{key} (“one” of {origin})")), "{stderr}");
    }
    assert_eq!(control(&["pause", keys[0]]).0, Some(0));
    let states: Vec<bool> =
        keys.iter().map(|key| control(&["show", key]).1.contains("state: paused")).collect();
    assert_eq!(states, [true, false]);

    // Once its folder is gone it waits; which of the two it is was said with its origin above.
    let gone = second.path().canonicalize().expect("it is there");
    drop(second);
    let empty = folder(&[("index.html", "")]);
    let (code, _, stderr) = control(&["run", text(empty.path()), "--timeout", "0.2"]);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(
        stderr.contains(&format!("“one” waits (`longhaul abort` ends that): {}", gone.display())),
        "{stderr}"
    );
    assert!(stderr.contains("not done after 0.2 s; paused"), "{stderr}");
}

#[test]
fn offline_without_a_run_is_how_the_next_one_begins() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let control = |arguments: &[&str]| parts(&output(data.path(), arguments));
    let begins = |how: &str| {
        (Some(0), format!("no run is alive on the profile; the next one begins {how}\n"), String::new())
    };
    assert_eq!(control(&["online"]), begins("online"));
    assert!(!data.path().join("longhaul").exists(), "there is nothing to take back");
    assert_eq!(control(&["offline"]), begins("offline"));
    assert_eq!(control(&["offline"]), begins("offline"));

    let page = folder(&[("index.html", "<script>console.log(navigator.onLine)</script>")]);
    let note = "longhaul: offline, as `longhaul offline` left it; `longhaul online` ends that\n";
    for _ in 0..2 {
        let (code, _, stderr) = control(&["run", text(page.path())]);
        assert_eq!((code, stderr), (Some(0), format!("{note}[window] false\n")));
    }
    let (_, _, stderr) = control(&["run", text(page.path()), "--offline"]);
    assert_eq!(stderr, "[window] false\n", "what was asked for just now needs no explanation");
    assert_eq!(control(&["online"]), begins("online"));
    assert_eq!(control(&["run", text(page.path())]).2, "[window] true\n");

    // A run that is alive takes it back too.
    assert_eq!(control(&["offline"]), begins("offline"));
    let site = site();
    let mut run = slow_run(data.path(), site.path());
    run.wait_for_event("registered", "one");
    assert_eq!(control(&["online"]), (Some(0), "online\n".to_owned(), String::new()));
    run.wait_for("some progress", |event| {
        event["event"] == "progress" && event["downloaded"].as_u64() > Some(0)
    });
    run.kill();
    assert_eq!(control(&["abort", "one"]).0, Some(0));
    let (_, _, stderr) = control(&["run", text(page.path())]);
    assert!(!stderr.contains("offline") && stderr.contains("[window] true"), "{stderr}");
}

#[test]
fn permission_prompt_waits_for_resume() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let site = site();
    let control = |arguments: &[&str]| parts(&output(data.path(), arguments));
    let (code, stdout, stderr) =
        control(&["run", text(site.path()), "--grant", "background-fetch=prompt", "--progress", "json"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains(r#""event":"registered""#) && !stdout.contains(r#""event":"settled""#),
        "{stdout}"
    );
    assert_eq!(control(&["resume", "one"]).0, Some(0));
    assert!(control(&["show", "one"]).1.contains("state: active"));

    let denied =
        folder(&[("index.html", "<script src=page.js></script>"), ("page.js", PAGE), ("sw.js", WORKER)]);
    let (code, _, stderr) = control(&[
        "run",
        text(denied.path()),
        "--grant",
        "background-fetch=denied",
        "--profile",
        text(&data.path().join("other")),
    ]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("NotAllowedError"), "{stderr}");
}

#[test]
fn ids_with_control_characters_are_printed_escaped() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let page = PAGE.replace("\"one\"", "\"\\u001b[2Jid\\n\"").replace("\"One\"", "\"\\u009btitle\"");
    let site = folder(&[
        ("index.html", "<script src=page.js></script>"),
        ("page.js", &page),
        ("sw.js", WORKER),
        ("longhaul-serve.json", r#"{ "/big.bin": { "size": 1000, "seed": 1 } }"#),
    ]);
    for form in ["plain", "json", "bars", "none"] {
        let profile = data.path().join(form);
        let run =
            output(data.path(), &["run", text(site.path()), "--progress", form, "--profile", text(&profile)]);
        let (code, stdout, stderr) = parts(&run);
        assert_eq!(code, Some(0), "{form}: {stderr}");
        for printed in [stdout, stderr] {
            assert!(
                printed.chars().all(|character| character == '\n' || !character.is_control()),
                "{form}: {printed:?}"
            );
        }
    }
}
