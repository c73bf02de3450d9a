//! Agents that end in the middle of whatever they do leave nothing behind: no thread, no future, no object of theirs.

mod support;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use longhaul::UserAgent;
use longhaul_host::agent::{AgentEnd, AgentLimits};
use support::pages::{Idle, idle_page};
use tokio::sync::oneshot;

/// The threads of agents in this process, by their names.
fn agents() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").expect("the kernel tells");
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.retain(|name| ["window", "worker", "shared worker", "service worker"].contains(&name.as_str()));
    names
}

/// How long what must come is waited for. Never reached by a passing test.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the agents of this process are just these.
async fn until_agents_are(expected: &[&str], what: &str) {
    let deadline = Instant::now() + PATIENCE;
    while agents() != expected {
        assert!(Instant::now() < deadline, "{what}: {:?} are left", agents());
        tokio::task::yield_now().await;
    }
}

/// Ends with the user agent that it is kept with.
#[derive(Default)]
struct Kept(Mutex<Option<oneshot::Sender<()>>>);

fn end_of(user_agent: &UserAgent) -> oneshot::Receiver<()> {
    let (sender, ended) = oneshot::channel();
    *user_agent.extension::<Kept>().0.lock().expect("nobody panics with it") = Some(sender);
    ended
}

/// Ends a page and its user agent, and waits for their end.
async fn end(idle: Idle, what: &str) {
    let ended = idle.page.agent().watch_end();
    let all_ended = end_of(&idle.user_agent);
    drop(idle);
    assert_eq!(ended.await, AgentEnd::Terminated, "{what}");
    until_agents_are(&[], what).await;
    let dropped = tokio::time::timeout(PATIENCE, all_ended).await;
    dropped.unwrap_or_else(|_| panic!("{what}: somebody holds the user agent")).expect_err("nothing is sent");
}

/// The only test of this process, so that all its agents are those of this test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_an_agent_does_its_end_is_clean() {
    // Connections wait in the listener's queue, and nobody answers them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = format!("http://127.0.0.1:{}/x.js", silent.local_addr().expect("it has one").port());

    // Each wait of a worker, which is terminated in it.
    let waits = [
        ("importScripts", "importScripts(url)"),
        ("a synchronous request", "const x = new XMLHttpRequest(); x.open('GET', url, false); x.send()"),
        ("a module", "import(url)"),
        ("a fetch", "fetch(url)"),
        ("a body", "new Response(new ReadableStream({ pull: () => new Promise(() => {}) })).text()"),
        ("a message", "onmessage = () => {}"),
        ("a timer", "setTimeout(() => {}, 1e9)"),
        ("a loop", "for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }"),
        ("microtasks", "(function again() { Promise.resolve().then(again) })()"),
        ("a worker of its own", "new Worker(URL.createObjectURL(new Blob(['for (;;) {}'])))"),
        ("a worker that starts", "new Worker(url); new Worker(url, { type: 'module' })"),
    ];
    for (what, wait) in waits {
        let page = "const worker = new Worker('worker.js');
            worker.onmessage = () => setTimeout(() => { worker.terminate(); console.log('ended') }, 20)";
        let worker = format!("const url = '{silent}'; postMessage('begins'); {wait};");
        let idle = idle_page(page, &[("worker.js", &worker)], AgentLimits::default()).await;
        assert_eq!(idle.console, ["ended"], "{what}: {:?}", idle.errors);
        until_agents_are(&["window"], what).await;
        end(idle, what).await;
    }

    // A page that ends while its workers start, or start others, or run.
    let page = format!(
        "for (const type of ['classic', 'module']) {{
           new Worker('{silent}', {{ type }}); new Worker('nested.js', {{ type }}); new SharedWorker('shared.js', {{ name: type, type }});
         }}
         new Worker('imports.js', {{ type: 'module' }});"
    );
    let imports = format!("import '{silent}'");
    let files = [
        ("loop.js", "for (;;) {}"),
        ("nested.js", "new Worker('loop.js'); for (;;) {}"),
        ("shared.js", "onconnect = () => {}; new Worker('nested.js'); for (;;) {}"),
        ("imports.js", imports.as_str()),
    ];
    for workers in [0, 1, 4, 8] {
        let what = format!("a page with {workers} workers that run");
        let loaded = support::pages::load(&page, &files, AgentLimits::default()).await;
        let deadline = Instant::now() + PATIENCE;
        while agents().len() <= workers {
            assert!(Instant::now() < deadline, "{what}: {:?}; {:?}", agents(), loaded.errors.all());
            tokio::task::yield_now().await;
        }
        let ended = loaded.page.agent().watch_end();
        drop(loaded);
        assert_eq!(ended.await, AgentEnd::Terminated, "{what}");
        until_agents_are(&[], &what).await;
    }

    // What pages of a user agent share.
    let page = "(async () => {
        const cache = await caches.open('c');
        await cache.add('file.txt');
        new BroadcastChannel('b').onmessage = () => {};
        (await navigator.permissions.query({ name: 'background-fetch' })).onchange = () => cache;
        const response = await fetch('file.txt');
        response.clone().body.getReader();
        URL.createObjectURL(await response.blob());
        const worker = new Worker('worker.js');
        worker.onmessage = ({ data }) => console.log(data, 'heard');
      })();";
    let worker = "caches.open('d').then(async (cache) => { await cache.add('file.txt'); postMessage((await caches.keys()).join()); });";
    let files = [("worker.js", worker), ("file.txt", "text")];
    let idle = idle_page(page, &files, AgentLimits::default()).await;
    assert_eq!(idle.console, ["c,d heard"], "{:?}", idle.errors);
    end(idle, "what is shared").await;

    // What runs too long or takes too much, in workers of each kind: they end or are told, and all others live.
    let limits = AgentLimits { memory: 32 << 20, task: Duration::from_secs(1), ..AgentLimits::default() };
    let runaways = [
        "for (;;) {}",
        "for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }",
        "(function again() { Promise.resolve().then(again) })()",
        "(async () => { for (;;) await 0 })()",
        "[1, 2].sort(() => { for (;;) {} })",
        "structuredClone({ get x() { for (;;) {} } })",
        "new Proxy({}, { get() { for (;;) {} } }).x",
        "addEventListener('x', () => { for (;;) {} }); dispatchEvent(new Event('x'))",
        "queueMicrotask(() => { for (;;) {} })",
    ];
    let bombs = [
        "const all = []; for (;;) all.push(new Array(100000).fill(0))",
        "let text = 'x'; for (;;) text += text",
        "const map = new Map(); for (let i = 0; ; i++) map.set(i, { i })",
        "const all = []; for (;;) all.push(new ArrayBuffer(1 << 20))",
        "const all = []; (function more() { all.push(new Array(100000).fill(0)); Promise.resolve().then(more) })()",
        "const all = []; for (;;) { try { for (;;) all.push(new Array(10000).fill(0)) } catch { all.length -= 1 } }",
    ];
    let scripts: Vec<String> = runaways.iter().chain(&bombs).map(|script| (*script).to_owned()).collect();
    let page = format!(
        "const scripts = {scripts:?}; const good = new Worker('good.js'); let answers = 0;
         good.onmessage = () => {{
           answers += 1;
           // It answers before, while and after the others run.
           if (answers === 1) scripts.forEach(start);
           if (answers < 10) setTimeout(() => good.postMessage(1), 100);
           if (answers === 10) {{ good.terminate(); console.log('answered'); }}
         }};
         good.postMessage(1);
         const start = (script, index) => {{
           const url = URL.createObjectURL(new Blob([script]));
           const worker = new Worker(url);
           // Those that tell of it and go on have nothing left to do.
           worker.onerror = (e) => {{ e.preventDefault(); worker.terminate(); }};
           if (index % 5 === 0) new SharedWorker(url).onerror = (e) => e.preventDefault();
         }};"
    );
    let good = "onmessage = () => postMessage(1)";
    let idle = idle_page(&page, &[("good.js", good)], limits).await;
    assert_eq!(idle.console, ["answered"], "{:?}", idle.errors);
    let ran_away = idle.errors.iter().filter(|line| line.contains("ran longer")).count();
    assert!(ran_away >= runaways.len() + 2, "{:#?}", idle.errors);
    assert!(idle.page.agent().alive());
    end(idle, "runaways and bombs").await;

    service_workers().await;
}

/// Service workers that run too long or take too much, each at its own point: what asks for them goes on as the standard says, and all
/// others live.
async fn service_workers() {
    let worker = "
        const what = location.search.slice(1);
        const runs = () => { for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } } };
        const again = () => { Promise.resolve().then(again) };
        const takes = () => { const all = []; for (;;) all.push(new Array(100000).fill(0)); };
        const acts = { runs, again, takes };
        const at = (place) => { const [where, how] = what.split('-'); if (where === place) acts[how](); };
        at('script');
        // It is run again for what it is asked after its first end.
        if (registration.active) at('restart');
        addEventListener('install', () => { skipWaiting(); at('install'); });
        addEventListener('activate', (event) => { event.waitUntil(clients.claim()); at('activate'); });
        addEventListener('fetch', (event) => {
          if (!event.request.url.endsWith('asked.txt')) return;
          if (what.startsWith('restart')) runs();
          at('fetch');
          event.respondWith((async () => { at('answer'); return new Response('from the worker'); })());
        });";
    // What registering, and then asking twice in a page of its scope, give.
    let expected = [
        ("script-runs", "TypeError"),
        ("script-again", "TypeError"),
        ("script-takes", "TypeError"),
        ("install-runs", "redundant"),
        ("install-again", "redundant"),
        // What a listener throws changes nothing for the event.
        ("install-takes", "activated,from the worker,from the worker"),
        ("activate-runs", "activated,from the worker,from the worker"),
        ("fetch-runs", "activated,TypeError,TypeError"),
        ("fetch-takes", "activated,from the server,from the server"),
        ("answer-runs", "activated,TypeError,TypeError"),
        ("answer-takes", "activated,TypeError,TypeError"),
        // One that cannot be run any more leaves its pages to the network.
        ("restart-runs", "activated,TypeError,from the server"),
        ("restart-takes", "activated,TypeError,from the server"),
    ];
    let all: Vec<&str> = expected.iter().map(|(what, _)| *what).collect();
    let page = format!(
        "const ended = (worker) => new Promise((resolve) => {{
           const look = () => {{ if (['activated', 'redundant'].includes(worker.state)) resolve(worker.state); }};
           worker.addEventListener('statechange', look);
           look();
         }});
         const tried = async (what) => {{
           const scope = 'frame.html?' + what;
           const registration = await navigator.serviceWorker.register('worker.js?' + what, {{ scope }});
           const said = [await ended(registration.installing ?? registration.waiting ?? registration.active)];
           if (said[0] === 'activated') {{
             const frame = document.createElement('iframe');
             frame.src = scope;
             await new Promise((resolve) => {{ frame.onload = resolve; document.body.append(frame); }});
             const ask = () => frame.contentWindow.fetch('asked.txt').then((response) => response.text(), (error) => error.name);
             said.push(await ask(), await ask());
             frame.remove();
           }}
           return said.join();
         }};
         (async () => {{
           const trying = {all:?}.map((what) => tried(what).catch((error) => error.name));
           for (const said of await Promise.all(trying)) console.log('said', said);
           console.log('said', await tried('nothing'));
         }})();"
    );
    let files = [("worker.js", worker), ("frame.html", "<!doctype html>"), ("asked.txt", "from the server")];
    let limits = AgentLimits { memory: 48 << 20, task: Duration::from_secs(1), ..AgentLimits::default() };
    let idle = idle_page(&page, &files, limits).await;
    // NOTE: the console tells of fetches that failed as well.
    let mut said: Vec<&str> = idle.console.iter().filter_map(|line| line.strip_prefix("said ")).collect();
    // Nothing of it keeps another from its work.
    assert_eq!(said.pop(), Some("activated,from the worker,from the worker"), "{:#?}", idle.errors);
    let said: Vec<(&str, &str)> = all.iter().copied().zip(said).collect();
    assert_eq!(said, expected, "{:#?}", idle.errors);
    // Each is told of as often as it was ended.
    let ran_away = || idle.all_errors.all().iter().filter(|line| line.contains("ran longer")).count();
    let deadline = Instant::now() + PATIENCE;
    while ran_away() < 12 {
        assert!(Instant::now() < deadline, "{:#?}", idle.all_errors.all());
        tokio::task::yield_now().await;
    }
    assert_eq!(ran_away(), 12, "{:#?}", idle.all_errors.all());
    assert!(idle.page.agent().alive());
    idle.user_agent.service_workers().stop_all().await;
    until_agents_are(&["window"], "service workers that are stopped").await;
    end(idle, "service workers").await;
}
