//! A server that says what it hears.

use super::http1_server::{body_of, request_length};
use super::transport::{Peer, Says};

/// Answers each request with its method, its path and its body, for everybody to read.
#[derive(Default)]
pub(crate) struct Echo {
    received: Vec<u8>,
}

impl Peer for Echo {
    fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Says {
        let Some(length) = request_length(&self.received) else { return Says::Nothing };
        let request: Vec<u8> = self.received.drain(..length).collect();
        let line: Vec<u8> = request.split(|byte| *byte == b'\r').next().unwrap_or_default().to_vec();
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body = if method == "HEAD" { Vec::new() } else { body_of(&request) };
        let head = format!(
            "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: *\r\n\
             Access-Control-Allow-Headers: *, Authorization\r\nAccess-Control-Expose-Headers: *\r\n\
             Timing-Allow-Origin: *\r\nX-Method: {method}\r\nX-Target: {target}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Says::Bytes([head.as_bytes(), &body].concat())
    }
}
