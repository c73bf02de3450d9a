//! <https://html.spec.whatwg.org/#parsing-xhtml-documents>: pages of XML.

use crate::site::Site;

const XHTML: &[&str] = &["Content-Type: application/xhtml+xml"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_of_xhtml_run_where_they_stand() {
    let page = "<?xml version='1.0' encoding='utf-8'?>
        <!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' 'http://nowhere.example/'>
        <html xmlns='http://www.w3.org/1999/xhtml' xmlns:s='http://www.w3.org/2000/svg'><head><title>T&eacute;&nbsp;</title>
        <script><![CDATA[ console.log('inline', 1 < 2 && document.body === null, document.currentScript.localName); ]]></script>
        <script src='/outer.js'/><script src='/deferred.js' defer=''></script><script type='module'>console.log('module')</script>
        </head><body onload='console.log(\"load\", document.readyState)'><p id='P'/><s:svg/>
        <script>
          const made = document.createElement('Div');
          console.log(document.contentType, document instanceof XMLDocument, document.title.length, document.compatMode);
          console.log(document.getElementById('P').tagName, made.tagName, made.namespaceURI === document.body.namespaceURI, document.body.lastElementChild.previousElementSibling.prefix);
          try { document.write('x'); } catch (e) { console.log(e.name); }
          document.body.innerHTML = '&lt;b/&gt;&lt;script&gt;console.log(\"never\")&lt;/script&gt;';
          try { document.body.innerHTML = '&lt;b&gt;'; } catch (e) { console.log(e.name, document.body.firstChild.localName); }
          addEventListener('DOMContentLoaded', () =&gt; console.log('content', document.readyState));
        </script></body></html>";
    let opened = Site::new()
        .file("/", XHTML, page)
        .js("/outer.js", "console.log('outer', document.head.lastElementChild.localName)")
        .js("/deferred.js", "console.log('deferred', document.readyState)")
        .open()
        .await;
    opened.expect(&[
        "inline true script",
        "outer script",
        "application/xhtml+xml false 3 CSS1Compat",
        "p Div true s",
        "InvalidStateError",
        "SyntaxError b",
        "deferred interactive",
        "module",
        "content interactive",
        "load complete",
    ]);
    assert_eq!(opened.title, "T\u{e9}\u{a0}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_show_xml() {
    let page = "<script>
        const show = (frame) => {
          const inner = frame.contentDocument;
          console.log(frame.id, inner.contentType, inner.documentElement.localName, inner.documentElement.namespaceURI, inner.characterSet, inner.documentElement.textContent);
        };
        </script>
        <iframe id=plain src=/plain.xml onload=show(this)></iframe><iframe id=svg src=/a.svg onload=show(this)></iframe>
        <iframe id=wrong src=/wrong onload='console.log(this.id, this.contentDocument.documentElement.firstChild.localName, this.contentDocument.querySelector(\"b\").textContent)'></iframe>
        <iframe id=none src=/none onload='console.log(this.id, this.contentDocument.documentElement.localName)'></iframe>";
    let opened = Site::new()
        .page(page)
        .file("/plain.xml", &["Content-Type: text/xml"], "<R xmlns='urn:x'><script>top.console.log('never')</script></R>")
        .answer("/a.svg", "200 OK", &["Content-Type: image/svg+xml"], b"<?xml version='1.0' encoding='latin1'?><svg xmlns='http://www.w3.org/2000/svg'>\xe9</svg>")
        .file("/wrong", XHTML, "<html xmlns='http://www.w3.org/1999/xhtml'><script>top.console.log('before')</script><b>x</b><i><script>top.console.log('never')</i></html>")
        .file("/none", XHTML, "nothing")
        .open()
        .await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "before",
            "none parsererror",
            "plain text/xml R urn:x UTF-8 top.console.log('never')",
            "svg image/svg+xml svg http://www.w3.org/2000/svg windows-1252 \u{e9}",
            "wrong parsererror x",
        ],
        "{:#?}",
        opened.errors
    );
}
