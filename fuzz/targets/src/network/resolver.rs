//! Hostile resolvers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use longhaul_fetch::IpAddressSpace;
use longhaul_net::{ByteStream, Dialer, ResolveError, Resolver};

use super::http1_server::Http1Peer;
use super::stack::fetch_over_dialer;
use super::transport::{Peer, Pipe, Protocol, Says};
use crate::choices::Choices;
use crate::fetching::page_request::PageRequest;
use crate::fetching::run::{Ending, Outcome};

const ADDRESSES: [&str; 10] = [
    "93.184.216.34",
    "127.0.0.1",
    "10.0.0.1",
    "2606:2800:220::1",
    "::1",
    "::ffff:127.0.0.1",
    "fe80::1",
    "0.0.0.0",
    "255.255.255.255",
    "192.168.1.1",
];

/// Gives each question the next of its answers.
struct Answers(Mutex<Vec<Answer>>);

#[derive(Clone)]
struct Answer {
    result: Result<Vec<SocketAddr>, ResolveError>,
    after: Option<u64>,
}

impl Resolver for Answers {
    fn resolve(&self, _: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let answer = answer.unwrap_or(Answer { result: Err(ResolveError::UnknownHost), after: Some(0) });
        async move {
            match answer.after {
                Some(0) => {}
                Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
                None => std::future::pending().await,
            }
            let mut addresses = answer.result?;
            for address in addresses.iter_mut().filter(|address| address.port() == 0) {
                address.set_port(port);
            }
            Ok(addresses)
        }
        .boxed()
    }
}

/// What becomes of an attempt to connect.
#[derive(Clone, Copy)]
enum Attempt {
    Connects,
    Refused,
    Late(u64),
    Never,
}

struct Attempts {
    attempts: Mutex<Vec<Attempt>>,
    server: Box<dyn Fn() -> Http1Peer + Send + Sync>,
    /// Nothing may be said to addresses nearer than this.
    keeps_away: bool,
}

/// Hears nothing but what belongs to TLS.
struct Deaf {
    address: SocketAddr,
    server: Http1Peer,
}

impl Peer for Deaf {
    fn receive(&mut self, bytes: &[u8]) {
        // A resolver may choose the port too, and then a handshake comes where no TLS is: alerts (21) and handshakes (22).
        let is_handshake = matches!(bytes, [21 | 22, 3, ..]);
        assert!(is_handshake, "{} hears {}", self.address, bytes.escape_ascii());
    }

    fn next(&mut self) -> Says {
        self.server.next()
    }
}

impl Dialer for Attempts {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let attempt = self.attempts.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let tls = matches!(address.port(), 443 | 8443).then_some(Protocol::Http1);
        let is_near = IpAddressSpace::of(address.ip()) != IpAddressSpace::Public;
        let server = (self.server)();
        let peer: Box<dyn Peer> = match self.keeps_away && is_near {
            true => Box::new(Deaf { address, server }),
            false => Box::new(server),
        };
        let pipe = Pipe::new(peer, tls, usize::MAX);
        async move {
            match attempt.unwrap_or(Attempt::Connects) {
                Attempt::Connects => {}
                Attempt::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
                Attempt::Late(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
                Attempt::Never => std::future::pending().await,
            }
            Ok(Box::new(pipe) as Box<dyn ByteStream>)
        }
        .boxed()
    }
}

/// A hostile resolver and a network that connects as it likes: addresses of any kind, many, none, late or never, names that are bound to
/// other addresses from one question to the next. Input: a line of choices, then what the server says, as in
/// [`http1_server`](crate::http1_server).
///
/// Asserts the rules of [`fetch_algorithm`](crate::fetch_algorithm), that a page that is known to be public says nothing to an address of
/// this machine or its network, and that nothing hangs.
pub fn resolver(data: &[u8]) {
    fetch_what_it_says(data);
}

fn fetch_what_it_says(data: &[u8]) -> Outcome {
    let (line, text) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let mut choices = Choices::new(line);
    let ending = Ending::new(&mut choices);
    let answers = (0..choices.below(6)).map(|_| answer(&mut choices)).collect();
    let attempts = (0..choices.below(12))
        .map(|_| match choices.below(5) {
            0 | 1 => Attempt::Connects,
            2 => Attempt::Refused,
            3 => Attempt::Late(u64::from(choices.byte()) * 10),
            _ => Attempt::Never,
        })
        .collect();
    let asked = PageRequest::in_the_clear(&mut choices);
    let client = asked.request.client.as_ref().expect("a page asks");
    let is_public = client.policy_container.ip_address_space == Some(IpAddressSpace::Public);
    // A secure page is judged by its name where it asks its own origin.
    let keeps_away = is_public && !longhaul_fetch::is_origin_potentially_trustworthy(&client.origin);
    let dialer =
        Attempts { attempts: Mutex::new(attempts), server: Box::new(Http1Peer::script(text)), keeps_away };
    fetch_over_dialer(Arc::new(dialer), Arc::new(Answers(Mutex::new(answers))), |_| {}, asked, ending)
}

fn answer(choices: &mut Choices<'_>) -> Answer {
    let result = match choices.below(8) {
        0 => Err(ResolveError::UnknownHost),
        1 => Err(ResolveError::TryAgain),
        _ => Ok((0..choices.below(6))
            .map(|_| {
                let address: IpAddr = choices.pick(&ADDRESSES).parse().expect("an address");
                SocketAddr::new(address, choices.pick(&[0, 0, 0, 80, 443]))
            })
            .collect()),
    };
    let after = choices.pick(&[Some(0), Some(0), Some(5), Some(5000), None]);
    Answer { result, after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_reaches_the_page() {
        let seed = std::fs::read("../seeds/resolver/simple").expect("there is such a seed");
        let outcome = fetch_what_it_says(&seed);
        assert_eq!(outcome, Outcome::Response { status: 200, body: Some(b"hello".to_vec()) });
    }
}
