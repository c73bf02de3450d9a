//! Agents that end in the middle of whatever they do leave nothing behind: no thread, no future, no object of theirs.

mod support;

use std::time::{Duration, Instant};

use longhaul_host::agent::{AgentEnd, AgentLimits};
use support::pages::{Idle, idle_page};

/// The threads of agents in this process, by their names.
fn agents() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").expect("the kernel tells");
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.retain(|name| ["window", "worker", "shared worker", "service worker"].contains(&name.as_str()));
    names
}

/// Waits until the agents of this process are just these.
async fn until_agents_are(expected: &[&str], what: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while agents() != expected {
        assert!(Instant::now() < deadline, "{what}: {:?} are left", agents());
        tokio::task::yield_now().await;
    }
}

/// Ends a page, and waits for its end.
async fn end(idle: Idle, what: &str) {
    let ended = idle.page.agent().watch_end();
    drop(idle);
    assert_eq!(ended.await, AgentEnd::Terminated, "{what}");
    until_agents_are(&[], what).await;
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
        let deadline = Instant::now() + Duration::from_secs(20);
        while agents().len() <= workers {
            assert!(Instant::now() < deadline, "{what}: {:?}; {:?}", agents(), loaded.errors.all());
            tokio::task::yield_now().await;
        }
        let ended = loaded.page.agent().watch_end();
        drop(loaded);
        assert_eq!(ended.await, AgentEnd::Terminated, "{what}");
        until_agents_are(&[], &what).await;
    }

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
         good.onmessage = () => {{ answers += 1; }};
         for (const script of scripts) {{
           const url = URL.createObjectURL(new Blob([script]));
           const worker = new Worker(url);
           worker.onerror = (e) => {{ e.preventDefault(); worker.terminate(); }};
           if (scripts.indexOf(script) % 5 === 0) new SharedWorker(url).onerror = (e) => e.preventDefault();
         }}
         // Those that told of it and went on have nothing left to do.
         let rounds = 0;
         const timer = setInterval(() => {{ good.postMessage(1); if (++rounds === 10) {{ clearInterval(timer); good.postMessage('close'); console.log('page', answers > 0); }} }}, 100);"
    );
    let good = "onmessage = (e) => { postMessage(1); if (e.data === 'close') close(); }";
    let idle = idle_page(&page, &[("good.js", good)], limits).await;
    assert_eq!(idle.console, ["page true"], "{:?}", idle.errors);
    let ran_away = idle.errors.iter().filter(|line| line.contains("ran longer")).count();
    assert!(ran_away >= runaways.len() + 2, "{:#?}", idle.errors);
    assert!(idle.page.agent().alive());
    end(idle, "runaways and bombs").await;
}
