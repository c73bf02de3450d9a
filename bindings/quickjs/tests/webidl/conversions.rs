//! <https://webidl.spec.whatwg.org/#js-type-mapping>

use crate::support::Page;

fn page() -> Page {
    let page = Page::new();
    page.run("globalThis.c = new Convert();");
    page
}

#[test]
fn integers_wrap_are_enforced_or_clamped() {
    let page = page();
    page.expect(&[
        ("c.byte(200)", "-56"),
        ("c.octet(-1)", "255"),
        ("c.octet('0x1ff')", "255"),
        ("c.octet(NaN)", "0"),
        ("c.octet(1.9)", "1"),
        ("c.octet({ valueOf: () => 7 })", "7"),
        ("Object.is(c.byte(-0), 0)", "true"),
        ("c.enforced(4294967295.9)", "4294967295"),
        ("c.clamped(999)", "255"),
        ("c.clamped(2.5)", "2"),
        ("c.clamped(-3)", "0"),
        ("c.plain()", "1099511627776"),
        // Halves go to the even neighbour, and nothing to zero.
        ("[0.5, 1.5, 254.5, 255.5, -0.5, NaN, Infinity, -Infinity, undefined, null].map((x) => c.clamped(x))", "0,2,254,255,0,0,255,0,0,0"),
        ("Object.is(c.enforced(-0.9), 0)", "true"),
        ("[2 ** 32 + 5, -1, Infinity, -Infinity, 2 ** 53, '12px', [7], true].map((x) => c.octet(x))", "5,255,0,0,0,0,7,1"),
    ]);
    page.throws(
        "TypeError",
        &[
            "c.enforced(-1)",
            "c.enforced(NaN)",
            "c.enforced(4294967296)",
            "c.enforced(Infinity)",
            "c.enforced(-Infinity)",
            "c.enforced('x')",
            "c.octet(1n)",
            "c.octet(Symbol())",
        ],
    );
}

#[test]
fn floats_are_restricted_or_not() {
    let page = page();
    page.expect(&[
        ("c.unrestricted(Infinity)", "Infinity"),
        ("Object.is(c.unrestricted(-0), -0)", "true"),
        ("c.single(0.1)", "0.10000000149011612"),
        ("c.restricted('1.5')", "1.5"),
    ]);
    page.throws("TypeError", &["c.restricted(NaN)", "c.single(1e300)", "c.restricted(undefined)"]);
}

#[test]
fn strings_keep_what_their_type_keeps() {
    let page = page();
    page.expect(&[
        ("c.domString(null)", "null"),
        ("c.nullToEmpty(null) === ''", "true"),
        ("c.nullToEmpty(undefined)", "undefined"),
        ("c.domString('a\\uD800b') === 'a\\uD800b'", "true"),
        ("c.usvString('a\\uD800b') === 'a\\uFFFDb'", "true"),
        ("c.usvString('\\u{1F600}')", "😀"),
        ("c.domString('a\\0b').length", "3"),
        ("c.byteString('\\xff\\x00') === '\\xff\\x00'", "true"),
        ("c.nullable(undefined)", "null"),
        ("c.nullable('x')", "x"),
        ("c.color('dark-blue')", "dark-blue"),
        ("c.color('') === ''", "true"),
    ]);
    page.throws("TypeError", &["c.byteString('\\u0100')", "c.color('blue')", "c.domString(Symbol('s'))"]);
    page.expect(&[
        ("c.boolean('') || c.boolean(0) || c.boolean(null)", "false"),
        ("c.boolean('false')", "true"),
    ]);
}

#[test]
fn sequences_come_from_any_iterable() {
    let page = page();
    page.expect(&[
        ("c.sequence([1, '2', 3.7])", "1,2,3"),
        ("c.sequence(new Set([4, 5]))", "4,5"),
        ("c.sequence((function* () { yield 6; })())", "6"),
        ("c.sequence({ [Symbol.iterator]() { return { next: () => ({ done: true }) } } })", ""),
        ("Object.isFrozen(c.frozen([1]))", "true"),
        ("Object.isFrozen(c.sequence([1]))", "false"),
    ]);
    page.throws(
        "TypeError",
        &["c.sequence({})", "c.sequence(1)", "c.sequence('12')", "c.sequence({ [Symbol.iterator]: 1 })"],
    );
    // A polluted Array.prototype sees nothing of the result.
    page.expect(&[("(Object.defineProperty(Array.prototype, '0', { set() { throw 1 }, configurable: true }), c.sequence([9])[0])", "9")]);
}

#[test]
fn records_take_own_enumerable_keys_in_order() {
    let page = page();
    page.expect(&[
        ("JSON.stringify(c.record({ b: 1, a: '2' }))", r#"{"b":1,"a":2}"#),
        ("JSON.stringify(c.record(Object.create({ inherited: 1 }, { hidden: { value: 2 }, seen: { value: 3, enumerable: true } })))", r#"{"seen":3}"#),
        ("Object.keys(c.usvRecord({ '\\uD800': 1, '\\uFFFD': 2 })).length", "1"),
        ("Object.values(c.usvRecord({ '\\uD800': 1, '\\uFFFD': 2 }))[0]", "2"),
        (
            "(() => { const log = []; c.record(new Proxy({ a: 1 }, { ownKeys(t) { log.push('keys'); return Reflect.ownKeys(t) },
                getOwnPropertyDescriptor(t, k) { log.push('own ' + k); return Reflect.getOwnPropertyDescriptor(t, k) },
                get(t, k) { log.push('get ' + String(k)); return t[k] } })); return log })()",
            "keys,own a,get a",
        ),
    ]);
    page.throws("TypeError", &["c.record(1)", "c.record({ [Symbol()]: 1 })"]);
}

#[test]
fn dictionaries_are_read_base_first_in_lexicographic_order() {
    let page = page();
    page.expect(&[
        ("c.dictionary({ a: 'x' })", "x 7 [] None undefined None"),
        ("c.dictionary({ a: 'x', b: null, list: [1], color: 'red', thing: 1, clamped: 300 })", "x 0 [1] Some(Red) Number(1) Some(255)"),
        (
            "(() => { const log = []; c.dictionary(new Proxy({ a: 1 }, { get(t, k) { log.push(k); return t[k] } })); return log })()",
            "a,b,clamped,color,list,thing",
        ),
        ("c.optionalDictionary()", "Nothing"),
        ("c.optionalDictionary(null)", "Nothing"),
        ("c.optionalDictionary(undefined)", "Nothing"),
        ("c.optionalDictionary(function () {})", "Nothing"),
    ]);
    page.throws(
        "TypeError",
        &["c.dictionary({})", "c.dictionary(null)", "c.dictionary(1)", "c.optionalDictionary('x')"],
    );
}

#[test]
fn unions_are_told_apart() {
    let page = page();
    page.expect(&[
        ("c.mixed(new Counter())", "counter true"),
        ("c.mixed(['a', 1])", "list [\"a\", \"1\"]"),
        ("c.mixed({ a: 'x' })", "base x"),
        ("c.mixed(true)", "boolean true"),
        ("c.mixed(1.5)", "double 1.5"),
        ("c.mixed('s')", "string s"),
        ("c.mixed(9n)", "string 9"),
        ("c.mixed(new String('s'))", "list [\"s\"]"),
        ("c.maybe()", "absent"),
        ("c.maybe(null)", "null"),
        ("c.maybe(4)", "long 4"),
        ("c.maybe('4')", "string 4"),
        ("c.maybe({})", "string [object Object]"),
        ("c.longOrUndefined(undefined)", "undefined"),
        ("c.longOrUndefined('3')", "3"),
    ]);
    // undefined and null are dictionaries where a union has one, and this one lacks its required member.
    page.throws("TypeError", &["c.mixed(null)", "c.mixed(undefined)"]);
}

#[test]
fn interfaces_are_checked_by_brand() {
    let page = page();
    page.expect(&[
        ("c.counter(new Counter())", "[Counter]"),
        ("c.counter(new Doubling())", "[Doubling]"),
        ("c.target(new EventTarget())", "None true"),
        ("c.target(new Counter())", "Some([Counter]) true"),
        ("c.target(globalThis)", "Some([TestGlobal]) true"),
    ]);
    page.throws(
        "TypeError",
        &[
            "c.counter({})",
            "c.counter(null)",
            "c.counter(Object.create(Counter.prototype))",
            "c.counter(new EventTarget())",
            "c.target(c)",
            "c.counter(new Proxy(new Counter(), {}))",
        ],
    );
}

#[test]
fn script_values_keep_their_identity() {
    let page = page();
    page.expect(&[
        ("(() => { const o = {}; return c.object(o) === o })()", "true"),
        ("(() => { const s = Symbol(); return c.symbol(s) === s })()", "true"),
        ("(() => { const f = () => {}; return c.any(f) === f })()", "true"),
        ("c.any() === undefined && c.any(null) === null && c.any('x') === 'x' && c.any(5n) === 5n", "true"),
        ("(() => { const k = new Counter(); k.mine = 1; return c.any(k) === k })()", "true"),
        ("c.callBack(function (x) { return this === c && x === 3 }, 3)", "true"),
        ("JSON.stringify(c.json('{\"a\":[1]}'))", r#"{"a":[1]}"#),
    ]);
    page.throws("TypeError", &["c.object(1)", "c.symbol('s')", "c.callBack({}, 1)", "c.callBack(null, 1)"]);
    page.throws("RangeError", &["c.callBack(() => { throw new RangeError('mine') }, 1)"]);
    page.throws("SyntaxError", &["c.json('{')"]);
}

#[test]
fn buffers_are_copied_and_written_through() {
    let page = page();
    page.expect(&[
        ("c.bufferSource(new Uint8Array([1, 2]))", "Uint8Array:[1, 2]"),
        ("c.bufferSource(new Uint8Array([1, 2, 3, 4]).buffer)", "ArrayBuffer:[1, 2, 3, 4]"),
        ("c.bufferSource(new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2))", "DataView:[2, 3]"),
        ("c.bufferSource(new Uint16Array([258]))", "Uint16Array:[2, 1]"),
        ("c.bytes(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))", "Uint8Array:[2, 3]"),
        ("c.bufferSource(new ArrayBuffer(0))", "ArrayBuffer:[]"),
        ("c.shared(new Uint8Array(new SharedArrayBuffer(1)))", "Uint8Array:[0]"),
        ("c.makeBytes([1, 300]) instanceof Uint8Array && c.makeBytes([1, 300])", "1,44"),
        ("(() => { const b = new Uint8Array(4); c.fill(b.subarray(1, 3), 9); return b })()", "0,9,9,0"),
    ]);
    page.expect(&[("(() => { const b = new Uint8Array(1); return c.same(b) === b })()", "true")]);
    // Detached buffers have no bytes, and cannot be written to.
    page.expect(&[(
        "(() => { const b = new Uint8Array(4); b.buffer.transfer(); return c.bytes(b) })()",
        "Uint8Array:[]",
    )]);
    page.throws(
        "TypeError",
        &[
            "c.bytes(new Int8Array(1))",
            "c.bufferSource([1])",
            "c.bufferSource(new Uint8Array(new SharedArrayBuffer(1)))",
            "c.bufferSource(new ArrayBuffer(1, { maxByteLength: 2 }))",
            "const b = new Uint8Array(4); b.buffer.transfer(); c.fill(b, 1)",
            "c.bytes(Object.create(Uint8Array.prototype))",
        ],
    );
}

#[test]
fn arguments_are_converted_in_order_before_the_call() {
    let page = page();
    page.run("globalThis.k = new Counter(1);");
    // A conversion may use the very object.
    page.expect(&[("k.add({ valueOf() { k.add(10); return 1 } }, 2)", "13")]);
    page.expect(&[
        (
            "(() => { const log = []; const arg = (n) => ({ valueOf() { log.push(n); return n } });
               k.add(arg(1), arg(2), arg(3), arg(4)); return log })()",
            "1,2,3,4",
        ),
        // Too few arguments are told of before any conversion; a wrong receiver before that.
        ("(() => { try { k.add.call({}, { valueOf() { throw 'converted' } }) } catch (e) { return e.name } })()", "TypeError"),
    ]);
    page.throws("TypeError", &["k.add()"]);
}

#[test]
fn overloads_are_resolved() {
    let page = page();
    page.expect(&[
        ("c.overload()", "none"),
        ("c.overload('5')", "long 5"),
        ("c.overload('a', new Counter())", "counter a"),
        ("c.overload('a', [1, 2])", "list a [1, 2]"),
        ("c.overload('a', {})", "dictionary a None"),
        ("c.overload('a', null)", "dictionary a None"),
        ("c.overload('a', {}, 4)", "dictionary a Some(4)"),
        ("c.overload('a', {}, 4, 'ignored')", "dictionary a Some(4)"),
        ("c.overload.length", "0"),
    ]);
    page.throws("TypeError", &["c.overload('a', 1)"]);
}
