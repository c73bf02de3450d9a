//! Servers that lie, stall and break off: each has one right outcome.

mod support;

use std::io;

use serde_json::Value;
use support::run::{Run, worker_reports};
use support::server::{Connection, Request, Server};
use support::site;

const SIZE: u64 = 400_000;
const HALF: u64 = 200_000;

/// The whole file.
fn whole(connection: &mut Connection, etag: &str) -> io::Result<()> {
    connection.respond("200 OK", &[&format!("ETag: {etag}")], &site::bytes(0..SIZE))
}

/// A head that announces the whole file.
fn announce(connection: &mut Connection, etag: &str) -> io::Result<()> {
    let (length, etag) = (format!("Content-Length: {SIZE}"), format!("ETag: {etag}"));
    connection.head(&["HTTP/1.1 200 OK", &length, &etag, "Accept-Ranges: bytes"])
}

/// The rest of the file from `first` on, as an honest server gives it.
fn rest(connection: &mut Connection, first: u64, etag: &str) -> io::Result<()> {
    let range = format!("Content-Range: bytes {first}-{}/{SIZE}", SIZE - 1);
    connection.respond("206 Partial Content", &[&range, &format!("ETag: {etag}")], &site::bytes(first..SIZE))
}

/// Runs a page that fetches `/file` with `options`, and gives what came of it.
struct Outcome {
    settled: Value,
    reports: Vec<Value>,
    requests: Vec<Request>,
    code: Option<i32>,
    stderr: String,
}

fn outcome(
    options: &str,
    answer: impl Fn(&Request, &mut Connection) -> io::Result<()> + Send + Sync + 'static,
) -> Outcome {
    let script = format!("await swReg.backgroundFetch.fetch('it', 'file', {options});");
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        site::answer(request, connection, &script).unwrap_or_else(|| answer(request, connection))
    });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, stderr) = Run::start(folder.path(), &server.origin(), &[]).finish();
    let settled =
        events.iter().find(|e| e["event"] == "settled").unwrap_or_else(|| panic!("{events:#?}\n{stderr}"));
    let kind = if settled["result"] == "success" { "success" } else { "fail" };
    Outcome {
        settled: settled.clone(),
        reports: worker_reports(&events, kind, "it"),
        requests: server.requests_for("/file"),
        code: status.code(),
        stderr,
    }
}

impl Outcome {
    /// It came whole in spite of the server.
    fn recovered(&self) -> &Self {
        assert_eq!(self.settled["result"], "success", "{:#?}\n{}", self.settled, self.stderr);
        assert_eq!(self.settled["downloaded"], SIZE);
        assert_eq!(self.reports.len(), 1);
        assert_eq!(self.reports[0]["records"][0], format!("200:{SIZE}"));
        assert_eq!(self.code, Some(0));
        self
    }

    /// It failed for `reason`, and the page's process said so.
    fn failed(&self, reason: &str) -> &Self {
        assert_eq!(self.settled["result"], "failure", "{:#?}", self.settled);
        assert_eq!(self.settled["failureReason"], reason, "{:#?}", self.settled);
        assert_eq!(self.reports.len(), 1);
        assert_eq!(self.reports[0]["failureReason"], reason);
        assert_eq!(self.code, Some(1));
        assert!(self.stderr.contains(reason), "the message names the reason: {}", self.stderr);
        self
    }

    /// The second request asked for the rest, on the condition that the file is still the first one.
    fn resumed_at(&self, first_byte: u64, validator: &str) -> &Self {
        assert_eq!(self.requests[0].header("range"), None);
        assert_eq!(self.requests[1].header("range"), Some(format!("bytes={first_byte}-").as_str()));
        assert_eq!(self.requests[1].header("if-range"), Some(validator));
        self
    }

    /// The second request asked for the whole file anew.
    fn restarted(&self) -> &Self {
        assert_eq!(self.requests[1].header("range"), None);
        assert_eq!(self.requests[1].header("if-range"), None);
        self
    }
}

#[test]
fn ends_before_its_content_length() {
    outcome("{}", |request, connection| {
        if request.attempt == 0 {
            announce(connection, "\"a\"")?;
            connection.body(&site::bytes(0..HALF))?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        rest(connection, request.range_start(), "\"a\"")
    })
    .recovered()
    .resumed_at(HALF, "\"a\"");
}

#[test]
fn ends_early_and_has_no_validator() {
    outcome("{}", |request, connection| {
        if request.attempt == 0 {
            connection.head(&["HTTP/1.1 200 OK", &format!("Content-Length: {SIZE}")])?;
            connection.body(&site::bytes(0..HALF))?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        connection.respond("200 OK", &[], &site::bytes(0..SIZE))
    })
    .recovered()
    .restarted();
}

#[test]
fn ends_early_and_has_only_a_weak_validator() {
    outcome("{}", |request, connection| {
        if request.attempt == 0 {
            announce(connection, "W/\"a\"")?;
            connection.body(&site::bytes(0..HALF))?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        whole(connection, "W/\"a\"")
    })
    .recovered()
    .restarted();
}

#[test]
fn sends_more_than_its_content_length() {
    // What lies beyond the announced length is no part of the response.
    outcome("{}", |_, connection| {
        announce(connection, "\"a\"")?;
        connection.body(&site::bytes(0..SIZE))?;
        connection.raw(b"and more")?;
        Err(io::ErrorKind::UnexpectedEof.into())
    })
    .recovered();
}

#[test]
fn contradicts_itself_in_content_length() {
    outcome("{}", |_, connection| {
        connection.head(&["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6"])?;
        connection.body(b"hello!")
    })
    .failed("fetch-error");
}

#[test]
fn resets_in_the_middle() {
    outcome("{}", |request, connection| {
        if request.attempt == 0 {
            announce(connection, "\"a\"")?;
            connection.body(&site::bytes(0..HALF))?;
            // What is still under way when the reset comes is lost, so the client may have less than half.
            return connection.reset();
        }
        let first = request.range_start();
        assert!(first <= HALF, "{first}");
        if first == 0 { whole(connection, "\"a\"") } else { rest(connection, first, "\"a\"") }
    })
    .recovered();
}

#[test]
fn resets_before_it_answers() {
    outcome(
        "{}",
        |request, connection| {
            if request.attempt == 0 { connection.reset() } else { whole(connection, "\"a\"") }
        },
    )
    .recovered()
    .restarted();
}

#[test]
fn never_answers() {
    // A run that has to end says so with code 4; the fetch is still owed, and a later run finishes it.
    let script =
        "if (!(await swReg.backgroundFetch.get('it'))) await swReg.backgroundFetch.fetch('it', 'file');";
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        if let Some(done) = site::answer(request, connection, script) {
            return done;
        }
        if request.attempt == 0 { connection.hang() } else { whole(connection, "\"a\"") }
    });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, stderr) = Run::start(folder.path(), &server.origin(), &["--timeout", "2"]).finish();
    assert_eq!(status.code(), Some(4), "{stderr}");
    assert!(!events.iter().any(|e| e["event"] == "settled"), "{events:#?}");
    let (status, events, stderr) =
        Run::start(folder.path(), &format!("{}/empty", server.origin()), &[]).finish();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(worker_reports(&events, "success", "it").len(), 1, "{events:#?}");
}

#[test]
fn changes_the_file_between_ranges() {
    // `If-Range` does not hold, so the new file comes whole; no byte of the old one stays, none is counted twice.
    outcome("{}", |request, connection| {
        if request.attempt == 0 {
            announce(connection, "\"old\"")?;
            connection.body(&vec![b'x'; HALF as usize])?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        whole(connection, "\"new\"")
    })
    .recovered()
    .resumed_at(HALF, "\"old\"");
}

#[test]
fn ignores_if_range_and_splices_another_file() {
    let it = outcome("{}", |request, connection| match request.attempt {
        0 => {
            announce(connection, "\"old\"")?;
            connection.body(&vec![b'x'; HALF as usize])?;
            Err(io::ErrorKind::UnexpectedEof.into())
        }
        1 => rest(connection, request.range_start(), "\"new\""),
        _ => whole(connection, "\"new\""),
    });
    it.recovered().resumed_at(HALF, "\"old\"");
    assert_eq!(it.requests[2].header("range"), None, "a part of another file is not taken");
}

#[test]
fn sends_206_for_another_range() {
    // The draft calls an invalid partial response a `fetch-error`; a gap is never taken.
    let it = outcome("{}", |request, connection| {
        if request.attempt == 0 {
            announce(connection, "\"a\"")?;
            connection.body(&site::bytes(0..HALF))?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        rest(connection, HALF + 1000, "\"a\"")
    });
    it.failed("fetch-error").resumed_at(HALF, "\"a\"");
    assert_eq!(it.requests.len(), 2, "an invalid answer is final");
}

#[test]
fn says_416_for_what_is_already_whole() {
    // The length was unknown, everything came, and the connection broke before its end was said.
    outcome("{}", |request, connection| {
        if request.attempt == 0 {
            connection.head(&["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "ETag: \"a\""])?;
            connection.raw(format!("{SIZE:x}\r\n").as_bytes())?;
            connection.body(&site::bytes(0..SIZE))?;
            connection.raw(b"\r\n")?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert_eq!(request.range_start(), SIZE);
        connection.respond("416 Range Not Satisfiable", &[&format!("Content-Range: bytes */{SIZE}")], b"")
    })
    .recovered()
    .resumed_at(SIZE, "\"a\"");
}

#[test]
fn sends_more_than_download_total() {
    let it = outcome("{ downloadTotal: 100000 }", |_, connection| {
        // Chunked, so nothing announces how much will come.
        connection.head(&["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "ETag: \"a\""])?;
        for part in 0..4 {
            connection.raw(format!("{:x}\r\n", SIZE / 4).as_bytes())?;
            connection.body(&site::bytes(part * SIZE / 4..(part + 1) * SIZE / 4))?;
            connection.raw(b"\r\n")?;
        }
        connection.raw(b"0\r\n\r\n")
    });
    it.failed("download-total-exceeded");
    assert!(it.settled["downloaded"].as_u64().unwrap() <= 100_000, "{:#?}", it.settled);
}

#[test]
fn sends_exactly_download_total() {
    outcome(&format!("{{ downloadTotal: {SIZE} }}"), |_, connection| whole(connection, "\"a\"")).recovered();
}

#[test]
fn answers_with_a_bad_status() {
    let it = outcome("{}", |_, connection| connection.respond("404 Not Found", &[], b"no such thing"));
    it.failed("bad-status");
    assert_eq!(it.reports[0]["records"][0], "404:0", "the body of a bad status is not shown");
    assert_eq!(it.requests.len(), 1, "a bad status is final");
}

#[test]
fn asks_to_come_back_later() {
    let it = outcome("{}", |request, connection| {
        if request.attempt == 0 {
            return connection.respond("503 Service Unavailable", &["Retry-After: 1"], b"");
        }
        whole(connection, "\"a\"")
    });
    it.recovered();
    assert_eq!(it.requests.len(), 2);
}

#[test]
fn speaks_no_http() {
    outcome("{}", |_, connection| {
        connection.raw(b"\x00\x01\x02 what is this\r\n\r\n")?;
        Err(io::ErrorKind::UnexpectedEof.into())
    })
    .failed("fetch-error");
}

#[test]
fn nobody_is_there() {
    // The port was free a moment ago and is bound by nobody now.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let script = format!("await swReg.backgroundFetch.fetch('it', 'http://localhost:{port}/x');");
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        site::answer(request, connection, &script).unwrap_or(Ok(()))
    });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, _) = Run::start(folder.path(), &server.origin(), &[]).finish();
    assert_eq!(status.code(), Some(1));
    assert_eq!(worker_reports(&events, "fail", "it")[0]["failureReason"], "fetch-error", "{events:#?}");
}

#[test]
fn does_not_share_across_origins() {
    let other = Server::start(|_: &Request, connection: &mut Connection| {
        connection.respond("200 OK", &["ETag: \"a\"", "X-Secret: 1"], &site::bytes(0..SIZE))
    });
    let script = format!("await swReg.backgroundFetch.fetch('it', '{}/file');", other.origin());
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        site::answer(request, connection, &script).unwrap_or(Ok(()))
    });
    let folder = tempfile::tempdir().unwrap();
    let (status, events, _) = Run::start(folder.path(), &server.origin(), &[]).finish();
    assert_eq!(status.code(), Some(1));
    let reports = worker_reports(&events, "fail", "it");
    assert_eq!(reports[0]["failureReason"], "fetch-error", "{events:#?}");
    assert_eq!(reports[0]["downloaded"], 0, "not a byte of it is told");
    assert!(!events.iter().any(|e| e["event"] == "progress" && e["downloaded"] != 0), "{events:#?}");
}
