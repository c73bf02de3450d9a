//! Interface objects, prototypes, members and their properties: <https://webidl.spec.whatwg.org/#js-interfaces>

use longhaul_idl::runtime::{Exposure, RealmId};

use crate::support::Page;

#[test]
fn interface_objects_have_their_shape() {
    let page = Page::new();
    page.expect(&[
        ("Counter.length", "0"),
        ("Event.length", "1"),
        ("Counter.name", "Counter"),
        ("typeof Counter", "function"),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, 'Counter'))", r#"{"writable":true,"enumerable":false,"configurable":true}"#),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(Counter, 'prototype'), ['writable', 'enumerable', 'configurable'])", r#"{"writable":false,"enumerable":false,"configurable":false}"#),
        ("Counter.prototype.constructor === Counter", "true"),
        ("Object.getPrototypeOf(Doubling) === Counter && Object.getPrototypeOf(Counter) === EventTarget", "true"),
        ("Object.getPrototypeOf(EventTarget) === Function.prototype", "true"),
        ("Object.getPrototypeOf(Doubling.prototype) === Counter.prototype", "true"),
        ("Object.prototype.toString.call(new Doubling())", "[object Doubling]"),
        ("Object.prototype.toString.call(Counter.prototype)", "[object Counter]"),
        ("Object.keys(Object.getOwnPropertyDescriptors(Counter)).sort()", "COUNTS,length,made,name,of,prototype"),
        ("Function.prototype.toString.call(Counter).includes('[native code]')", "true"),
    ]);
    page.throws("TypeError", &["Counter()", "new Bare()", "Bare()", "EventTarget.call({})", "new Event()"]);
}

#[test]
fn members_have_their_shape() {
    let page = Page::new();
    page.run("globalThis.shape = (o, k) => { const d = Object.getOwnPropertyDescriptor(o, k);
        return [typeof (d.get ?? d.value), typeof d.set, d.writable, d.enumerable, d.configurable, (d.get ?? d.value).name, (d.get ?? d.value).length].join() }");
    page.expect(&[
        ("shape(Counter.prototype, 'value')", "function,undefined,,true,true,get value,0"),
        ("shape(Counter.prototype, 'step')", "function,function,,true,true,get step,0"),
        ("Object.getOwnPropertyDescriptor(Counter.prototype, 'step').set.name", "set step"),
        ("Object.getOwnPropertyDescriptor(Counter.prototype, 'step').set.length", "1"),
        ("shape(Counter.prototype, 'add')", "function,undefined,true,true,true,add,1"),
        ("shape(Counter, 'of')", "function,undefined,true,true,true,of,1"),
        ("shape(Counter, 'made')", "function,undefined,,true,true,get made,0"),
        (
            "JSON.stringify(Object.getOwnPropertyDescriptor(Counter, 'COUNTS'))",
            r#"{"value":true,"writable":false,"enumerable":true,"configurable":false}"#,
        ),
        ("Counter.prototype.COUNTS", "true"),
        ("Event.AT_TARGET", "2"),
        ("'prototype' in Counter.prototype.add", "false"),
        ("Object.prototype.hasOwnProperty.call(new Counter(), 'value')", "false"),
        ("(() => { const k = new Counter(); k.step = 5; return k.step })()", "5"),
        ("Counter.of(4).value", "4"),
    ]);
    page.throws(
        "TypeError",
        &[
            "new Counter().add.call(new Paint(), 1)",
            "Counter.prototype.value",
            "new (new Counter().add)()",
            "(function () { 'use strict'; new Counter().value = 1 })()",
        ],
    );
}

#[test]
fn inheritance_and_brands() {
    let page = Page::new();
    page.expect(&[
        ("(() => { const d = new Doubling(4); d.add(1); return d.doubled })()", "10"),
        ("new Doubling() instanceof Counter && new Doubling() instanceof EventTarget", "true"),
        ("Object.getOwnPropertyDescriptor(Counter.prototype, 'value').get.call(new Doubling(3))", "3"),
        ("(() => { class Mine extends Counter { twice() { return this.value * 2 } } const m = new Mine(4); return [m.twice(), m instanceof Mine, Object.getPrototypeOf(m) === Mine.prototype] })()", "8,true,true"),
        ("(() => { function F() {} F.prototype = null; const o = Reflect.construct(Counter, [1], F); return Object.getPrototypeOf(o) === Counter.prototype })()", "true"),
    ]);
    page.throws(
        "TypeError",
        &["Object.getOwnPropertyDescriptor(Doubling.prototype, 'doubled').get.call(new Counter())"],
    );
}

#[test]
fn attributes_with_extended_attributes() {
    let page = Page::new();
    page.expect(&[
        // [SameObject], also across a collection that script cannot see.
        ("counter === counter && (counter.mine = 1, counter.mine)", "1"),
        ("(() => { const k = new Counter(); return k.self === k })()", "true"),
        ("(() => { const k = new Counter(); return k.fresh() === k.fresh() })()", "false"),
        ("(() => { const k = new Counter(); return [k.factors === k.factors, Object.isFrozen(k.factors), k.factors] })()", "true,true,2,3"),
        // [PutForwards]
        ("(() => { const k = new Counter(); const inner = k.inner; k.inner = 9; return [k.inner === inner, inner.step] })()", "true,9"),
        // An unknown value of an enumeration is passed over.
        ("(() => { const p = new Paint(); p.color = 'red'; p.color = 'nope'; return p.color })()", "red"),
        ("String(new Paint())", "paint "),
        ("`${new Paint()}`", "paint "),
        ("Object.getOwnPropertyDescriptor(Paint.prototype, 'toString').enumerable", "true"),
        // [LegacyUnforgeable]
        ("Object.getOwnPropertyNames(new Event('x'))", "isTrusted"),
        ("Object.getOwnPropertyDescriptor(new Event('x'), 'isTrusted').configurable", "false"),
        (
            "Object.getOwnPropertyDescriptor(new Event('x'), 'isTrusted').get === Object.getOwnPropertyDescriptor(new Event('y'), 'isTrusted').get",
            "true",
        ),
        ("'isTrusted' in Event.prototype", "false"),
    ]);
}

#[test]
fn the_global_object_is_a_platform_object() {
    let page = Page::new();
    page.expect(&[
        ("window === globalThis && self === globalThis", "true"),
        ("Object.getPrototypeOf(globalThis) === TestGlobal.prototype", "true"),
        ("globalThis instanceof EventTarget", "true"),
        ("Object.prototype.toString.call(globalThis)", "[object TestGlobal]"),
        // [Global]: the members are the global's own, and a missing receiver is the global.
        ("Object.prototype.hasOwnProperty.call(globalThis, 'greet')", "true"),
        ("(0, greet)('x')", "hi x"),
        ("Object.getOwnPropertyDescriptor(globalThis, 'origin').get.call(undefined)", "http://test"),
        ("Object.getOwnPropertyDescriptor(globalThis, 'window').configurable", "false"),
        // [Replaceable]
        ("(self = 5, self)", "5"),
        (
            "JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, 'self'))",
            r#"{"value":5,"writable":true,"enumerable":true,"configurable":true}"#,
        ),
        ("typeof performance + typeof navigator", "undefinedundefined"),
    ]);
    page.throws("TypeError", &["greet.call({}, 'x')", "new TestGlobal()"]);
}

#[test]
fn exposure_and_secure_contexts_filter() {
    let secure = Page::new();
    secure.expect(&[
        ("typeof WorkerOnly", "undefined"),
        ("typeof SecureOnly", "function"),
        ("secret()", "secret"),
    ]);
    let insecure = Page::with(|options| options.secure_context = false);
    insecure.expect(&[
        ("typeof SecureOnly", "undefined"),
        ("typeof secret", "undefined"),
        ("typeof greet", "function"),
    ]);
    // A global that is not exposed where the realm is cannot be mounted.
    let page = Page::new();
    let mut options = crate::support::options(&page.agent, &page.errors);
    options.exposure = Exposure::ServiceWorker;
    options.id = RealmId::next();
    assert!(page.engine.create_realm(options).unwrap_err().message.contains("TestGlobal"));
}

#[test]
fn iterables() {
    let page = Page::new();
    page.run("globalThis.p = new Pairs([['a', '1'], ['b', '2']]);");
    page.expect(&[
        ("[...p].join(';')", "a,1;b,2"),
        ("[...p.keys()] + '|' + [...p.values()]", "a,b|1,2"),
        ("Pairs.prototype[Symbol.iterator] === Pairs.prototype.entries", "true"),
        ("Object.prototype.toString.call(p.entries())", "[object Pairs Iterator]"),
        ("Object.getPrototypeOf(Object.getPrototypeOf(p.keys())) === Object.getPrototypeOf(Object.getPrototypeOf([].values()))", "true"),
        ("Object.getOwnPropertyDescriptor(Object.getPrototypeOf(p.keys()), 'next').enumerable", "true"),
        ("Object.getOwnPropertyDescriptor(Pairs.prototype, Symbol.iterator).enumerable", "false"),
        ("Pairs.prototype.entries.name + Pairs.prototype.entries.length + Pairs.prototype.forEach.length", "entries01"),
        // Iterators are live.
        ("(() => { const q = new Pairs([['x', '1']]); const i = q.keys(); i.next(); q.append('y', '2'); return i.next().value })()", "y"),
        ("(() => { const log = []; p.forEach(function (value, key, owner) { log.push(value + key + (owner === p) + this.t) }, { t: 1 }); return log })()", "1atrue1,2btrue1"),
    ]);
    page.throws(
        "TypeError",
        &[
            "p.forEach()",
            "p.forEach({})",
            "Pairs.prototype.keys.call({})",
            "p.keys().next.call({})",
            "new Pairs([['a']])",
        ],
    );
    page.expect(&[
        ("(() => { const l = new Lookup(); return [l.size, l.get('2'), l.get(2), l.has('x'), [...l.keys()], [...l].length] })()", "2,2,2,false,one,2,2"),
        ("(() => { const m = new Members(); return [m.size, m.has('a'), [...m], [...m.entries()].length] })()", "2,true,a,b,2"),
        ("Members.prototype[Symbol.iterator] === Members.prototype.values && Members.prototype.keys === Members.prototype.values", "true"),
        ("'set' in Lookup.prototype || 'add' in Members.prototype", "false"),
    ]);
}

#[test]
fn unscopable_members_are_not_seen_by_with() {
    let page = Page::new();
    page.run("globalThis.p = new Pairs([]); globalThis.append = 'outside';");
    page.expect(&[
        ("(new Function('p', 'with (p) { return append }'))(p)", "outside"),
        ("typeof p.append", "function"),
        ("Object.getPrototypeOf(Pairs.prototype[Symbol.unscopables])", "null"),
        ("JSON.stringify(Pairs.prototype[Symbol.unscopables])", r#"{"append":true}"#),
        (
            "JSON.stringify(Object.getOwnPropertyDescriptor(Pairs.prototype, Symbol.unscopables))",
            r#"{"value":{"append":true},"writable":false,"enumerable":false,"configurable":true}"#,
        ),
        ("Symbol.unscopables in Counter.prototype", "false"),
    ]);
}

#[test]
fn namespaces() {
    let page = Page::new();
    page.expect(&[
        ("tools.join('a', 1, null)", "a+1+null"),
        ("tools.join()", ""),
        ("tools.version", "3"),
        ("Object.prototype.toString.call(tools)", "[object tools]"),
        ("typeof tools", "object"),
        ("Object.getPrototypeOf(tools) === Object.prototype", "true"),
        ("Object.getOwnPropertyDescriptor(globalThis, 'tools').enumerable", "false"),
    ]);
}

#[test]
fn every_exception_name_has_its_code() {
    let page = Page::new();
    // https://webidl.spec.whatwg.org/#idl-DOMException-error-names
    for (name, constant, code) in [
        ("IndexSizeError", "INDEX_SIZE_ERR", 1),
        ("HierarchyRequestError", "HIERARCHY_REQUEST_ERR", 3),
        ("WrongDocumentError", "WRONG_DOCUMENT_ERR", 4),
        ("InvalidCharacterError", "INVALID_CHARACTER_ERR", 5),
        ("NoModificationAllowedError", "NO_MODIFICATION_ALLOWED_ERR", 7),
        ("NotFoundError", "NOT_FOUND_ERR", 8),
        ("NotSupportedError", "NOT_SUPPORTED_ERR", 9),
        ("InUseAttributeError", "INUSE_ATTRIBUTE_ERR", 10),
        ("InvalidStateError", "INVALID_STATE_ERR", 11),
        ("SyntaxError", "SYNTAX_ERR", 12),
        ("InvalidModificationError", "INVALID_MODIFICATION_ERR", 13),
        ("NamespaceError", "NAMESPACE_ERR", 14),
        ("InvalidAccessError", "INVALID_ACCESS_ERR", 15),
        ("TypeMismatchError", "TYPE_MISMATCH_ERR", 17),
        ("SecurityError", "SECURITY_ERR", 18),
        ("NetworkError", "NETWORK_ERR", 19),
        ("AbortError", "ABORT_ERR", 20),
        ("URLMismatchError", "URL_MISMATCH_ERR", 21),
        ("QuotaExceededError", "QUOTA_EXCEEDED_ERR", 22),
        ("TimeoutError", "TIMEOUT_ERR", 23),
        ("InvalidNodeTypeError", "INVALID_NODE_TYPE_ERR", 24),
        ("DataCloneError", "DATA_CLONE_ERR", 25),
    ] {
        let source = format!(
            "[new DOMException('', '{name}').code, DOMException.{constant}, DOMException.prototype.{constant}].join()"
        );
        page.expect(&[(&source, &format!("{code},{code},{code}"))]);
    }
    for name in [
        "EncodingError",
        "NotReadableError",
        "DataError",
        "OperationError",
        "NotAllowedError",
        "Error",
        "no name",
    ] {
        page.expect(&[(&format!("new DOMException('', '{name}').code"), "0")]);
    }
}

#[test]
fn exceptions_are_the_realms_own() {
    let page = Page::new();
    page.throws("TypeError", &["throws('type')"]);
    page.throws("RangeError", &["throws('range')"]);
    page.throws("NotFoundError", &["throws('dom')"]);
    page.throws("QuotaExceededError", &["throws('quota')"]);
    page.expect(&[
        ("(() => { try { throws('value') } catch (e) { return e } })()", "42"),
        ("(() => { try { throws('dom') } catch (e) { return [e instanceof DOMException, e instanceof Error, e.code, e.message, typeof e.stack, Object.keys(e).length] } })()", "true,true,8,nowhere,string,0"),
        ("(() => { try { throws('quota') } catch (e) { return [e instanceof QuotaExceededError, e instanceof DOMException, e.code, e.quota, e.requested] } })()", "true,true,22,10,20"),
        ("(() => { const e = new DOMException('m', 'DataCloneError'); return [e.name, e.message, e.code, String(e)] })()", "DataCloneError,m,25,DataCloneError: m"),
        ("new DOMException().name", "Error"),
        ("DOMException.ABORT_ERR + DOMException.prototype.DATA_CLONE_ERR", "45"),
        ("Object.getPrototypeOf(DOMException.prototype) === Error.prototype", "true"),
        ("new QuotaExceededError('m', { quota: 1 }).requested", "null"),
        ("Object.prototype.toString.call(new DOMException())", "[object DOMException]"),
        // A panic of Rust is an exception like another.
        ("(() => { try { panics() } catch (e) { return e.name } })()", "TypeError"),
        ("(() => { try { greet() } catch (e) { return e instanceof TypeError } })()", "true"),
    ]);
    page.throws(
        "RangeError",
        &[
            "new QuotaExceededError('m', { quota: 2, requested: 1 })",
            "new QuotaExceededError('m', { quota: -1 })",
        ],
    );
}
