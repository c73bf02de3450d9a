//! Which image an element takes, and when it asks for it.
//!
//! <https://html.spec.whatwg.org/#update-the-image-data>

use crate::site::Site;

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 3, 0, 0, 0,
    2, 8, 0, 0, 0, 0, 0xff,
];

fn with_images(mut site: Site, paths: &[&str]) -> Site {
    for path in paths {
        site = site.answer(path, "200 OK", &["Content-Type: image/png"], PNG);
    }
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_that_suits_is_taken() {
    let page = "<script>const tell = (image) => console.log(image.id, new URL(image.currentSrc).pathname);</script>
        <img id=densities src=/no1 srcset='/no2 2x, /a 1x' onload='tell(this)'>
        <img id=widths srcset='/no3 100w, /b 1280w, /no4 5000w' onload='tell(this)'>
        <img id=sizes srcset='/c 100w, /no5 1280w' sizes='(max-width: 1px) 5000px, 50px' onload='tell(this)'>
        <picture>
          <source srcset=/no6 media='(max-width: 10px)'>
          <source srcset=/no7 type=image/unknown>
          <source srcset=/d media='(min-width: 10px)' type=image/png>
          <source srcset=/no8>
          <img id=picture src=/no9 onload='tell(this)'>
        </picture>
        <picture><source media=print srcset=/no10><img id=fallback src=/e onload='tell(this)'></picture>
        <link id=preload rel=preload as=image href=/no11 imagesrcset='/f 50w, /no12 1280w' imagesizes=50px onload='console.log(this.id)'>
        <link rel=preload as=image href=/no13 media=print>";
    let opened = with_images(Site::new().page(page), &["/a", "/b", "/c", "/d", "/e", "/f"]).open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(
        lines,
        ["densities /a", "fallback /e", "picture /d", "preload", "sizes /c", "widths /b"],
        "{:?}",
        opened.errors
    );
    for path in ["/a", "/b", "/c", "/d", "/e", "/f"] {
        assert_eq!(opened.request(path).header("sec-fetch-dest"), Some("image"), "{path}");
    }
    let asked: Vec<String> = opened.here.requests().into_iter().map(|request| request.path).collect();
    assert!(!asked.iter().any(|path| path.starts_with("/no")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_changes_is_looked_at_once_in_a_microtask() {
    let page = "<body><script>
        const image = new Image();
        image.src = '/no1';
        image.src = '/no2';
        image.crossOrigin = 'anonymous';
        image.src = '/a';
        console.log(image.complete, image.width);
        image.onload = async () => {
          console.log(image.complete, image.width, image.height, image.naturalWidth);
          image.width = 50;
          console.log(image.width, image.getAttribute('width'), image.naturalWidth);
          const loaded = () => new Promise((resolve) => image.onload = () => resolve(new URL(image.currentSrc).pathname));
          const picture = document.createElement('picture');
          const source = document.createElement('source');
          picture.append(source, image);
          source.srcset = '/b';
          console.log(await loaded());
          source.srcset = '/c';
          console.log(await loaded());
          source.remove();
          console.log(await loaded());
          image.onerror = () => console.log('error', image.complete);
          image.src = '';
        };
        </script>";
    let opened = with_images(Site::new().page(page), &["/a", "/b", "/c"]).open().await;
    opened.expect(&["false 0", "true 3 2 3", "50 50 3", "/b", "/c", "/a", "error true"]);
    let asked: Vec<String> = opened.here.requests().into_iter().map(|request| request.path).collect();
    assert!(!asked.iter().any(|path| path.starts_with("/no")), "{asked:?}");
    assert_eq!(opened.requests("/a")[0].header("sec-fetch-mode"), Some("cors"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_buttons_and_images_of_svg_fetch_too() {
    let page = "<body><svg><image id=parsed href={near}/a onload='console.log(this.id)' /></svg><script>
        const button = document.createElement('input');
        button.type = 'image';
        document.body.append(button);
        button.onload = () => console.log('button');
        button.src = '/b';
        const image = document.createElementNS('http://www.w3.org/2000/svg', 'image');
        image.onload = () => console.log('made');
        image.onerror = () => console.log('error');
        image.setAttributeNS('http://www.w3.org/1999/xlink', 'xlink:href', '/c');
        document.querySelector('svg').append(image);
        const broken = document.createElementNS('http://www.w3.org/2000/svg', 'image');
        broken.onerror = () => console.log('broken');
        document.querySelector('svg').append(broken);
        broken.setAttribute('href', '/text');
        </script>";
    let site = with_images(Site::new().page(page), &["/a", "/b", "/c"]);
    let opened = site.file("/text", &["Content-Type: text/plain"], "no image").open().await;
    let mut lines = opened.console.clone();
    lines.sort();
    assert_eq!(lines, ["broken", "button", "made", "parsed"], "{:?}", opened.errors);
    for path in ["/a", "/b", "/c"] {
        let request = opened.request(path);
        assert_eq!(request.header("sec-fetch-dest"), Some("image"), "{path}");
        assert_eq!(request.header("sec-fetch-mode"), Some("no-cors"), "{path}");
    }
}
