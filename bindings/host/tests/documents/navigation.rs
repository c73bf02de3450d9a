//! <https://html.spec.whatwg.org/#navigation-and-session-history>

use std::sync::{Arc, Mutex};

use longhaul_host::agent::WindowHook;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_goes_where_it_is_sent_and_back() {
    let page = "<script>
        const steps = [];
        onload = async () => {
          const frame = document.createElement('iframe');
          const loaded = () => new Promise((resolve) => frame.onload = resolve);
          const at = () => frame.contentWindow.location.pathname + frame.contentWindow.location.hash;
          const go = async (act) => { const load = loaded(); act(); await load; console.log(at(), history.length); };
          await go(() => { frame.src = '/one'; document.body.append(frame); });
          await go(() => { frame.contentWindow.location = '/two'; });
          await go(() => { frame.contentWindow.location.assign('/three?after=x#hash'.replace('?after=x', '')); });
          await go(() => frame.contentWindow.history.back());
          await go(() => frame.contentWindow.history.go(-1));
          await go(() => history.forward());
          await go(() => frame.contentWindow.location.replace('/four'));
          await go(() => frame.contentWindow.location.reload());
          await go(() => frame.contentWindow.history.back());
          await go(() => { frame.src = '/five'; });
        };
        </script><body>";
    let mut site = Site::new().page(page);
    for path in ["/one", "/two", "/three", "/four", "/five"] {
        site = site.html(path, "");
    }
    let opened = site.open().await;
    opened.expect(&[
        "/one 1",
        "/two 2",
        "/three#hash 3",
        "/two 3",
        "/one 3",
        "/two 3",
        "/four 3",
        "/four 3",
        "/one 3",
        "/five 2",
    ]);
    assert_eq!(opened.requests("/four").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_a_document_are_entries_with_states() {
    let page = "<script>
        const next = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
        onload = async () => {
          await new Promise((resolve) => setTimeout(resolve));
          location.hash = 'a';
          const changed = await next(window, 'hashchange');
          console.log(changed instanceof HashChangeEvent, new URL(changed.oldURL).hash, new URL(changed.newURL).hash, history.length);
          history.pushState({ at: 'b', when: new Date(0), deep: [new Map([[1, 2]])] }, '', '/b?x#c');
          console.log(location.pathname, location.search, history.state.at, history.state.when.getTime(), history.state.deep[0].get(1), history.length);
          history.replaceState('kept', '', '');
          console.log(location.pathname + location.search + location.hash);
          history.replaceState('replaced', '', '?y');
          console.log(location.href.endsWith('/b?y'), history.state, history.length);
          history.back();
          const popped = await next(window, 'popstate');
          console.log(popped.state, location.pathname + location.hash, popped instanceof PopStateEvent);
          history.forward();
          console.log((await next(window, 'popstate')).state, location.search);
          const refused = (run) => { try { run(); return 'allowed'; } catch (e) { return e.name; } };
          console.log(refused(() => history.pushState(null, '', '{far}/')), refused(() => history.pushState(() => {}, '')), refused(() => history.pushState(null, '', 'http://[')));
          history.go(-2);
          await next(window, 'popstate');
          console.log(location.pathname + location.hash, history.state, performance.getEntriesByType('navigation').length);
        };
        </script><p id=a></p>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&[
        "true  #a 2",
        "/b ?x b 0 2 3",
        "/b?x#c",
        "true replaced 3",
        "null /#a true",
        "replaced ?y",
        "SecurityError DataCloneError SecurityError",
        "/ null 1",
    ]);
    assert_eq!(opened.here.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_itself_may_go_elsewhere_and_come_back() {
    let page = "<script>
        addEventListener('pagehide', (e) => console.log('pagehide', e.persisted));
        addEventListener('unload', () => console.log('unload'));
        onload = () => setTimeout(() => {
          console.log('first', history.length, history.state);
          if (history.length === 1) {
            history.replaceState('kept', '');
            location.href = '/second';
          }
        });
        </script>";
    let second = "<script>onload = () => setTimeout(() => { console.log('second', history.length, new URL(document.referrer).pathname); history.back(); });</script>";
    let opened = Site::new().page(page).html("/second", second).open_until("first 2 kept").await;
    opened.expect(&["first 1 null", "pagehide false", "unload", "second 2 /", "first 2 kept"]);
    let request = opened.request("/second");
    assert_eq!(request.header("sec-fetch-dest"), Some("document"));
    assert_eq!(request.header("sec-fetch-site"), Some("same-origin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_javascript_url_runs_where_it_is_sent() {
    let page = "<script>
        globalThis.mark = 'outer';
        const loaded = (frame) => new Promise((resolve) => frame.onload = resolve);
        onload = async () => {
          const frame = document.createElement('iframe');
          frame.src = 'javascript:parent.console.log(\"inner\", typeof mark, parent.mark); \"<title>made</title>\" + \"of text\"';
          const load = loaded(frame);
          document.body.append(frame);
          console.log('not yet');
          await load;
          console.log(frame.contentDocument.title, frame.contentDocument.body.textContent, frame.contentWindow.location.href);
          const called = (name) => new Promise((resolve) => globalThis[name] = resolve);
          const first = called('first');
          frame.contentWindow.location = 'javascript:void(parent.console.log(\"again%20decoded\"), parent.first())';
          await first;
          // The second one finds what the first has left.
          const second = called('second');
          frame.contentWindow.location = 'javascript:void(parent.second())';
          await second;
          console.log(frame.contentDocument.title);
          const link = document.createElement('a');
          link.href = 'javascript:console.log(\"link\", mark)';
          document.body.append(link);
          link.click();
          const foreign = document.createElement('iframe');
          foreign.src = '{near}/foreign';
          document.body.append(foreign);
          await loaded(foreign);
          foreign.contentWindow.location = 'javascript:parent.console.log(\"never\")';
        };
        </script><body>";
    let opened = Site::new().page(page).html("/foreign", "").open().await;
    let mut lines = opened.console.clone();
    let link: Vec<String> = lines.extract_if(.., |line| line.starts_with("link")).collect();
    assert_eq!(link, ["link outer"]);
    assert_eq!(
        lines,
        ["not yet", "inner undefined outer", "made of text about:blank", "again decoded", "made"],
        "{:#?}",
        opened.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_and_forms_go_to_named_windows() {
    let page = "<iframe name=target></iframe>
        <a id=link target=target href='/link?x#y' referrerpolicy=no-referrer>link</a>
        <form id=get target=target action='/get?gone=1'><input name=a value='1 &amp;'><input type=checkbox name=b checked><input type=submit name=s value=go></form>
        <form id=post method=post target=target action=/post><input name=c value='\u{e9}'><textarea name=d>text</textarea><select name=e><option>1<option selected>2</select></form>
        <form id=multipart method=post enctype=multipart/form-data target=target action=/post><input name=f value=g></form>
        <script>
        const frame = document.querySelector('iframe');
        const loaded = () => new Promise((resolve) => frame.onload = resolve);
        onload = async () => {
          const of = (id) => document.getElementById(id);
          let load = loaded();
          of('link').click();
          await load;
          console.log(frame.contentWindow.location.href.split('/').pop(), frame.contentDocument.referrer);
          load = loaded();
          of('get').querySelector('[type=submit]').click();
          await load;
          console.log(frame.contentWindow.location.search, frame.contentDocument.referrer !== '');
          of('post').addEventListener('submit', (e) => { console.log('submit', e.submitter, e instanceof SubmitEvent); if (!globalThis.once) { globalThis.once = true; e.preventDefault(); } });
          of('post').requestSubmit();
          load = loaded();
          of('post').requestSubmit();
          await load;
          load = loaded();
          of('multipart').submit();
          await load;
          console.log('done');
        };
        </script>";
    let mut site = Site::new().page(page);
    for path in ["/link", "/get", "/post"] {
        site = site.html(path, "");
    }
    let opened = site.open().await;
    opened.expect(&["link?x#y ", "?a=1+%26&b=on&s=go true", "submit null true", "submit null true", "done"]);
    assert_eq!(opened.request("/link").header("referer"), None);
    let posts = opened.requests("/post");
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(String::from_utf8_lossy(&posts[0].body), "c=%C3%A9&d=text&e=2");
    assert_eq!(posts[0].header("origin"), Some(opened.here.origin().as_str()));
    assert_eq!(posts[0].method, "POST");
    assert!(
        posts[1]
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("multipart/form-data; boundary="))
    );
    assert!(String::from_utf8_lossy(&posts[1].body).contains("name=\"f\"\r\n\r\ng"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_that_are_opened_know_who_opened_them() {
    let page = "<script>
        addEventListener('message', (e) => console.log('message', e.data, e.source === opened));
        const opened = window.open('/opened', 'named');
        console.log(opened.opener === window, opened.name, opened.closed, opened.location.href, window.open('', 'named') === opened);
        const alone = window.open('/opened?alone', '_blank', 'noopener');
        console.log(alone);
        window.open('/opened?noreferrer', '_blank', 'noreferrer');
        onmessage = () => { opened.close(); setTimeout(() => console.log('closed', opened.closed)); };
        </script>";
    let other = "<script>if (opener) opener.postMessage([name, new URL(document.referrer).pathname, opener.opener].join(), '*');
        else console.log('alone', location.search, document.referrer === '');</script>";
    let opened = Site::new().page(page).html("/opened", other).open().await;
    let mut lines = opened.console.clone();
    lines[2..].sort();
    assert_eq!(
        lines,
        [
            "true named false about:blank true",
            "null",
            "alone ?alone false",
            "alone ?noreferrer true",
            "closed true",
            "message named,/, true",
        ],
        "{:#?}",
        opened.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_and_redirects() {
    let page = "<iframe src=/start></iframe><script>
        const frame = document.querySelector('iframe');
        onload = async () => {
          frame.contentWindow.location = '/nothing';
          await fetch('/asked');
          const load = new Promise((resolve) => frame.onload = resolve);
          frame.contentWindow.location = '/redirects#kept';
          await load;
          console.log(frame.contentWindow.location.pathname, frame.contentWindow.location.hash, frame.contentWindow.mark);
        };
        </script>";
    let opened = Site::new()
        .page(page)
        .html("/start", "")
        .file("/asked", &[], "")
        .html("/end", "<script>globalThis.mark = 'end'</script>")
        .answer("/nothing", "204 No Content", &[], b"")
        .answer("/redirects", "302 Found", &["Location: /end"], b"")
        .open()
        .await;
    opened.expect(&["/end #kept end"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_go_elsewhere_by_themselves() {
    let page = "<script>
        const next = () => new Promise((resolve) => addEventListener('message', (event) => resolve(event.data), { once: true }));
        const frame = (src, sandbox) => {
          const frame = document.createElement('iframe');
          if (sandbox !== undefined) frame.sandbox = sandbox;
          frame.src = src;
          document.body.append(frame);
          return frame;
        };
        onload = async () => {
          frame('/header');
          console.log(await next());
          const before = history.length;
          frame('/meta');
          console.log(await next(), history.length - before);
          const refused = frame('/refused');
          await new Promise((resolve) => refused.onload = resolve);
          const sandboxed = frame('/header', '');
          await new Promise((resolve) => sandboxed.onload = resolve);
          const popup = open();
          popup.document.open();
          popup.document.write(\"<meta http-equiv=refresh content='0; URL=/there?written'>\");
          popup.document.close();
          console.log(await next());
        };
        </script><body>";
    let there = "<script>(opener ?? parent).postMessage(location.pathname + location.search + ' ' + document.referrer.split('/').pop(), '*')</script>";
    let opened = Site::new()
        .page(page)
        .html("/there", there)
        .file("/header", &["Content-Type: text/html", "Refresh: 0; url='/there?header'"], "")
        .html(
            "/meta",
            "<meta http-equiv=refresh content='0;/there?meta'><meta http-equiv=refresh content='0;/no'>",
        )
        .html("/refused", "<meta http-equiv=refresh content='0;javascript:parent.console.log(\"ran\")'>")
        .open()
        .await;
    opened.expect(&["/there?header header", "/there?meta meta 0", "/there?written "]);
    assert_eq!(opened.requests("/there").len(), 3);
    assert!(opened.requests("/no").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_is_asked_for_and_goes_nowhere() {
    let page = "<script>document.cookie = 'own=1';</script><body>
        <a id=link download=name href='{near}/file' referrerpolicy=no-referrer>x</a>
        <iframe sandbox=allow-scripts src=/sandboxed></iframe>
        <script>onload = () => { document.getElementById('link').click(); console.log(location.pathname); };</script>";
    let opened = Site::new()
        .page(page)
        .html("/sandboxed", "<a download href=/no>x</a><script>document.querySelector('a').click()</script>")
        .file("/file", &["Content-Type: text/html"], "a file")
        .open()
        .await;
    opened.expect(&["/"]);
    let request = opened.request("/file");
    let header = |name: &str| request.header(name).unwrap_or("-").to_owned();
    assert_eq!(
        [header("sec-fetch-dest"), header("sec-fetch-mode"), header("cookie"), header("referer")],
        ["empty", "no-cors", "own=1", "-"]
    );
    assert!(opened.requests("/no").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_navigation_says_whether_its_user_began_it() {
    let page = "<script>
        onload = async () => {
          const frame = document.createElement('iframe');
          const loaded = () => new Promise((resolve) => frame.onload = resolve);
          frame.src = '/frame';
          document.body.append(frame);
          await loaded();
          frame.contentWindow.location = '/location';
          await loaded();
          await fetch('/fetch');
          // One act of the user opens one window, and is spent with it.
          open('/opened');
          frame.contentWindow.location = '/spent';
          await loaded();
          console.log('through');
        };
        </script><body>";
    for acts in [false, true] {
        let site = Site::new().page(page).html("/frame", "").html("/location", "");
        let site = site.html("/fetch", "").html("/opened", "").html("/spent", "");
        // Whenever a window is made, its user has just done something there.
        let acting: WindowHook = Arc::new(|realm, _| longhaul_dom::notify_user_activation(realm));
        let opened = if acts { site.on_window(acting) } else { site }.open().await;
        opened.expect(&["through"]);
        for path in ["/frame", "/location"] {
            let expected = acts.then_some("?1");
            assert_eq!(opened.request(path).header("sec-fetch-user"), expected, "{path}, {acts}");
        }
        for path in ["/fetch", "/spent"] {
            assert_eq!(opened.request(path).header("sec-fetch-user"), None, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_far_away_keeps_nothing_of_its_page() {
    let windows = Arc::new(Mutex::new(Vec::new()));
    let made = Arc::clone(&windows);
    let hook: WindowHook = Arc::new(move |_, window| made.lock().unwrap().push(Arc::downgrade(window)));
    let page = "<meta http-equiv=refresh content='100000; /no'><iframe src=/frame></iframe>
        <script>onload = () => console.log('loaded')</script>";
    let site = Site::new().page(page).file("/frame", &["Content-Type: text/html", "Refresh: 100000"], "");
    let opened = site.on_window(hook).open().await;
    opened.expect(&["loaded"]);
    assert!(opened.end.is_some());
    let windows = windows.lock().unwrap();
    assert!(!windows.is_empty());
    assert!(windows.iter().all(|window| window.upgrade().is_none()), "a window outlives its page");
}
