//! Pages whose requests their service worker answers, through the command.

mod support;

use std::path::Path;

use support::command::{longhaul, parts};
use support::folder::{folder, text};

/// A page with this script under a worker with that one.
fn site(page: &str, worker: &str) -> tempfile::TempDir {
    let worker = format!(
        "addEventListener('install', () => skipWaiting());
         addEventListener('activate', (event) => event.waitUntil(clients.claim()));
         {worker}"
    );
    let page = format!(
        "(async () => {{
           await navigator.serviceWorker.register('sw.js');
           if (!navigator.serviceWorker.controller) {{
             await new Promise((resolve) => navigator.serviceWorker.oncontrollerchange = resolve);
           }}
           {page}
         }})().catch((error) => console.log('FAILED ' + error));"
    );
    folder(&[
        ("index.html", "<!doctype html><title>t</title><script src=page.js></script>"),
        ("page.js", &page),
        ("sw.js", &worker),
        ("file.txt", "from the server"),
    ])
}

/// Runs it until nothing is left to do, and gives what it prints.
fn run(site: &Path, profile: &Path) -> Vec<String> {
    let mut command = longhaul(profile);
    command.args(["run", text(site), "--progress", "none", "--timeout", "60", "--profile", text(profile)]);
    let (code, _, stderr) = parts(&command.output().expect("the command starts"));
    assert_eq!(code, Some(0), "{stderr}");
    stderr.lines().map(|line| line.strip_prefix("[window] ").unwrap_or(line).to_owned()).collect()
}

fn once(page: &str, worker: &str) -> Vec<String> {
    let data = tempfile::tempdir().expect("a temporary folder");
    run(site(page, worker).path(), &data.path().join("profile"))
}

#[test]
fn a_worker_answers_with_what_it_makes() {
    let lines = once(
        "const response = await fetch('made?x', { headers: { 'x-say': 'hi' } });
         console.log(response.status, response.type, response.url.endsWith('/made?x'), response.redirected);
         console.log(response.headers.get('x-made'), await response.text());
         console.log(await (await fetch('file.txt')).text());",
        "addEventListener('fetch', (event) => {
           if (!event.request.url.includes('made')) return;
           const { method, mode, destination, headers } = event.request;
           event.respondWith(new Response([method, mode, destination, headers.get('x-say')].join(), {
             status: 201, headers: { 'x-made': 'yes' },
           }));
         });",
    );
    assert_eq!(lines, ["201 basic true false", "yes GET,cors,,hi", "from the server"]);
}

#[test]
fn what_the_worker_may_not_say_is_a_network_error() {
    let lines = once(
        "for (const what of ['error', 'rejected', 'string', 'used', 'canceled', 'late', 'twice', 'redirected']) {
           console.log(what, await fetch(what).then((r) => r.text(), (e) => e.name));
         }",
        "const answers = {
           error: () => Response.error(),
           rejected: () => Promise.reject(new Error('no')),
           string: () => 'text',
           used: async () => { const r = new Response('x'); await r.text(); return r; },
         };
         addEventListener('fetch', (event) => {
           const what = new URL(event.request.url).pathname.slice(1);
           if (what in answers) return event.respondWith(answers[what]());
           if (what === 'canceled') event.preventDefault();
           if (what === 'late') {
             const late = Promise.resolve().then(() => {
               try { event.respondWith(new Response('')); } catch (error) { return new Response(error.name); }
             });
             event.waitUntil(late.then((r) => self.late = r));
             event.respondWith(late);
           }
           if (what === 'twice') {
             event.respondWith(new Promise((resolve) => {
               setTimeout(() => resolve(new Response(self.second)), 0);
             }));
             try { event.respondWith(new Response('')); } catch (error) { self.second = error.name; }
           }
           if (what === 'redirected') event.respondWith(Response.redirect('file.txt'));
         });",
    );
    let answers: Vec<&String> = lines.iter().filter(|line| !line.contains("] ")).collect();
    assert_eq!(
        answers,
        [
            "error TypeError",
            "rejected TypeError",
            "string TypeError",
            "used TypeError",
            "canceled TypeError",
            "late InvalidStateError",
            "twice InvalidStateError",
            "redirected from the server",
        ],
        "{lines:#?}"
    );
}

#[test]
fn bodies_cross_both_ways_and_the_event_tells_of_its_end() {
    let lines = once(
        "const response = await fetch('echo', { method: 'POST', body: 'a body' });
         console.log(await response.text());
         console.log(await (await fetch('said')).text());
         console.log((await (await fetch('big')).arrayBuffer()).byteLength);",
        "const said = [];
         addEventListener('fetch', (event) => {
           const path = new URL(event.request.url).pathname;
           if (path === '/echo') {
             event.handled.then(() => said.push('handled'));
             event.respondWith(event.request.text().then((text) => new Response(text.toUpperCase())));
           } else if (path === '/said') {
             event.respondWith(new Response(said.join() + ' ' + (event.clientId.length > 10)));
           } else if (path === '/big') {
             event.respondWith(new Response(new Uint8Array(3_000_000)));
           } else {
             event.handled.then(() => said.push('network'));
           }
         });",
    );
    assert_eq!(lines, ["A BODY", "handled true", "3000000"]);
}

#[test]
fn an_abort_reaches_the_workers_signal() {
    let lines = once(
        "const controller = new AbortController();
         const fetching = fetch('slow', { signal: controller.signal });
         await fetch('begun');
         controller.abort();
         console.log(await fetching.catch((error) => error.name));
         console.log(await (await fetch('seen')).text());",
        "let begun, seen;
         const begins = new Promise((resolve) => begun = resolve);
         const sees = new Promise((resolve) => seen = resolve);
         addEventListener('fetch', (event) => {
           const path = new URL(event.request.url).pathname;
           if (path === '/slow') {
             begun();
             event.request.signal.onabort = () => seen(event.request.signal.reason.name);
             event.respondWith(sees.then(() => new Response('')));
           } else if (path === '/begun') {
             event.respondWith(begins.then(() => new Response('')));
           } else if (path === '/seen') {
             event.respondWith(sees.then((name) => new Response(name)));
           }
         });",
    );
    assert_eq!(lines, ["AbortError", "AbortError"]);
}

#[test]
fn a_navigation_is_answered_and_its_client_is_the_page() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let profile = data.path().join("profile");
    let worker = "addEventListener('fetch', (event) => {
           const { request } = event;
           if (request.mode === 'navigate') {
             self.navigated = [request.destination, event.clientId, event.resultingClientId];
           } else if (request.url.endsWith('/who')) {
             event.respondWith((async () => {
               const all = await clients.matchAll();
               const [destination, client, resulting] = self.navigated ?? [];
               const own = await clients.get(event.clientId);
               return new Response([
                 destination, client, resulting === event.clientId, all.length, all[0]?.id === event.clientId,
                 own.type, own.frameType, own.visibilityState, new URL(own.url).pathname,
               ].join());
             })());
           }
         });";
    let page = "console.log(await (await fetch('who')).text());";
    let site = site(page, worker);
    // The first visit was before the worker.
    assert_eq!(run(site.path(), &profile), [",,false,1,true,window,top-level,visible,/"]);
    // The worker that the second run starts sees the navigation, which no client asks for.
    assert_eq!(run(site.path(), &profile), ["document,,true,1,true,window,top-level,visible,/"]);
}

#[test]
fn a_stream_of_the_workers_reaches_the_page_chunk_by_chunk_and_keeps_the_worker() {
    let lines = once(
        "const reader = (await fetch('stream')).body.getReader();
         const decoder = new TextDecoder();
         const next = async () => { const { value, done } = await reader.read(); return done || decoder.decode(value); };
         console.log(await next());
         // The next chunk is made after the first was read: nothing waits for the end.
         console.log(await (await fetch('go')).text());
         console.log(await next(), await next());
         const canceled = (await fetch('endless')).body.getReader();
         await canceled.read();
         // The chunk after it comes meanwhile, and waits for its task when the stream is canceled.
         for (const until = performance.now() + 50; performance.now() < until;);
         await canceled.cancel('enough');
         console.log(await (await fetch('canceled')).text());
         const broken = await fetch('broken');
         console.log(broken.status, await broken.text().catch((error) => error.name));
         const sent = await fetch('echo', { method: 'POST', duplex: 'half', body: new ReadableStream({
           pull(c) { c.enqueue(new TextEncoder().encode('streamed ')); c.enqueue(new TextEncoder().encode('up')); c.close(); },
         }) });
         console.log(await sent.text());",
        "let go, stop;
         const going = new Promise((resolve) => go = resolve);
         const stopped = new Promise((resolve) => stop = resolve);
         const bytes = (text) => new TextEncoder().encode(text);
         const answers = {
           '/stream': () => new Response(new ReadableStream({
             async start(controller) {
               controller.enqueue(bytes('first'));
               await going;
               controller.enqueue(bytes('second'));
               controller.close();
             },
           })),
           '/go': () => { go(); return new Response('gone'); },
           '/endless': () => new Response(new ReadableStream({
             pull(controller) { controller.enqueue(new Uint8Array(10)); },
             cancel() { stop('heard'); },
           })),
           '/canceled': async () => new Response(await stopped),
           '/broken': () => new Response(new ReadableStream({
             start(controller) { controller.enqueue(bytes('x')); },
             pull(controller) { controller.error(new Error('no')); },
           })),
           '/echo': (request) => new Response(request.body),
         };
         addEventListener('fetch', (event) => {
           const answer = answers[new URL(event.request.url).pathname];
           if (answer) event.respondWith(answer(event.request));
         });",
    );
    assert_eq!(lines, ["first", "gone", "second true", "heard", "200 TypeError", "streamed up"]);
}
