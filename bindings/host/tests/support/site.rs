//! The pages that the end-to-end tests load: a window that starts background fetches, and a worker that reports the
//! events it gets.

use std::io;

use super::server::{Connection, Request};

/// A worker that answers every background fetch event with one console line of JSON.
pub const WORKER: &str = r#"
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
async function report(event) {
  const registration = event.registration;
  const records = await registration.matchAll();
  const texts = [];
  for (const record of records) {
    try {
      const response = await record.responseReady;
      const buffer = await response.arrayBuffer();
      texts.push(`${response.status}:${buffer.byteLength}`);
    } catch (error) {
      texts.push(error.name);
    }
  }
  console.log(JSON.stringify({
    type: event.type, id: registration.id, result: registration.result,
    failureReason: registration.failureReason, downloaded: registration.downloaded, records: texts,
  }));
}
for (const type of ["success", "fail", "abort", "click"]) {
  addEventListener(`backgroundfetch${type}`, (event) => event.waitUntil(report(event)));
}
"#;

/// A page whose script is `script`, with `swReg` in scope, inside an async function.
pub fn page_script(script: &str) -> String {
    format!(
        "(async () => {{\n  await navigator.serviceWorker.register('sw.js');\n  \
         const swReg = await navigator.serviceWorker.ready;\n  {script}\n}})();\n"
    )
}

/// Answers the requests for the page's own files; `None` when the path is another.
pub fn answer(request: &Request, connection: &mut Connection, script: &str) -> Option<io::Result<()>> {
    let html = ["Content-Type: text/html"];
    let javascript = ["Content-Type: text/javascript"];
    Some(match request.path.as_str() {
        "/" => connection.respond(
            "200 OK",
            &html,
            b"<!doctype html><title>t</title><script src=page.js></script>",
        ),
        "/page.js" => connection.respond("200 OK", &javascript, page_script(script).as_bytes()),
        "/sw.js" => connection.respond("200 OK", &javascript, WORKER.as_bytes()),
        "/empty" => connection.respond("200 OK", &html, b"<!doctype html><title>empty</title>"),
        _ => return None,
    })
}

/// The byte at `offset` of every test file: cheap, and different enough that a shifted or torn file shows.
pub fn byte_at(offset: u64) -> u8 {
    let x = offset.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x >> 56) as u8 ^ (offset >> 12) as u8
}

/// The bytes `range` of a test file.
pub fn bytes(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(byte_at).collect()
}
