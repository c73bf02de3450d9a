//! <https://html.spec.whatwg.org/#module-script>

use crate::support::Page;

#[test]
fn modules_come_from_the_host() {
    let page = Page::new();
    page.engine.evaluate_module(page.realm, b"import b from './a.js'; globalThis.sum = a + b; globalThis.strict = (function () { return this })() === undefined", "http://test/main.js").unwrap();
    page.expect(&[("sum", "83"), ("strict", "true"), ("count", "1")]);
    page.engine
        .evaluate_module(
            page.realm,
            b"const m = await import('./b.js'); globalThis.dynamic = m.b",
            "http://test/second.js",
        )
        .unwrap();
    page.expect(&[("dynamic", "41"), ("count", "1")]);
    assert!(page.errors.borrow().is_empty());
    let missing = page
        .engine
        .evaluate_module(page.realm, b"import './nowhere.js'", "http://test/third.js")
        .unwrap_err();
    assert!(missing.message.contains("there is no http://test/nowhere.js"), "{missing}");
    let thrown =
        page.engine.evaluate_module(page.realm, b"import './bad.js'", "http://test/fourth.js").unwrap_err();
    assert!(thrown.message.contains("in a module") && thrown.file.ends_with("bad.js"), "{thrown}");
    assert_eq!(page.errors.borrow().len(), 2, "{:?}", page.errors.borrow());
}

#[test]
fn a_script_goes_on_while_what_it_imports_comes() {
    let page = Page::new();
    // Which of the two comes first is left open.
    page.run("globalThis.log = []; globalThis.came = []; for (let n = 0; n < 2; n++) import('./late.js').then((m) => { came.push(m); log.push(m.late) }); log.push('on')");
    page.expect(&[("log", "on")]);
    page.settle();
    page.expect(&[("log", "on,41,41"), ("came[0] === came[1]", "true"), ("count", "1")]);
    // It is there now: no task is needed.
    page.run("import('./late.js').then((m) => log.push(m === came[0]))");
    page.expect(&[("log.at(-1)", "true")]);
    // `then` is a module's own business.
    assert_eq!(page.awaited("import('./thenable.js')"), "then");
    assert!(page.errors.borrow().is_empty(), "{:?}", page.errors.borrow());
}

#[test]
fn what_is_no_module_fails_the_same_way_each_time() {
    let page = Page::new();
    page.run("globalThis.caught = (name, options) => import(name, options).then(() => 'came', (e) => e)");
    for (name, error) in [
        ("./syntax.js", "SyntaxError"),
        ("./importer.js", "SyntaxError"),
        ("./bare.js", "TypeError"),
        ("./cycle.js", "SyntaxError"),
    ] {
        let script = format!(
            "Promise.all([caught('{name}'), caught('{name}')]).then(([a, b]) => [a.name, a === b, a instanceof globalThis[a.name]])"
        );
        assert_eq!(page.awaited(&script), format!("{error},true,true"), "{name}");
    }
    assert_eq!(
        page.awaited(
            "caught('./syntax.js').then((a) => caught('./importer.js').then((b) => [a === b, a.stack]))"
        ),
        "true,    at http://test/syntax.js:2:7\n"
    );
    assert_eq!(
        page.awaited(
            "caught('./nowhere.js').then((a) => caught('./nowhere.js').then((b) => [a.name, a === b]))"
        ),
        "TypeError,false"
    );
    assert_eq!(page.awaited("caught('bare').then((e) => e.name)"), "TypeError");
    assert_eq!(page.awaited("caught('./b.js', { with: { type: 'css' } }).then((e) => e.name)"), "TypeError");
    assert_eq!(page.awaited("caught('./b.js', { with: { other: 'x' } }).then((e) => e.name)"), "TypeError");
    // What is left of a graph that failed half way is not there to be run into.
    assert_eq!(page.awaited("caught('./half.js').then((e) => e.name ?? e)"), "SyntaxError");
    assert_eq!(page.awaited("caught('./a.js')"), "came");
    for source in [
        "import './syntax.js'",
        "import './bare.js'",
        "import 'bare'",
        "import './b.js' with { type: 'css' }",
        "var 1",
    ] {
        assert!(
            page.engine.evaluate_module(page.realm, source.as_bytes(), "http://test/inline.js").is_err(),
            "{source}"
        );
    }
}

#[test]
fn json_modules_are_values() {
    let page = Page::new();
    page.run("JSON.parse = () => 'patched'");
    assert_eq!(
        page.awaited("import('./data.json', { with: { type: 'json' } }).then((m) => [Object.keys(m.default), Object.keys(m), m.default.list.length])"),
        "__proto__,list,default,2"
    );
    page.engine
        .evaluate_module(page.realm, b"import data from './data.json' with { type: 'json' }; import { b } from './b.js'; globalThis.same = (await import('./data.json', { with: { type: 'json' } })).default === data", "http://test/main.js")
        .unwrap();
    page.settle();
    page.expect(&[("same", "true")]);
    assert_eq!(
        page.awaited("import('./no.json', { with: { type: 'json' } }).catch((e) => e.name)"),
        "SyntaxError"
    );
    // As a program it is another module.
    assert_eq!(page.awaited("import('./data.json').catch((e) => e.name)"), "SyntaxError");
}

#[test]
fn a_module_knows_where_it_is() {
    let page = Page::new();
    let source = b"globalThis.meta = [import.meta.url, import.meta.resolve('./x.js'), Object.getPrototypeOf(import.meta), Object.keys(import.meta)]; try { import.meta.resolve('bare') } catch (e) { meta.push(e.name) }";
    page.engine.evaluate_module(page.realm, source, "http://test/dir/main.js").unwrap();
    page.expect(&[("meta", "http://test/dir/main.js,http://test/dir/x.js,,url,resolve,TypeError")]);
}
