//! Hostile HTTP/1.1 servers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::dialer::InMemory;
use super::stack::{fetch_over, plain_resolver};
use super::transport::{Peer, Pipe, Protocol, Says};
use crate::choices::Choices;
use crate::fetching::page_request::PageRequest;
use crate::fetching::run::{Ending, Outcome};

/// What follows a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The connection stays.
    Stays,
    Ends,
    Breaks,
}

type Script = Arc<Mutex<VecDeque<(Vec<u8>, Then)>>>;

/// Says its lines one after the other, each once a whole request has been read, over whatever connection that comes.
pub(crate) struct Http1Peer {
    script: Script,
    received: Vec<u8>,
    then: Then,
}

impl Http1Peer {
    /// Peers of one script share its lines.
    pub(crate) fn script(text: &[u8]) -> impl Fn() -> Http1Peer + Send + Sync + 'static {
        let mut script = VecDeque::new();
        let mut line = Vec::new();
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            let then = match part {
                b"%%\n" => Then::Stays,
                b"%!\n" => Then::Ends,
                b"%?\n" => Then::Breaks,
                part => {
                    line.extend_from_slice(part);
                    continue;
                }
            };
            // What parts them is not theirs.
            line.pop();
            script.push_back((std::mem::take(&mut line), then));
        }
        script.push_back((line, Then::Ends));
        let script = Arc::new(Mutex::new(script));
        move || Http1Peer { script: Arc::clone(&script), received: Vec::new(), then: Then::Stays }
    }
}

impl Peer for Http1Peer {
    fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Says {
        match self.then {
            Then::Stays => {}
            Then::Ends => return Says::End,
            Then::Breaks => return Says::Reset,
        }
        let Some(length) = request_length(&self.received) else { return Says::Nothing };
        self.received.drain(..length);
        match self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some((line, then)) => {
                self.then = then;
                Says::Bytes(line)
            }
            None => Says::End,
        }
    }
}

/// How long the request is that the bytes begin with, once all of it is there. What we send is sound, so that a plain reading does.
pub(crate) fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if text.contains("\r\ntransfer-encoding: chunked\r\n") {
        let end = bytes[head..].windows(5).position(|window| window == b"0\r\n\r\n")?;
        return Some(head + end + 5);
    }
    let length = text.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().expect("we write numbers"));
    (bytes.len() >= head + length).then_some(head + length)
}

/// The body of a whole request.
pub(crate) fn body_of(request: &[u8]) -> Vec<u8> {
    let head =
        request.windows(4).position(|window| window == b"\r\n\r\n").map_or(request.len(), |end| end + 4);
    let chunked = String::from_utf8_lossy(&request[..head])
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked\r\n");
    let mut rest = &request[head..];
    if !chunked {
        return rest.to_vec();
    }
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length =
            std::str::from_utf8(&rest[..end]).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let length = length.expect("we write sound chunks");
        body.extend_from_slice(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length..];
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        if length == 0 {
            break;
        }
    }
    body
}

/// The most bytes that come at once.
pub(crate) const PIECES: [usize; 4] = [usize::MAX, 1, 7, 100];

/// A hostile HTTP/1.1 server through the whole stack: fetch with redirects, CORS and decoding, the pool, hyper, TLS. Input: a line of
/// choices (the request, an abort, in how small pieces bytes come), then what the server says. A line `%%` in it ends a response, of
/// which each is held back until a whole request was read; `%!` ends the connection behind it, `%?` breaks it.
///
/// Asserts the rules of [`fetch_algorithm`](crate::fetch_algorithm), and that nothing hangs.
pub fn http1_server(data: &[u8]) {
    fetch_what_it_says(data);
}

fn fetch_what_it_says(data: &[u8]) -> Outcome {
    let (line, text) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let mut choices = Choices::new(line);
    let piece = choices.pick(&PIECES);
    let in_the_clear = !choices.once_in(4);
    let ending = Ending::new(&mut choices);
    let asked =
        if in_the_clear { PageRequest::in_the_clear(&mut choices) } else { PageRequest::new(&mut choices) };
    let peer = Http1Peer::script(text);
    let dialer = InMemory::new(move |address| {
        let tls = matches!(address.port(), 443 | 8443).then_some(Protocol::Http1);
        Ok(Pipe::new(Box::new(peer()), tls, piece))
    });
    fetch_over(dialer, plain_resolver(), |_| {}, asked, ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(name: &str) -> Vec<u8> {
        std::fs::read(format!("../seeds/http1_server/{name}")).expect("there is such a seed")
    }

    #[test]
    fn the_seeds_reach_the_page() {
        let hello = |status| Outcome::Response { status, body: Some(b"hello".to_vec()) };
        assert_eq!(fetch_what_it_says(&seed("simple")), hello(200));
        assert_eq!(fetch_what_it_says(&seed("redirect-and-chunks")), hello(200));
        let interim = Outcome::Response { status: 200, body: Some(b"until the end".to_vec()) };
        assert_eq!(fetch_what_it_says(&seed("interim")), interim);
    }
}
