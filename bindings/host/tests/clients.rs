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

/// Messages go both ways, with ports, in order, and start a worker that is not running; a page that never asked for them gets them
/// once its document is there.
#[test]
fn messages_go_both_ways() {
    const TALKER: &str = r#"
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", (event) => event.waitUntil((async () => {
  const { source, data, origin, ports } = event;
  const about = [event instanceof ExtendableMessageEvent, event.isTrusted, source instanceof WindowClient, origin === location.origin];
  if (ports.length > 0) ports[0].postMessage("by port " + data.text);
  else if (data.all) for (const client of await clients.matchAll()) client.postMessage("to all");
  else source.postMessage({ echo: data, about: about.join() });
})()));
"#;
    const TALKING: &str = r#"<!doctype html><title>t</title><script>
(async () => {
  const heard = [];
  let wake;
  navigator.serviceWorker.addEventListener("message", (event) => {
    heard.push(event);
    wake?.();
  });
  const next = async () => {
    while (heard.length === 0) await new Promise((resolve) => wake = resolve);
    return heard.shift();
  };
  await navigator.serviceWorker.register("sw.js");
  const { active } = await navigator.serviceWorker.ready;
  for (let n = 0; n < 3; n += 1) active.postMessage({ n, map: new Map([[1, { deep: true }]]) });
  for (let n = 0; n < 3; n += 1) {
    const { data, source, origin } = await next();
    console.log(data.echo.n, data.echo.map.get(1).deep, data.about, source === active, origin === location.origin);
  }
  const { port1, port2 } = new MessageChannel();
  active.postMessage({ text: "hi" }, [port2]);
  console.log(await new Promise((resolve) => port1.onmessage = (event) => resolve(event.data)));
  port1.close();
  active.postMessage({ all: true });
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) => navigator.serviceWorker.oncontrollerchange = resolve);
    active.postMessage({ all: true });
  }
  console.log((await next()).data);
  try { active.postMessage(() => {}); } catch (error) { console.log(error.name); }
})();
</script>"#;
    let server =
        Server::start(|request: &Request, connection: &mut Connection| match request.path.as_str() {
            "/" => connection.respond("200 OK", &["Content-Type: text/html"], TALKING.as_bytes()),
            "/sw.js" => connection.respond("200 OK", &["Content-Type: text/javascript"], TALKER.as_bytes()),
            _ => connection.respond("404 Not Found", &[], b""),
        });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, stderr) = Run::start(&folder.path().join("profile"), &server.origin(), &[]).finish();
    let said: Vec<&str> = events.iter().filter_map(|event| event["message"].as_str()).collect();
    assert!(status.success(), "{stderr}{said:#?}");
    assert_eq!(
        said,
        [
            "0 true true,true,true,true true true",
            "1 true true,true,true,true true true",
            "2 true true,true,true,true true true",
            "by port hi",
            "to all",
            "DataCloneError",
        ]
    );
}
