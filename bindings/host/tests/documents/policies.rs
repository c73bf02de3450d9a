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
          await new Promise((resolve) => setTimeout(resolve, 20));
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
