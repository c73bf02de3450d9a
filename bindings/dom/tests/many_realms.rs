//! Realms made and dropped: neither memory nor objects nor files may be left. In a process of its own, since it counts what the
//! process holds.

#[path = "support/plain_realm.rs"]
mod plain_realm;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use longhaul_idl::runtime::Exposure;
use longhaul_quickjs::{Engine, EngineLimits};

/// What a page leaves behind: cycles through every kind of object, promises that never settle, buffers, listeners, a throwing
/// callback and a rejection.
const SCRIPT: &[u8] = b"
    const target = new EventTarget();
    target.self = target;
    target.addEventListener('x', () => target);
    target.addEventListener('x', { handleEvent() { throw new Error('from a listener'); } });
    target.dispatchEvent(new CustomEvent('x', { detail: target }));
    const controller = new AbortController();
    controller.signal.onabort = () => controller;
    AbortSignal.any([controller.signal, AbortSignal.timeout(1e6)]).held = controller;
    const request = new Request('https://page.test/', { method: 'POST', body: new Uint8Array(70000), signal: controller.signal });
    request.me = request;
    const response = new Response('text', { headers: { a: 'b' } });
    response.text().then(() => response);
    new Blob([new Uint8Array(10000), 'x']).arrayBuffer().then((bytes) => { globalThis.bytes = bytes; });
    globalThis.never = new Promise(() => target);
    setTimeout(() => target, 1e9);
    Promise.reject(new Error('nobody handles it')).held = request;
    queueMicrotask(() => { throw new TypeError('from a microtask'); });
    for (const pair of new URLSearchParams('a=b&c=d')) pair.of = target;
    new Headers([['a', 'b']]).forEach(() => {});
    caches.open('x').then(() => request);
    navigator.permissions.query({ name: 'background-fetch' }).then((status) => { status.onchange = () => status; });
    onload = () => request;
    globalThis.all = Object.getOwnPropertyNames(globalThis).map((name) => { try { return globalThis[name]; } catch (e) { return e; } });
    'made'";

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

/// 1,000 realms with `LONGHAUL_TEST_REALMS=1000`.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn realms_come_and_go_without_growth() {
    let count =
        std::env::var("LONGHAUL_TEST_REALMS").ok().and_then(|count| count.parse().ok()).unwrap_or(100);
    let user_agent = plain_realm::user_agent().await;
    tokio::task::block_in_place(|| {
        let engine = Engine::new(EngineLimits::default()).expect("the engine starts");
        let errors = Arc::new(Mutex::new(Vec::new()));
        let mut globals = Vec::new();
        let mut made = std::time::Duration::ZERO;
        let mut cycle = |globals: &mut Vec<_>| {
            let global = plain_realm::window(&user_agent);
            globals.push(Arc::downgrade(&global));
            let start = Instant::now();
            let realm =
                plain_realm::realm(&engine, global, Exposure::Window, &errors).expect("the realm is made");
            made += start.elapsed();
            engine.evaluate_script(realm, SCRIPT, "page.js").expect("the script is sound");
            // The task that tells of rejections, which nobody else runs here.
            engine.run_task(realm, Box::new(|realm| realm.notify_rejections()));
            engine.destroy_realm(realm);
        };
        for _ in 0..count / 5 {
            cycle(&mut globals);
        }
        let (heap, files, memory) = (engine.memory_used(), open_files(), resident());
        for _ in count / 5..count {
            cycle(&mut globals);
        }
        let errors = std::mem::take(&mut *errors.lock().unwrap());
        assert_eq!(errors.len(), 3 * count, "{:?}", errors.iter().take(5).collect::<Vec<_>>());
        let after = engine.memory_used();
        assert!(after <= heap + (64 << 10), "the engine's {heap} bytes became {after}");
        assert!(open_files() <= files, "{files} open files became {}", open_files());
        // NOTE: the allocator keeps what it likes; a realm left behind would be more than 1 MiB.
        let grown = resident().saturating_sub(memory);
        assert!(grown < (8 << 20) + count * (64 << 10), "{grown} bytes more");
        let alive = globals.iter().filter(|global| global.strong_count() > 0).count();
        println!(
            "{count} realms: {:?} to make one, {alive} globals alive, {grown} bytes more",
            made / count as u32
        );
        drop(engine);
        let alive = globals.iter().filter(|global| global.strong_count() > 0).count();
        assert_eq!(alive, 0, "globals that somebody still holds");
    });
    user_agent.shutdown().await;
}
