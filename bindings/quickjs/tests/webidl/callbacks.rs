//! Callback functions and callback interfaces: their arguments and results by their types, and who hears what they throw.

use crate::support::Page;

fn page() -> Page {
    let page = Page::new();
    page.run("globalThis.c = new Caller();");
    page
}

#[test]
fn arguments_of_callbacks_are_values_of_their_types() {
    let page = page();
    page.expect(&[
        ("(() => { let seen; c.transform((...all) => { seen = all; return 1 }, '7', 'x', null, {}); return JSON.stringify(seen) })()", "[7,\"x\",null,{}]"),
        // Optional ones that are missing at the end are not passed; before the end they are undefined.
        ("(() => { let seen; c.transform((...all) => { seen = all.length; return 1 }, 1); return seen })()", "1"),
        ("(() => { let seen; c.transform((...all) => { seen = all; return 1 }, 1, undefined, 5); return seen.length + String(seen[1]) + seen[2] })()", "3undefined5"),
        // `this` is what the caller says, and undefined if it says nothing.
        ("(() => { let seen; c.transform(function () { 'use strict'; seen = this; return 1 }, 1); return seen === c })()", "true"),
        ("(() => { let seen = 1; c.reported(function () { 'use strict'; seen = this; return 1 }); return seen })()", "undefined"),
        // Sequences are new arrays, interfaces their wrappers, dictionaries plain objects.
        (
            "(() => { let seen; c.shape((numbers, counter, base) => { seen = [Array.isArray(numbers) && numbers.join(), counter instanceof Counter && counter.value, base.a + base.b]; return { names: [] } }); return seen })()",
            "1,2,8,base3",
        ),
    ]);
}

#[test]
fn results_of_callbacks_are_converted() {
    let page = page();
    page.expect(&[
        ("c.transform(() => '200', 1)", "200"),
        ("c.transform(() => ({ valueOf: () => 3 }), 1)", "3"),
        (
            "c.shape(() => ({ names: new Set(['a', '\\ud800']), color: 'dark-blue' }))",
            "[\"a\", \"\u{FFFD}\"] DarkBlue",
        ),
        ("c.shape(() => ({ names: [] }))", "[] Red"),
    ]);
    page.throws(
        "TypeError",
        &[
            // [EnforceRange] octet
            "c.transform(() => 256, 1)",
            "c.transform(() => {}, 1)",
            "c.transform(() => Symbol(), 1)",
            "c.shape(() => undefined)",
            "c.shape(() => ({ names: [], color: 'green' }))",
            "c.shape(() => ({ names: 1 }))",
            "c.transform({}, 1)",
            "c.transform(null, 1)",
        ],
    );
}

#[test]
fn what_a_callback_throws_is_rethrown_or_reported_as_its_caller_says() {
    let page = page();
    page.throws("RangeError", &["c.transform(() => { throw new RangeError('mine') }, 1)"]);
    page.expect(&[("(() => { const mine = {}; try { c.transform(() => { throw mine }, 1) } catch (e) { return e === mine } })()", "true")]);
    assert!(page.errors.borrow().is_empty());
    page.expect(&[("c.reported(() => { throw new RangeError('reported') })", "true")]);
    // So is what the conversion of its result throws.
    page.expect(&[("c.reported(() => 'no number')", "true"), ("c.reported(() => 5)", "false")]);
    let errors: Vec<String> = page.errors.borrow().iter().map(|error| error.message.clone()).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("reported") && errors[1].contains("Transform"), "{errors:?}");
}

#[test]
fn callbacks_that_return_promises_never_throw() {
    let page = page();
    assert_eq!(page.awaited("c.soon((what) => what.length, 'four')"), "observed Number(4)");
    assert_eq!(page.awaited("c.soon(async (what) => what, 'four')"), "observed String(\"four\")");
    assert_eq!(page.awaited("c.soon({ then: 1 }.then ?? (() => 1), 'x').catch((e) => e.name)"), "TypeError");
    assert_eq!(
        page.awaited("c.soon(() => { throw new RangeError('r') }, 'x').catch((e) => 'rejected ' + e.name)"),
        "rejected RangeError"
    );
    assert_eq!(page.awaited("c.soon(() => ({ then(ok) { ok(9) } }), 'x')"), "observed Number(9)");
}

#[test]
fn objects_that_nobody_can_call_are_let_in_where_the_callback_is_lenient() {
    let page = page();
    page.expect(&[
        ("c.lenient(() => 5)", "5"),
        ("c.lenient({})", "undefined"),
        ("c.lenient(() => {})", "undefined"),
    ]);
}

#[test]
fn operations_of_callback_interfaces() {
    let page = page();
    page.run("globalThis.nodes = [new Counter(1), new Counter(2)];");
    page.expect(&[
        ("c.visit({ visit(node, last) { return node.value + (last ? 10 : 0) } }, nodes)", "1,12"),
        // The operation is asked for at each call, and called on its object.
        ("(() => { let asked = 0; const v = { get visit() { asked += 1; return function () { return this === v ? asked : 99 } } }; return c.visit(v, nodes) })()", "1,2"),
        // A function is the operation, with the caller's `this`; its property of that name is not looked at.
        ("c.visit(Object.assign(function (node) { return this == 'this' ? 7 : 8 }, { visit: 1 }), nodes)", "7,7"),
        // unsigned short wraps around.
        ("c.visit({ visit: () => 65537 }, nodes)", "1,1"),
        ("c.visit({}, [])", ""),
    ]);
    page.throws(
        "TypeError",
        &["c.visit({}, nodes)", "c.visit({ visit: 1 }, nodes)", "c.visit(1, nodes)", "c.visit('x', nodes)"],
    );
    page.throws("RangeError", &["c.visit({ get visit() { throw new RangeError('got') } }, nodes)"]);
}

#[test]
fn callback_interfaces_with_constants_have_an_object_for_them() {
    let page = page();
    page.expect(&[
        ("[typeof Visitor, Visitor.name, Visitor.length, Visitor.SKIP]", "function,Visitor,0,2"),
        ("'prototype' in Visitor", "false"),
        ("JSON.stringify(Object.getOwnPropertyDescriptor(Visitor, 'SKIP'))", "{\"value\":2,\"writable\":false,\"enumerable\":true,\"configurable\":false}"),
        (
            "(({ writable, enumerable, configurable }) => [writable, enumerable, configurable])(Object.getOwnPropertyDescriptor(globalThis, 'Visitor'))",
            "true,false,true",
        ),
        // One without constants has none.
        ("typeof EventListener", "undefined"),
    ]);
    page.throws("TypeError", &["Visitor()", "new Visitor()", "Reflect.construct(Object, [], Visitor)"]);
}
