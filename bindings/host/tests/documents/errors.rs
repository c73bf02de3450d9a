//! <https://html.spec.whatwg.org/#runtime-script-errors> and <https://html.spec.whatwg.org/#unhandled-promise-rejections>

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uncaught_exception_says_what_and_where() {
    let page = "<script>
        onerror = function (message, file, line, column, error) {
          console.log('handler', message, file.replace(/^http:..[^/]*/, ''), line, column > 0, error instanceof Error);
          return true;
        };
        addEventListener('error', (e) => console.log('event', e.constructor.name, e.message, e.lineno, e.cancelable, e.bubbles));
        </script>
        <script>


          null.x;
        </script>
        <script src=/throws.js></script>
        <script>var = 1;</script>
        <script>setTimeout(() => { throw 'a string' }); queueMicrotask(() => { throw new RangeError('micro') });</script>";
    let opened = Site::new().page(page).js("/throws.js", "\n\nthrow new Error('from a file')").open().await;
    let lines: Vec<&str> = opened.console.iter().map(String::as_str).collect();
    assert_eq!(lines.len(), 10, "{lines:#?}");
    assert!(lines[0].starts_with("handler TypeError: cannot read property 'x' of null / 11"), "{lines:#?}");
    assert!(lines[1].starts_with("event ErrorEvent TypeError"), "{lines:#?}");
    assert!(lines[1].ends_with("11 true false"), "{lines:#?}");
    assert_eq!(lines[2], "handler Error: from a file /throws.js 3 true true");
    assert!(lines[4].starts_with("handler SyntaxError"), "{lines:#?}");
    assert_eq!(lines[6], "handler RangeError: micro / 15 true true");
    assert!(lines[8].starts_with("handler a string"), "{lines:#?}");
    // All were dealt with.
    assert_eq!(opened.errors, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_scripts_of_other_origins_throw_is_muted() {
    let page = "<script>
        addEventListener('error', (e) => { console.log(e.message, e.filename, e.lineno, e.colno, e.error); e.preventDefault(); });
        addEventListener('unhandledrejection', (e) => { console.log('rejection', e.reason); e.preventDefault(); });
        </script>
        <script src={near}/throws.js></script>
        <script src={near}/rejects.js></script>
        <script crossorigin src={near}/cors.js></script>
        <script src={near}/parse.js></script>";
    let opened = Site::new()
        .page(page)
        .js("/throws.js", "throw new Error('secret')")
        .js("/rejects.js", "Promise.reject('secret')")
        .js("/parse.js", "var secret secret")
        .file(
            "/cors.js",
            &["Content-Type: text/javascript", "Access-Control-Allow-Origin: *"],
            "throw 'told'",
        )
        .open()
        .await;
    assert_eq!(opened.console[0], "Script error.  0 0 null");
    assert_eq!(opened.console.last().map(String::as_str), Some("Script error.  0 0 null"));
    assert!(opened.console[1].starts_with("told"), "{:#?}", opened.console);
    assert!(!opened.console.iter().any(|line| line.contains("secret")), "{:#?}", opened.console);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejections_that_nobody_handles_are_told_and_untold() {
    let page = "<script>
        addEventListener('unhandledrejection', (e) => {
          console.log('unhandled', e.reason, e.promise instanceof Promise, e.cancelable);
          e.preventDefault();
          if (e.reason === 'late') setTimeout(() => e.promise.catch(() => console.log('caught')), 0);
        });
        addEventListener('rejectionhandled', (e) => console.log('handled', e.reason, e.cancelable));
        Promise.reject('never');
        Promise.reject('late');
        const soon = Promise.reject('soon');
        queueMicrotask(() => soon.catch(() => {}));
        </script>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&["unhandled never true true", "unhandled late true true", "caught", "handled late false"]);
    assert_eq!(opened.errors, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microtasks_run_between_listeners_unless_a_script_waits_for_them() {
    let page = "<script>
        for (const number of [1, 2]) {
          addEventListener('load', () => { console.log('listener', number); Promise.resolve().then(() => console.log('microtask', number)); });
          document.addEventListener('own', () => { console.log('own', number); queueMicrotask(() => console.log('own microtask', number)); });
        }
        addEventListener('load', () => { document.dispatchEvent(new Event('own')); console.log('dispatched'); });
        </script>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&[
        "listener 1",
        "microtask 1",
        "listener 2",
        "microtask 2",
        "own 1",
        "own 2",
        "dispatched",
        "own microtask 1",
        "own microtask 2",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_report_as_windows_do() {
    let worker = "
        onerror = (message, file, line, column, error) => { console.log('in worker', message, line, error.message); return message.includes('mine'); };
        onunhandledrejection = (e) => { console.log('rejected in worker', e.reason); e.preventDefault(); };
        onrejectionhandled = (e) => console.log('handled in worker', e.reason);
        const late = Promise.reject('later');
        setTimeout(() => { late.catch(() => {}); throw new Error('mine') }, 0);
        setTimeout(() => { throw new Error('yours') }, 1);";
    let page = "<script>
        const worker = new Worker('/worker.js');
        worker.onerror = (e) => { console.log('in page', e.message, new URL(e.filename).pathname, e.lineno, e.error); e.preventDefault(); };
        </script>";
    let opened = Site::new().page(page).js("/worker.js", worker).open().await;
    let mut lines = opened.console.clone();
    let handled: Vec<String> = lines.extract_if(.., |line| line.starts_with("handled")).collect();
    assert_eq!(handled, ["handled in worker later"]);
    assert_eq!(
        lines,
        [
            "rejected in worker later",
            "in worker Error: mine 6 mine",
            "in worker Error: yours 7 yours",
            "in page Error: yours /worker.js 7 null",
        ]
    );
    assert_eq!(opened.errors, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_workers_import_of_another_origin_throws_is_not_told() {
    let opened = Site::new()
        .page(
            "<script>
             const worker = new Worker('/worker.js');
             worker.onmessage = (event) => { console.log(event.data); console.log('END'); };
             </script>",
        )
        .js(
            "/worker.js",
            "const names = [];
             for (const url of ['/throws.js', '/broken.js', '{near}/throws.js', '{near}/broken.js', '/away.js', '{near}/fine.js']) {
               try { importScripts(url); names.push(fine); } catch (error) { names.push(error.name); }
             }
             postMessage(names.join());",
        )
        .js("/throws.js", "throw new RangeError('secret');")
        .js("/broken.js", "var var;")
        .js("/fine.js", "var fine = 'fine';")
        .answer("/away.js", "302 Found", &["Location: {near}/throws.js"], b"")
        .open_until("END")
        .await;
    opened.expect(&["RangeError,SyntaxError,NetworkError,NetworkError,NetworkError,fine", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owners_of_a_shared_worker_do_not_hear_what_it_throws() {
    let opened = Site::new()
        .page(
            "<script>
             const worker = new SharedWorker('/shared.js');
             worker.onerror = () => console.log('heard');
             worker.port.onmessage = (event) => { console.log(event.data); console.log('END'); };
             </script>",
        )
        .js("/shared.js", "onconnect = (event) => { setTimeout(() => event.ports[0].postMessage('later')); throw new Error('thrown'); };")
        .open_until("END")
        .await;
    opened.expect(&["later", "END"]);
    assert!(opened.errors.iter().any(|line| line.contains("thrown")), "{:?}", opened.errors);
}
