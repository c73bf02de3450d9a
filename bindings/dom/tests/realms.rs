//! What a page and a service worker see, in real realms, on a real user agent.

mod support;

use std::collections::HashMap;

use support::server::Answer;
use support::suite::{Browser, run_in_window};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_aborting_timers_and_globals() {
    run_in_window(include_str!("scripts/events.js"), "events.js", HashMap::new(), 18).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetch_objects_urls_encodings_blobs_and_caches() {
    let answers = HashMap::from([("/hello.txt", Answer::ok("text/plain", "hello"))]);
    run_in_window(include_str!("scripts/fetch_objects.js"), "fetch_objects.js", answers, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structured_clones() {
    run_in_window(include_str!("scripts/structured_clone.js"), "structured_clone.js", HashMap::new(), 14)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_readers_beacons_and_event_sources() {
    let events =
        "retry: 1\ndata: one\ndata: two\n\nevent: named\ndata: x\n\nid: 7\ndata: three\n\ndata: never";
    let answers = HashMap::from([
        ("/hello.txt", Answer::ok("text/plain", "hello")),
        ("/data.json", Answer::ok("application/json", r#"{"a":[1]}"#)),
        ("/latin", Answer::ok("text/plain", vec![0xE9])),
        (
            "/page.html",
            Answer::ok(
                "text/html",
                "<meta charset=latin1><title>\u{E9}</title><p id=p>one<script>globalThis.ran = true</script>",
            ),
        ),
        ("/data.xml", Answer::ok("application/xml; charset=utf-8", "<root><a b=\"c\">d</a></root>")),
        ("/events", Answer::ok("text/event-stream", events)),
    ]);
    run_in_window(include_str!("scripts/xhr.js"), "xhr.js", answers, 18).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetches_that_are_put_off() {
    run_in_window(include_str!("scripts/fetch_later.js"), "fetch_later.js", HashMap::new(), 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_and_performance() {
    let answers = HashMap::from([("/hello.txt", Answer::ok("text/plain", "hello"))]);
    run_in_window(include_str!("scripts/messaging.js"), "messaging.js", answers, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_puts_values_into_text() {
    let browser = Browser::start(HashMap::new()).await;
    let page = browser.window(include_str!("scripts/console.js"), "console.js").await;
    let (said, _) = tokio::task::block_in_place(|| browser.wait_for("log: over"));
    let zeros = "0, ".repeat(99) + "0";
    let expected = [
        "log: text 1 -0 1n true null undefined Symbol(s)".to_owned(),
        "log: { a: 1, b: \"two\", c: [ 1, \"x\", empty, null ], d: [getter], [Symbol(k)]: 2 }".to_owned(),
        "log: [ 1, [ 2, [ 3, [ 4, [array] ] ] ] ]".to_owned(),
        "log: Mine { a: 1 } {} [function named] [function (anonymous)] [function Klass]".to_owned(),
        "log: { name: \"c\", self: [circular] }".to_owned(),
        "log: Map(1) { \"k\" => { v: 1 } } Set(2) { 1, \"a\" } 1970-01-01T00:00:00.000Z /re/g [Uint8Array]"
            .to_owned(),
        "log: [object that cannot be shown]".to_owned(),
        "log: Headers {} AbortError: why".to_owned(),
        "log: a is 12 and 7, 1.5; { z: \"q\" } %,  styled %x rest %s".to_owned(),
        "log: 100%".to_owned(),
        format!("log: 200 [ {zeros}, … 2 more ]"),
        "log: group".to_owned(),
        "info:   inside".to_owned(),
        "warn: warned".to_owned(),
        "error: Assertion failed: seen too".to_owned(),
        "error: Assertion failed".to_owned(),
        "info: default: 1".to_owned(),
        "info: default: 2".to_owned(),
        "info: other: 1".to_owned(),
        "debug: d".to_owned(),
        "log: [ 1 ]".to_owned(),
        "log: { a: 1 }".to_owned(),
        "warn: no timer named none".to_owned(),
        "log: [object console] function".to_owned(),
    ];
    // What is too much is cut, and its end is told.
    let (exact, cut) = said.split_at(expected.len());
    assert_eq!(exact, expected);
    assert!(cut.len() == 5 && cut.iter().all(|line| line.len() < (1 << 20) + 64), "{}", cut.len());
    assert!(cut[0].starts_with("log: [ [ [ [ [array], [array]") && cut[0].ends_with("more ]"), "{}", cut[0]);
    assert!(cut[3].ends_with("x… 5 more") && cut[4].ends_with(" more"), "the longest texts");
    page.stop();
    browser.user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_loaded_in_steps() {
    let browser = Browser::start(HashMap::new()).await;
    let script = "
        const say = (event) => console.log(event.type, event.target === document, event.currentTarget === window,
            event.eventPhase, event.bubbles, event.isTrusted, document.readyState);
        document.onreadystatechange = say;
        document.addEventListener('DOMContentLoaded', say);
        addEventListener('DOMContentLoaded', say);
        addEventListener('DOMContentLoaded', say, true);
        document.addEventListener('load', say);
        onload = (event) => { say(event); console.log('over'); };";
    let page = browser.window(script, "page.js").await;
    page.task(|realm| longhaul_dom::fire_dom_content_loaded(realm).expect("it is a page"));
    page.task(|realm| longhaul_dom::fire_load(realm).expect("it is a page"));
    let (said, _) = tokio::task::block_in_place(|| browser.wait_for("log: over"));
    let expected = [
        "log: readystatechange true false 2 false true interactive",
        "log: DOMContentLoaded true true 1 true true interactive",
        "log: DOMContentLoaded true false 2 true true interactive",
        "log: DOMContentLoaded true true 3 true true interactive",
        "log: readystatechange true false 2 false true complete",
        "log: load true true 2 false true complete",
    ];
    assert_eq!(said, expected);
    page.stop();
    browser.user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_are_heard_on_objects_that_nothing_else_refers_to() {
    let browser = Browser::start(answers()).await;
    let script = "(async () => {
        navigator.serviceWorker.oncontrollerchange = () => console.log('controlled', navigator.serviceWorker.controller.scriptURL !== '');
        (await navigator.serviceWorker.register('/sw.js')).installing.addEventListener('statechange', function () {
            console.log('worker is ' + this.state);
        });
        const { backgroundFetch } = await navigator.serviceWorker.ready;
        (await backgroundFetch.fetch('unheld', '/big.bin')).onprogress = function () {
            if (this.result !== '') console.log('heard ' + this.result);
        };
    })()";
    let page = browser.window(script, "page.js").await;
    // They come in any order.
    let mut missing = vec!["log: worker is activated", "log: controlled true", "log: heard success"];
    while !missing.is_empty() {
        let (_, line) = tokio::task::block_in_place(|| browser.wait_for("log: "));
        missing.retain(|expected| *expected != format!("log: {line}"));
    }
    page.stop();
    browser.user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_scripts_get_what_the_standards_say() {
    let answers = answers();
    run_in_window(include_str!("scripts/hostile.js"), "hostile.js", answers, 19).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_background_fetches_harm_nothing() {
    run_in_window(
        include_str!("scripts/hostile_background_fetch.js"),
        "hostile_background_fetch.js",
        answers(),
        9,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_worker_gets_what_the_standards_say() {
    let mut answers = answers();
    answers.insert("/sw.js", Answer::ok("text/javascript", include_str!("scripts/hostile_worker.js")));
    let browser = Browser::start(answers).await;
    let script = "(async () => {
        await navigator.serviceWorker.register('/sw.js');
        const { backgroundFetch } = await navigator.serviceWorker.ready;
        await backgroundFetch.fetch('mine', '/small.txt');
    })()";
    let page = browser.window(script, "page.js").await;
    tokio::task::block_in_place(|| browser.assert_all_pass(3));
    for _ in 0..2 {
        let (_, what) = tokio::task::block_in_place(|| browser.wait_for("log: late: "));
        assert_eq!(what, "InvalidStateError");
    }
    page.stop();
    browser.user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recursion_without_end_is_survived() {
    let browser = Browser::start(HashMap::new()).await;
    let script = "const target = new EventTarget();
        let depth = 0;
        onerror = () => true;
        target.addEventListener('x', () => { depth += 1; target.dispatchEvent(new Event('x')); });
        target.dispatchEvent(new Event('x'));
        console.log('it went deep: ' + (depth > 20));";
    let page = browser.window(script, "page.js").await;
    let (_, deep) = tokio::task::block_in_place(|| browser.wait_for("log: it went deep: "));
    assert_eq!(deep, "true");
    page.stop();
    browser.user_agent.shutdown().await;
}

const SHAPES: &str = include_str!("scripts/shapes.js");

fn answers() -> HashMap<&'static str, Answer> {
    HashMap::from([
        ("/sw.js", Answer::ok("text/javascript", include_str!("scripts/background_fetch_worker.js"))),
        ("/small.txt", Answer::ok("text/plain", "small")),
        ("/big.bin", Answer::ok("application/octet-stream", vec![7; 1_000_000])),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interfaces_have_their_shape_in_a_page_and_in_a_worker() {
    let mut answers = answers();
    answers.insert("/shapes.js", Answer::ok("text/javascript", SHAPES));
    let worker = "importScripts('/harness.js', '/shapes.js'); oninstall = () => skipWaiting();";
    answers.insert("/sw.js", Answer::ok("text/javascript", worker));
    let browser = Browser::start(answers).await;
    let page = browser.window("navigator.serviceWorker.register('/sw.js')", "page.js").await;
    tokio::task::block_in_place(|| browser.assert_all_pass(38));
    let _ = page.script(SHAPES, "shapes.js").await.expect("the agent runs");
    tokio::task::block_in_place(|| browser.assert_all_pass(30));
    page.stop();
    browser.user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn background_fetches_from_a_page() {
    let browser = Browser::start(answers()).await;
    let page = browser.window(include_str!("scripts/background_fetch.js"), "background_fetch.js").await;
    tokio::task::block_in_place(|| browser.assert_all_pass(9));
    page.stop();
    browser.user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_reaches_the_worker() {
    let browser = Browser::start(answers()).await;
    let script = "(async () => {
        await navigator.serviceWorker.register('/sw.js');
        const { backgroundFetch } = await navigator.serviceWorker.ready;
        await backgroundFetch.fetch('clicked', '/hang', { title: 'Click me' });
        console.log('begun');
    })()";
    let page = browser.window(script, "page.js").await;
    tokio::task::block_in_place(|| browser.wait_for("log: begun"));
    let registration = browser.user_agent.background_fetch().find("clicked").expect("it is there");
    assert_eq!(registration.snapshot().title, "Click me");
    registration.click();
    tokio::task::block_in_place(|| browser.wait_for("log: worker: backgroundfetchclick of clicked"));
    assert!(registration.abort().await);
    tokio::task::block_in_place(|| browser.wait_for("log: worker: backgroundfetchabort of clicked"));
    page.stop();
    browser.user_agent.shutdown().await;
}
