//! The embedded server, over real sockets.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use longhaul_host::server::{PortChoice, Server, ServerError, Site};

struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

struct Running {
    runtime: tokio::runtime::Runtime,
    server: Server,
}

fn serve(folder: &Path) -> Running {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let site = Site::new(folder).expect("a sound folder");
    let server = runtime.block_on(Server::start(site, &PortChoice::exactly(0))).expect("a free port");
    Running { runtime, server }
}

impl Running {
    /// One request, exactly as written; `{port}` stands for the port.
    fn raw(&self, request: &str) -> Response {
        let port = self.server.port();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
        stream.write_all(request.replace("{port}", &port.to_string()).as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers and closes");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("it sends a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("the head is text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("it has a status");
        Response { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn get(&self, path: &str, fields: &[&str]) -> Response {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:{{port}}\r\nConnection: close\r\n{fields}\r\n"
        ))
    }
}

fn folder() -> tempfile::TempDir {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let root = outer.path().join("site");
    std::fs::create_dir_all(root.join("sub")).expect("a folder");
    std::fs::create_dir_all(root.join("empty")).expect("a folder");
    std::fs::write(root.join("index.html"), "<title>t</title>").expect("a file");
    std::fs::write(root.join("sub/index.html"), "<title>sub</title>").expect("a file");
    std::fs::write(root.join("digits.txt"), "0123456789").expect("a file");
    std::fs::write(root.join(".secret"), "hidden").expect("a file");
    std::fs::write(outer.path().join("outside.txt"), "outside").expect("a file");
    std::os::unix::fs::symlink(outer.path().join("outside.txt"), root.join("link.txt")).expect("a link");
    std::os::unix::fs::symlink("digits.txt", root.join("inside.txt")).expect("a link");
    std::fs::write(
        root.join("longhaul-serve.json"),
        r#"{ "/big.bin": { "type": "audio/mpeg", "size": 9000000000, "seed": 7 } }"#,
    )
    .expect("a file");
    outer
}

#[test]
fn whole_files_with_type_length_and_validators() {
    let outer = folder();
    let running = serve(&outer.path().join("site"));
    let page = running.get("/", &[]);
    assert_eq!((page.status, page.body.as_slice()), (200, &b"<title>t</title>"[..]));
    assert_eq!(page.header("content-type"), Some("text/html;charset=utf-8"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let file = running.get("/digits.txt?query", &[]);
    assert_eq!((file.status, file.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(file.header("content-length"), Some("10"));
    assert_eq!(file.header("accept-ranges"), Some("bytes"));
    assert!(file.header("last-modified").is_some_and(|date| date.ends_with(" GMT")));
    assert!(file.header("etag").is_some_and(|tag| tag.starts_with('"') && tag.ends_with('"')));
    assert_eq!(running.get("/inside.txt", &[]).body, b"0123456789");
    let moved = running.get("/sub", &[]);
    assert_eq!((moved.status, moved.header("location")), (301, Some("/sub/")));
    assert_eq!(running.get("/sub/", &[]).body, b"<title>sub</title>");
    let head =
        running.raw("HEAD /digits.txt HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("10"), 0));
    assert_eq!(head.header("etag"), file.header("etag"));
}

#[test]
fn ranges_and_their_validators() {
    let outer = folder();
    let running = serve(&outer.path().join("site"));
    let part = running.get("/digits.txt", &["Range: bytes=2-4"]);
    assert_eq!((part.status, part.body.as_slice()), (206, &b"234"[..]));
    assert_eq!(
        (part.header("content-range"), part.header("content-length")),
        (Some("bytes 2-4/10"), Some("3"))
    );
    assert_eq!(running.get("/digits.txt", &["Range: bytes=7-"]).body, b"789");
    assert_eq!(running.get("/digits.txt", &["Range: bytes=-2"]).body, b"89");
    let none = running.get("/digits.txt", &["Range: bytes=10-"]);
    assert_eq!((none.status, none.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(running.get("/digits.txt", &["Range: bytes=0-1,4-5"]).status, 200);

    let tag = part.header("etag").expect("it has a tag").to_owned();
    let matching = running.get("/digits.txt", &["Range: bytes=2-4", &format!("If-Range: {tag}")]);
    assert_eq!((matching.status, matching.body.as_slice()), (206, &b"234"[..]));
    std::fs::write(outer.path().join("site/digits.txt"), "abcdefghij").expect("a file");
    let changed = running.get("/digits.txt", &["Range: bytes=2-4", &format!("If-Range: {tag}")]);
    assert_eq!((changed.status, changed.body.as_slice()), (200, &b"abcdefghij"[..]));
    assert_ne!(changed.header("etag"), Some(tag.as_str()));

    let tag = changed.header("etag").expect("it has a tag").to_owned();
    let same = running.get("/digits.txt", &[&format!("If-None-Match: {tag}")]);
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(running.get("/digits.txt", &["If-Match: \"other\""]).status, 412);
}

#[test]
fn a_generated_file_is_the_same_from_every_side() {
    let outer = folder();
    let running = serve(&outer.path().join("site"));
    let far = running.get("/big.bin", &["Range: bytes=8999999990-"]);
    assert_eq!(
        (far.status, far.header("content-range")),
        (206, Some("bytes 8999999990-8999999999/9000000000"))
    );
    assert_eq!(far.header("content-type"), Some("audio/mpeg"));
    let near = running.get("/big.bin", &["Range: bytes=8999999980-8999999999"]);
    assert_eq!(near.body[10..], far.body[..]);
    assert_eq!(running.get("/big.bin", &["Range: bytes=0-199999"]).body.len(), 200_000);
    assert_eq!(running.get("/longhaul-serve.json", &[]).status, 404);
}

#[test]
fn nothing_leaves_the_folder() {
    let outer = folder();
    let running = serve(&outer.path().join("site"));
    for (path, status) in [
        ("/../outside.txt", 403),
        ("/%2e%2e/outside.txt", 403),
        ("/sub/%2E%2E/%2e%2e/outside.txt", 403),
        ("/..%2foutside.txt", 403),
        ("/link.txt", 403),
        ("/.secret", 403),
        ("/empty/", 404),
        ("/empty", 404),
        ("/nothing.txt", 404),
        ("//etc/passwd", 404),
    ] {
        let response = running.get(path, &[]);
        assert_eq!(response.status, status, "{path}");
        assert!(!response.body.windows(7).any(|window| window == b"outside"), "{path}");
    }
}

#[test]
fn only_our_own_name_is_answered() {
    let outer = folder();
    let running = serve(&outer.path().join("site"));
    let with_host =
        |field: &str| running.raw(&format!("GET / HTTP/1.1\r\n{field}Connection: close\r\n\r\n")).status;
    for host in ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}"] {
        assert_eq!(with_host(&format!("Host: {host}\r\n")), 200, "{host}");
    }
    for host in [
        "attacker.example",
        "attacker.example:{port}",
        "localhost",
        "localhost:1",
        "localhost.example:{port}",
        "a.localhost:{port}",
        "",
    ] {
        assert_eq!(with_host(&format!("Host: {host}\r\n")), 421, "{host}");
    }
    assert_eq!(with_host(""), 400);
    assert_eq!(with_host("Host: localhost:{port}\r\nHost: attacker.example\r\n"), 400);
    let absolute = running
        .raw("GET http://attacker.example/ HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(absolute.status, 421);
    let post = running
        .raw("POST / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_port_in_use_is_named_or_passed_over() {
    let outer = folder();
    let running = serve(&outer.path().join("site"));
    let site = Site::new(&outer.path().join("site")).expect("a sound folder");
    let port = running.server.port();
    let again = running.runtime.block_on(Server::start(site.clone(), &PortChoice::exactly(port)));
    match again {
        Err(error @ ServerError::PortInUse { .. }) => {
            assert_eq!(error.to_string(), format!("port {port} is in use"))
        }
        other => panic!("{other:?}"),
    }
    let choice = PortChoice::for_target(Path::new("/some/target"));
    let first = running.runtime.block_on(Server::start(site.clone(), &choice)).expect("a candidate is free");
    let second = running.runtime.block_on(Server::start(site, &choice)).expect("the next one is free");
    assert_ne!(first.port(), second.port());
    assert!(choice.ports().contains(&second.port()));
}
