//! <https://w3c.github.io/webappsec-csp/>: what of a page's own text may run.

use crate::site::{Opened, Site};

const TELL: &str = "<script nonce=abc>
    addEventListener('securitypolicyviolation', (e) => console.log('violation', e.effectiveDirective, e.blockedURI.replace(/^http:..[^/]*/, ''), e.disposition, e.sample));
    </script>";

async fn under(policy: &str, body: &str) -> Opened {
    let policy = format!("Content-Security-Policy: {policy}");
    Site::new()
        .file("/", &["Content-Type: text/html", &policy], &format!("{TELL}{body}"))
        .js("/a.js", "console.log('file')")
        .html("/frame", "<script>parent.console.log('framed')</script>")
        .js("/loader.js", "const s = document.createElement('script'); s.src = '/a.js'; document.head.append(s); document.write('<script src=/a.js?written><\\/script>')")
        .open()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inline_scripts_need_a_nonce_a_hash_or_leave() {
    // The hash is that of `console.log('hashed')`.
    let opened = under(
        "script-src 'nonce-abc' 'sha256-HASH'".replace("HASH", HASHED).as_str(),
        "<script>console.log('plain')</script>
         <script nonce=other>console.log('other')</script>
         <script nonce=abc>console.log('nonced', document.currentScript.nonce, document.currentScript.getAttribute('nonce') === '')</script>
         <script>console.log('hashed')</script>
         <script src=/a.js onerror=\"console.log('handler')\"></script>
         <script nonce=abc src=/a.js></script>
         <div onclick=\"console.log('clicked')\"></div>
         <script nonce=abc>document.querySelector('div').click();
           const link = document.createElement('a'); link.href = 'javascript:console.log(\"link\")'; link.click();</script>",
    )
    .await;
    let mut lines = opened.console.clone();
    let mut violations: Vec<String> = lines.extract_if(.., |line| line.starts_with("violation")).collect();
    violations.sort();
    assert_eq!(lines, ["nonced abc true", "hashed", "file"], "{:#?}", opened.errors);
    assert_eq!(
        violations,
        [
            "violation script-src-attr inline enforce ",
            "violation script-src-attr inline enforce ",
            "violation script-src-elem /a.js enforce ",
            "violation script-src-elem inline enforce ",
            "violation script-src-elem inline enforce ",
            "violation script-src-elem inline enforce ",
        ]
    );
    assert_eq!(opened.requests("/a.js").len(), 1);
}

const HASHED: &str = "Ly+EvtafdANT0xlOxh/fd3NF3f5hCoaFad0hrg25DRI=";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_becomes_code_only_where_the_policy_says_so() {
    let body = "<script nonce=abc>
        const tried = (run) => { try { return run(); } catch (e) { return e.name; } };
        console.log(tried(() => eval('1 + 1')), tried(() => new Function('return 2')()), tried(() => (0, eval)('3')), eval(4), tried(() => setTimeout('console.log(\"timer\")', 0) >= 0));
        </script>";
    let opened = under("script-src 'nonce-abc'", body).await;
    let mut lines = opened.console.clone();
    let violations: Vec<String> = lines.extract_if(.., |line| line.starts_with("violation")).collect();
    assert_eq!(lines, ["EvalError EvalError EvalError 4 true"], "{:#?}", opened.errors);
    assert!(
        violations.len() >= 4 && violations.iter().all(|line| line == "violation script-src eval enforce "),
        "{violations:#?}"
    );
    let opened = under("script-src 'nonce-abc' 'unsafe-eval'", body).await;
    assert_eq!(opened.console, ["2 2 3 4 true", "timer"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trusted_script_loads_is_trusted_under_strict_dynamic() {
    let opened =
        under("script-src 'nonce-abc' 'strict-dynamic'", "<script nonce=abc src=/loader.js></script>").await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(lines, ["file", "violation script-src-elem /a.js?written enforce "]);
    let opened = under("script-src 'nonce-abc'", "<script nonce=abc src=/loader.js></script>").await;
    let mut violations = opened.console.clone();
    violations.sort();
    assert_eq!(
        violations,
        ["violation script-src-elem /a.js enforce ", "violation script-src-elem /a.js?written enforce "]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_in_a_meta_element_counts_from_there_on() {
    let page = "<head><script>console.log('before')</script>
        <meta http-equiv=content-security-policy content=\"script-src 'nonce-abc'; connect-src 'none'; frame-ancestors 'none'\">
        <script>console.log('after')</script>
        <script nonce=abc>console.log('nonced'); fetch('/x').catch((e) => console.log(e.name));
        document.querySelector('meta').remove();
        const script = document.createElement('script'); script.textContent = 'console.log(\"never\")'; document.head.append(script);</script>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&["before", "nonced", "TypeError"]);
    assert_eq!(opened.requests("/x").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_that_only_report_let_everything_run() {
    let headers = [
        "Content-Type: text/html",
        "Content-Security-Policy-Report-Only: script-src 'nonce-abc'; img-src 'none'",
    ];
    let page = format!(
        "{TELL}<script>console.log('runs', eval('1'))</script><img src=/i.png onerror=\"console.log('asked')\">"
    );
    let opened = Site::new().file("/", &headers, &page).open().await;
    let mut lines = opened.console.clone();
    let violations: Vec<String> = lines.extract_if(.., |line| line.starts_with("violation")).collect();
    assert_eq!(lines, ["runs 1", "asked"]);
    let mut directives: Vec<&str> = violations.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    directives.sort_unstable();
    // The request and its response are both asked about.
    directives.dedup();
    assert_eq!(directives, ["img-src", "script-src", "script-src-attr", "script-src-elem"]);
    assert!(violations.iter().all(|line| line.contains(" report ")), "{violations:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn violations_are_told_where_they_are() {
    let page = "<!doctype html><body id=body><script nonce=abc>
        addEventListener('securitypolicyviolation', (e) => {
          const at = e.composedPath()[0];
          console.log(at.id || at.nodeName, e.effectiveDirective, e.bubbles, e.composed, e.statusCode, e.lineNumber, e.sourceFile.replace(/.*[/]/, ''));
          console.assert(e.documentURI + '#x' === location.href && e.originalPolicy === \"script-src 'nonce-abc'; report-uri /report\");
        });
        </script>
        <script id=inline>1</script>
        <div id=handler onclick='1'></div>
        <script nonce=abc src=/elsewhere.js></script>";
    // Elements that are gone by then are told of at the document; the place is that of the script.
    let script = "const gone = document.createElement('div');\n\ngone.id = 'gone'; gone.setAttribute('onclick', '2');\nconst there = document.createElement('p'); there.id = 'there'; document.body.append(there);\nthere.setAttribute('onclick', '3');\ntry { eval('4'); } catch {}";
    let headers =
        ["Content-Type: text/html", "Content-Security-Policy: script-src  'nonce-abc' ;report-uri /report"];
    let opened = Site::new().file("/page", &headers, page).js("/elsewhere.js", script);
    let opened = opened.html("/", "<script>location.href = '/page#x'</script>").open().await;
    let at = |line: &str| opened.console.iter().any(|said| said == line);
    assert_eq!(opened.console.len(), 5, "{:#?}", opened.console);
    assert!(at("inline script-src-elem true true 200 0 "), "{:#?}", opened.console);
    assert!(at("handler script-src-attr true true 200 0 "), "{:#?}", opened.console);
    assert!(at("#document script-src-attr true true 200 3 elsewhere.js"), "{:#?}", opened.console);
    assert!(at("there script-src-attr true true 200 5 elsewhere.js"), "{:#?}", opened.console);
    assert!(at("#document script-src true true 200 6 elsewhere.js"), "{:#?}", opened.console);
    // Each is told to the endpoint too.
    let reports = opened.requests("/report");
    assert_eq!(reports.len(), 5);
    for report in &reports {
        assert_eq!(
            (report.method.as_str(), report.header("content-type")),
            ("POST", Some("application/csp-report"))
        );
        let body: serde_json::Value = serde_json::from_slice(&report.body).unwrap();
        let body = &body["csp-report"];
        assert_eq!((&body["status-code"], &body["disposition"]), (&200.into(), &"enforce".into()));
        assert_eq!(body["document-uri"], format!("{}/page#x", opened.here.origin()).replace("#x", ""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_without_an_address_have_the_policies_of_who_made_them() {
    let page = "<script nonce=abc>
        addEventListener('message', (e) => console.log(e.data));
        const inner = (name) => `<script src={here}/a.js><\\/script><script src={near}/a.js><\\/script><script>parent.postMessage('inline', '*')<\\/script>`;
        for (const kind of ['srcdoc', 'data', 'blob']) {
          const frame = document.createElement('iframe');
          if (kind === 'srcdoc') frame.srcdoc = inner(kind);
          if (kind === 'data') frame.src = 'data:text/html,' + encodeURIComponent(inner(kind));
          if (kind === 'blob') frame.src = URL.createObjectURL(new Blob([inner(kind)], { type: 'text/html' }));
          document.body.append(frame);
        }</script>";
    let headers = [
        "Content-Type: text/html",
        "Content-Security-Policy: script-src 'self' 'nonce-abc'; frame-src data: blob:",
    ];
    let opened = Site::new()
        .file("/", &headers, &format!("<body>{page}"))
        .js("/a.js", "parent.postMessage(location.protocol, '*')")
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(lines, ["about:", "blob:", "data:"], "{:#?}", opened.errors);
    assert_eq!(opened.near.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn styles_are_asked_about_and_nonces_hidden() {
    let opened = under(
        "style-src 'nonce-abc'; script-src 'nonce-abc'",
        "<style id=refused>x {}</style><style nonce=abc onload='1'></style><p style='a: b'></p><svg nonce=abc id=svg></svg><div nonce=abc id=div></div>
         <script nonce=abc onclick onclick>console.log('twice')</script>
         <script nonce=abc>
           document.querySelector('p').style.color = 'red';
           document.querySelector('p').setAttribute('style', 'c: d');
           for (const id of ['svg', 'div']) { const e = document.getElementById(id); console.log(e.nonce, e.getAttribute('nonce') === ''); }
           console.log(setTimeout('1'), setInterval('1'));
         </script>",
    )
    .await;
    let mut lines = opened.console.clone();
    let mut violations: Vec<String> = lines.extract_if(.., |line| line.starts_with("violation")).collect();
    violations.sort();
    assert_eq!(lines, ["abc true", "abc true", "0 0"], "{:#?}", opened.errors);
    assert_eq!(
        violations,
        [
            "violation script-src eval enforce ",
            "violation script-src eval enforce ",
            "violation script-src-attr inline enforce ",
            "violation script-src-attr inline enforce ",
            "violation script-src-elem inline enforce ",
            "violation style-src-attr inline enforce ",
            "violation style-src-attr inline enforce ",
            "violation style-src-elem inline enforce ",
        ]
    );
    // A policy of the document's own text hides nothing.
    let page = "<meta http-equiv=content-security-policy content=\"script-src 'nonce-abc'\"><script nonce=abc>console.log(document.currentScript.getAttribute('nonce'))</script>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&["abc"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_back_to_has_the_policies_of_who_made_it() {
    let page = "<script nonce=abc>
        addEventListener('message', (e) => {
          console.log(e.data);
          const frame = document.querySelector('iframe');
          if (e.data === 'lenient') frame.contentWindow.history.back();
        });
        onload = () => {
          const frame = document.createElement('iframe');
          frame.src = URL.createObjectURL(new Blob([`<script nonce=abc>parent.postMessage('made', '*')<\\/script><script>parent.postMessage('never', '*')<\\/script>`], { type: 'text/html' }));
          frame.onload = () => { if (!window.went) { window.went = true; frame.src = '/lenient'; } };
          document.body.append(frame);
        };</script>";
    let headers =
        ["Content-Type: text/html", "Content-Security-Policy: script-src 'nonce-abc'; connect-src 'none'"];
    let opened = Site::new()
        .file("/", &headers, &format!("<body>{page}"))
        .html("/lenient", "<script>parent.postMessage('lenient', '*')</script>")
        .open()
        .await;
    opened.expect(&["made", "lenient", "made"]);
}
