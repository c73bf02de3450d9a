//! Dedicated and shared workers, through a page.

mod support;

use std::time::Duration;

use longhaul_host::agent::AgentLimits;
use support::pages::idle_page;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_both_ways_in_order_with_ports_and_buffers() {
    let page = "
        const worker = new Worker('worker.js', { name: 'w' });
        const { port1, port2 } = new MessageChannel();
        port1.postMessage('waiting 1');
        port1.postMessage('waiting 2');
        port1.onmessage = (e) => console.log('port', e.data);
        const buffer = Uint8Array.of(1, 2, 3).buffer;
        worker.postMessage({ buffer, port: port2 }, [buffer, port2]);
        worker.postMessage('second');
        console.log('detached', buffer.detached, worker instanceof EventTarget);
        worker.onmessage = (e) => console.log(e.data, e.origin === '', e.source === null, e.ports.length);";
    let worker = "
        onmessage = (e) => {
          if (e.data === 'second') { postMessage('second too'); return; }
          const [port] = e.ports;
          postMessage(`${name} ${e.data.port === port} ${new Uint8Array(e.data.buffer)} ${location.pathname}`);
          port.onmessage = (e) => port.postMessage(`${e.data} heard`);
        };";
    let idle = idle_page(page, &[("worker.js", worker)], AgentLimits::default()).await;
    let mut console = idle.console;
    // The port's messages and the worker's own go two ways.
    let ports: Vec<String> = console.extract_if(.., |line| line.starts_with("port")).collect();
    assert_eq!(ports, ["port waiting 1 heard", "port waiting 2 heard"]);
    assert_eq!(
        console,
        ["detached true true", "w true 1,2,3 /worker.js true true 0", "second too true true 0"]
    );
    assert_eq!(idle.errors, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminate_ends_a_runaway_worker() {
    let page = "
        const worker = new Worker('worker.js');
        worker.onmessage = (e) => {
          console.log(e.data);
          worker.terminate();
          worker.postMessage('nobody hears');
          setTimeout(() => console.log('the page goes on'), 20);
        };";
    let worker = "
        postMessage('running');
        for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }";
    let idle = idle_page(page, &[("worker.js", worker)], AgentLimits::default()).await;
    assert_eq!(idle.console, ["running", "the page goes on"]);
    assert_eq!(idle.errors, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminate_ends_a_worker_that_waits_for_the_network() {
    // Connections wait in the listener's queue, and nobody answers them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it has one");
    let page = format!(
        "for (const wait of ['importScripts(url)', 'const x = new XMLHttpRequest(); x.open(`GET`, url, false); x.send()']) {{
           const worker = new Worker(URL.createObjectURL(new Blob([`const url = 'http://127.0.0.1:{}/'; postMessage(1); ${{wait}}; postMessage(2)`])));
           worker.onmessage = (e) => {{ console.log(e.data); setTimeout(() => worker.terminate(), 100); }};
         }}",
        address.port()
    );
    let idle = idle_page(&page, &[], AgentLimits::default()).await;
    assert_eq!(idle.console, ["1", "1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_runs_away_is_ended_and_its_page_lives() {
    let page = "new Worker('worker.js').onmessage = (e) => console.log(e.data);";
    let limits = AgentLimits { task: Duration::from_secs(1), ..AgentLimits::default() };
    let idle = idle_page(page, &[("worker.js", "postMessage('on'); for (;;) {}")], limits).await;
    assert_eq!(idle.console, ["on"]);
    assert!(idle.page.agent().alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bomb_stays_in_its_worker() {
    let page = "
        const worker = new Worker('worker.js');
        worker.onerror = (e) => { e.preventDefault(); console.log('error'); };
        worker.onmessage = (e) => console.log(e.data);";
    let worker = "
        postMessage('on');
        const all = []; for (;;) all.push(new Array(100000).fill(0));";
    let limits = AgentLimits { memory: 32 << 20, ..AgentLimits::default() };
    let idle = idle_page(page, &[("worker.js", worker)], limits).await;
    assert_eq!(idle.console, ["on", "error"]);
    assert!(idle.page.agent().alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_messages_has_an_end() {
    let page = "
        const { port1, port2 } = new MessageChannel();
        let sent = 0;
        try { for (;;) { port1.postMessage(new ArrayBuffer(8 << 20)); sent += 1; } } catch (e) { console.log(e.name, sent > 10 && sent < 100); }
        port2.close(); port1.close();
        new MessageChannel().port1.postMessage(new ArrayBuffer(8 << 20));
        console.log('again');";
    let idle = idle_page(page, &[], AgentLimits::default()).await;
    assert_eq!(idle.console, ["DataCloneError true", "again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_come_to_the_worker_object_and_then_to_the_page() {
    let page = "
        addEventListener('error', (e) => { console.log('window', e.message, e.error === null); e.preventDefault(); });
        const worker = new Worker('worker.js');
        let count = 0;
        worker.addEventListener('error', (e) => {
          console.log('worker', e.message, new URL(e.filename).pathname, e.lineno, e.cancelable);
          if (count++ === 0) e.preventDefault();
        });
        new Worker('missing.js').onerror = (e) => console.log('missing', e.constructor.name);
        new Worker('page.html').onerror = (e) => console.log('page', e.constructor.name);
        new Worker('https://elsewhere.invalid/x.js').onerror = (e) => console.log('elsewhere', e.type);";
    let worker = "
        onerror = (message) => message.includes('mine');
        setTimeout(() => { throw new Error('mine') });
        setTimeout(() => { throw new TypeError('first') });
        setTimeout(() => { throw new TypeError('second') });";
    let files = [("worker.js", worker), ("page.html", "postMessage(1)")];
    let idle = idle_page(page, &files, AgentLimits::default()).await;
    let mut console = idle.console;
    let mut failed: Vec<String> =
        console.extract_if(.., |line| !line.starts_with("worker") && !line.starts_with("window")).collect();
    failed.sort();
    assert_eq!(failed, ["elsewhere error", "missing Event", "page Event"]);
    assert_eq!(
        console,
        [
            "worker TypeError: first /worker.js 4 true",
            "worker TypeError: second /worker.js 5 true",
            "window TypeError: second true",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_are_imported_in_workers_of_every_kind() {
    let page = "
        new Worker('classic.js').onmessage = (e) => console.log(e.data);
        new Worker('module.js', { type: 'module' }).onmessage = (e) => console.log(e.data);
        new Worker('data:text/javascript,postMessage(`data ${origin} ${typeof importScripts}`)').onmessage = (e) => console.log(e.data);
        const text = `importScripts(${JSON.stringify(String(new URL('imported.js', location)))}); postMessage('blob ' + imported + ' ' + (origin !== 'null'))`;
        new Worker(URL.createObjectURL(new Blob([text]))).onmessage = (e) => console.log(e.data);
        // What a URL stands for is known once it is parsed.
        const revoked = (kind, text) => {
          const url = URL.createObjectURL(new Blob([text]));
          const worker = new kind(url);
          URL.revokeObjectURL(url);
          return worker;
        };
        revoked(Worker, 'postMessage(\"revoked\")').onmessage = (e) => console.log(e.data);
        const shared = revoked(SharedWorker, 'onconnect = (e) => e.ports[0].postMessage(\"revoked too\")');
        shared.port.onmessage = (e) => console.log(e.data);";
    let classic = "
        importScripts('imported.js', 'imported.js?2');
        let missing; try { importScripts('missing.js') } catch (e) { missing = e.name }
        let bad; try { importScripts('http://[') } catch (e) { bad = e.name }
        postMessage(`classic ${imported} ${missing} ${bad}`);";
    let module = "
        import { value } from './exported.js';
        let refused; try { importScripts('imported.js') } catch (e) { refused = e.name }
        import('./exported.js').then((m) => postMessage(`module ${value} ${refused} ${m.value} ${this}`));";
    let files = [
        ("classic.js", classic),
        ("module.js", module),
        ("imported.js", "globalThis.imported = (globalThis.imported ?? 0) + 1;"),
        ("exported.js", "export const value = 'exported';"),
    ];
    let idle = idle_page(page, &files, AgentLimits::default()).await;
    let mut console = idle.console;
    console.sort();
    assert_eq!(
        console,
        [
            "blob 1 true",
            "classic 2 NetworkError SyntaxError",
            "data null function",
            "module exported TypeError exported undefined",
            "revoked",
            "revoked too",
        ],
        "{:?}",
        idle.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_workers_end_with_them() {
    let page = "
        const worker = new Worker('outer.js');
        worker.onmessage = (e) => { console.log(e.data); if (e.data === 'inner is there') worker.terminate(); };";
    let outer = "
        const inner = new Worker('inner.js');
        inner.onmessage = (e) => postMessage(e.data);";
    // It runs for ever: that the page comes to rest shows that it was ended.
    let inner = "postMessage('inner is there'); for (;;) {}";
    let idle = idle_page(page, &[("outer.js", outer), ("inner.js", inner)], AgentLimits::default()).await;
    assert_eq!(idle.console, ["inner is there"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_lets_the_task_end_and_nothing_after_it() {
    let page = "
        const worker = new Worker('worker.js');
        worker.onmessage = (e) => console.log(e.data);
        worker.postMessage(1);";
    let worker = "
        onmessage = () => postMessage('never');
        setTimeout(() => postMessage('never'), 0);
        close();
        queueMicrotask(() => postMessage('microtask'));
        postMessage('after close');";
    let idle = idle_page(page, &[("worker.js", worker)], AgentLimits::default()).await;
    assert_eq!(idle.console, ["after close", "microtask"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_workers_are_shared_by_url_and_name() {
    let page = "
        const ask = (worker, text) => new Promise((resolve) => {
          worker.port.onmessage = (e) => resolve(e.data);
          worker.port.postMessage(text);
        });
        (async () => {
          const [one, two, other] = [new SharedWorker('shared.js'), new SharedWorker('shared.js', ''), new SharedWorker('shared.js', 'other')];
          console.log(await ask(one, 'a'));
          console.log(await ask(two, 'b'));
          console.log(await ask(other, 'c'));
          console.log(await ask(one, 'connections'));
          const wrong = new SharedWorker('shared.js', { type: 'module' });
          wrong.onerror = (e) => console.log('mismatch', e.type);
        })();";
    let shared = "
        let connections = 0;
        onconnect = (e) => {
          connections += 1;
          e.source.onmessage = (m) => e.ports[0].postMessage(m.data === 'connections'
            ? `connections ${connections}`
            : `${m.data} ${name} ${e.data === ''} ${e.source === e.ports[0]}`);
        };";
    let idle = idle_page(page, &[("shared.js", shared)], AgentLimits::default()).await;
    assert_eq!(
        idle.console,
        ["a  true true", "b  true true", "c other true true", "connections 2", "mismatch error"],
        "{:?}",
        idle.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broadcasts_reach_all_others_of_the_name_and_closed_ports_are_told() {
    let page = "
        const channel = new BroadcastChannel('news');
        channel.onmessage = (e) => { console.log('heard', e.data, e.origin === origin); if (e.data === 'from worker') channel.postMessage('bye'); };
        new BroadcastChannel('news').onmessage = (e) => console.log('other', e.data);
        new BroadcastChannel('weather').onmessage = () => console.log('never');
        const worker = new Worker('worker.js');
        const { port1, port2 } = new MessageChannel();
        port1.onclose = () => console.log('closed');
        worker.postMessage(port2, [port2]);";
    let worker = "
        const channel = new BroadcastChannel('news');
        channel.postMessage('from worker');
        // Kept: a port that nobody has any more is closed at once.
        onmessage = (e) => { globalThis.port = e.data; };
        channel.onmessage = (e) => { channel.close(); close(); };";
    let idle = idle_page(page, &[("worker.js", worker)], AgentLimits::default()).await;
    assert_eq!(
        idle.console,
        ["heard from worker true", "other from worker", "other bye", "closed"],
        "{:?}",
        idle.errors
    );
}
