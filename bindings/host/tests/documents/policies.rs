//! Policies that responses and elements give to documents: CSP, Referrer-Policy, embedder, opener and resource policies.

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_referrer_is_what_the_nearest_policy_says() {
    let page = "<script src=/header.js></script><meta name=referrer content=origin><script src=/meta.js></script>
        <script src=/element.js referrerpolicy=unsafe-url></script><img src={far}/far.png>
        <iframe src=/frame.html referrerpolicy=no-referrer></iframe>
        <a href=/link rel=noreferrer target=f></a><iframe name=f></iframe>
        <script>onload = () => { fetch('/fetch', { referrerPolicy: 'same-origin' }); document.querySelector('a').click(); };</script>";
    let headers = ["Content-Type: text/html", "Referrer-Policy: no-referrer"];
    let opened = Site::new()
        .file("/", &headers, page)
        .js("/header.js", "")
        .js("/meta.js", "")
        .js("/element.js", "")
        .html("/frame.html", "<script>console.log('referrer', document.referrer === '')</script>")
        .html("/link", "")
        .open()
        .await;
    opened.expect(&["referrer true"]);
    let referrer = |path: &str| opened.requests(path)[0].header("referer").map(str::to_owned);
    let origin = format!("{}/", opened.here.origin());
    assert_eq!(referrer("/header.js"), None);
    assert_eq!(referrer("/meta.js"), Some(origin.clone()));
    assert_eq!(referrer("/element.js"), Some(origin.clone()));
    assert_eq!(referrer("/far.png"), Some(origin.clone()));
    assert_eq!(referrer("/frame.html"), None);
    assert_eq!(referrer("/fetch"), Some(origin));
    assert_eq!(referrer("/link"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_request_asks_its_directive() {
    let policy = "Content-Security-Policy: img-src 'none'; style-src 'self'; frame-src {near}; connect-src 'self'; worker-src 'none'; media-src 'none'; object-src 'none'; font-src 'none'; form-action 'none'; base-uri 'none'; manifest-src 'none'";
    let page = "<base href=/elsewhere/><script>
        const seen = [];
        addEventListener('securitypolicyviolation', (e) => { seen.push(e.effectiveDirective); console.assert(e.target === document || e.target.nodeType === 1); });
        onload = async () => {
          await fetch('{near}/connect').catch(() => {});
          try { new Worker('/worker.js').onerror = () => {}; } catch (e) { console.log(e.name); }
          document.querySelector('form').submit();
          while (new Set(seen).size < 11) await new Promise((resolve) => addEventListener('securitypolicyviolation', resolve, { once: true }));
          console.log([...new Set(seen)].sort().join());
          console.log(document.baseURI.endsWith('/elsewhere/'));
        };
        </script>
        <img src=/i.png><link rel=stylesheet href={near}/s.css><link rel=stylesheet href=/own.css><iframe src=/frame></iframe><iframe src={near}/frame></iframe>
        <video src=/v></video><object data=/o></object><embed src=/e><link rel=preload as=font crossorigin href=/f><link rel=manifest href=/m>
        <form action=/form></form>";
    let opened = Site::new()
        .file("/", &["Content-Type: text/html", policy], page)
        .file("/own.css", &["Content-Type: text/css"], "")
        .html("/frame", "")
        .open()
        .await;
    opened.expect(&[
        "base-uri,connect-src,font-src,form-action,frame-src,img-src,manifest-src,media-src,object-src,style-src-elem,worker-src",
        "false",
    ]);
    let asked: Vec<String> = opened.here.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/", "/own.css"]);
    assert_eq!(opened.near.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedder_policy_asks_what_is_embedded() {
    let headers = [
        "Content-Type: text/html",
        "Cross-Origin-Embedder-Policy: require-corp",
        "Cross-Origin-Opener-Policy: same-origin",
    ];
    let page = "<script>const tell = (element, word) => console.log(element.id, word, element.contentDocument === null);
        console.log('isolated', crossOriginIsolated, typeof SharedArrayBuffer);</script>
        <img id=without src={near}/without.png onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\">
        <img id=with src={near}/with.png onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\">
        <iframe id=bare src=/bare.html onload=\"tell(this, 'load')\"></iframe>
        <iframe id=policed src=/policed.html onload=\"tell(this, 'load')\"></iframe>
        <iframe id=blank onload=\"tell(this, 'load')\"></iframe>";
    let png: &[u8] = b"\x89PNG\r\n\x1a\n\xff";
    let opened = Site::new()
        .file("/", &headers, page)
        .answer("/without.png", "200 OK", &["Content-Type: image/png"], png)
        .answer(
            "/with.png",
            "200 OK",
            &["Content-Type: image/png", "Cross-Origin-Resource-Policy: same-site"],
            png,
        )
        .html("/bare.html", "<script>console.log('never')</script>")
        .file(
            "/policed.html",
            &["Content-Type: text/html", "Cross-Origin-Embedder-Policy: require-corp"],
            "<script>console.log('inner isolated', crossOriginIsolated)</script>",
        )
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "bare load true",
            "blank load false",
            "inner isolated true",
            "isolated true function",
            "policed load false",
            "with load false",
            "without error false",
        ],
        "{:#?}",
        opened.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opener_policy_parts_the_windows() {
    let page = "<script>
        const opened = window.open('/parted', 'parted');
        const channel = new BroadcastChannel('parted');
        channel.onmessage = (e) => { console.log(e.data, opened.closed); channel.close(); };
        </script>";
    let parted = "<script>const channel = new BroadcastChannel('parted'); channel.postMessage(['opener', opener, name].join()); channel.close();</script>";
    let headers = ["Content-Type: text/html", "Cross-Origin-Opener-Policy: same-origin"];
    let opened = Site::new().page(page).file("/parted", &headers, parted).open().await;
    opened.expect(&["opener,, true"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csp_sandbox_makes_the_origin_opaque() {
    let headers = ["Content-Type: text/html", "Content-Security-Policy: sandbox allow-scripts"];
    let page = "<script>console.log(origin, location.pathname);
        try { document.cookie; } catch (e) { console.log(e.name); }</script>";
    let opened = Site::new().file("/", &headers, page).open().await;
    opened.expect(&["null /", "SecurityError"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_frames_embed_may_refuse_to_be_embedded() {
    let isolated = ["Content-Type: text/html", "Cross-Origin-Embedder-Policy: require-corp"];
    let open = [isolated[0], isolated[1], "Cross-Origin-Resource-Policy: cross-origin"];
    let closed = ["Content-Type: text/html", "Cross-Origin-Resource-Policy: same-origin"];
    let page =
        "<script>const tell = (frame) => console.log(frame.id, frame.contentDocument === null);</script>
        <iframe id=own src=/silent.html onload=tell(this)></iframe>
        <iframe id=data src='data:text/html,<script>parent.postMessage(1, &quot;*&quot;)</script>'></iframe>
        <script>onmessage = (e) => console.log(e.data);</script>
        <iframe src={near}/silent.html></iframe><iframe src={near}/open.html></iframe>";
    let said = "<script>top.postMessage(location.pathname, '*')</script>";
    let site = |headers: &[&str]| {
        Site::new()
            .file("/", headers, page)
            .file("/silent.html", &isolated, said)
            .file("/open.html", &open, said)
            .file("/closed.html", &closed, said)
    };
    let opened = site(&isolated).open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    // The frame of the own origin says it too; that of the other one never came.
    assert_eq!(lines, ["/open.html", "/silent.html", "1", "own false"], "{:#?}", opened.errors);
    // Whoever does not isolate asks nothing of frames.
    let page =
        "<script>onmessage = (e) => console.log(e.data);</script><iframe src={near}/closed.html></iframe>";
    let opened = Site::new().page(page).file("/closed.html", &closed, said).open().await;
    opened.expect(&["/closed.html"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permissions_policy_says_which_documents_may_wait() {
    let synchronous = "var sync = () => { const x = new XMLHttpRequest(); x.open('GET', '/x', false); try { x.send(); return x.status; } catch (e) { return e.name; } };";
    let page = format!(
        "<script>{synchronous} console.log('page', sync());
         onmessage = (e) => {{ console.log(e.data); }};</script>
         <iframe id=bare src=/frame?bare></iframe><iframe src=/frame?none allow=\"sync-xhr 'none'; other *\"></iframe>
         <iframe src={{near}}/frame?near></iframe><iframe src={{near}}/frame?unnamed allow=\"sync-xhr 'self'\"></iframe>
         <iframe src=/frame?sandboxed sandbox=allow-scripts allow=\"sync-xhr\"></iframe>
         <script>
         onload = async () => {{
           const frame = document.getElementById('bare');
           frame.allow = \"sync-xhr 'none'\";
           console.log('fixed', frame.contentWindow.sync());
           frame.onload = () => console.log('anew', frame.contentWindow.sync());
           frame.contentWindow.location.replace('/frame?later');
         }};</script>"
    );
    let frame = format!(
        "<script>{synchronous} parent.postMessage(location.search + ' ' + (origin === 'null' || sync()), '*');
         if (origin === 'null') {{ const x = new XMLHttpRequest(); x.open('GET', 'data:,', false); x.send(); }}</script>"
    );
    let site = |policy: &str| {
        Site::new().file("/", &["Content-Type: text/html", policy], &page).html("/frame", &frame).file(
            "/x",
            &["Content-Type: text/plain"],
            "x",
        )
    };
    let opened = site("X-Nothing: 1").open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "?bare 200",
            "?later NetworkError",
            "?near 200",
            "?none NetworkError",
            "?sandboxed true",
            "?unnamed NetworkError",
            "anew NetworkError",
            "fixed 200",
            "page 200",
        ],
        "{:#?}",
        opened.errors
    );
    assert!(opened.errors.is_empty(), "{:#?}", opened.errors);
    // What the page may not, nobody in it may.
    let opened = site("Permissions-Policy: sync-xhr=()").open().await;
    let allowed = opened.console.iter().filter(|line| line.contains("200")).count();
    assert_eq!((allowed, opened.console.len()), (0, 9), "{:#?}", opened.console);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn isolation_is_given_to_frames_of_other_origins_by_name() {
    let headers = [
        "Content-Type: text/html",
        "Cross-Origin-Embedder-Policy: require-corp",
        "Cross-Origin-Opener-Policy: same-origin",
    ];
    let page =
        "<script>onmessage = (e) => console.log(e.data); console.log('page', crossOriginIsolated);</script>
        <iframe src=/frame?own></iframe><iframe src={near}/frame?unnamed></iframe>
        <iframe src={near}/frame?named allow=cross-origin-isolated></iframe>";
    let frame = ["Content-Type: text/html", headers[1], "Cross-Origin-Resource-Policy: same-site"];
    let said = "<script>parent.postMessage(location.search + ' ' + crossOriginIsolated, '*')</script>";
    let opened = Site::new().file("/", &headers, page).file("/frame", &frame, said).open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(lines, ["?named true", "?own true", "?unnamed false", "page true"], "{:#?}", opened.errors);
    let refused = [headers[0], headers[1], headers[2], "Permissions-Policy: cross-origin-isolated=()"];
    let opened = Site::new().file("/", &refused, page).file("/frame", &frame, said).open().await;
    assert!(opened.console.iter().all(|line| line.ends_with("false")), "{:#?}", opened.console);
    assert_eq!(opened.console.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_may_not_be_led_elsewhere() {
    let policy = "Content-Security-Policy: form-action 'self'";
    let page = "<script>addEventListener('securitypolicyviolation', (e) => console.log(e.effectiveDirective, new URL(e.blockedURI).pathname));
        onload = () => document.forms[0].submit();</script>
        <form action=/hop method=post target=f></form><iframe name=f></iframe>";
    let opened = Site::new()
        .file("/", &["Content-Type: text/html", policy], page)
        .answer("/hop", "307 Temporary Redirect", &["Location: {near}/taken"], b"")
        .open()
        .await;
    opened.expect(&["form-action /hop"]);
    assert_eq!((opened.requests("/hop").len(), opened.requests("/taken").len()), (1, 0));
}
