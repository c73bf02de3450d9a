//! Windows and workers that know of each other, through the command.

mod support;

use support::command::control;
use support::run::Run;
use support::server::{Connection, Request, Server};

const WORKER: &str = r#"
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
const say = (...words) => console.log(words.join(" "));
const name = (error) => error.name;
addEventListener("backgroundfetchclick", (event) => event.waitUntil((async () => {
  const window = await clients.openWindow("opened");
  say("opened", window instanceof WindowClient, new URL(window.url).pathname, window.focused, window.frameType);
  // Once for a click.
  say("again", await clients.openWindow("opened").catch(name));
  const all = await clients.matchAll({ includeUncontrolled: true });
  say("all", all.map((client) => new URL(client.url).pathname).join());
  await event.registration.abort();
})()));
addEventListener("fetch", (event) => {
  if (!event.request.url.endsWith("/try")) return;
  event.respondWith((async () => {
    const own = await clients.get(event.clientId);
    const tried = [
      await clients.openWindow("opened").catch(name),
      await clients.openWindow("about:blank").catch(name),
      await clients.openWindow("http://[").catch(name),
      await own.focus().catch(name),
      await own.navigate("about:blank").catch(name),
      await clients.get("nobody"),
      (await clients.matchAll({ type: "worker" })).length,
    ];
    return new Response(tried.join());
  })());
});
"#;

const PAGE: &str = r#"<!doctype html><title>t</title><script>
(async () => {
  const reg = await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) => navigator.serviceWorker.oncontrollerchange = resolve);
  }
  console.log("tried", await (await fetch("try")).text());
  await reg.backgroundFetch.fetch("it", "hangs");
  console.log("ready");
})();
</script>"#;

#[test]
fn a_click_lets_the_worker_open_a_window() {
    let server = Server::start(|request: &Request, connection: &mut Connection| {
        let html = ["Content-Type: text/html"];
        match request.path.as_str() {
            "/" => connection.respond("200 OK", &html, PAGE.as_bytes()),
            "/opened" => {
                let page = b"<!doctype html><title>o</title><script>console.log('here', !!navigator.serviceWorker.controller)</script>";
                connection.respond("200 OK", &html, page)
            }
            "/sw.js" => connection.respond("200 OK", &["Content-Type: text/javascript"], WORKER.as_bytes()),
            _ => connection.hang(),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let mut run = Run::start(&profile, &server.origin(), &[]);
    run.wait_for("the background fetch", |event| event["message"] == "ready");
    let clicked = control(&profile, &["click", "it"]);
    assert!(clicked.status.success(), "{}", String::from_utf8_lossy(&clicked.stderr));
    let (status, events, stderr) = run.finish();
    // The worker gave up the download, which counts as a failure.
    assert_eq!(status.code(), Some(1), "{stderr}");
    let said: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "console")
        .filter_map(|event| event["message"].as_str())
        .collect();
    for line in [
        "tried InvalidAccessError,TypeError,TypeError,InvalidAccessError,TypeError,,0",
        "here true",
        "opened true /opened true top-level",
        "again InvalidAccessError",
        "all /opened,/",
    ] {
        assert!(said.contains(&line), "{line}: {said:#?}");
    }
}
