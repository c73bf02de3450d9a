//! Global objects as other realms see them: <https://html.spec.whatwg.org/#the-windowproxy-exotic-object>

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use longhaul_idl::runtime::{CrossOriginProperty, GlobalProxy, Realm, RealmId};

use crate::support::{Page, TestGlobal};

const fn member(name: &'static str, get: bool, set: bool) -> CrossOriginProperty {
    CrossOriginProperty { name, get, set, members: &[] }
}

/// A browsing context.
#[derive(Default)]
struct Context {
    realm: Mutex<Option<RealmId>>,
    foreign: AtomicBool,
    children: Mutex<Vec<Arc<Context>>>,
}

impl GlobalProxy for Context {
    fn current(&self) -> Option<RealmId> {
        *self.realm.lock().unwrap()
    }
    fn is_accessible_from(&self, accessor: &dyn Realm) -> bool {
        !self.foreign.load(Ordering::Relaxed) || self.current() == Some(accessor.id())
    }
    fn cross_origin_properties(&self) -> &'static [CrossOriginProperty] {
        const PLACE: &[CrossOriginProperty] = &[member("href", false, true), member("replace", true, true)];
        const ALL: &[CrossOriginProperty] = &[
            member("window", true, false),
            member("self", true, false),
            member("other", true, false),
            member("greet", true, false),
            CrossOriginProperty { name: "place", get: true, set: false, members: PLACE },
        ];
        ALL
    }
    fn child_count(&self) -> u32 {
        u32::try_from(self.children.lock().unwrap().len()).unwrap()
    }
    fn child(&self, index: u32) -> Option<Arc<dyn GlobalProxy>> {
        self.children.lock().unwrap().get(index as usize).map(|child| Arc::clone(child) as _)
    }
    fn named_child(&self, name: &str) -> Option<Arc<dyn GlobalProxy>> {
        if name == "inner" { self.child(0) } else { None }
    }
}

/// Two pages that know each other.
struct Pair {
    page: Page,
    top: Arc<Context>,
    frame: Arc<Context>,
    second: Cell<RealmId>,
}

fn pair() -> Pair {
    let (top, frame) = (Arc::new(Context::default()), Arc::new(Context::default()));
    let global = TestGlobal::new();
    *global.other.lock().unwrap() = Some(frame.clone());
    let page = Page::with(|options| options.global = global);
    *top.realm.lock().unwrap() = Some(page.realm);
    let pair = Pair { second: Cell::new(page.realm), page, top, frame };
    pair.navigate();
    pair
}

impl Pair {
    /// The frame has a new realm.
    fn navigate(&self) {
        let global = TestGlobal::new();
        *global.other.lock().unwrap() = Some(self.top.clone());
        let mut options = crate::support::options(&self.page.agent, &self.page.errors);
        options.global = global;
        let realm = self.page.engine.create_realm(options).unwrap();
        *self.frame.realm.lock().unwrap() = Some(realm);
        self.second.set(realm);
    }

    fn in_frame(&self, source: &str) {
        self.page
            .engine
            .evaluate_script(self.second.get(), source.as_bytes(), "http://test/frame.js")
            .unwrap();
    }
}

#[test]
fn a_proxy_reaches_the_current_global_and_outlives_it() {
    let pair = pair();
    let page = &pair.page;
    pair.in_frame("var x = 1; function f() { return this } let hidden = 5;");
    page.run("globalThis.w = other;");
    page.expect(&[
        ("[w === other, w === window, typeof w, w.x, w.hidden]", "true,false,object,1,"),
        ("[w.window === w, w.self === w, w.f.call(undefined) === w]", "true,true,false"),
        ("Object.prototype.toString.call(w)", "[object TestGlobal]"),
        ("[w.Array === Array, new w.Array() instanceof w.Array, w instanceof TestGlobal, w instanceof w.TestGlobal]", "false,true,false,true"),
        // What the other realm knows this one by is this one's own global.
        ("[w.other === window, w.other.other === w]", "true,true"),
        ("(w.y = 7, w.y + Object.getOwnPropertyDescriptor(w, 'y').value)", "14"),
        ("[delete w.y, 'y' in w, 'x' in w, Object.keys(w).includes('x')]", "true,false,true,true"),
        // Members reach through it, and brands hold across realms.
        ("w.greet('x') + greet.call(w, 'y')", "hi xhi y"),
        ("new w.Counter(3).value + Object.getOwnPropertyDescriptor(Counter.prototype, 'value').get.call(new w.Counter(4))", "7"),
        ("(() => { const c = new w.Counter(1); c.peer = new Counter(2); return [c.peer.value, c instanceof w.Counter, c instanceof Counter] })()", "2,true,false"),
        ("sameWindow(w) + '' + sameWindow(window) + sameWindow('w')", "truefalsefalse"),
        ("Reflect.preventExtensions(w) || Reflect.setPrototypeOf(w, null)", "false"),
    ]);
    assert_eq!(page.text("w.calledBy()"), page.realm.0.to_string());
    pair.in_frame("globalThis.own = calledBy()");
    assert_eq!(page.text("w.own"), pair.second.get().0.to_string());
    pair.navigate();
    page.expect(&[("[w === other, w.x, w.greet('z')]", "true,,hi z")]);
    *pair.frame.realm.lock().unwrap() = None;
    page.expect(&[("[typeof w, w.greet, 'x' in w, Object.keys(w).length]", "object,,false,0")]);
    page.throws("TypeError", &["greet.call(w, 'x')"]);
}

#[test]
fn another_origin_sees_little() {
    let pair = pair();
    let page = &pair.page;
    pair.in_frame("var x = 1;");
    let inner = Arc::new(Context::default());
    *inner.realm.lock().unwrap() = Some(pair.second.get());
    pair.frame.children.lock().unwrap().push(inner);
    pair.frame.foreign.store(true, Ordering::Relaxed);
    page.run("globalThis.w = other;");
    page.expect(&[
        ("[w.window === w, w.self === w, w.greet('x')]", "true,true,hi x"),
        ("w.greet === w.greet && w.greet instanceof Function && Object.getPrototypeOf(w.greet) === Function.prototype", "true"),
        ("[w.then, w[Symbol.toStringTag], Object.getPrototypeOf(w), Object.isExtensible(w)]", ",,,true"),
        ("Object.prototype.toString.call(w)", "[object Object]"),
        ("Object.getOwnPropertyNames(w)", "0,window,self,other,greet,place,then"),
        // NOTE: the engine shows an accessor of a proxy as a data property.
        ("(() => { const d = Object.getOwnPropertyDescriptor(w, 'window'); return [d.enumerable, d.configurable] })()", "false,true"),
        ("[w[0] === w.inner, typeof w[0]]", "true,object"),
        // What a place is set to reaches it; what it is stays hidden.
        ("(w.place.href = 'a', w.place.replace('b'), w.place === w.place)", "true"),
    ]);
    page.throws(
        "SecurityError",
        &[
            "w.x",
            "w.x = 1",
            "w.window = 1",
            "'x' in w",
            "delete w.greet",
            "Object.defineProperty(w, 'q', { value: 1 })",
            "Object.getOwnPropertyDescriptor(w, 'origin')",
            "w[1]",
            "w.place.href",
            "w.place.x",
            "w.origin",
            // The accessor's own members refuse likewise.
            "Object.getOwnPropertyDescriptor(window, 'origin').get.call(w)",
        ],
    );
    page.expect(&[
        ("greet.call(w, 'x')", "hi x"),
        ("(() => { try { w.x } catch (e) { return e instanceof DOMException } })()", "true"),
    ]);
    pair.in_frame("globalThis.at = place.href");
    pair.frame.foreign.store(false, Ordering::Relaxed);
    page.expect(&[("w.at", "replaced b")]);
}

#[test]
fn a_constructor_of_another_realm_gives_that_realms_prototype() {
    let pair = pair();
    pair.page.run("globalThis.w = other; globalThis.f = new w.Function(); f.prototype = undefined;");
    pair.page.expect(&[
        ("Object.getPrototypeOf(Reflect.construct(Counter, [1], f)) === w.Counter.prototype", "true"),
        ("Object.getPrototypeOf(Reflect.construct(Counter, [1], f.bind())) === w.Counter.prototype", "true"),
        ("Object.getPrototypeOf(Reflect.construct(Event, ['x'], new Proxy(f, {}))) === w.Event.prototype", "true"),
        ("Object.getPrototypeOf(Reflect.construct(w.Counter, [1], Object.assign(function () {}, { prototype: null }))) === Counter.prototype", "true"),
        ("(() => { class Mine extends w.Counter {} return new Mine(2).value })()", "2"),
        ("Counter.prototype !== w.Counter.prototype && DOMException !== w.DOMException", "true"),
        ("(() => { try { w.throws('dom') } catch (e) { return e instanceof w.DOMException } })()", "true"),
        ("(() => { try { w.greet.call({}) } catch (e) { return e instanceof w.TypeError } })()", "true"),
    ]);
}
