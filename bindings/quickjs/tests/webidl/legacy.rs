//! Indexed and named properties, and what else WebIDL keeps for the sake of old interfaces:
//! <https://webidl.spec.whatwg.org/#js-legacy-platform-objects>

use crate::support::Page;

#[test]
fn indexed_properties() {
    let page = Page::new();
    page.run("globalThis.l = new Listing(['a', 'b', 'c']);");
    page.expect(&[
        ("l[0] + l['2'] + l[3] + l.item(3)", "acundefinednull"),
        ("Object.keys(l)", "0,1,2"),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(l, 1))", r#"{"value":"b","writable":false,"enumerable":true,"configurable":true}"#),
        ("Object.getOwnPropertyDescriptor(l, 7)", "undefined"),
        ("[1 in l, 3 in l, 'item' in l, '01' in l, 4294967295 in l]", "true,false,true,false,false"),
        ("[delete l[0], delete l[9]].concat(l[0])", "false,true,a"),
        ("[Reflect.set(l, 0, 'x'), Reflect.set(l, 9, 'x'), Reflect.defineProperty(l, 9, { value: 1 })]", "false,false,false"),
        ("(l.mine = 1, Object.keys(l))", "0,1,2,mine"),
        ("[...l].join() + Array.prototype.map.call(l, x => x + '!').join()", "a,b,ca!,b!,c!"),
        ("Listing.prototype[Symbol.iterator] === Array.prototype.values && Listing.prototype.forEach === Array.prototype.forEach", "true"),
        ("[Listing.prototype.keys === Array.prototype.keys, Object.keys(Object.getOwnPropertyDescriptors(Listing.prototype)).sort()]", "true,constructor,entries,forEach,item,keys,length,values"),
        ("Object.prototype.toString.call(l)", "[object Listing]"),
        ("l instanceof Listing && Object.getPrototypeOf(l) === Listing.prototype", "true"),
        ("Object.isExtensible(l) && Reflect.preventExtensions(l)", "false"),
        ("Object.getOwnPropertyDescriptor(Listing.prototype, 'length').get.call(l)", "3"),
        // As an array's prototype would, an heir finds the properties.
        ("Object.create(l)[1]", "b"),
        ("(() => { const heir = Object.create(l); return [Reflect.set(heir, 1, 'x'), heir[1]] })()", "false,b"),
        ("(() => { class Mine extends Listing { second() { return this[1] } } return new Mine(['x', 'y']).second() })()", "y"),
    ]);
    page.throws(
        "TypeError",
        &[
            "(() => { 'use strict'; l[0] = 1 })()",
            "Object.freeze(l)",
            "Listing.prototype.item.call(new Proxy(l, {}), 0)",
            "(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); Listing.prototype.item.call(proxy, 0) })()",
            "Listing.prototype.length",
        ],
    );
}

#[test]
fn indexed_setters() {
    let page = Page::new();
    page.run("globalThis.w = new Writable(); w[2] = '7'; w[0] = 1.9;");
    page.expect(&[
        ("[w.length, w[0], w[1], w[2]]", "3,1,0,7"),
        ("Object.getOwnPropertyDescriptor(w, 0).writable", "true"),
        (
            "[Reflect.defineProperty(w, 1, { value: 5 }), w[1], Reflect.defineProperty(w, 1, { get() {} })]",
            "true,5,false",
        ),
        (
            "(() => { const heir = Object.create(w); heir[0] = 9; return [w[0], Object.hasOwn(heir, 0)] })()",
            "1,true",
        ),
        ("Writable.prototype[Symbol.iterator] === Array.prototype.values && !('forEach' in w)", "true"),
    ]);
    page.throws("RangeError", &["w[0] = { valueOf() { throw new RangeError() } }"]);
}

#[test]
fn named_properties() {
    let page = Page::new();
    page.run("globalThis.n = new NamedListing(['x', 'item', 'y', '5']);");
    page.expect(&[
        ("[n.x, n['y'], n.zz, n[0], n[4]]", "named x,named y,,x,"),
        // What the prototype has hides a name, and an index is never a name.
        ("typeof n.item", "function"),
        ("n[5]", "undefined"),
        ("Object.getOwnPropertyNames(n)", "0,1,2,3,x,y,5"),
        // [LegacyUnenumerableNamedProperties]
        ("Object.keys(n)", "0,1,2,3"),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(n, 'x'))", r#"{"value":"named x","writable":false,"enumerable":false,"configurable":true}"#),
        ("[delete n.x, delete n.nothing, Reflect.set(n, 'x', 1), n.x]", "false,true,false,named x"),
        ("[Reflect.defineProperty(n, 'x', { value: 1 }), Reflect.defineProperty(n, 'own', { value: 1 }), n.own]", "false,true,1"),
        ("Reflect.has(n, 'x') && !Reflect.has(n, Symbol())", "true"),
        ("new NamedListing(['', 'a']).a", "named a"),
    ]);
}

#[test]
fn named_setters_and_deleters() {
    let page = Page::new();
    page.run("globalThis.d = new Dataset(); d.a = 1; d.toString = 'x';");
    page.expect(&[
        ("[d.a, d.toString, Object.keys(d)]", "1,x,a,toString"),
        ("[delete d.a, 'a' in d, delete d.a]", "true,false,true"),
        ("[Reflect.defineProperty(d, 'q', { value: 2, writable: false }), d.q, Reflect.defineProperty(d, 'q', { get() {} })]", "true,2,false"),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(d, 'q'))", r#"{"value":"2","writable":true,"enumerable":true,"configurable":true}"#),
        ("(d[Symbol.iterator] = 5, d[Symbol.iterator])", "5"),
        ("JSON.stringify(d)", r#"{"toString":"x","q":"2"}"#),
    ]);
    page.throws("SyntaxError", &["d['a-b'] = 1"]);
    page.throws("RangeError", &["d.z = { toString() { throw new RangeError() } }"]);
    page.run("globalThis.h = new HostedNames(); h.one = 1; h.two = null;");
    page.expect(&[
        ("[h.one, h.two === '', h.length, h[0], h.item(1)]", "1,true,2,one,two"),
        ("[delete h.one, delete h.kept, Object.getOwnPropertyNames(h)]", "true,true,0,two"),
        ("(() => { h.locked = 1; return [delete h.locked, h.locked] })()", "false,1"),
    ]);
}

#[test]
fn the_globals_named_properties_object() {
    let page = Page::new();
    page.expect(&[
        ("typeof frame1 + frame1", "stringnamed frame1"),
        ("'frame1' in globalThis && !Object.hasOwn(globalThis, 'frame1')", "true"),
        ("Object.prototype.toString.call(Object.getPrototypeOf(TestGlobal.prototype))", "[object TestGlobalProperties]"),
        ("Object.getPrototypeOf(Object.getPrototypeOf(TestGlobal.prototype)) === EventTarget.prototype", "true"),
        // An own or inherited property is in front of it.
        ("typeof addEventListener + typeof greet + typeof frame", "functionfunctionundefined"),
        ("(frame1 = 5, frame1 + Object.keys(globalThis).filter(key => key === 'frame1'))", "5frame1"),
        ("[delete globalThis.frame1, frame1]", "true,named frame1"),
        ("(() => { const o = Object.getPrototypeOf(TestGlobal.prototype); return [Reflect.defineProperty(o, 'x', { value: 1 }), Reflect.deleteProperty(o, 'frame1'), Object.keys(o)] })()", "false,false,"),
        ("(() => { const d = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(TestGlobal.prototype), 'frame1'); return [d.value, d.writable, d.enumerable, d.configurable] })()", "named frame1,true,false,true"),
        ("typeof nowhere", "undefined"),
        ("(() => { try { return nowhere } catch (e) { return e.name } })()", "ReferenceError"),
    ]);
}

#[test]
fn async_iterables_with_arguments() {
    let page = Page::new();
    page.run("globalThis.collect = async (i) => { const all = []; for await (const x of i) all.push(x); return all; };");
    assert_eq!(page.awaited("collect(new HostedRange())"), "0,1");
    assert_eq!(page.awaited("collect(new HostedRange().values({ count: 4 }))"), "0,1,2,3");
    page.throws("TypeError", &["new HostedRange().values(5)", "HostedRange.prototype.values.call({})"]);
    page.expect(&[
        ("HostedRange.prototype.values === HostedRange.prototype[Symbol.asyncIterator]", "true"),
        ("HostedRange.prototype.values.length", "0"),
    ]);
    assert!(page.awaited("new HostedRange().values().next.call({})").starts_with("!TypeError"));
    // One after another, however they are called.
    assert_eq!(
        page.awaited("(async () => { const i = new HostedRange().values(); const r = await Promise.all([i.next(), i.return('x'), i.next()]); return JSON.stringify(r) })()"),
        r#"[{"value":0,"done":false},{"value":"x","done":true},{"done":true}]"#
    );
}

#[test]
fn factories_and_aliases() {
    let page = Page::new();
    page.expect(&[
        ("new Picture(3).size", "Some(3) None"),
        ("new Picture() instanceof PictureElement", "true"),
        ("[Picture.name, Picture.length, Picture.prototype === PictureElement.prototype]", "Picture,0,true"),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(Picture, 'prototype'), ['writable', 'enumerable', 'configurable'])", r#"{"writable":false,"enumerable":false,"configurable":false}"#),
        ("Object.getOwnPropertyDescriptor(globalThis, 'Picture').enumerable", "false"),
        ("(() => { class Mine extends Picture {} return new Mine(1, 2).size })()", "Some(1) Some(2)"),
        ("typeof Hidden", "undefined"),
        ("OldAliased === Aliased && !Object.keys(globalThis).includes('OldAliased')", "true"),
    ]);
    page.throws("TypeError", &["Picture()", "new PictureElement()"]);
}

#[test]
fn maplikes_and_setlikes_that_script_writes() {
    let page = Page::new();
    page.run("globalThis.m = new Registry(); globalThis.s = new States();");
    page.expect(&[
        ("m.set('a', '1').set('b', 2.5) === m", "true"),
        ("[m.size, m.get('b'), [...m], m.delete('a'), m.delete('a'), m.size]", "2,2,a,1,b,2,true,false,1"),
        ("(m.clear(), m.size)", "0"),
        ("[Registry.prototype.set.length, Registry.prototype.delete.length, Registry.prototype.clear.length]", "2,1,0"),
        ("Object.keys(Registry.prototype).sort()", "clear,delete,entries,forEach,get,has,keys,set,size,values"),
        ("s.add(1).add(-0).add(0) === s", "true"),
        ("[...s].join() + Object.is([...s][1], 0)", "1,0true"),
        ("[s.delete(1), s.size, s.has(-5)]", "true,1,false"),
        // An operation of that name takes the place of what the declaration gives.
        ("[s.clear(), s.size]", "declared,0"),
    ]);
    page.throws(
        "TypeError",
        &["m.set('a')", "m.get()", "s.add(NaN)", "s.add()", "Registry.prototype.set.call({}, 'a', 1)"],
    );
}

#[test]
fn reflecting_attributes() {
    let page = Page::new();
    page.run("globalThis.r = new Reflecting();");
    page.expect(&[
        ("[r.title, r.dataX, r.hidden, r.src, r.loading, r.crossOrigin, r.size, r.start]", ",,false,,eager,,20,0"),
        ("r.crossOrigin === null && r.dataX === null && r.title === ''", "true"),
        ("(r.title = 5, r.dataX = 'y', r.hidden = 1, r.src = 'a', [r.title, r.dataX, r.hidden, r.src, r.getAttribute('src'), r.getAttribute('hidden')])", "5,y,true,http://test/a,a,"),
        ("(r.src = 'a b', r.src)", "a b"),
        ("(r.hidden = false, r.dataX = null, [r.getAttribute('hidden'), r.getAttribute('data-x')])", ","),
        ("(r.setAttribute('loading', 'LAZY'), r.setAttribute('crossorigin', ''), [r.loading, r.crossOrigin])", "lazy,anonymous"),
        ("(r.setAttribute('size', ' 12px'), r.setAttribute('start', '-3'), [r.size, r.start])", "12,-3"),
        ("(r.setAttribute('size', '-1'), r.size)", "20"),
        ("(r.size = 4294967295, r.getAttribute('size'))", "20"),
        ("(r.start = -7, r.getAttribute('start'))", "-7"),
    ]);
}
