//! What is left of a realm runs on, without the realm's memory being gone: jobs that name its context, and registries.
//!
//! Memory that was freed too early mostly still reads as before. So the scripts run in a process of their own, whose allocator
//! overwrites what is freed (glibc's does; others just free it).

use std::process::Command;

use longhaul_idl::runtime::{Held, Realm, RealmId, Value};

use crate::support::{Page, options};

/// Set in the process whose allocator overwrites.
const OVERWRITTEN: &str = "LONGHAUL_TEST_OVERWRITTEN";

/// Runs a test once more in a process that overwrites what it frees, and then `run` there.
fn overwritten(test: &str, run: impl FnOnce()) {
    if std::env::var_os(OVERWRITTEN).is_some() {
        return run();
    }
    let own = std::env::current_exe().unwrap();
    let child = Command::new(own)
        .args(["--exact", &format!("ended_realms::{test}"), "--nocapture"])
        .env(OVERWRITTEN, "1")
        .env("GLIBC_TUNABLES", "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{}\n{said}\n{}", child.status, String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

/// A second realm of a page.
fn second(page: &Page) -> RealmId {
    page.engine.create_realm(options(&page.agent, &page.errors)).unwrap()
}

fn held(realm: &dyn Realm, source: &str) -> Held {
    match realm.run_script(source.as_bytes(), "t.js") {
        Ok(Value::Held(held)) => held,
        other => panic!("{source}: {other:?}"),
    }
}

/// Garbage enough for the engine to start a collection of its own, more than once.
const GARBAGE: &[u8] = b"for (let n = 0; n < 200000; n++) { const o = { n }; o.o = o; } 0";

#[test]
fn a_job_that_a_function_of_an_ended_realm_has_queued_runs() {
    overwritten("a_job_that_a_function_of_an_ended_realm_has_queued_runs", || {
        let page = Page::new();
        page.run("globalThis.seen = []; 0");
        for round in 0..50 {
            let ended = second(&page);
            let mut settles = None;
            page.engine.run_now(ended, &mut |realm| {
                settles = Some(held(realm, "(resolve, value) => { resolve(value) }"));
            });
            // In one task, so that nothing runs yet what is queued.
            page.engine.run_now(page.realm, &mut |realm| {
                let keep = held(realm, "(settles) => { globalThis.settles = settles }");
                realm.call(&keep, None, vec![Value::Held(settles.take().unwrap())]).unwrap();
                if round % 2 == 0 {
                    page.engine.destroy_realm(ended);
                }
                // The job has nothing of the ended realm: no function, no promise, no value.
                let asks = format!(
                    "var r; new Promise((f) => {{ r = f }}).then((x) => seen.push(x)); settles(r, {round}); r = settles = null; 0"
                );
                realm.run_script(asks.as_bytes(), "t.js").unwrap();
                page.engine.destroy_realm(ended);
                realm.run_script(GARBAGE, "t.js").unwrap();
            });
            page.run("0");
        }
        let all: Vec<String> = (0..50).map(|round| round.to_string()).collect();
        assert_eq!(page.text("seen"), all.join(","));
        assert!(page.errors.borrow().is_empty(), "{:?}", page.errors.borrow());
    });
}

#[test]
fn a_registry_of_an_ended_realm_tells_nobody() {
    overwritten("a_registry_of_an_ended_realm_tells_nobody", || {
        let page = Page::new();
        page.run("globalThis.told = 0; globalThis.kept = []; 0");
        for _ in 0..20 {
            let ended = second(&page);
            let mut make = None;
            page.engine.run_now(ended, &mut |realm| {
                // What is told of goes in the same collection as the realm, the registry after it.
                let make_it = "(tell, keep) => {
                   globalThis.target = {};
                   globalThis.registry = new FinalizationRegistry(tell);
                   registry.register(target, 1);
                   const bare = new FinalizationRegistry(tell);
                   Object.setPrototypeOf(bare, null);
                   keep(bare);
                 }";
                make = Some(held(realm, make_it));
            });
            page.engine.run_now(page.realm, &mut |realm| {
                let tell = held(realm, "() => { told++ }");
                let keep = held(realm, "(registry) => { kept.push(registry) }");
                let make = make.take().unwrap();
                realm.call(&make, None, vec![Value::Held(tell), Value::Held(keep)]).unwrap();
            });
            page.engine.destroy_realm(ended);
            page.run("0");
        }
        assert_eq!(page.text("told"), "0");
        // A registry that another realm has kept works on.
        page.run("for (const bare of kept) FinalizationRegistry.prototype.register.call(bare, {}, 2); 0");
        page.engine.run_now(page.realm, &mut |realm| drop(realm.run_script(GARBAGE, "t.js")));
        assert_eq!(page.text("(() => told)()"), "20");
        assert!(page.errors.borrow().is_empty(), "{:?}", page.errors.borrow());
    });
}

#[test]
fn what_is_left_of_a_realm_goes_with_the_last_of_its_functions() {
    let page = Page::new();
    let cycle = |round: usize| {
        let ended = second(&page);
        let mut left = None;
        page.engine.run_now(ended, &mut |realm| left = Some(held(realm, "() => 1")));
        page.engine.run_now(page.realm, &mut |realm| {
            let keep = held(realm, "(f) => { globalThis.kept = f }");
            realm.call(&keep, None, vec![Value::Held(left.take().unwrap())]).unwrap();
        });
        page.engine.destroy_realm(ended);
        // The function runs when its realm is long gone; the next one takes its place.
        page.expect(&[("kept()", "1")]);
        if round.is_multiple_of(4) {
            page.run("kept = null");
        }
    };
    for round in 0..8 {
        cycle(round);
    }
    let before = page.engine.memory_used();
    for round in 0..40 {
        cycle(round);
    }
    // As many as may wait for the next collection, and not one more.
    let after = page.engine.memory_used();
    assert!(after < before * 2, "{before} bytes became {after}");
}

#[test]
fn a_registry_is_as_the_language_has_it() {
    let page = Page::new();
    page.expect(&[
        ("typeof FinalizationRegistry", "function"),
        ("FinalizationRegistry.name + FinalizationRegistry.length", "FinalizationRegistry1"),
        ("FinalizationRegistry.prototype.constructor === FinalizationRegistry", "true"),
        ("Object.getOwnPropertyDescriptor(globalThis, 'FinalizationRegistry').enumerable", "false"),
        ("new FinalizationRegistry(() => {}) instanceof FinalizationRegistry", "true"),
        ("Object.prototype.toString.call(new FinalizationRegistry(() => {}))", "[object FinalizationRegistry]"),
        (
            "(() => { class Own extends FinalizationRegistry {}; return new Own(() => {}) instanceof Own })()",
            "true",
        ),
    ]);
    page.throws(
        "TypeError",
        &["FinalizationRegistry(() => {})", "new FinalizationRegistry(1)", "new FinalizationRegistry()"],
    );
    page.run(
        "globalThis.log = []; globalThis.own = new FinalizationRegistry(function (value) { log.push(this === globalThis, value) });
         (() => { own.register({}, 'gone'); })(); 0",
    );
    page.expect(&[("log", "true,gone")]);
}
