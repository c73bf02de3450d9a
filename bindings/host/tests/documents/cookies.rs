//! <https://html.spec.whatwg.org/#dom-document-cookie>

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_see_the_cookies_that_are_theirs() {
    let page = "<script>
        const all = () => document.cookie.split('; ').sort().join('; ');
        console.log(all());
        document.cookie = 'script=1; max-age=100';
        document.cookie = 'path=1; path=/elsewhere';
        document.cookie = 'http=2; httponly';
        document.cookie = 'hidden=overwritten';
        document.cookie = 'gone=1'; document.cookie = 'gone=1; max-age=0';
        document.cookie = 'nameless';
        document.cookie = '__Secure-x=1';
        document.cookie = 'domain=1; domain=example.com';
        console.log(all());
        onload = () => fetch('/sent').then(() => {
          console.log(document.implementation.createHTMLDocument('').cookie === '', frames[0].document.cookie === document.cookie);
        });
        </script><iframe src=/inner.html></iframe><iframe src={far}/far.html></iframe>";
    let set = [
        "Content-Type: text/html",
        "Set-Cookie: seen=1",
        "Set-Cookie: hidden=1; HttpOnly",
        "Set-Cookie: strict=1; SameSite=Strict",
    ];
    let opened = Site::new()
        .file("/", &set, page)
        .html("/inner.html", "")
        .html("/far.html", "<script>console.log('far ' + document.cookie); document.cookie = 'far=1; SameSite=Strict'; console.log('far ' + document.cookie);</script>")
        .file("/sent", &[], "")
        .open()
        .await;
    let mut lines = opened.console.clone();
    let far: Vec<String> = lines.extract_if(.., |line| line.starts_with("far")).collect();
    assert_eq!(far, ["far ", "far "]);
    assert_eq!(lines, ["seen=1; strict=1", "nameless; script=1; seen=1; strict=1", "true true"]);
    let request = opened.request("/sent");
    let mut sent: Vec<&str> = request.header("cookie").unwrap_or_default().split("; ").collect();
    sent.sort_unstable();
    assert_eq!(sent, ["hidden=1", "nameless", "script=1", "seen=1", "strict=1"]);
}
