//! <https://html.spec.whatwg.org/#module-script>

use longhaul_host::agent::AgentLimits;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_is_fetched_and_run_once() {
    let page = "<script type=module src=/m.js></script>
        <script type=module src=/m.js></script>
        <script type=module>import { count, from } from './m.js'; import * as b from '/b.js';
          console.log('inline', count, from, b.default, import.meta.url.endsWith('/'), document.currentScript, this);
          const again = await import('./m.js');
          console.log('dynamic', again.count, await import('./gone.js').catch((e) => e.name));
          console.log(import.meta.resolve('./x.js').endsWith('/x.js'));</script>
        <script>import('/m.js').then((m) => console.log('classic', m.count))</script>";
    let opened = Site::new()
        .page(page)
        .js("/m.js", "globalThis.runs = (globalThis.runs ?? 0) + 1; export const count = globalThis.runs; export { default as from } from './b.js'; console.log('m', import.meta.url.endsWith('/m.js'))")
        .js("/b.js", "import '/c.js'; export default 'b'; console.log('b')")
        .js("/c.js", "")
        .open()
        .await;
    let mut lines = opened.console.clone();
    let classic: Vec<String> = lines.extract_if(.., |line| line.starts_with("classic")).collect();
    assert_eq!(classic, ["classic 1"], "{:#?}", opened.errors);
    assert_eq!(lines, ["b", "m true", "inline 1 b b true null undefined", "dynamic 1 TypeError", "true"]);
    assert_eq!(opened.requests("/m.js").len(), 1);
    let request = opened.request("/c.js");
    assert_eq!(request.header("sec-fetch-mode"), Some("cors"));
    assert_eq!(request.header("sec-fetch-dest"), Some("script"));
    assert!(request.header("referer").is_some_and(|referrer| referrer.ends_with("/b.js")), "{request:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_cannot_be_had_is_an_error_at_its_element() {
    let page = "<script>const tell = (element, word) => console.log(element.id, word);
        addEventListener('error', (e) => { if (e instanceof ErrorEvent) console.log('window', e.error.name); e.preventDefault(); });</script>
        <script id=gone type=module src=/gone.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=text type=module src=/text.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=child type=module src=/child.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=bare type=module src=/bare.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=syntax type=module src=/syntax.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=throws type=module src=/throws.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=cors type=module src={near}/fine.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
        <script id=inline type=module onerror=\"tell(this, 'error')\">import '/gone.js'; console.log('never')</script>";
    let opened = Site::new()
        .page(page)
        .file("/text.js", &["Content-Type: text/plain"], "console.log('never')")
        .js("/child.js", "import './gone.js'; console.log('never')")
        .js("/bare.js", "import 'bare'; console.log('never')")
        .js("/syntax.js", "console.log('never'); var 1")
        .js("/throws.js", "throw new RangeError('x')")
        .js("/fine.js", "console.log('never')")
        .open()
        .await;
    opened.expect(&[
        "gone error",
        "text error",
        "child error",
        "window TypeError",
        "bare load",
        "window SyntaxError",
        "syntax load",
        "window RangeError",
        "throws load",
        "cors error",
        "inline error",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modules_import_each_other_without_holding_up_the_page() {
    // The page answers what its own module waits for.
    let page = "<script type=module src=/slow.js></script>
        <script>setTimeout(() => { console.log('meanwhile'); fetch('/open/tick') }, 0);</script>";
    let opened = Site::new()
        .page(page)
        .js("/slow.js", "import { a } from './a.js?after=tick'; import './cycle.js'; console.log('module', a)")
        .js("/a.js", "export const a = 1")
        .js("/cycle.js", "import './slow.js'; import \"./cycle2.js\"; export {}")
        .js("/cycle2.js", "/* import './no.js' */ import {} from './cycle.js'; const text = `import './no.js'`; if (/import '.\\/no.js'/.test('')) { }")
        .open()
        .await;
    opened.expect(&["meanwhile", "module 1"]);
    assert_eq!(opened.requests("/no.js").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_waits_for_a_module_can_be_ended() {
    let limits = AgentLimits { task: std::time::Duration::from_secs(2), ..AgentLimits::default() };
    // A dynamic import, whose answer never comes.
    let page = "<script>console.log('begins'); import('/hangs.js?after=never')</script>";
    let (page, opened) =
        Site::new().limits(limits).page(page).js("/hangs.js", "").try_open(Some("begins")).await;
    // It ends either way; this test hangs if the agent cannot.
    drop(page);
    opened.expect(&["begins"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_maps_say_where_bare_specifiers_lead() {
    let page = "<script type=importmap>{ \"imports\": { \"lib\": \"/lib/main.js\", \"lib/\": \"/lib/\", \"/moved.js\": \"/lib/new.js\", \"null\": null },
          \"scopes\": { \"/scoped/\": { \"lib\": \"/lib/scoped.js\" } } }</script>
        <script type=importmap>{ \"imports\": { \"second\": \"/lib/new.js\" } }</script>
        <script type=importmap id=bad>{ not json }</script>
        <script type=module>
          import lib from 'lib'; import part from 'lib/part.js'; import moved from '/moved.js'; import scoped from '/scoped/in.js'; import second from 'second';
          console.log(lib, part, moved, scoped, second, new URL(import.meta.resolve('lib')).pathname);
          for (const bad of ['null', 'unknown']) console.log(await import(bad).catch((e) => e.name));
          console.log(HTMLScriptElement.supports('importmap'));
        </script>";
    let opened = Site::new()
        .page(page)
        .js("/lib/main.js", "export default 'main'")
        .js("/lib/part.js", "export default 'part'")
        .js("/lib/new.js", "export default 'new'")
        .js("/lib/scoped.js", "export default 'scoped'")
        .js("/scoped/in.js", "export { default } from 'lib'")
        .open()
        .await;
    opened.expect(&["main part new scoped new /lib/main.js", "TypeError", "TypeError", "true"]);
    assert!(opened.errors.iter().any(|line| line.contains("SyntaxError")), "{:#?}", opened.errors);
}
