//! Interfaces that the self-hosted core implements, and native ones that inherit from them.

use longhaul_idl::runtime::{Dictionary, SelfHostedCore, Value};

use crate::support::{Counter, Page, in_realm, string};

#[test]
fn events_reach_listeners_of_native_and_hosted_targets() {
    let page = Page::new();
    page.run(
        "globalThis.log = [];
         for (const target of [new EventTarget(), new Counter(), globalThis]) {
           target.addEventListener('x', function (e) { log.push(this === target, e.type, e.bubbles, e.isTrusted) });
           target.addEventListener('x', { handleEvent() { log.push('object') } });
           target.addEventListener('x', null);
           target.dispatchEvent(new Event('x', { bubbles: 1 }));
         }",
    );
    page.expect(&[("log.join()", &["true,x,true,false,object"; 3].join(","))]);
    page.expect(&[
        ("new DetailEvent('d').detail", "null"),
        ("new DetailEvent('d', { detail: Math }).detail === Math", "true"),
        ("new DetailEvent('d') instanceof Event", "true"),
        ("new DetailEvent('d').type", "d"),
        ("(() => { class E extends Event { get more() { return 1 } } return [new E('t').more, new E('t').type] })()", "1,t"),
    ]);
    page.throws(
        "TypeError",
        &[
            "new EventTarget().addEventListener('x', 1)",
            "new EventTarget().dispatchEvent({})",
            "Object.getOwnPropertyDescriptor(Event.prototype, 'type').get.call({})",
        ],
    );
}

#[test]
fn event_handlers_are_kept_by_the_core() {
    let page = Page::new();
    page.expect(&[
        ("new Counter().onchange", "null"),
        ("(() => { const k = new Counter(); const f = () => {}; k.onchange = f; return k.onchange === f })()", "true"),
        ("(() => { const k = new Counter(); k.onchange = 5; return k.onchange })()", "null"),
        ("(() => { let seen; onping = (e) => { seen = e.type }; dispatchEvent(new Event('ping')); return seen })()", "ping"),
    ]);
}

#[test]
fn rust_fires_events_through_the_core() {
    let page = Page::new();
    page.run("globalThis.log = []; counter.addEventListener('tick', (e) => log.push(e.isTrusted, e.detail.n, e instanceof DetailEvent))");
    in_realm(&page, |realm| {
        let global = realm.global().downcast::<crate::support::TestGlobal>().unwrap();
        let counter = crate::TestGlobalMethods::counter(&global, realm).unwrap();
        let detail = Value::Dictionary(Dictionary::new().with("n", 5));
        realm.core("fireEvent", vec![Value::Object(counter), string("tick"), detail]).unwrap();
        assert!(realm.core("nothing", vec![]).is_err());
        assert!(realm.report_exception_and_go_on());
    });
    page.expect(&[("log", "true,5,true")]);
    assert!(
        page.errors.borrow().iter().any(|error| error.message.contains("told")),
        "{:?}",
        page.errors.borrow()
    );
}

trait ReportAndGoOn {
    fn report_exception_and_go_on(&self) -> bool;
}

impl ReportAndGoOn for dyn longhaul_idl::runtime::Realm + '_ {
    fn report_exception_and_go_on(&self) -> bool {
        self.report_exception(longhaul_idl::runtime::Exception::type_error("told"));
        true
    }
}

#[test]
fn async_iterables_and_hosted_promises() {
    let page = Page::new();
    page.expect(&[
        ("Object.prototype.toString.call(new Chunks(1).values())", "[object Chunks AsyncIterator]"),
        ("Chunks.prototype[Symbol.asyncIterator] === Chunks.prototype.values", "true"),
    ]);
    assert_eq!(page.awaited("(async () => { const seen = []; for await (const x of new Chunks(3)) seen.push(x); return seen })()"), "0,1,2");
    assert_eq!(page.awaited("new Chunks(3).soon(4)"), "7");
    assert_eq!(page.awaited("new Chunks(3).soon(-1)"), "!RangeError: negative");
    assert!(page.awaited("new Chunks(3).values().next.call({})").starts_with("!TypeError"));
}

#[test]
fn the_core_is_out_of_the_pages_reach() {
    let page = Page::new();
    // Slots are no property, and changed built-ins change nothing.
    page.run(
        "Array.prototype.push = Map.prototype.get = Reflect.apply = () => { throw 'stolen' };
         Object.defineProperty(Object.prototype, 'get', { value: 5, configurable: true });
         globalThis.log = []; const t = new EventTarget(); t.addEventListener('x', () => { log[log.length] = 1 });
         t.dispatchEvent(new Event('x'));",
    );
    page.expect(&[
        ("log", "1"),
        ("Reflect.ownKeys(new EventTarget()).length", "0"),
        ("typeof primordials + typeof native + typeof core", "undefinedundefinedundefined"),
    ]);
    // Neither do protocols that arrays and descriptors follow; the own property of an event shows that it was made whole.
    page.run(
        "const units = new Convert();
         Array.prototype[Symbol.iterator] = () => { throw 'stolen iterator' };
         Object.defineProperty(Array.prototype, 0, { __proto__: null, set() { throw 'stolen index' }, configurable: true });
         Object.defineProperty(Object.prototype, '__proto__', { __proto__: null, set() { throw 'stolen prototype' }, configurable: true });
         const made = new Event('made'); t.dispatchEvent(new Event('x'));",
    );
    page.expect(&[
        ("Object.getOwnPropertyNames(made).join()", "isTrusted"),
        ("units.domString('\\uD800x') === '\\uD800x'", "true"),
    ]);
    let greeting = in_realm(&page, |realm| realm.core("seen", vec![]).unwrap());
    assert!(
        matches!(&greeting, Value::String(text) if text.starts_with("hello, [String(\"core\")")),
        "{greeting:?}"
    );
}

#[test]
fn a_core_that_lacks_something_is_named() {
    let page = Page::new();
    let lacking = |sources: &'static [(&'static str, &'static str)]| {
        let mut options = crate::support::options(&page.agent, &page.errors);
        options.core = SelfHostedCore { sources, hooks: &[] };
        options.global = crate::support::TestGlobal::new();
        page.engine.create_realm(options).unwrap_err().to_string()
    };
    assert!(lacking(&[]).contains("the core does not define"), "{}", lacking(&[]));
    let message = lacking(&[(
        "a.js",
        "core.interface('Event', {}); core.interface('EventTarget', { construct() {} }); core.interface('DetailEvent', {}); core.interface('Chunks', {}); core.interface('HostedNames', {}); core.interface('HostedRange', {});",
    )]);
    assert!(message.contains("has no \""), "{message}");
    assert!(lacking(&[("a.js", "\n\nthrow new Error('broken core')")]).contains("broken core"));
}

#[test]
fn natives_of_the_core() {
    let page = Page::new();
    let checks = in_realm(&page, |realm| {
        let native = realm.core("native", vec![]).unwrap();
        let script = b"(native) => {
            const e = native.create('DetailEvent');
            const failures = [];
            const check = (what, ok) => { if (!ok) failures.push(what) };
            check('create', e instanceof DetailEvent);
            check('implements', native.implements(e, 'Event') && !native.implements(e, 'EventTarget') && !native.implements({}, 'Event'));
            check('name', native.interfaceName(e) === 'DetailEvent' && native.interfaceName({}) === undefined);
            check('slots', native.slots(e) === native.slots(e) && native.slots({}) === undefined && native.slots(globalThis) !== undefined);
            check('dom', native.domException('AbortError', 'm').code === 20);
            check('quota', native.quotaExceeded('m', 1, 2).quota === 1);
            check('convert', native.convert('7.5', 'long') === 7 && native.convert(1, 'boolean') === true);
            check('state', native.promiseState(Promise.resolve()) === 'fulfilled' && native.promiseState(new Promise(() => {})) === 'pending');
            const b = new ArrayBuffer(2);
            check('detached', !native.isDetached(b) && native.transferBuffer(b).byteLength === 2 && native.isDetached(b));
            check('constructor', native.isConstructor(Map) && native.isConstructor(class {}) && !native.isConstructor(() => {}) && native.isCallable(() => {}));
            check('exposure', native.exposure.join() === 'Window' && native.secureContext === true && native.global === globalThis);
            const rejected = Promise.reject('x'); native.markPromiseAsHandled(rejected);
            native.queueTask('timer', () => { globalThis.queued = 1 });
            return failures.join() || 'fine';
        }";
        let Value::Held(check) = realm.run_script(script, "natives.js").unwrap() else { panic!() };
        match realm.call(&check, None, vec![native]).unwrap() {
            Value::String(text) => text.to_string(),
            other => format!("{other:?}"),
        }
    });
    assert_eq!(checks, "fine");
    page.settle();
    page.expect(&[("queued", "1")]);
    assert!(page.errors.borrow().is_empty(), "{:?}", page.errors.borrow());
}

#[test]
fn wrappers_live_as_long_as_they_are_held() {
    let page = Page::new();
    let held = in_realm(&page, |realm| {
        let counter: longhaul_idl::runtime::ObjectRef = Counter::new(5);
        let held = realm.hold(Value::Object(counter.clone())).unwrap();
        let mark = realm.run_script(b"(k) => { k.mine = 'kept' }", "t.js").unwrap();
        let Value::Held(mark) = mark else { panic!() };
        realm.call(&mark, None, vec![Value::Object(counter)]).unwrap();
        held
    });
    let again = in_realm(&page, move |realm| {
        let read = realm.run_script(b"(k) => k.mine + k.value", "t.js").unwrap();
        let Value::Held(read) = read else { panic!() };
        let object = realm.platform_object(&held).unwrap();
        let direct = realm.call(&read, None, vec![Value::Object(object)]).unwrap();
        drop(held);
        direct
    });
    assert!(matches!(&again, Value::String(text) if *text == "kept5"), "{again:?}");
}
