//! A loopback HTTP/1.1 server that writes exactly the bytes it is told to, so that it can misbehave.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// How many requests for this path came before this one.
    pub attempt: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte asked for by a `Range: bytes=N-…` header; 0 without one.
    pub fn range_start(&self) -> u64 {
        self.header("range")
            .and_then(|v| v.strip_prefix("bytes="))
            .and_then(|v| v.split('-').next())
            .and_then(|v| v.parse().ok())
            .unwrap_or(0)
    }
}

/// The connection a handler answers on.
pub struct Connection {
    stream: TcpStream,
    sent: Arc<Sent>,
    ended: Arc<AtomicBool>,
}

/// How many bytes of answers have been handed to the network, and a way to wait for more.
#[derive(Default)]
pub struct Sent {
    bytes: AtomicU64,
    lock: Mutex<()>,
    grown: Condvar,
}

impl Sent {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Waits until `bytes` have been sent in all; panics after two minutes, so that a hang is a failure.
    pub fn wait_for(&self, bytes: u64) {
        let guard = self.lock.lock().unwrap();
        let (_guard, timeout) = self
            .grown
            .wait_timeout_while(guard, Duration::from_secs(120), |()| self.bytes() < bytes)
            .unwrap();
        assert!(!timeout.timed_out(), "waited for {bytes} bytes, {} were sent", self.bytes());
    }

    pub fn add(&self, bytes: u64) {
        let _guard = self.lock.lock().unwrap();
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.grown.notify_all();
    }
}

impl Connection {
    /// Writes raw bytes. Not counted as sent.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// A head with the given lines and an empty line after them.
    pub fn head(&mut self, lines: &[&str]) -> io::Result<()> {
        let mut text = lines.join("\r\n");
        text.push_str("\r\n\r\n");
        self.raw(text.as_bytes())
    }

    /// Body bytes, which count in [`Sent`].
    pub fn body(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.sent.add(bytes.len() as u64);
        Ok(())
    }

    /// A whole answer with `Content-Length`.
    pub fn respond(&mut self, status: &str, headers: &[&str], body: &[u8]) -> io::Result<()> {
        let length = format!("Content-Length: {}", body.len());
        let status = format!("HTTP/1.1 {status}");
        let mut lines = vec![status.as_str(), &length];
        lines.extend_from_slice(headers);
        self.head(&lines)?;
        self.body(body)
    }

    /// Ends the connection with a TCP reset rather than an orderly close.
    pub fn reset(&mut self) -> io::Result<()> {
        // SO_LINGER of zero makes the close below send RST.
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO))?;
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// Says nothing until the client goes away or the server ends.
    pub fn hang(&mut self) -> io::Result<()> {
        let mut buffer = [0; 64];
        self.stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.ended.load(Ordering::SeqCst) {
                        return Err(e);
                    }
                }
                Err(e) => return Err(e),
            }
        }
    }
}

type Handler = dyn Fn(&Request, &mut Connection) -> io::Result<()> + Send + Sync;

/// A server on a loopback port, ended when dropped.
pub struct Server {
    pub port: u16,
    pub sent: Arc<Sent>,
    log: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Answers each request by `handler`; an error from it ends that connection.
    pub fn start(
        handler: impl Fn(&Request, &mut Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sent, log, ended) =
            (Arc::new(Sent::default()), Arc::default(), Arc::new(AtomicBool::new(false)));
        let handler: Arc<Handler> = Arc::new(handler);
        let server = Server { port, sent, log, ended };
        let (sent, log, ended) = (server.sent.clone(), server.log.clone(), server.ended.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let _ = stream.set_nodelay(true);
                let (handler, log) = (handler.clone(), log.clone());
                let mut connection = Connection { stream, sent: sent.clone(), ended: ended.clone() };
                std::thread::spawn(move || {
                    let _ = serve(&mut connection, &*handler, &log);
                    let _ = connection.stream.shutdown(Shutdown::Both);
                });
            }
        });
        server
    }

    /// The origin, by the name that is potentially trustworthy without TLS.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    pub fn requests_for(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|r| r.path == path).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the accept loop so that it sees the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(connection: &mut Connection, handler: &Handler, log: &Mutex<Vec<Request>>) -> io::Result<()> {
    let mut reader = BufReader::new(connection.stream.try_clone()?);
    loop {
        let Some(mut request) = read_request(&mut reader)? else { return Ok(()) };
        {
            let mut log = log.lock().unwrap();
            request.attempt = log.iter().filter(|r| r.path == request.path).count();
            log.push(request.clone());
        }
        handler(&request, connection)?;
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let body = if headers.get("transfer-encoding").is_some_and(|v| v == "chunked") {
        read_chunked(reader)?
    } else {
        let length = headers.get("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        body
    };
    Ok(Some(Request { method, path, headers, body, attempt: 0 }))
}

fn read_chunked(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
