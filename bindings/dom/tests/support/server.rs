//! A small HTTP/1.1 server on loopback, enough for what the tests load.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A response: status line, headers, body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK", headers: vec![("Content-Type", content_type.into())], body: body.into() }
    }

    pub(crate) fn status(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![], body: body.into() }
    }
}

/// Serves the answers by path; gives the origin. The path `/hang` never answers, `/stall` stops within its body, `/broken` ends
/// within it, `/echo` gives the request's body back, `/note/x` keeps method and body, and `/log?x` tells what `/note/x` kept, or
/// nothing.
pub(crate) async fn serve(answers: HashMap<&'static str, Answer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let answers = Arc::new(answers);
    let gate = Arc::new(Semaphore::new(0));
    let notes = Notes::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, answers.clone(), gate.clone(), notes.clone()));
        }
    });
    format!("http://localhost:{port}")
}

type Notes = Arc<Mutex<HashMap<String, String>>>;

/// A request with `X-Gate` waits until somebody has asked for `/open`.
async fn connection(
    mut stream: TcpStream,
    answers: Arc<HashMap<&'static str, Answer>>,
    gate: Arc<Semaphore>,
    notes: Notes,
) {
    let mut buffer = Vec::new();
    loop {
        let head_end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(read) => buffer.extend_from_slice(&chunk[..read]),
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(|value| value.trim().parse::<usize>())
            })
            .and_then(Result::ok)
            .unwrap_or(0);
        while buffer.len() < head_end + length {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(read) => buffer.extend_from_slice(&chunk[..read]),
            }
        }
        let body = buffer[head_end..head_end + length].to_vec();
        buffer.drain(..head_end + length);
        let target = head.split(' ').nth(1).unwrap_or("/");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some(name) = path.strip_prefix("/note/") {
            let method = head.split(' ').next().unwrap_or_default();
            let note = format!("{method} {}", String::from_utf8_lossy(&body));
            notes.lock().unwrap().insert(name.to_owned(), note);
        }
        if head.to_ascii_lowercase().contains("\r\nx-gate:") {
            gate.acquire().await.expect("it is never closed").forget();
        }
        let answer = match path {
            "/open" => {
                gate.add_permits(1);
                Answer::ok("text/plain", Vec::new())
            }
            "/hang" => return std::future::pending().await,
            "/broken" => {
                let part = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome";
                let _ = stream.write_all(part).await;
                return;
            }
            "/stall" => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").await;
                return std::future::pending().await;
            }
            "/log" => Answer::ok("text/plain", notes.lock().unwrap().get(query).cloned().unwrap_or_default()),
            "/echo" => Answer::ok("application/octet-stream", body),
            path => {
                answers.get(path).cloned().unwrap_or_else(|| Answer::status("404 Not Found", "nothing here"))
            }
        };
        let mut text = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if stream.write_all(text.as_bytes()).await.is_err() || stream.write_all(&answer.body).await.is_err() {
            return;
        }
    }
}
