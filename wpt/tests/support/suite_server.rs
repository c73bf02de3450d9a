//! A small server of tests in the suite's layout: files of a folder, the pages of script tests, and resources that do what a
//! test has scripted. HTTP/1.1 on loopback, a thread a connection.
//!
//! - `POST /script?ID` with a JSON array of answers: the first request of `/scripted?ID` gets the first one, and so on; the last one
//!   is repeated.
//! - `GET /seen?ID`: the requests of `/scripted?ID` so far, as JSON.
//! - `POST /release?ID`: answers that are held, and those that would be from now on, go on.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use serde::Deserialize;
use serde_json::{Value, json};

/// An answer that a test has scripted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Answer {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
    /// A body of so many bytes, made from their positions and the seed.
    #[serde(default)]
    size: usize,
    #[serde(default)]
    seed: u8,
    /// Whether a `Range` is answered with the bytes that it wants.
    #[serde(default)]
    ranges: bool,
    /// The connection ends after so many bytes of the body.
    #[serde(default)]
    cut_after: Option<usize>,
    /// The rest waits for a release after so many bytes of the body.
    #[serde(default)]
    hold_after: Option<usize>,
}

fn ok() -> u16 {
    200
}

/// What is known of one scripted resource.
#[derive(Default)]
struct Script {
    answers: Vec<Answer>,
    seen: Vec<Value>,
    released: bool,
}

struct State {
    root: PathBuf,
    scripts: Mutex<HashMap<String, Script>>,
    changed: Condvar,
}

/// A running server; its threads end with the process.
pub(crate) struct SuiteServer {
    port: u16,
}

impl SuiteServer {
    /// Serves a folder.
    pub(crate) fn start(root: &Path) -> SuiteServer {
        SuiteServer::start_at(root, 0)
    }

    /// Serves a folder on a port.
    pub(crate) fn start_at(root: &Path, port: u16) -> SuiteServer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state =
            Arc::new(State { root: root.to_owned(), scripts: Mutex::default(), changed: Condvar::new() });
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = state.clone();
                // A client that goes away is no fault.
                std::thread::spawn(move || _ = state.connection(&stream));
            }
        });
        SuiteServer { port }
    }

    /// Its address, by a name that browsers trust without TLS.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl State {
    fn scripts(&self) -> MutexGuard<'_, HashMap<String, Script>> {
        self.scripts.lock().expect("nobody panics with it")
    }

    fn connection(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader)? {
            match request.path.as_str() {
                "/script" => {
                    let answers: Vec<Answer> = serde_json::from_slice(&request.body)?;
                    self.scripts().entry(request.query).or_default().answers = answers;
                    respond(stream, 200, "text/plain", b"")?;
                }
                "/seen" => {
                    let seen = self.scripts().get(&request.query).map(|script| json!(script.seen));
                    let text = seen.unwrap_or_else(|| json!([])).to_string();
                    respond(stream, 200, "application/json", text.as_bytes())?;
                }
                "/release" => {
                    self.scripts().entry(request.query).or_default().released = true;
                    self.changed.notify_all();
                    respond(stream, 200, "text/plain", b"")?;
                }
                "/scripted" => self.scripted(stream, &request)?,
                path => match self.file(path) {
                    Some((content_type, content)) => respond(stream, 200, content_type, &content)?,
                    None => respond(stream, 404, "text/plain", b"there is no such file")?,
                },
            }
        }
        Ok(())
    }

    fn scripted(&self, mut stream: &TcpStream, request: &Request) -> io::Result<()> {
        let answer = {
            let mut scripts = self.scripts();
            let script = scripts.entry(request.query.clone()).or_default();
            let number = script.seen.len();
            script.seen.push(json!({
                "method": request.method, "headers": request.headers,
                "body": String::from_utf8_lossy(&request.body),
            }));
            script.answers.get(number).or(script.answers.last()).cloned()
        };
        let Some(answer) = answer else { return respond(stream, 404, "text/plain", b"nothing is scripted") };
        let whole: Vec<u8> = (0..answer.size).map(|at| (at * 31 / 7) as u8 ^ answer.seed).collect();
        let range = request
            .headers
            .get("range")
            .filter(|_| answer.ranges)
            .and_then(|range| bytes(range, answer.size));
        let (status, body, content_range) = match range {
            Some((from, to)) => {
                (206, &whole[from..to], format!("Content-Range: bytes {from}-{}/{}\r\n", to - 1, answer.size))
            }
            None => (answer.status, &whole[..], String::new()),
        };
        let mut head =
            format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n{content_range}", body.len());
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if request.method == "HEAD" {
            return Ok(());
        }
        let cut = answer.cut_after.unwrap_or(body.len()).min(body.len());
        let hold = answer.hold_after.unwrap_or(cut).min(cut);
        stream.write_all(&body[..hold])?;
        if answer.hold_after.is_some() {
            let mut scripts = self.scripts();
            while !scripts.get(&request.query).is_some_and(|script| script.released) {
                scripts = self.changed.wait(scripts).expect("nobody panics with it");
            }
        }
        stream.write_all(&body[hold..cut])?;
        if answer.cut_after.is_some() {
            stream.shutdown(Shutdown::Both)?;
        }
        Ok(())
    }

    /// A file of the folder, or the page of a script test in it.
    fn file(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        let script = |suffix: &str, extension: &str| {
            let script = format!("{}{extension}", path.strip_suffix(suffix)?);
            self.root.join(&script[1..]).is_file().then_some(script)
        };
        let page = |body: String| {
            let text = format!(
                "<!doctype html><meta charset=utf-8><script src=/resources/testharness.js></script>\n\
                 <script src=/resources/testharnessreport.js></script>\n{body}\n"
            );
            Some(("text/html; charset=utf-8", text.into_bytes()))
        };
        if let Some(script) = script(".window.html", ".window.js").or_else(|| script(".any.html", ".any.js"))
        {
            let more: String =
                self.imports(&script).iter().map(|url| format!("<script src=\"{url}\"></script>")).collect();
            return page(format!("{more}<script src=\"{script}\"></script>"));
        }
        if let Some(script) = script(".any.worker.html", ".any.worker.js").or_else(|| self.any_worker(path)) {
            return page(format!("<script>fetch_tests_from_worker(new Worker(\"{script}\"))</script>"));
        }
        if let Some(script) = script(".any.worker.js", ".any.js") {
            let mut text = "importScripts('/resources/testharness.js');\n".to_owned();
            for url in self.imports(&script).iter().chain([&script]) {
                text.push_str(&format!("importScripts('{url}');\n"));
            }
            text.push_str("done();\n");
            return Some(("text/javascript", text.into_bytes()));
        }
        let content_type = match path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            _ => "application/octet-stream",
        };
        std::fs::read(self.root.join(path.trim_start_matches('/')))
            .ok()
            .map(|content| (content_type, content))
    }

    fn any_worker(&self, path: &str) -> Option<String> {
        let stem = path.strip_suffix(".any.worker.html")?;
        let is_there = self.root.join(format!("{}.any.js", &stem[1..])).is_file();
        is_there.then(|| format!("{stem}.any.worker.js"))
    }

    /// What a script test wants to be loaded before it.
    fn imports(&self, script: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.root.join(&script[1..])).unwrap_or_default();
        let lines = text.lines().map_while(|line| line.strip_prefix("// META: "));
        lines.filter_map(|line| line.strip_prefix("script=")).map(str::to_owned).collect()
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length").and_then(|length| length.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    }
    Ok(Some(Request { method, path, query, headers, body }))
}

fn respond(mut stream: &TcpStream, status: u16, content_type: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// What a `Range: bytes=FROM-TO` wants of so many bytes, its end left out.
fn bytes(range: &str, size: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = to.parse().map_or(size, |to: usize| to + 1).min(size);
    (from < to).then_some((from, to))
}
