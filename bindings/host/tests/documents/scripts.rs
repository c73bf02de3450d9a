//! <https://html.spec.whatwg.org/#the-script-element>: which script runs when, and what is asked for it.

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_run_in_the_order_of_html() {
    let page = "<!doctype html><title>order</title>
        <script>const log = (word) => console.log(word, document.readyState);
          addEventListener('DOMContentLoaded', () => log('content'));
          addEventListener('load', () => { log('load'); fetch('/open/late'); });</script>
        <script defer src=/defer1.js?after=blocking></script>
        <script async src=/async1.js?after=deferred></script>
        <script type=module>log('module')</script>
        <script defer src=/defer2.js></script>
        <script src=/blocking.js?after=never-mind></script>
        <p id=after></p>
        <script>log('inline ' + (document.getElementById('after') !== null))</script>
        <script nomodule>log('nomodule')</script>
        <script type=text/plain>log('plain')</script>
        <script type='module' async>log('async module')</script>";
    let page = page.replace("?after=never-mind", "");
    let opened = Site::new()
        .page(&page)
        .js("/defer1.js", "log('defer1')")
        .js("/defer2.js", "log('defer2'); fetch('/open/deferred')")
        .js("/async1.js", "log('async1')")
        .js("/blocking.js", "log('blocking ' + document.getElementById('after')); fetch('/open/blocking')")
        .open()
        .await;
    let mut lines = opened.console.clone();
    // It is ready at once, and runs whenever there is room for a task.
    let module: Vec<String> = lines.extract_if(.., |line| line.starts_with("async module")).collect();
    assert_eq!(module.len(), 1, "{lines:?}");
    assert_eq!(opened.errors, [""; 0]);
    // `async1` comes after `defer2`, wherever `DOMContentLoaded` is.
    let asynchronous: Vec<String> = lines.extract_if(.., |line| line.starts_with("async1")).collect();
    assert_eq!(asynchronous, ["async1 interactive"]);
    assert_eq!(
        lines,
        [
            "blocking null loading",
            "inline true loading",
            "defer1 interactive",
            "module interactive",
            "defer2 interactive",
            "content interactive",
            "load complete",
        ]
    );
    assert_eq!(opened.title, "order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_scripts_insert_are_asynchronous_or_in_order() {
    let page = "<script>
          const add = (src, ordered) => {
            const script = document.createElement('script');
            if (ordered) script.async = false;
            script.src = src;
            script.onload = () => console.log('loaded', src.slice(0, 5));
            script.onerror = () => console.log('error', src.slice(0, 5));
            document.head.append(script);
          };
          // The first comes last, and the second waits for it.
          add('/1.js?after=three', true);
          add('/2.js', true);
          add('/3.js', false);
          add('/4.js', false);
          const inline = document.createElement('script');
          inline.textContent = 'console.log(\"at once\", document.currentScript === inline)';
          document.head.append(inline);
          console.log('appended', document.currentScript !== inline);
          const twice = inline.cloneNode(true);
          document.head.append(twice);
          const empty = document.createElement('script');
          document.head.append(empty);
          empty.append('console.log(\"filled later\")');
          const parsed = document.createElement('div');
          parsed.innerHTML = '<script>console.log(\"never\")<\\/script>';
          document.head.append(parsed);
        </script>";
    let opened = Site::new()
        .page(page)
        .js("/1.js", "console.log(1)")
        .js("/2.js", "console.log(2)")
        .js("/3.js", "console.log(3); fetch('/open/three')")
        .open()
        .await;
    let of = |part: &str| opened.console.iter().position(|line| line == part);
    assert_eq!(opened.console[..3], ["at once true", "appended true", "filled later"]);
    let order: Vec<Option<usize>> =
        ["3", "loaded /3.js", "1", "loaded /1.js", "2", "loaded /2.js"].map(of).to_vec();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{:?}", opened.console);
    assert!(of("error /4.js").is_some(), "{:?}", opened.console);
    assert_eq!(opened.console.len(), 10, "{:?}", opened.console);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_parsed_where_the_script_stands() {
    let page = "<body><p>one</p><script>
          document.write('<p>two</p><script>console.log(\"within\", document.querySelectorAll(\"p\").length)<\\/script>');
          console.log('after', document.querySelectorAll('p').length);
          document.write('<script src=/w.js><\\/script><p>three</p>');
          console.log('waits', document.querySelectorAll('p').length);
        </script><p>four</p><script>
          console.log([...document.querySelectorAll('p')].map((p) => p.textContent).join());
          addEventListener('load', () => setTimeout(() => {
            document.write('<title>new</title>everything else is gone');
            document.close();
            console.log(document.querySelectorAll('p').length, document.title, document.body.textContent);
          }));
        </script>";
    let opened = Site::new()
        .page(page)
        .js("/w.js", "console.log('written script', document.querySelectorAll('p').length); document.write('<p>of file</p>')")
        .open()
        .await;
    opened.expect(&[
        "within 2",
        "after 2",
        "waits 2",
        "written script 2",
        "one,two,of file,three,four",
        "0 new everything else is gone",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_puts_off_finds_the_whole_document() {
    let page = "<head><script>
          const tell = (what) => console.log(what, document.readyState, document.getElementById('last') !== null);
          addEventListener('DOMContentLoaded', () => tell('content'));
          addEventListener('load', () => tell('load'));
          addEventListener('message', (e) => { tell(e.data); setTimeout(() => tell('timer')); });
          postMessage('message', '*');
          // What a microtask writes comes where its script stands.
          Promise.resolve().then(() => { tell('microtask'); document.write('<p id=written>'); });
        </script><script>console.log(document.body.innerHTML, document.scripts.length)</script>
        <script>Promise.resolve().then(() => tell('second microtask'))</script><p id=last>";
    let opened = Site::new().page(page).open_until("timer complete true").await;
    opened.expect(&[
        "microtask loading false",
        "<p id=\"written\"><script>console.log(document.body.innerHTML, document.scripts.length)</script></p> 2",
        "second microtask loading false",
        "content interactive true",
        "load complete true",
        "message complete true",
        "timer complete true",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_closed_by_a_script_is_loaded_behind_it() {
    let page = "<iframe></iframe><script>
          const frame = document.querySelector('iframe'), inner = frame.contentDocument;
          frame.onload = () => console.log('load');
          inner.open();
          inner.write('<p>one<script>parent.console.log(\"script\")<\\/script><p>two');
          inner.close();
          console.log('closed', inner.querySelectorAll('p').length, inner.readyState);
        </script>";
    let opened = Site::new().page(page).open_until("load").await;
    opened.expect(&["script", "closed 2 interactive", "load"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_decide_what_is_asked_for_a_script() {
    // The hash of `console.log("sound")`.
    let sound = "sha256-Hbx2GdrDmRfc4nV1Ro13GmyUjGbnI8GYKqI7RkF2GKk=";
    let page = format!(
        "<script>const tell = (element, word) => console.log(element.id, word);
           document.cookie = 'own=1';</script>
         <script id=plain src={{near}}/plain.js onload=\"tell(this, 'load')\"></script>
         <script id=anonymous crossorigin src={{near}}/cors.js onload=\"tell(this, 'load')\"></script>
         <script id=refused crossorigin src={{near}}/plain.js?2 onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
         <script id=credentials crossorigin=use-credentials src={{near}}/credentials.js onload=\"tell(this, 'load')\"></script>
         <script id=integrity integrity='{sound}' src=/sound.js onload=\"tell(this, 'load')\"></script>
         <script id=rotten integrity='{sound}' src=/rotten.js onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\"></script>
         <script id=none referrerpolicy=no-referrer src=/none.js></script>
         <script id=origin referrerpolicy=origin src=/origin.js></script>
         <script id=empty src onerror=\"tell(this, 'error')\"></script>
         <script id=latin charset=iso-8859-1 src=/latin.js></script>
         <script id=high fetchpriority=high src=/high.js></script>"
    );
    let opened = Site::new()
        .page(&page)
        .js("/plain.js", "console.log('plain')")
        .file(
            "/cors.js",
            &["Content-Type: text/javascript", "Access-Control-Allow-Origin: *"],
            "console.log('cors')",
        )
        .file(
            "/credentials.js",
            &[
                "Content-Type: text/javascript",
                "Access-Control-Allow-Origin: {here}",
                "Access-Control-Allow-Credentials: true",
            ],
            "console.log('credentials')",
        )
        .js("/sound.js", "console.log(\"sound\")")
        .js("/rotten.js", "console.log(\"rotten\")")
        .js("/none.js", "")
        .js("/origin.js", "")
        .js("/high.js", "")
        .answer(
            "/latin.js",
            "200 OK",
            &["Content-Type: text/javascript"],
            b"console.log('\xe9'.charCodeAt(0))",
        )
        .open()
        .await;
    opened.expect(&[
        "plain",
        "plain load",
        "cors",
        "anonymous load",
        "refused error",
        "credentials",
        "credentials load",
        "sound",
        "integrity load",
        "rotten error",
        "empty error",
        "233",
    ]);
    let header = |path: &str, name: &str| opened.requests(path)[0].header(name).map(str::to_owned);
    let site = |path: &str| header(path, "sec-fetch-site");
    assert_eq!(header("/plain.js", "sec-fetch-mode").as_deref(), Some("no-cors"));
    assert_eq!(header("/plain.js", "sec-fetch-dest").as_deref(), Some("script"));
    assert_eq!(site("/plain.js").as_deref(), Some("same-site"));
    assert_eq!(header("/plain.js", "origin"), None);
    // A cookie's host has no port, so the neighbour has it too.
    assert_eq!(header("/plain.js", "cookie").as_deref(), Some("own=1"));
    assert_eq!(header("/cors.js", "sec-fetch-mode").as_deref(), Some("cors"));
    assert_eq!(header("/cors.js", "cookie"), None);
    assert_eq!(header("/cors.js", "origin"), Some(opened.here.origin()));
    assert_eq!(header("/credentials.js", "cookie").as_deref(), Some("own=1"));
    assert_eq!(site("/sound.js").as_deref(), Some("same-origin"));
    assert_eq!(header("/sound.js", "referer"), Some(format!("{}/", opened.here.origin())));
    assert_eq!(header("/none.js", "referer"), None);
    assert_eq!(header("/origin.js", "referer"), Some(format!("{}/", opened.here.origin())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_element_moves_what_follows_it() {
    let page = "<script src=a.js></script><base href=/sub/><script src=a.js></script>
        <base href=/never/><script>console.log(document.baseURI.endsWith('/sub/'), new Request('x').url.endsWith('/sub/x'));
        document.querySelector('base').href = '/other/';
        console.log(document.baseURI.endsWith('/other/'));
        document.querySelector('base').remove();
        console.log(document.baseURI.endsWith('/never/'));</script>";
    let opened = Site::new()
        .page(page)
        .js("/a.js", "console.log('top')")
        .js("/sub/a.js", "console.log('sub')")
        .open()
        .await;
    opened.expect(&["top", "sub", "true true", "true", "true"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_waits_for_scripts_and_not_for_what_is_gone() {
    // The element that waits is taken away before its script comes: it does not run where it is no longer.
    let page = "<script>
          const script = document.createElement('script');
          script.src = '/late.js?after=removed';
          document.head.append(script);
          script.remove();
          const other = document.implementation.createHTMLDocument('');
          other.head.append(script);
          fetch('/open/removed');
          addEventListener('load', () => console.log('load'));
        </script>";
    let opened = Site::new().page(page).js("/late.js", "console.log('runs')").open().await;
    opened.expect(&["load"]);
    assert_eq!(opened.requests("/late.js").len(), 1);
}
