//! A run ends when nothing is left to do, and never while something that a page waits for is on its way to it.

mod support;

use support::command::{longhaul, parts};
use support::folder::{folder, text};

/// How often each: what is on its way is lost only now and then.
const RUNS: usize = 20;

const WORKER: &str = r#"
importScripts("imported.js");
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("backgroundfetchsuccess", () => {});
"#;

/// Runs a page with this script again and again, each time on a profile of its own; it always says `heard`.
fn is_always_heard(script: &str, what: &str) {
    let site = folder(&[
        ("index.html", "<!doctype html><title>t</title><script src=page.js></script>"),
        ("page.js", script),
        ("sw.js", WORKER),
        ("imported.js", "self.imported = true;"),
        ("file.txt", "content"),
    ]);
    let data = tempfile::tempdir().expect("a temporary folder");
    for run in 0..RUNS {
        let profile = data.path().join(run.to_string());
        let mut command = longhaul(data.path());
        command.args(["run", text(site.path()), "--progress", "none", "--profile", text(&profile)]);
        let (code, _, stderr) = parts(&command.output().expect("the command starts"));
        assert_eq!(code, Some(0), "run {run}: {stderr}");
        assert_eq!(stderr, format!("[window] heard {what}\n"), "run {run}");
    }
}

#[test]
fn activated_is_always_heard() {
    is_always_heard(
        "(async () => {
          const registration = await navigator.serviceWorker.register('sw.js');
          const worker = registration.installing ?? registration.waiting ?? registration.active;
          await new Promise((resolve) => {
            const look = () => { if (worker.state === 'activated') resolve(); };
            worker.addEventListener('statechange', look);
            look();
          });
          console.log('heard activated');
        })();",
        "activated",
    );
}

#[test]
fn controllerchange_is_always_heard() {
    is_always_heard(
        "navigator.serviceWorker.addEventListener('controllerchange', () => console.log('heard controllerchange'));
         navigator.serviceWorker.register('sw.js');",
        "controllerchange",
    );
}

#[test]
fn ready_is_always_heard() {
    is_always_heard(
        "navigator.serviceWorker.ready.then(() => console.log('heard ready'));
         navigator.serviceWorker.register('sw.js');",
        "ready",
    );
}

#[test]
fn the_settling_progress_event_is_always_heard() {
    is_always_heard(
        "(async () => {
          await navigator.serviceWorker.register('sw.js');
          const swReg = await navigator.serviceWorker.ready;
          const fetch = await swReg.backgroundFetch.fetch('one', 'file.txt');
          await new Promise((resolve) => fetch.addEventListener('progress',
            () => { if (fetch.result !== '') resolve(); }));
          console.log('heard progress');
        })();",
        "progress",
    );
}
