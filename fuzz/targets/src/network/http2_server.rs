//! Hostile HTTP/2 servers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::dialer::InMemory;
use super::http1_server::PIECES;
use super::stack::{fetch_over, plain_resolver};
use super::transport::{Peer, Pipe, Protocol, Says};
use crate::choices::Choices;
use crate::fetching::page_request::PageRequest;
use crate::fetching::run::{Ending, Outcome};

/// A step of the server's.
#[derive(Clone, Debug)]
enum Step {
    Frame {
        kind: u8,
        flags: u8,
        stream: Stream,
        payload: Vec<u8>,
    },
    /// Bytes that are no frame.
    Raw(Vec<u8>),
    /// The rest waits for the next request.
    Wait,
    End,
    Reset,
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    /// The one of the last request.
    Current,
    Connection,
    Number(u32),
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const FIELDS: [(&str, &str); 30] = [
    (":status", "200"),
    (":status", "302"),
    (":status", "307"),
    ("location", "https://b.test/other"),
    ("location", "/same"),
    ("access-control-allow-origin", "*"),
    ("access-control-allow-origin", "https://a.test"),
    ("access-control-allow-credentials", "true"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "*"),
    ("content-type", "text/html"),
    ("content-type", "application/json"),
    ("content-length", "5"),
    ("content-length", "0"),
    ("content-encoding", "gzip"),
    ("set-cookie", "a=b"),
    (":status", "103"),
    (":status", "204"),
    (":status", "304"),
    (":status", "421"),
    (":status", "401"),
    (":status", "999"),
    ("www-authenticate", "Basic realm=x"),
    ("transfer-encoding", "chunked"),
    ("connection", "close"),
    ("Upper-Case", "x"),
    (":path", "/"),
    ("x-long", "0123456789012345678901234567890123456789012345678901234567890123456789"),
    ("", "nameless"),
    ("x-control", "a\r\nb: c"),
];

impl Step {
    fn frame(kind: u8, flags: u8, payload: Vec<u8>) -> Step {
        Step::Frame { kind, flags, stream: Stream::Current, payload }
    }

    fn append(choices: &mut Choices<'_>, steps: &mut VecDeque<Step>) {
        let step = match choices.below(16) {
            0 | 1 => return headers(choices, steps),
            2 | 3 => data(choices),
            4 => Step::Wait,
            5 => Step::frame(RST_STREAM, 0, vec![0, 0, 0, choices.byte() % 16]),
            6 => settings(choices),
            7 => connection(
                PING,
                choices.byte() & 1,
                choices.bytes().iter().copied().chain([0; 8]).take(8).collect(),
            ),
            8 => {
                let payload = vec![0, 0, 0, choices.byte() % 8, 0, 0, 0, choices.byte() % 16];
                connection(GOAWAY, 0, payload)
            }
            9 => {
                let increment = choices.pick(&[1, 0, 65_535, 0x7FFF_FFFF, 0x8000_0000_u32]);
                let stream = choices.pick(&[Stream::Current, Stream::Connection]);
                Step::Frame {
                    kind: WINDOW_UPDATE,
                    flags: 0,
                    stream,
                    payload: increment.to_be_bytes().to_vec(),
                }
            }
            10 => {
                let mut payload = vec![0, 0, 0, choices.byte() % 8];
                payload.extend(block(choices));
                Step::frame(PUSH_PROMISE, END_HEADERS, payload)
            }
            11 => Step::Raw(choices.bytes().to_vec()),
            12 => Step::End,
            13 => Step::Reset,
            _ => {
                let (kind, flags) = (choices.byte(), choices.byte());
                let stream = match choices.below(4) {
                    0 | 1 => Stream::Current,
                    2 => Stream::Connection,
                    _ => Stream::Number(u32::from(choices.byte())),
                };
                Step::Frame { kind, flags, stream, payload: choices.bytes().to_vec() }
            }
        };
        steps.push_back(step);
    }
}

fn connection(kind: u8, flags: u8, payload: Vec<u8>) -> Step {
    Step::Frame { kind, flags, stream: Stream::Connection, payload }
}

fn headers(choices: &mut Choices<'_>, steps: &mut VecDeque<Step>) {
    let options = choices.byte();
    let mut fields = block(choices);
    let end = options & END_STREAM;
    if options & 0x30 == 0x30 && fields.len() > 1 {
        // In two frames.
        let rest = fields.split_off(fields.len() / 2);
        steps.push_back(Step::frame(HEADERS, end, fields));
        steps.push_back(Step::frame(CONTINUATION, if options & 0x40 == 0 { END_HEADERS } else { 0 }, rest));
    } else {
        steps.push_back(Step::frame(HEADERS, end | END_HEADERS, fields));
    }
}

/// Fields, each a literal that nothing remembers; or whatever bytes there are.
fn block(choices: &mut Choices<'_>) -> Vec<u8> {
    let count = choices.below(8);
    if count == 7 {
        return choices.bytes().to_vec();
    }
    let mut block = Vec::new();
    let mut append = |name: &[u8], value: &[u8]| {
        block.push(0);
        for text in [name, value] {
            block.push(text.len().min(126) as u8);
            block.extend_from_slice(&text[..text.len().min(126)]);
        }
    };
    if !choices.once_in(8) {
        append(b":status", choices.pick(&["200", "302", "200", "204", "307", "421"]).as_bytes());
    }
    for _ in 0..count {
        let (name, value) = choices.pick(&FIELDS);
        append(name.as_bytes(), value.as_bytes());
    }
    if choices.once_in(8) {
        append(choices.bytes(), choices.bytes());
    }
    block
}

fn data(choices: &mut Choices<'_>) -> Step {
    let options = choices.byte();
    let bytes = match options & 6 {
        0 => b"hello".to_vec(),
        2 => Vec::new(),
        4 => vec![b'x'; 20_000],
        _ => choices.bytes().to_vec(),
    };
    if options & PADDED == 0 {
        return Step::frame(DATA, options & END_STREAM, bytes);
    }
    let padding = choices.byte();
    let mut payload = vec![padding];
    payload.extend_from_slice(&bytes);
    payload.extend(vec![0; usize::from(padding & 0x7F)]);
    Step::frame(DATA, PADDED | (options & END_STREAM), payload)
}

fn settings(choices: &mut Choices<'_>) -> Step {
    let mut payload = Vec::new();
    for _ in 0..choices.below(4) {
        let value = choices.pick(&[0, 1, 100, 65_535, 0x7FFF_FFFF, 0xFFFF_FFFF_u32]);
        payload.extend([0, choices.byte() % 10]);
        payload.extend(value.to_be_bytes());
    }
    connection(SETTINGS, choices.byte() & 1, payload)
}

type Script = Arc<Mutex<VecDeque<Step>>>;

struct Http2Peer {
    script: Script,
    received: Vec<u8>,
    has_begun: bool,
    preface_is_read: bool,
    /// Requests that were read and not been answered.
    due: usize,
    is_answering: bool,
    stream: u32,
    is_over: bool,
}

impl Http2Peer {
    /// Reads frames, as far as they are whole.
    fn read(&mut self) {
        const PREFACE: usize = 24;
        if !self.preface_is_read {
            if self.received.len() < PREFACE {
                return;
            }
            self.received.drain(..PREFACE);
            self.preface_is_read = true;
        }
        while let [a, b, c, kind, _, d, e, f, g, ..] = *self.received.as_slice() {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if self.received.len() < 9 + length {
                return;
            }
            if kind == HEADERS {
                self.due += 1;
                self.stream = u32::from_be_bytes([d, e, f, g]);
            }
            self.received.drain(..9 + length);
        }
    }

    fn bytes_of(&self, kind: u8, flags: u8, stream: Stream, payload: &[u8]) -> Vec<u8> {
        let stream = match stream {
            Stream::Current => self.stream,
            Stream::Connection => 0,
            Stream::Number(number) => number,
        };
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }
}

impl Peer for Http2Peer {
    fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        self.read();
    }

    fn next(&mut self) -> Says {
        if self.is_over {
            return Says::End;
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            return Says::Bytes(self.bytes_of(SETTINGS, 0, Stream::Connection, &[]));
        }
        if !self.is_answering {
            if self.due == 0 {
                return Says::Nothing;
            }
            self.due -= 1;
            self.is_answering = true;
        }
        let step = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match step {
            Some(Step::Frame { kind, flags, stream, payload }) => {
                Says::Bytes(self.bytes_of(kind, flags, stream, &payload))
            }
            Some(Step::Raw(bytes)) => Says::Bytes(bytes),
            Some(Step::Wait) => {
                self.is_answering = false;
                Says::Bytes(Vec::new())
            }
            Some(Step::End) | None => {
                self.is_over = true;
                Says::End
            }
            Some(Step::Reset) => {
                self.is_over = true;
                Says::Reset
            }
        }
    }
}

/// A hostile HTTP/2 server through the whole stack, TLS included. Input: choices, of the request (so many as the first
/// byte says) and then of the server's frames: sound
/// and unsound ones of all kinds, header blocks that are fields or noise, in one frame or several. They are held back until a
/// request was read.
///
/// Asserts the rules of [`fetch_algorithm`](crate::fetch_algorithm), and that nothing hangs.
pub fn http2_server(data: &[u8]) {
    fetch_what_it_says(data);
}

fn fetch_what_it_says(data: &[u8]) -> Outcome {
    let mut choices = Choices::new(data);
    let mut pages = Choices::new(choices.bytes());
    let piece = pages.pick(&PIECES);
    let ending = Ending::new(&mut pages);
    let asked = PageRequest::securely(&mut pages);
    let mut script = VecDeque::new();
    while !choices.is_empty() && script.len() < 64 {
        Step::append(&mut choices, &mut script);
    }
    let script = Arc::new(Mutex::new(script));
    let dialer = InMemory::new(move |_| {
        let peer = Http2Peer {
            script: Arc::clone(&script),
            received: Vec::new(),
            has_begun: false,
            preface_is_read: false,
            due: 0,
            is_answering: false,
            stream: 1,
            is_over: false,
        };
        Ok(Pipe::new(Box::new(peer), Some(Protocol::Http2), piece))
    });
    fetch_over(dialer, plain_resolver(), |_| {}, asked, ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_frames_reach_the_page() {
        // The simplest request, then headers of status 200: alone, with a body, in two frames.
        for (frames, body) in [
            (&[0, 1, 0, 0][..], ""),
            (&[0, 0, 0, 0, 0, 0, 2, 1], "hello"),
            (&[0, 0x30, 0, 0, 0, 0, 2, 1], "hello"),
        ] {
            let input = [&[0][..], frames].concat();
            let expected = Outcome::Response { status: 200, body: Some(body.into()) };
            assert_eq!(fetch_what_it_says(&input), expected);
        }
    }
}
