//! <https://html.spec.whatwg.org/#the-iframe-element>: frames as browsing contexts of their own.

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_one_origin_see_each_other() {
    let page = "<title>outer</title><script>
          globalThis.mark = 'outer';
          addEventListener('load', () => {
            const frame = document.getElementById('one'), inner = frame.contentWindow;
            console.log('load', inner.mark, frame.contentDocument.title, inner.document === frame.contentDocument);
            console.log(inner.parent === window, inner.top === window, inner.frameElement === frame, inner.self === inner, window.length);
            console.log(frames[0] === inner, window.named === inner, inner.name, inner.Array === Array, new inner.Array() instanceof Array);
            console.log(inner.nested().join());
            const list = inner.document.createElement('p');
            console.log(list.ownerDocument === inner.document, document.adoptNode(list).ownerDocument === document);
            frame.remove();
            console.log('gone', frame.contentWindow, window.length, inner.closed, inner.parent, window.named);
          });
        </script>
        <iframe id=one name=named src=/inner.html onload=\"console.log('frame load')\"></iframe>";
    let inner = "<title>inner</title><script>globalThis.mark = 'inner';
          globalThis.nested = () => [parent.mark, top.mark, frameElement.id, document.referrer !== '', location.pathname];</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open().await;
    opened.expect(&[
        "frame load",
        "load inner inner true",
        "true true true true 1",
        "true true named false false",
        "outer,outer,one,true,/inner.html",
        "true true",
        "gone null 0 true null undefined",
    ]);
    let request = opened.request("/inner.html");
    assert_eq!(request.header("sec-fetch-dest"), Some("iframe"));
    assert_eq!(request.header("sec-fetch-mode"), Some("navigate"));
    assert_eq!(request.header("sec-fetch-site"), Some("same-origin"));
    assert_eq!(request.header("sec-fetch-user"), None);
    assert!(request.header("referer").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_has_loaded_before_what_its_load_listener_posts_arrives() {
    let page = "<iframe src=/inner.html></iframe><script>
        document.querySelector('iframe').onload = () => console.log('loaded');
        onmessage = (e) => console.log(e.data);</script>";
    let inner = "<script>onload = () => parent.postMessage('posted', '*');</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open_until("posted").await;
    opened.expect(&["loaded", "posted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_has_loaded_before_what_its_scripts_post_arrives() {
    let page = "<iframe src=/inner.html></iframe><script>
        document.querySelector('iframe').onload = () => console.log('loaded');
        onmessage = (e) => console.log(e.data);</script>";
    let inner = "<script>parent.postMessage('posted', '*');</script><script src=/last.js></script>";
    let last = "parent.postMessage('posted last', '*');";
    let site = Site::new().page(page).html("/inner.html", inner).js("/last.js", last);
    let opened = site.open_until("posted last").await;
    // What the first one posts may come while the second one is on its way.
    let last: Vec<&String> = opened.console.iter().filter(|line| *line != "posted").collect();
    assert_eq!(last, ["loaded", "posted last"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_document_of_its_origin_keeps_the_window_of_the_blank_one() {
    let page = "<script>
        addEventListener('load', async () => {
          const next = (frame) => new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }));
          const made = (set) => { const frame = document.createElement('iframe'); set(frame); document.body.append(frame); return frame; };
          const frame = made((frame) => { frame.src = '/inner.html'; });
          const inner = frame.contentWindow, blank = frame.contentDocument, { location, history, navigator } = inner;
          inner.mark = 'kept';
          inner.own = inner.Array;
          inner.addEventListener('load', () => console.log('load heard', inner.document.title), { once: true });
          inner.addEventListener('unload', () => console.log('unload'));
          inner.setTimeout(() => console.log('timer'));
          await next(frame);
          console.log(inner.mark, inner.seen, inner.own === inner.Array, inner.location === location, inner.history === history, inner.navigator === navigator);
          console.log(inner.document === blank, blank.defaultView, blank.URL, inner.document.URL === location.href, location.pathname, inner.document.defaultView === inner);
          // The next one has a window of its own.
          location.href = '/inner.html?2';
          await next(frame);
          console.log(inner.mark, inner.seen, inner.own, inner.location === location);
          const foreign = made((frame) => { frame.src = '{near}/foreign.html'; });
          const shown = next(foreign);
          foreign.contentWindow.mark = 'lost';
          await shown;
          foreign.contentWindow.postMessage('mark?', '*');
          console.log(await new Promise((resolve) => addEventListener('message', (e) => resolve(e.data), { once: true })));
          const text = made((frame) => { frame.srcdoc = '<title>text</title>'; });
          text.contentWindow.mark = 'of srcdoc';
          await next(text);
          console.log(text.contentWindow.mark, text.contentDocument.title);
          const boxed = made((frame) => { frame.sandbox = 'allow-scripts'; frame.src = '/boxed.html'; });
          console.log(await new Promise((resolve) => addEventListener('message', (e) => resolve(e.data), { once: true })));
          // What a script has written into is not initial any more.
          const written = made(() => {});
          written.contentDocument.open();
          written.contentDocument.write('<p>written');
          written.contentDocument.close();
          await next(written);
          written.contentWindow.mark = 'lost';
          written.src = '/inner.html?3';
          await next(written);
          console.log(written.contentWindow.mark);
          console.log('END');
        });
        </script>";
    let inner = "<title>inner</title><script>globalThis.seen = `seen ${globalThis.mark}`;</script>";
    let foreign =
        "<script>onmessage = (e) => e.source.postMessage(`foreign ${globalThis.mark}`, '*');</script>";
    let boxed = "<script>parent.postMessage(`boxed ${origin} ${globalThis.mark}`, '*');</script>";
    let site = Site::new().page(page).html("/inner.html", inner);
    let opened = site.html("/foreign.html", foreign).html("/boxed.html", boxed).open_until("END").await;
    let console: Vec<&String> = opened.console.iter().filter(|line| *line != "timer").collect();
    assert_eq!(opened.console.len(), console.len() + 1, "{:?}", opened.console);
    assert_eq!(
        console,
        [
            "load heard inner",
            "kept seen kept true true true true",
            "false null about:blank true /inner.html true",
            "unload",
            "undefined seen undefined undefined false",
            "foreign undefined",
            "of srcdoc text",
            "boxed null undefined",
            "undefined",
            "END",
        ],
        "{:?}",
        opened.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_windows_load_is_heard_by_who_opened_it() {
    let page = "<script>
        addEventListener('load', async () => {
          const popup = open('/inner.html');
          popup.mark = 1;
          popup.onload = () => {
            console.log('load', popup.document.title, popup.mark, popup.opener === window, popup.history.length);
            popup.onunload = () => console.log('unload');
            popup.location = '/inner.html?2';
          };
          // The second one is another window, whose own handler tells.
          onmessage = (e) => { console.log(e.data, popup.mark, String(popup.onload)); popup.close(); console.log('END'); };
        });
        </script>";
    let inner = "<title>popup</title><script>if (location.search) onload = () => opener.postMessage('second', '*');</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open_until("END").await;
    assert_eq!(opened.errors, [""; 0]);
    assert_eq!(
        opened.console[..3],
        ["load popup 1 true 1", "unload", "second undefined () => opener.postMessage('second', '*')"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_other_origins_hide_all_but_a_few_members() {
    let page = "<script>
        const tried = (what, run) => { try { console.log(what, run()); } catch (e) { console.log(what, e.name, e instanceof DOMException); } };
        addEventListener('message', (e) => console.log('from inner', e.data));
        addEventListener('load', () => {
          const frame = document.querySelector('iframe'), inner = frame.contentWindow;
          tried('document', () => inner.document);
          tried('contentDocument', () => frame.contentDocument);
          tried('expando', () => inner.secret);
          tried('set', () => { inner.x = 1; });
          tried('href', () => inner.location.href);
          tried('prototype', () => Object.getPrototypeOf(inner));
          tried('define', () => Object.defineProperty(inner, 'x', { value: 1 }));
          tried('delete', () => { delete inner.x; });
          tried('keys', () => Object.keys(inner).length);
          tried('has', () => 'document' in inner);
          tried('then', () => inner.then);
          tried('same', () => inner.window === inner && inner.parent === window && inner.top === window && inner.length === 0 && inner.closed === false);
          tried('frameElement', () => inner.frameElement);
          inner.postMessage('hello', '{near}');
        });
        </script><iframe src={near}/inner.html></iframe>";
    let inner = "<script>globalThis.secret = 1;
        const tried = (run) => { try { return run(); } catch (e) { return e.name; } };
        addEventListener('message', (e) => {
          parent.postMessage([e.data, e.origin, e.source === parent, tried(() => parent.document), tried(() => frameElement), tried(() => { top.location.hash; }), origin].join(), '*');
        });</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open().await;
    let answer = format!(
        "from inner hello,{},true,SecurityError,,SecurityError,http://localhost:{}",
        opened.here.origin(),
        opened.near.port
    );
    opened.expect(&[
        "document SecurityError true",
        "contentDocument null",
        "expando SecurityError true",
        "set SecurityError true",
        "href SecurityError true",
        "prototype null",
        "define SecurityError true",
        "delete SecurityError true",
        "keys 0",
        "has SecurityError true",
        "then undefined",
        "same true",
        "frameElement SecurityError true",
        &answer,
    ]);
    assert_eq!(opened.request("/inner.html").header("sec-fetch-site"), Some("same-site"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_without_an_address_inherit_from_who_made_them() {
    let page = "<base href=/base/><script>
        addEventListener('message', (e) => console.log(e.data, e.origin === origin));
        const run = async (frame) => {
          await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame); });
          return frame.contentWindow;
        };
        onload = async () => {
          const text = document.createElement('iframe');
          text.srcdoc = '<title>srcdoc</title><script>parent.postMessage([document.title, location.href, document.baseURI, origin, isSecureContext].join(), \"*\")<\\/script>';
          const inner = await run(text);
          console.log(inner.document.title, text.contentDocument.compatMode);
          const blank = document.createElement('iframe');
          document.body.append(blank);
          console.log('at once', blank.contentDocument.URL, blank.contentDocument.body !== null, blank.contentWindow.origin === origin);
          blank.contentDocument.body.textContent = 'written';
          console.log(blank.contentDocument.readyState, blank.contentDocument.baseURI.endsWith('/base/'));
          const data = document.createElement('iframe');
          data.src = 'data:text/html,<script>parent.postMessage([origin, location.protocol].join(), \"*\")<\\/script>';
          await run(data);
          console.log('data', data.contentDocument);
          const object = document.createElement('iframe');
          object.src = URL.createObjectURL(new Blob(['<title>blob</title>'], { type: 'text/html' }));
          console.log((await run(object)).document.title, object.contentWindow.origin === origin);
        };
        </script><body>";
    let opened = Site::new().page(page).open().await;
    let here = opened.here.origin();
    let text = format!("srcdoc,about:srcdoc,{here}/base/,{here},true true");
    let mut lines = opened.console.clone();
    // Messages and load events come in an order of their own.
    let messages: Vec<String> =
        lines.extract_if(.., |line| line.starts_with("srcdoc,") || line.starts_with("null,")).collect();
    assert_eq!(messages, [text.as_str(), "null,data: false"], "{:#?}", opened.errors);
    assert_eq!(
        lines,
        ["srcdoc CSS1Compat", "at once about:blank true true", "complete true", "data null", "blob true",]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_takes_away_what_it_does_not_allow() {
    let page = "<script>
        addEventListener('message', (e) => console.log(e.data, e.origin));
        addEventListener('load', () => {
          const of = (id) => document.getElementById(id);
          console.log('documents', of('none').contentDocument, of('scripts').contentDocument, of('same').contentDocument !== null);
          of('same').contentWindow.postMessage('', '*');
          console.log(of('same').sandbox.value, of('same').sandbox.contains('allow-scripts'), of('same').sandbox.supports('allow-forms'));
        });
        </script>
        <iframe id=none sandbox src=/inner.html?none></iframe>
        <iframe id=scripts sandbox=allow-scripts src=/inner.html?scripts></iframe>
        <iframe id=same sandbox='allow-scripts allow-same-origin' src=/inner.html?same></iframe>";
    let inner = "<script>
        const tried = (run) => { try { return run(); } catch (e) { return e.name; } };
        parent.postMessage([location.search, origin === 'null', tried(() => document.cookie), window.open('/never') === null].join(), '*');
        fetch('/data?' + location.search.slice(1)).then(() => {}, () => {});
        document.write('<form action=/never><input type=submit></form>');
        document.querySelector('input').click();
        top.location = '/never';
        </script>";
    let opened = Site::new().page(page).html("/inner.html", inner).file("/data", &[], "").open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    let same = format!("?same,false,,true {}", opened.here.origin());
    assert_eq!(
        lines,
        [
            same.as_str(),
            "?scripts,true,SecurityError,true null",
            "allow-scripts allow-same-origin true true",
            "documents null null true",
        ],
        "{:#?}",
        opened.errors
    );
    assert_eq!(opened.requests("/never").len(), 0);
    let mut origins: Vec<Option<String>> =
        opened.requests("/data").iter().map(|request| request.header("origin").map(str::to_owned)).collect();
    origins.sort();
    assert_eq!(origins, [None, Some("null".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_frame_cannot_show_is_still_loaded() {
    let page =
        "<script>const loaded = (frame) => console.log('load', frame.id, frame.contentDocument === null);
        </script>
        <iframe id=gone src=/gone onload=loaded(this)></iframe>
        <iframe id=refused src=http://localhost:1/ onload=loaded(this)></iframe>
        <iframe id=denied src=/denied.html onload=loaded(this)></iframe>
        <iframe id=same src=/same.html onload=loaded(this)></iframe>
        <iframe id=framed src={near}/denied.html onload=loaded(this)></iframe>
        <iframe id=ancestors src=/ancestors.html onload=loaded(this)></iframe>
        <iframe id=text src=/text onload=loaded(this)></iframe>";
    let runs = "<script>console.log('runs', location.pathname)</script>";
    let headers = |header: &'static str| ["Content-Type: text/html", header];
    let opened = Site::new()
        .page(page)
        .file("/denied.html", &headers("X-Frame-Options: DENY"), runs)
        .file("/same.html", &headers("X-Frame-Options: sameorigin"), runs)
        .file("/ancestors.html", &headers("Content-Security-Policy: frame-ancestors 'none'"), runs)
        .file("/text", &["Content-Type: text/plain"], "<script>console.log('never')</script>")
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "load ancestors true",
            "load denied true",
            "load framed true",
            "load gone false",
            "load refused true",
            "load same false",
            "load text false",
            "runs /same.html",
        ],
        "{:#?}",
        opened.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outer_load_waits_for_the_inner_ones() {
    let page = "<script>addEventListener('load', () => console.log('outer'));</script>
        <iframe src=/middle.html onload=\"console.log('middle frame')\"></iframe><script>fetch('/open/go')</script>";
    let middle = "<script>addEventListener('load', () => console.log('middle'));</script>
        <iframe src='/inner.html?after=go' onload=\"console.log('inner frame')\"></iframe>";
    let inner = "<script>addEventListener('load', () => console.log('inner'));</script><img src=/none.png onerror=\"console.log('image')\">";
    let opened = Site::new().page(page).html("/middle.html", middle).html("/inner.html", inner).open().await;
    opened.expect(&["image", "inner", "inner frame", "middle", "middle frame", "outer"]);
}

/// <https://html.spec.whatwg.org/#navigate-text>
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_shows_text_as_a_document_of_its_type() {
    let page = "<script>
          const tell = (frame) => {
            const shown = frame.contentDocument;
            console.log(shown.contentType, shown.characterSet, shown.body.textContent);
          };
        </script>
        <iframe src=/text onload='tell(this)'></iframe>";
    let site = Site::new().page(page).file("/text", &["Content-Type: text/plain;charset=gbk"], "<b>hi</b>");
    site.open().await.expect(&["text/plain GBK <b>hi</b>"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandboxed_frame_starts_workers_from_its_own_objects() {
    let opened = Site::new()
        .page(
            "<!doctype html><body><script>
             onmessage = (event) => { console.log(event.data); console.log('END'); };
             </script><iframe sandbox=allow-scripts src=/inside.html></iframe>",
        )
        .html(
            "/inside.html",
            "<script>
             const worker = new Worker(URL.createObjectURL(new Blob([\"fetch('data:,x').then((r) => r.text()).then((text) => postMessage(origin + text))\"])));
             worker.onmessage = (event) => parent.postMessage(event.data, '*');
             worker.onerror = (event) => parent.postMessage('error', '*');
             </script>",
        )
        .open_until("END")
        .await;
    opened.expect(&["nullx", "END"]);
}
