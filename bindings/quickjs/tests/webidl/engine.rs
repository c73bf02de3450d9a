//! The engine itself: errors with their places, modules, limits, realms and their ends.

use std::{rc::Rc, sync::Arc};

use longhaul_idl::runtime::RealmId;
use longhaul_quickjs::{Engine, EngineLimits, ScriptErrorKind};

use crate::support::{Agent, Page, in_realm, options};

#[test]
fn uncaught_exceptions_name_their_place() {
    let page = Page::new();
    let error = page
        .engine
        .evaluate_script(
            page.realm,
            b"\nfunction f() {\n  throw new RangeError('deep');\n}\nf();",
            "http://test/a.js",
        )
        .unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.file.as_str(), error.line),
        ("RangeError: deep", "http://test/a.js", 3)
    );
    let error = page.engine.evaluate_script(page.realm, b"let x = ;", "http://test/b.js").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("http://test/b.js", 1));
    assert!(error.message.starts_with("SyntaxError"), "{error}");
    let error = page.engine.evaluate_script(page.realm, b"\n\ngreet()", "http://test/c.js").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("http://test/c.js", 3), "{}", error.stack);
    let error = page.engine.evaluate_script(page.realm, b"\nthrows('dom')", "http://test/d.js").unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.file.as_str(), error.line),
        ("NotFoundError: nowhere", "http://test/d.js", 2),
        "{}",
        error.stack
    );
    let error = page.engine.evaluate_script(page.realm, b"throw 'text'", "http://test/e.js").unwrap_err();
    assert_eq!(error.message, "text");
    page.engine.evaluate_script(page.realm, b"1\0", "http://test/f.js").unwrap_err();
    // Each was reported once.
    assert_eq!(page.errors.borrow().len(), 6);
    // The page's own handler comes first.
    page.run(
        "globalThis.log = []; onfailure = (error, message, file, line) => log.push(message, file, line)",
    );
    page.engine.evaluate_script(page.realm, b"\nnull.x", "http://test/g.js").unwrap_err();
    assert_eq!(page.errors.borrow().len(), 6);
    assert!(page.text("log").ends_with("http://test/g.js,2"));
    // A handler that throws does not make it go round for ever.
    page.run("onfailure = () => { throw new Error('again') }");
    page.engine.evaluate_script(page.realm, b"null.x", "http://test/g.js").unwrap_err();
    assert!(page.errors.borrow().len() >= 7);
}

#[test]
fn a_runaway_script_is_ended_from_another_thread() {
    let page = Page::new();
    let handle = page.engine.interrupt_handle();
    let (started, start) = std::sync::mpsc::channel();
    let stopper = std::thread::spawn(move || {
        start.recv().unwrap();
        handle.interrupt();
    });
    in_realm(&page, move |_| started.send(()).unwrap());
    let error = page
        .engine
        .evaluate_script(
            page.realm,
            b"try { while (true) {} } catch { globalThis.caught = 1 } finally { globalThis.after = 1 }",
            "loop.js",
        )
        .unwrap_err();
    stopper.join().unwrap();
    assert_eq!(error.kind, ScriptErrorKind::Interrupted);
    let error = page.engine.evaluate_script(page.realm, b"for (;;) {}", "again.js").unwrap_err();
    assert_eq!(error.kind, ScriptErrorKind::Interrupted);
}

#[test]
fn no_microtask_runs_once_an_engine_is_interrupted() {
    let page = Page::new();
    page.engine.interrupt_handle().interrupt();
    // The engine looks at it after some thousand calls only, and then one of these rounds would end and the others go on.
    let rounds =
        b"globalThis.rounds = 0; const again = { then(f) { rounds++; Promise.resolve(again).then(f); } };
        for (let n = 0; n < 20; n++) Promise.resolve(again); 0";
    let _ = page.engine.evaluate_script(page.realm, rounds, "rounds.js");
    page.expect(&[("rounds", "0")]);
    page.engine.destroy_realm(page.realm);
}

#[test]
fn a_realm_that_there_is_no_memory_for_leaves_nothing_behind() {
    let empty = Engine::new(EngineLimits::default()).unwrap().memory_used();
    for more in (0..96 << 10).step_by(1 << 10) {
        let engine = Engine::new(EngineLimits { memory: Some(empty + more), stack: None }).unwrap();
        let (agent, errors) = (Arc::<Agent>::default(), Rc::default());
        let error = engine.create_realm(options(&agent, &errors)).unwrap_err();
        assert_eq!(error.kind, ScriptErrorKind::Mount, "{error}");
        // What it drops is collected, which fails where something is gone that the collector knows of.
        drop(engine);
    }
}

#[test]
fn memory_and_stack_are_limited() {
    let engine = Engine::new(EngineLimits { memory: Some(32 << 20), stack: Some(256 << 10) }).unwrap();
    let (agent, errors) = (Arc::<Agent>::default(), Rc::default());
    let realm = engine.create_realm(options(&agent, &errors)).unwrap();
    let error = engine
        .evaluate_script(realm, b"const all = []; for (;;) all.push(new Array(100000).fill(1))", "bomb.js")
        .unwrap_err();
    assert!(error.message.contains("memory"), "{error}");
    let error = engine.evaluate_script(realm, b"function f() { f(); } f()", "deep.js").unwrap_err();
    assert!(error.message.contains("stack"), "{error}");
    // A re-entrant conversion runs out of stack too, not out of the thread's.
    let error = engine
        .evaluate_script(
            realm,
            b"{ const k = new Counter(); const a = { valueOf: () => k.add(a) }; k.add(a) }",
            "deep.js",
        )
        .unwrap_err();
    assert!(error.message.contains("stack"), "{error}");
    assert!(engine.evaluate_script(realm, b"1 + 1", "fine.js").is_ok());
}

#[test]
fn two_realms_share_nothing_but_the_runtime() {
    let page = Page::new();
    let second = options(&page.agent, &page.errors);
    let second = page.engine.create_realm(second).unwrap();
    let first = page.realm;
    let text = |realm, source: &str| {
        let value = page.engine.evaluate_script(realm, source.as_bytes(), "t.js").unwrap();
        format!("{value:?}")
    };
    text(first, "Counter.prototype.mark = 1; globalThis.mark = 1; Array.prototype.mark = 1");
    assert_eq!(
        text(second, "typeof mark + typeof Counter.prototype.mark + typeof [].mark"),
        "String(\"undefinedundefinedundefined\")"
    );
    // An object of one realm is seen by the other's members, and exceptions are those of the function's realm.
    let held = in_realm(&page, |realm| realm.run_script(b"adopt(new Counter(3)); greet", "t.js").unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    page.engine.run_task(second, Box::new(move |realm| {
        let longhaul_idl::runtime::Value::Held(greet) = held else { panic!() };
        let foreign = realm.run_script(b"(greet) => { try { greet() } catch (e) { return [e instanceof TypeError, Counter.prototype.add.name] + '' } }", "t.js").unwrap();
        let longhaul_idl::runtime::Value::Held(foreign) = foreign else { panic!() };
        sender.send(realm.call(&foreign, None, vec![longhaul_idl::runtime::Value::Held(greet)]).map(|value| format!("{value:?}"))).unwrap();
    }));
    assert_eq!(receiver.recv().unwrap().unwrap(), "String(\"false,add\")");
    page.engine.destroy_realm(second);
    assert_eq!(page.engine.evaluate_script(second, b"1", "t.js").unwrap_err().kind, ScriptErrorKind::NoRealm);
    page.run("greet('still here')");
}

#[test]
fn what_outlives_its_realm_is_harmless() {
    let page = Page::new();
    let (held, resolver) = in_realm(&page, |realm| {
        let held = realm.run_script(b"() => 1", "t.js").unwrap();
        (held, realm.new_promise().unwrap())
    });
    // A promise is pending, a callback kept, a future running: the end comes anyway.
    page.run("globalThis.k = new Counter(); k.later(1).then(() => { globalThis.never = 1 }); Promise.resolve().then(function again() { return Promise.resolve().then(() => 0) })");
    page.engine.destroy_realm(page.realm);
    page.settle();
    page.engine.run_task(page.realm, Box::new(|_| panic!("a task of a realm that has ended")));
    drop((held, resolver));
}

#[test]
fn two_hundred_realms_come_and_go_without_growth() {
    let engine = Engine::new(EngineLimits::default()).unwrap();
    let (agent, errors) = (Arc::<Agent>::default(), Rc::default());
    let cycle = || {
        let realm = engine.create_realm(options(&agent, &errors)).unwrap();
        let script = b"const t = new EventTarget(); t.self = t; t.addEventListener('x', () => t); const k = counter; k.t = t; k.addEventListener('y', () => k);
                       onping = () => k; new Counter().later(3).then(() => k); globalThis.e = new Event('x'); e.me = e; adopt(k); for (const x of new Pairs([['a', 'b']])) {}";
        engine.evaluate_script(realm, script, "t.js").unwrap();
        engine.destroy_realm(realm);
    };
    for _ in 0..20 {
        cycle();
    }
    let before = engine.memory_used();
    for _ in 0..200 {
        cycle();
    }
    let after = engine.memory_used();
    assert!(after <= before + 64 * 1024, "{before} bytes became {after}");
    assert!(errors.borrow().is_empty(), "{:?}", errors.borrow());
}

#[test]
fn wrappers_are_collected_and_their_objects_with_them() {
    let page = Page::new();
    page.run("globalThis.churn = () => { for (let i = 0; i < 2000; i++) { const k = new Counter(i); k.me = k; k.addEventListener('x', () => k); } }");
    for _ in 0..3 {
        page.run("churn()");
    }
    let before = page.engine.memory_used();
    for _ in 0..10 {
        page.run("churn()");
    }
    assert!(page.engine.memory_used() < before * 2, "{before} bytes became {}", page.engine.memory_used());
}

#[test]
fn what_an_attribute_gives_stays_as_long_as_its_holder() {
    let page = Page::new();
    page.run("globalThis.k = new Counter(); k.inner.mine = 'kept'; k.inner.addEventListener('x', () => { k.heard = 1 }); 0");
    page.run("k.inner.inner.inner.deep = 'kept too'; 0");
    page.run("new Array(1000).fill().map(() => new Counter()); 0");
    page.expect(&[
        ("k.inner.mine", "kept"),
        ("k.inner === k.inner", "true"),
        ("k.inner.inner.inner.deep", "kept too"),
        ("(k.inner.dispatchEvent(new Event('x')), k.heard)", "1"),
        // Another object takes the place of the one before; `null` does too.
        ("(k.peer = new Counter(5), k.peer.mine = 1, k.peer.mine + k.peer.value)", "6"),
        (
            "(k.peer = new Counter(6), k.peer.mine === undefined && k.peer === k.peer && k.peer.value === 6)",
            "true",
        ),
        ("(k.peer = null, k.peer)", "null"),
        // What comes new each time is not the same.
        ("k.fresh() === k.fresh()", "false"),
    ]);
}

#[test]
fn holders_and_what_they_hold_are_collected() {
    let page = Page::new();
    page.run(
        "globalThis.k = new Counter();
         globalThis.round = () => {
           for (let i = 0; i < 1000; i++) {
             const holder = new Counter();
             holder.inner.back = holder;
             holder.inner.weight = new Array(100).fill(i);
             holder.inner.inner.addEventListener('x', () => holder);
             k.peer = new Counter(i);
             k.peer.weight = new Array(100).fill(i);
             k.peer.back = k;
           }
         };",
    );
    for _ in 0..3 {
        page.run("round()");
    }
    let before = page.engine.memory_used();
    for _ in 0..10 {
        page.run("round()");
    }
    let after = page.engine.memory_used();
    assert!(after < before * 2, "{before} bytes became {after}");
}

#[test]
fn numbers_of_realms_are_used_once() {
    let page = Page::new();
    let mut again = options(&page.agent, &page.errors);
    again.id = page.realm;
    assert!(page.engine.create_realm(again).is_err());
    assert_ne!(RealmId::next(), RealmId::next());
    page.run("greet('the first is still there')");
}
