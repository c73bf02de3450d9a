//! Elements that fetch: the request that each makes, and its `load` or `error`, though nothing is drawn.

use crate::site::Site;

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 3, 0, 0, 0,
    2, 8, 0, 0, 0, 0, 0xff,
];

/// The beginning of a film.
const WEBM: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3, 0x9f, 0x42, 0x82, 0x84, b'w', b'e', b'b', b'm', 0xff];

/// Destination, mode, whether with the site's cookie, and the initiator's origin.
fn asked(opened: &crate::site::Opened, path: &str) -> (String, String, bool, bool) {
    let request = &opened.requests(path)[0];
    let header = |name: &str| request.header(name).unwrap_or("-").to_owned();
    (
        header("sec-fetch-dest"),
        header("sec-fetch-mode"),
        request.header("cookie").is_some(),
        request.header("origin").is_some(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_element_asks_as_html_says() {
    let page = "<script>document.cookie = 'own=1'; const tell = (element, word) => console.log(element.id, word);</script>
        <link id=style rel=stylesheet href={near}/style onload=\"tell(this, 'load')\">
        <link id=preload rel=preload as=image href={near}/preload onload=\"tell(this, 'load')\">
        <link id=font rel=preload as=font crossorigin href={near}/font onload=\"tell(this, 'load')\">
        <link id=icon rel=icon href={near}/icon>
        <link id=manifest rel=manifest href={near}/manifest>
        <link id=prefetch rel=prefetch href={near}/prefetch>
        <link id=modulepreload rel=modulepreload href={near}/modulepreload>
        <img id=image src={near}/image onload=\"tell(this, 'load ' + this.naturalWidth + 'x' + this.naturalHeight + this.complete)\">
        <img id=cors crossorigin src={near}/cors onload=\"tell(this, 'load')\">
        <img id=credentials crossorigin=use-credentials src={near}/credentials onload=\"tell(this, 'load')\">
        <img id=broken src={near}/text onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\">
        <img id=gone src={near}/gone onload=\"tell(this, 'load')\" onerror=\"tell(this, 'error')\">
        <input id=input type=image src={near}/input onload=\"tell(this, 'load')\">
        <embed id=embed src={near}/embed onload=\"tell(this, 'load')\">
        <object id=object data={near}/object onload=\"tell(this, 'load')\"></object>
        <audio id=audio src={near}/audio oncanplay=\"tell(this, 'canplay')\" onerror=\"tell(this, 'error')\"></audio>
        <video id=video poster={near}/poster onloadstart=\"tell(this, 'loadstart')\" onerror=\"tell(this, 'error')\"><source src={near}/video></video>
        <video id=tracked src=/video2><track id=track default src=/track onload=\"tell(this, 'load')\"></video>";
    let cors = ["Access-Control-Allow-Origin: *"];
    let mut site = Site::new().page(page).file("/text", &["Content-Type: text/plain"], "no image");
    for path in ["/style", "/manifest", "/modulepreload", "/prefetch"] {
        site = site.file(path, &["Content-Type: text/css", cors[0]], "");
    }
    for path in ["/preload", "/font", "/icon", "/image", "/cors", "/input", "/embed", "/object", "/poster"] {
        site = site.answer(path, "200 OK", &["Content-Type: image/png", cors[0]], PNG);
    }
    let credentials = ["Access-Control-Allow-Origin: {here}", "Access-Control-Allow-Credentials: true"];
    site = site.answer("/credentials", "200 OK", &credentials, PNG);
    site = site.file("/track", &["Content-Type: text/vtt"], "WEBVTT");
    for path in ["/audio", "/video", "/video2"] {
        site = site.answer(path, "200 OK", &["Content-Type: video/webm"], WEBM);
    }
    let opened = site.open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "audio canplay",
            "broken error",
            "cors load",
            "credentials load",
            "embed load",
            "font load",
            "gone error",
            "image load 3x2true",
            "input load",
            "object load",
            "preload load",
            "style load",
            "track load",
            "video loadstart",
        ],
        "{:#?}",
        opened.errors
    );
    let expected: [(&str, &str, &str, bool, bool); 18] = [
        ("/style", "style", "no-cors", true, false),
        ("/preload", "image", "no-cors", true, false),
        ("/font", "font", "cors", false, true),
        ("/icon", "image", "no-cors", true, false),
        ("/manifest", "manifest", "cors", false, true),
        ("/prefetch", "empty", "no-cors", true, false),
        ("/modulepreload", "script", "cors", false, true),
        ("/image", "image", "no-cors", true, false),
        ("/cors", "image", "cors", false, true),
        ("/credentials", "image", "cors", true, true),
        ("/input", "image", "no-cors", true, false),
        ("/embed", "embed", "navigate", true, false),
        ("/object", "object", "navigate", true, false),
        ("/audio", "audio", "no-cors", true, false),
        ("/video", "video", "no-cors", true, false),
        ("/poster", "image", "no-cors", true, false),
        ("/video2", "video", "no-cors", true, false),
        ("/track", "track", "same-origin", true, false),
    ];
    for (path, destination, mode, cookie, origin) in expected {
        assert_eq!(
            asked(&opened, path),
            (destination.to_owned(), mode.to_owned(), cookie, origin),
            "{path}: destination, mode, cookie, origin"
        );
    }
    assert_eq!(opened.requests("/audio")[0].header("range"), Some("bytes=0-"));
    assert_eq!(opened.requests("/prefetch")[0].header("sec-purpose"), Some("prefetch"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn link_headers_preload_what_a_document_will_need() {
    let links = "Link: </script,1>; rel=preload; as=script, </font>; rel=\"x PRELOAD\"; as=font; crossorigin, \
                 <{near}/image>; rel=preload; as=image; imagesrcset=\"/small 1x, /large 2x\"; fetchpriority=high, \
                 </wide>; rel=preload; as=style; media=\"(min-width: 10px)\"; referrerpolicy=no-referrer";
    let unused = "Link: </narrow>; rel=preload; as=style; media=\"(max-width: 10px)\", </nothing>; rel=preload, \
                  </else>; rel=preload; as=script; anchor=\"/other\", </next>; rel=next";
    let page = "<script>addEventListener('load', () => console.log(performance.getEntriesByType('resource')
        .map(({ name, initiatorType }) => initiatorType + new URL(name).pathname).sort().join()))</script>";
    let mut site = Site::new().file("/", &["Content-Type: text/html", links, unused], page);
    for path in ["/script,1", "/font", "/small", "/large", "/wide"] {
        site = site.file(path, &["Access-Control-Allow-Origin: *"], "");
    }
    let opened = site.open().await;
    opened.expect(&["link/font,link/script,1,link/small,link/wide"]);
    let expected = [
        ("/script,1", "script", "no-cors", false),
        ("/font", "font", "cors", false),
        ("/small", "image", "no-cors", false),
        ("/wide", "style", "no-cors", false),
    ];
    for (path, destination, mode, origin) in expected {
        let (is, of_mode, _, with_origin) = asked(&opened, path);
        assert_eq!((is.as_str(), of_mode.as_str(), with_origin), (destination, mode, origin), "{path}");
    }
    assert_eq!(opened.request("/wide").header("referer"), None);
    for path in ["/large", "/narrow", "/nothing", "/else", "/next", "/image"] {
        assert!(opened.requests(path).is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_that_come_in_part_are_asked_for_the_rest() {
    let page = "<audio src=/parts oncanplay=\"console.log('canplay')\" onerror=\"console.log('parts error')\"></audio>
        <video src=/none oncanplay=\"console.log('canplay')\" onerror=\"console.log('none error')\"></video>";
    let partial = ["Content-Type: video/webm", "Content-Range: bytes 0-1/10"];
    let opened = Site::new()
        .page(page)
        .answer("/parts", "206 Partial Content", &partial, &WEBM[..2])
        .answer("/none", "206 Partial Content", &["Content-Range: bytes 0-1/2"], b"ab")
        .open()
        .await;
    let ranges = |path: &str| {
        let requests = opened.requests(path);
        requests.iter().map(|request| request.header("range").map(str::to_owned)).collect::<Vec<_>>()
    };
    // The second part begins where none was asked for, so there is no third.
    assert_eq!(ranges("/parts"), [Some("bytes=0-".to_owned()), Some("bytes=2-".to_owned())]);
    assert_eq!(ranges("/none"), [Some("bytes=0-".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_source_of_an_image_counts_and_no_document_is_needed() {
    let page = "<script>
        const image = new Image();
        image.onload = () => console.log('load', new URL(image.currentSrc).pathname);
        image.onerror = () => console.log('error', new URL(image.currentSrc).pathname);
        image.src = '/first.png?after=second';
        console.log(image.complete);
        image.src = '/second.png';
        addEventListener('load', () => {
          fetch('/open/second');
          const bad = new Image();
          bad.onerror = (e) => { console.log('no URL', e.type, bad.complete); };
          bad.src = 'http://[';
          const inert = document.implementation.createHTMLDocument('').createElement('img');
          inert.src = '/inert.png';
        });
        </script>";
    let opened = Site::new()
        .page(page)
        .answer("/first.png", "200 OK", &[], PNG)
        .answer("/second.png", "200 OK", &[], PNG)
        .open()
        .await;
    opened.expect(&["false", "load /second.png", "no URL error true"]);
    assert_eq!(opened.requests("/inert.png").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_load_event_waits_for_images_and_not_for_media() {
    let page =
        "<script>addEventListener('load', () => { console.log('load'); fetch('/open/media'); });</script>
        <img src='/image.png?after=parsed' onload=\"console.log('image')\">
        <video src='/media?after=media' oncanplay=\"console.log('media')\"></video>
        <script>fetch('/open/parsed')</script>";
    let opened = Site::new()
        .page(page)
        .answer("/image.png", "200 OK", &[], PNG)
        .answer("/media", "200 OK", &["Content-Type: video/webm"], WEBM)
        .open()
        .await;
    opened.expect(&["image", "load", "media"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_is_in_the_timeline() {
    let page = "<img src=/i.png><link rel=stylesheet href=/s.css><script src=/a.js></script><iframe src=/f.html></iframe><script>
        addEventListener('load', () => setTimeout(() => {
          const all = performance.getEntriesByType('resource').map((e) => e.initiatorType + ' ' + new URL(e.name).pathname);
          console.log(all.sort().join());
          const [navigation] = performance.getEntriesByType('navigation');
          console.log(navigation instanceof PerformanceNavigationTiming, navigation.initiatorType, navigation.type, new URL(navigation.name).pathname,
            navigation.duration > 0, navigation.responseStatus, navigation.domInteractive <= navigation.loadEventStart);
        }));</script>";
    let opened = Site::new()
        .page(page)
        .answer("/i.png", "200 OK", &[], PNG)
        .file("/s.css", &["Content-Type: text/css"], "")
        .js("/a.js", "")
        .html("/f.html", "")
        .open()
        .await;
    opened.expect(&[
        "iframe /f.html,img /i.png,link /s.css,script /a.js",
        "true navigation navigate / true 200 true",
    ]);
}

/// <https://html.spec.whatwg.org/#concept-media-load-algorithm>: what is no media fails, and so does what is opaque and hides it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_elements_take_nothing_but_media() {
    let page = "<script>const tell = (element, word) => console.log(element.id, word);</script>
        <audio id=own src=/text onerror=\"tell(this, 'error')\" oncanplay=\"tell(this, 'canplay')\"></audio>
        <video id=near src={near}/text onerror=\"tell(this, 'error')\" oncanplay=\"tell(this, 'canplay')\"></video>
        <audio id=empty src={near}/empty onerror=\"tell(this, 'error')\" oncanplay=\"tell(this, 'canplay')\"></audio>
        <video id=film src={near}/film onprogress=\"tell(this, 'progress')\" onerror=\"tell(this, 'error')\"></video>";
    let site = Site::new()
        .page(page)
        .file("/text", &["Content-Type: text/plain"], "no film")
        .file("/empty", &["Content-Type: audio/mpeg"], "")
        .answer("/film", "200 OK", &["Content-Type: video/webm"], WEBM);
    let opened = site.open().await;
    let mut heard = opened.console.clone();
    heard.sort();
    assert_eq!(heard, ["empty error", "film progress", "near error", "own error"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_the_handlers_of_its_window() {
    let opened = Site::new()
        .page(
            "<!doctype html><body onhashchange=\"console.log('text', this === window)\"><script>
             const made = document.createElement('body');
             const nobody = new DOMParser().parseFromString('<body>', 'text/html').body;
             const handler = () => console.log('function');
             console.log(typeof window.onhashchange, made.onhashchange === window.onhashchange);
             dispatchEvent(new Event('hashchange'));
             made.onstorage = handler;
             made.onclick = handler;
             nobody.onstorage = handler;
             nobody.onwheel = handler;
             console.log(window.onstorage === handler, document.body.onstorage === handler, window.onclick, nobody.onstorage, nobody.onwheel === handler);
             dispatchEvent(new Event('storage'));
             document.body.removeAttribute('onhashchange');
             console.log(window.onhashchange);
             </script>",
        )
        .open()
        .await;
    opened.expect(&["function true", "text true", "true true null null true", "function", "null"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_ends_with_its_requests_and_not_with_their_timeouts() {
    let page =
        "<script>const request = new XMLHttpRequest(); request.open('GET', '/there'); request.timeout = 1e8;
        request.onload = () => console.log(request.responseText); request.send()</script>";
    let opened = Site::new().page(page).file("/there", &[], "here").open().await;
    opened.expect(&["here"]);
    assert!(opened.end.is_some());
}
