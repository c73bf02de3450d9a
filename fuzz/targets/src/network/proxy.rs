//! Hostile proxies.

use std::collections::VecDeque;
use std::sync::Arc;

use longhaul_net::{Proxy, ProxyCredentials, ProxyKind, ProxyResolver, ProxyTarget, Route};

use super::dialer::InMemory;
use super::http1_server::{Http1Peer, PIECES};
use super::stack::{fetch_over, plain_resolver};
use super::transport::{Other, Peer, Pipe, Protocol, Says};
use crate::choices::Choices;
use crate::fetching::page_request::PageRequest;
use crate::fetching::run::{Ending, Outcome};

/// Says one piece for each that it hears, and then is, or is not, the server itself.
struct ProxyPeer {
    pieces: VecDeque<Vec<u8>>,
    heard: VecDeque<Vec<u8>>,
    server: Option<(Http1Peer, Option<Protocol>)>,
}

impl Peer for ProxyPeer {
    fn receive(&mut self, bytes: &[u8]) {
        self.heard.push_back(bytes.to_vec());
    }

    fn next(&mut self) -> Says {
        if self.heard.is_empty() {
            return Says::Nothing;
        }
        match self.pieces.pop_front() {
            Some(piece) => {
                self.heard.pop_front();
                Says::Bytes(piece)
            }
            None => match self.server.take() {
                Some((peer, tls)) => {
                    let heard = self.heard.drain(..).flatten().collect();
                    Says::Becomes(Box::new(Other { peer: Box::new(peer), tls, heard }))
                }
                None => Says::End,
            },
        }
    }
}

struct Ways(Vec<Route>);

impl ProxyResolver for Ways {
    fn routes(&self, _: &ProxyTarget) -> futures::future::BoxFuture<'static, Vec<Route>> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

const ANSWERS: [&[u8]; 12] = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"\x05\x00",
    b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
    b"\x05\x02",
    b"\x01\x00",
    b"\x05\x00\x00\x03\x05a.tes\x00\x50",
    b"\x05\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50",
    b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 502 Bad\r\nContent-Length: 5\r\n\r\nhello",
    b"\x05\xff",
    b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00",
    b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.0 200\r\n\r\n",
];

/// One of the answers; half of them with a byte changed, which is where lengths, types and codes of SOCKS lie that no proxy has.
fn answer(choices: &mut Choices<'_>) -> Vec<u8> {
    let which = choices.below(2 * ANSWERS.len());
    let mut answer = ANSWERS[which % ANSWERS.len()].to_vec();
    if which >= ANSWERS.len() {
        let place = choices.below(answer.len());
        answer[place] = choices.byte();
    }
    answer
}

/// A hostile proxy, of HTTP, HTTPS or SOCKS: what it says at each step, and the server behind it. Input: a line of choices, then what
/// the server says, as in [`http1_server`](crate::http1_server).
///
/// Asserts the rules of [`fetch_algorithm`](crate::fetch_algorithm), that what a proxy says to a secure URL is never the server's
/// word (a page is told of no response but the server's), and that nothing hangs.
pub fn proxy(data: &[u8]) {
    fetch_what_it_says(data);
}

fn fetch_what_it_says(data: &[u8]) -> Outcome {
    let (line, text) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let mut choices = Choices::new(line);
    let piece = choices.pick(&PIECES);
    let ending = Ending::new(&mut choices);
    let kind = choices.pick(&[ProxyKind::Http, ProxyKind::Socks5, ProxyKind::Socks5Names, ProxyKind::Https]);
    let mut way = Proxy::new(kind, "proxy.test", 3128);
    if choices.once_in(3) {
        way = way.with_credentials(ProxyCredentials::new("user", "password"));
    }
    let mut ways = vec![Route::Proxy(way)];
    if choices.once_in(4) {
        ways.push(Route::Direct);
    }
    let pieces: VecDeque<Vec<u8>> = (0..choices.below(5))
        .map(|_| if choices.once_in(4) { choices.bytes().to_vec() } else { answer(&mut choices) })
        .collect();
    let leads_on = !choices.once_in(4);
    let asked = if choices.once_in(2) {
        PageRequest::securely(&mut choices)
    } else {
        PageRequest::in_the_clear(&mut choices)
    };
    let is_secure = asked.request.url().scheme() == "https";
    let server = Http1Peer::script(text);
    let dialer = InMemory::new(move |address| {
        let tls = |wanted: bool| wanted.then_some(Protocol::Http1);
        if address.port() != 3128 {
            return Ok(Pipe::new(Box::new(server()), tls(matches!(address.port(), 443 | 8443)), piece));
        }
        // NOTE: what is in the clear goes to the proxy itself where it speaks HTTP.
        let server = leads_on.then(|| (server(), tls(is_secure)));
        let peer = ProxyPeer { pieces: pieces.clone(), heard: VecDeque::new(), server };
        Ok(Pipe::new(Box::new(peer), tls(kind == ProxyKind::Https), piece))
    });
    let change = |config: &mut longhaul_net::NetworkConfig| config.proxies = Some(Arc::new(Ways(ways)));
    fetch_over(dialer, plain_resolver(), change, asked, ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_the_page() {
        for name in ["simple", "tunnel"] {
            let seed = std::fs::read(format!("../seeds/proxy/{name}")).expect("there is such a seed");
            let outcome = fetch_what_it_says(&seed);
            assert_eq!(outcome, Outcome::Response { status: 200, body: Some(b"hello".to_vec()) }, "{name}");
        }
    }
}
