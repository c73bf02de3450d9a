//! Responses that scripts let go of while their signal may still abort them.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use support::command::{output, parts};
use support::server::{Connection, Request, Server};

const PAGE: &str = "<script type=module>
    const ask = async (what) => (await fetch(what)).text();
    const controller = new AbortController();
    await fetch('/endless', { signal: controller.signal });
    for (let n = 0; n < 50; n++) await ask('/');
    console.log('ended', await ask('/ended'));
    controller.abort();
    while (await ask('/ended') === 'false');
    console.log('ended', await ask('/ended'));
  </script>";

#[test]
fn there_is_still_something_to_abort() {
    let ended = AtomicBool::new(false);
    let server = Server::start(move |request: &Request, connection: &mut Connection| match &*request.path {
        "/" => connection.respond("200 OK", &["Content-Type: text/html"], PAGE.as_bytes()),
        "/ended" => {
            let ended = ended.load(Ordering::SeqCst).to_string();
            connection.respond("200 OK", &["Cache-Control: no-store"], ended.as_bytes())
        }
        "/endless" => {
            connection.head(&["HTTP/1.1 200 OK", "Content-Length: 10000000"])?;
            connection.body(b"beginning")?;
            let over = connection.hang();
            ended.store(true, Ordering::SeqCst);
            over
        }
        _ => connection.respond("404 Not Found", &[], b""),
    });
    let data = tempfile::tempdir().expect("a temporary folder");
    let (_, _, said) = parts(&output(data.path(), &["run", &server.origin()]));
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("ended")).collect();
    assert_eq!(lines, ["[window] ended false", "[window] ended true"], "{said}");
}
