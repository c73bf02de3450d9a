//! Promises of Rust and of script, and those nobody handles.

use longhaul_idl::runtime::{Exception, Value};

use crate::support::{Page, in_realm};

#[test]
fn operations_that_return_promises_reject_instead_of_throwing() {
    let page = Page::new();
    page.run("globalThis.k = new Counter(1);");
    assert_eq!(page.awaited("k.later(4)"), "5");
    assert_eq!(page.awaited("k.later(-1)"), "!AbortError: negative");
    assert_eq!(page.awaited("k.later(13)"), "!RangeError: unlucky");
    // Receivers, missing arguments and conversions too.
    assert!(page.awaited("k.later()").starts_with("!TypeError"));
    assert!(page.awaited("Counter.prototype.later.call({}, 1)").starts_with("!TypeError"));
    assert_eq!(page.awaited("k.later({ valueOf() { throw 'mine' } })"), "!mine");
    assert!(
        page.awaited("Object.getOwnPropertyDescriptor(Counter.prototype, 'ready').get.call({})")
            .starts_with("!TypeError")
    );
    assert_eq!(page.awaited("k.list().then((list) => Object.isFrozen(list) + ':' + list)"), "true:1,2");
    assert_eq!(page.awaited("k.listNow().then((list) => Object.isFrozen(list) + ':' + list)"), "true:3,4");
    page.expect(&[("k.ready === k.ready && k.ready instanceof Promise", "true")]);
    assert_eq!(page.awaited("k.ready"), "7");
}

#[test]
fn promises_of_script_are_observed() {
    let page = Page::new();
    page.run("globalThis.c = new Convert();");
    assert_eq!(page.awaited("c.promise(Promise.resolve('in'))"), "in");
    assert_eq!(page.awaited("c.promise('plain')"), "plain");
    assert_eq!(page.awaited("c.promise(Promise.reject(new RangeError('no')))"), "!RangeError: no");
    assert_eq!(page.awaited("c.promise({ then(resolve) { resolve('thenable') } })"), "thenable");
}

#[test]
fn a_promise_of_the_realm_is_settled_at_once() {
    let page = Page::new();
    let resolver = in_realm(&page, |realm| {
        let (promise, resolver) = realm.new_promise().unwrap();
        let global = realm.global();
        let adopt = realm.hold(Value::Object(global)).unwrap();
        assert!(realm.platform_object(&adopt).is_some());
        realm.core("double", vec![Value::Number(2.0)]).unwrap();
        realm.run_script(b"globalThis.log = []", "test.js").unwrap();
        let attach = realm
            .run_script(b"(p) => p.then((v) => log.push(v), (e) => log.push('!' + e))", "test.js")
            .unwrap();
        let Value::Held(attach) = attach else { panic!("{attach:?}") };
        realm.call(&attach, None, vec![Value::Held(promise)]).unwrap();
        resolver
    });
    page.expect(&[("log.length", "0")]);
    in_realm(&page, move |realm| realm.settle(resolver, Ok(Value::Number(3.0))));
    page.expect(&[("log", "3")]);
}

#[test]
fn a_value_may_be_made_in_the_realm() {
    let page = Page::new();
    let result = in_realm(&page, |realm| {
        let value = Value::in_realm(|realm| realm.parse_json("{\"deep\":[1,2]}"));
        realm.to_json(value).unwrap()
    });
    assert_eq!(result, "{\"deep\":[1,2]}");
    let failed =
        in_realm(&page, |realm| realm.hold(Value::in_realm(|_| Err(Exception::type_error("no")))).is_err());
    assert!(failed);
}

#[test]
fn unhandled_rejections_are_told_of_after_the_checkpoint() {
    let page = Page::new();
    // One that is handled in time is never told of.
    page.run("{ const p = Promise.reject(1); queueIt(p); function queueIt(p) { Promise.resolve().then(() => p.catch(() => {})) } }");
    page.settle();
    assert!(page.errors.borrow().is_empty());
    // Without anybody in the page the host is told.
    page.run("Promise.reject(new TypeError('lost')); 0");
    assert!(page.errors.borrow().is_empty(), "a task tells of it");
    page.settle();
    let messages: Vec<String> = page.errors.borrow().iter().map(|error| error.to_string()).collect();
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].contains("unhandled rejection: TypeError: lost")
            && messages[0].starts_with("http://test/page.js:1:"),
        "{messages:?}"
    );
    // The core is told, once, and of a handler that comes late.
    page.run("globalThis.log = []; onunhandled = (p, r) => log.push('un ' + r); onhandled = (p, r) => log.push('handled ' + r);
              globalThis.late = Promise.reject('late'); 0");
    page.settle();
    page.run("late.catch(() => {}); 0");
    page.settle();
    // A handler that comes before the task does: nothing is told of.
    page.run("globalThis.early = Promise.reject('early'); 0");
    page.run("early.catch(() => {}); 0");
    page.settle();
    page.expect(&[("log", "un late,handled late")]);
    assert_eq!(page.errors.borrow().len(), 1);
}

#[test]
fn microtasks_run_between_tasks() {
    let page = Page::new();
    page.run("globalThis.log = []; Promise.resolve().then(() => log.push('micro')); log.push('script')");
    page.expect(&[("log", "script,micro")]);
    in_realm(&page, |realm| {
        realm
            .run_script(b"Promise.resolve().then(() => log.push('after task')); log.push('task')", "t.js")
            .map(|_| ())
            .unwrap()
    });
    page.expect(&[("log", "script,micro,task,after task")]);
}
