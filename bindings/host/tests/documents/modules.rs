//! <https://html.spec.whatwg.org/#module-script>

use longhaul_host::agent::AgentEnd;

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
    // A dynamic import, whose answer never comes.
    let page = "<script>import('/hangs.js?after=never').then(() => console.log('never'), () => {});
        setTimeout(() => console.log('meanwhile'), 0)</script>";
    let opened = Site::new().page(page).js("/hangs.js", "").open_until("meanwhile").await;
    opened.expect(&["meanwhile"]);
    // Not as one that ran too long: nothing of it was running.
    assert_eq!(opened.end, Some(AgentEnd::Terminated));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_holds_up_nobody() {
    // The page and the worker open the gates that their own imports wait for, in tasks that come afterwards.
    let page = "<script>
          const late = import('/late.js?after=page');
          late.then((m) => console.log('late', m.x, m.json.list));
          import('/late.js?after=page').then(async (m) => console.log('the same', m === await late));
          setTimeout(() => { console.log('meanwhile'); fetch('/open/page') }, 0);
        </script>
        <script type=module>
          const [a, b] = await Promise.all([import('/top.js'), import('/top.js')]);
          console.log('top-level await', a === b, a.x);
        </script>";
    let opened = Site::new()
        .page(page)
        .js(
            "/late.js",
            "import json from './data.json' with { type: 'json' }; export { json }; export const x = 1",
        )
        .file("/data.json", &["Content-Type: application/json"], "{ \"list\": [1] }")
        .js(
            "/top.js",
            "export const x = await (await fetch('/data.json')).text().then((text) => text.length)",
        )
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        ["late 1 [ 1 ]", "meanwhile", "the same true", "top-level await true 15"],
        "{:#?}",
        opened.errors
    );
    assert!(
        opened.console.iter().position(|line| line == "meanwhile")
            < opened.console.iter().position(|line| line.starts_with("late"))
    );
    assert_eq!(opened.requests("/late.js").len(), 1);
    let request = opened
        .requests("/data.json")
        .into_iter()
        .find(|request| request.header("sec-fetch-dest") == Some("json"));
    assert!(request.is_some_and(|request| {
        request.header("referer").is_some_and(|from| from.ends_with("/late.js?after=page"))
    }));
    assert_eq!(opened.end, Some(AgentEnd::Terminated));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_fails_fails_the_same_way_again() {
    let page = "<script>
          const both = async (name, options) => {
            const caught = () => import(name, options).then(() => 'came', (e) => e);
            const [a, b] = [await caught(), await caught()];
            console.log(name, a.name ?? a, a === b, a instanceof (globalThis[a.name] ?? Object));
          };
          (async () => {
            for (const name of ['/gone.js', '/text.js', '/syntax.js', '/of-syntax.js', '/link.js', '/throws.js', '/of-bare.js', 'bare', '{near}/m.js']) await both(name);
            await both('/syntax.js', { with: { type: 'json' } });
            await both('/bad.json', { with: { type: 'json' } });
            await both('/text.js', { with: { type: 'css' } });
            console.log('done');
          })();
        </script>";
    let opened = Site::new()
        .page(page)
        .file("/text.js", &["Content-Type: text/plain"], "")
        .js("/syntax.js", "var 1")
        .js("/of-syntax.js", "import './m.js'; import './syntax.js'")
        .js("/link.js", "import { nothing } from './m.js'")
        .js("/throws.js", "throw new RangeError('x')")
        .js("/of-bare.js", "import 'bare'")
        .js("/m.js", "")
        .file("/bad.json", &["Content-Type: text/json"], "{ a: 1 }")
        .open()
        .await;
    let near = opened.console.iter().find(|line| line.contains("/m.js ")).cloned().unwrap_or_default();
    assert!(near.ends_with("TypeError false true"), "{near}");
    let console: Vec<&str> = opened.console.iter().map(String::as_str).filter(|line| *line != near).collect();
    assert_eq!(
        console,
        [
            "/gone.js TypeError false true",
            "/text.js TypeError false true",
            "/syntax.js SyntaxError true true",
            "/of-syntax.js SyntaxError true true",
            "/link.js SyntaxError false true",
            "/throws.js RangeError true true",
            "/of-bare.js TypeError true true",
            "bare TypeError false true",
            "/syntax.js TypeError false true",
            "/bad.json SyntaxError true true",
            "/text.js TypeError false true",
            "done",
        ],
        "{:#?}",
        opened.errors
    );
    // What failed to come is not asked for again.
    assert_eq!(opened.requests("/gone.js").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_imports_is_fetched_as_the_script_was() {
    let page = "<script>document.cookie = 'a=1'</script>
        <script src={here}/classic.js crossorigin=use-credentials referrerpolicy=no-referrer></script>
        <script type=module src=/module.js crossorigin=use-credentials></script>
        <script type=importmap>{ \"integrity\": { \"/checked.js\": \"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" } }</script>
        <script type=module>import('/checked.js').catch((e) => console.log('checked', e.name))</script>";
    let cross = [
        "Content-Type: text/javascript",
        "Access-Control-Allow-Origin: {here}",
        "Access-Control-Allow-Credentials: true",
    ];
    let opened = Site::new()
        .page(page)
        .file("/classic.js", &cross, "import('{near}/a.js')")
        .file(
            "/module.js",
            &["Content-Type: text/javascript", "Referrer-Policy: origin"],
            "import '{near}/b.js'; import('{near}/c.js')",
        )
        .file("/a.js", &cross, "")
        .file("/b.js", &cross, "")
        .file("/c.js", &cross, "")
        .js("/checked.js", "")
        .open()
        .await;
    opened.expect(&["checked TypeError"]);
    for (path, referrer) in [("/a.js", ""), ("/b.js", "/"), ("/c.js", "/")] {
        let request = opened.request(path);
        assert_eq!(request.header("cookie"), Some("a=1"), "{path}");
        assert_eq!(request.header("sec-fetch-dest"), Some("script"), "{path}");
        let origin = format!("http://localhost:{}", opened.here.port);
        let expected = Some(format!("{origin}{referrer}")).filter(|_| !referrer.is_empty());
        assert_eq!(request.header("referer").map(str::to_owned), expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_have_modules_as_pages_have() {
    let page = "<script>
          const worker = new Worker('/worker.js', { type: 'module' });
          worker.onmessage = (e) => { console.log(e.data); if (e.data === 'meanwhile') fetch('/open/worker') };
          new Worker('/classic.js').onmessage = (e) => console.log(e.data);
          new SharedWorker('/shared.js', { type: 'module' }).port.onmessage = (e) => console.log(e.data);
          for (const name of ['/of-gone.js', '/of-syntax.js', '/of-bare.js']) {
            new Worker(name, { type: 'module' }).onerror = (e) => console.log(name, e.constructor.name);
          }
        </script>";
    let opened = Site::new()
        .page(page)
        .js("/worker.js", "import { x } from './x.js'; import * as me from './worker.js';
            import('./x.js?after=worker').then((m) => postMessage(`late ${m.x}`));
            setTimeout(() => postMessage('meanwhile'));
            import('./worker.js').then((m) => postMessage(`module ${x} ${m === me} ${import.meta.url.endsWith('/worker.js')}`));
            export default 1")
        .js("/classic.js", "import('./x.js').then(async (m) => postMessage(`classic ${m.x} ${await import('./gone.js').catch((e) => e.name)}`))")
        .js("/shared.js", "import { x } from './x.js'; onconnect = (e) => e.ports[0].postMessage(`shared ${x}`)")
        .js("/x.js", "export const x = 1")
        .js("/of-gone.js", "import './gone.js'; postMessage(1)")
        .js("/of-syntax.js", "import './syntax.js'; postMessage(1)")
        .js("/of-bare.js", "import 'bare'; postMessage(1)")
        .js("/syntax.js", "var 1")
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "/of-bare.js Event",
            "/of-gone.js Event",
            "/of-syntax.js Event",
            "classic 1 TypeError",
            "late 1",
            "meanwhile",
            "module 1 true true",
            "shared 1",
        ],
        "{:#?}",
        opened.errors
    );
    // What a worker's script imports statically is part of the worker, what it asks for later a script.
    let destinations = |path: &str| -> Vec<String> {
        let requests = opened.requests(path);
        let mut all: Vec<String> = requests
            .iter()
            .filter_map(|request| request.header("sec-fetch-dest"))
            .map(str::to_owned)
            .collect();
        all.sort();
        all
    };
    assert_eq!(destinations("/x.js"), ["script", "script", "sharedworker", "worker"]);
    assert_eq!(destinations("/worker.js"), ["worker"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_workers_are_modules_that_import_nothing_later() {
    let page = "<script>
          (async () => {
            const registration = await navigator.serviceWorker.register('/sw.js', { type: 'module' });
            const worker = registration.installing ?? registration.waiting ?? registration.active;
            const told = new Promise((resolve) => navigator.serviceWorker.onmessage = (e) => resolve(e.data));
            worker.postMessage('tell');
            for (const name of ['/of-gone.js', '/of-syntax.js']) {
              await navigator.serviceWorker.register(name, { type: 'module', scope: '/x' }).catch((e) => console.log(name, e.name));
            }
            console.log(await told);
            console.log('done');
          })();
        </script>";
    let opened = Site::new()
        .page(page)
        .js("/sw.js", "import { x } from './x.js';
            onmessage = async (e) => e.source.postMessage(`x ${x} ${await import('./x.js').catch((e) => e.name)} ${import.meta.url.endsWith('/sw.js')}`)")
        .js("/x.js", "import './y.js'; export const x = globalThis.y")
        .js("/y.js", "globalThis.y = 2")
        .js("/of-gone.js", "import './gone.js'")
        .js("/of-syntax.js", "import './syntax.js'")
        .js("/syntax.js", "var 1")
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        ["/of-gone.js TypeError", "/of-syntax.js TypeError", "done", "x 2 TypeError true"],
        "{:#?}",
        opened.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_workers_import_what_pages_may_import() {
    let page = "<script>
          const register = async (name) => {
            const registration = await navigator.serviceWorker.register(name, { type: 'module', scope: '/x' + name });
            return registration.installing ?? registration.waiting ?? registration.active;
          };
          (async () => {
            for (const name of ['/moved.js', '/of-json-as-script.js', '/of-script-as-json.js', '/of-bad-json.js', '/of-both.js', '/of-css.js', '/waits.js', '/of-waits.js', '/links.js']) {
              await register(name).then(() => console.log(name, 'came'), (e) => console.log(name, e.name));
            }
            const told = new Promise((resolve) => navigator.serviceWorker.onmessage = (e) => resolve(e.data));
            (await register('/sw.js')).postMessage('tell');
            console.log(await told);
            console.log('done');
          })();
        </script>";
    let json = ["Content-Type: application/manifest+json"];
    let opened = Site::new()
        .page(page)
        .js("/sw.js", "import data, { default as again } from './data.json' with { type: 'json' }; import { near } from './moved.js'; import { far } from '{near}/far.js'; import * as me from './sw.js';
            onmessage = (e) => e.source.postMessage([data.list.length, again === data, Object.getPrototypeOf(data) === Object.prototype, near, far, me.own].join());
            export const own = 'own'")
        .file("/data.json", &json, "{ \"list\": [1, 2] }")
        .answer("/moved.js", "302 Found", &["Location: /folder/near.js"], b"")
        .file("/folder/near.js", &["Content-Type: text/javascript", "Referrer-Policy: no-referrer"], "export * from './in.js'")
        .js("/folder/in.js", "import data from '../data.json' with { type: 'json' }; export const near = 'near' + data.list")
        .file("/far.js", &["Content-Type: text/javascript", "Access-Control-Allow-Origin: *"], "export const far = 'far'")
        .js("/of-json-as-script.js", "import './data.json'")
        .js("/of-script-as-json.js", "import './folder/in.js' with { type: 'json' }")
        .js("/of-bad-json.js", "import './bad.json' with { type: 'json' }")
        .js("/of-both.js", "import './data.json' with { type: 'json' }; import './data.json'")
        .js("/of-css.js", "import './data.json' with { type: 'css' }")
        .js("/waits.js", "await Promise.resolve(1)")
        .js("/of-waits.js", "import './waits.js'")
        .js("/links.js", "import { nothing } from './folder/in.js'")
        .file("/bad.json", &json, "{ a: 1 }")
        .open()
        .await;
    opened.expect(&[
        "/moved.js SecurityError",
        "/of-json-as-script.js TypeError",
        "/of-script-as-json.js TypeError",
        "/of-bad-json.js TypeError",
        "/of-both.js TypeError",
        "/of-css.js TypeError",
        "/waits.js TypeError",
        "/of-waits.js TypeError",
        "/links.js TypeError",
        "2,true,true,near1,2,far,own",
        "done",
    ]);
    // A worker's graph is fetched as the worker is, its data as data, and each for who imports it.
    let asked = |path: &str, name: &str| {
        opened.requests(path).pop().and_then(|request| request.header(name).map(str::to_owned))
    };
    let here = opened.here.origin();
    assert_eq!(asked("/far.js", "sec-fetch-dest").as_deref(), Some("serviceworker"));
    assert_eq!(asked("/far.js", "sec-fetch-mode").as_deref(), Some("cors"));
    assert_eq!(asked("/far.js", "referer"), Some(format!("{here}/")));
    assert_eq!(asked("/moved.js", "referer"), Some(format!("{here}/sw.js")));
    assert_eq!(asked("/folder/in.js", "referer"), None);
    assert_eq!(asked("/data.json", "sec-fetch-dest").as_deref(), Some("json"));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_fetch_of_a_worker_goes_on_without_it() {
    // It is answered once the worker is gone, and its answer leads to the gate that the page waits for.
    let page = "<script>
          const worker = new Worker('/worker.js');
          worker.onmessage = async () => {
            worker.terminate();
            fetch('/open/ended');
            await fetch('/page?after=followed');
            console.log('followed');
          };
        </script>";
    let opened = Site::new()
        .page(page)
        .js("/worker.js", "fetch('/kept?after=ended', { method: 'POST', body: 'x', keepalive: true }); fetch('/open/sent').then(() => postMessage(1))")
        .answer("/kept", "302 Found", &["Location: /open/followed"], b"")
        .file("/page", &[], "")
        .open()
        .await;
    opened.expect(&["followed"]);
}
