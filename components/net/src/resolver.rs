//! From names to addresses.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::Semaphore;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// It does not exist, or has none.
    #[error("the host is unknown")]
    UnknownHost,
    /// It cannot be looked up just now.
    #[error("the name cannot be looked up at the moment")]
    TryAgain,
}

/// Looks up names. Addresses, `localhost` and `*.localhost` never reach it.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, the best first; an empty list is an unknown host.
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>>;
}

/// How many names the operating system is asked for at once. Each takes a thread, and one that is stuck keeps it.
const MOST_LOOKUPS: usize = 64;

/// Asks the operating system (`getaddrinfo`), for at most 64 names at once; others wait their turn. Clones share these turns.
#[derive(Clone)]
pub struct SystemResolver {
    turns: Arc<Semaphore>,
    look_up: fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
}

impl SystemResolver {
    /// The system's resolver.
    pub fn new() -> Self {
        Self::asking(|host, port| Ok((host, port).to_socket_addrs()?.collect()))
    }

    fn asking(look_up: fn(&str, u16) -> io::Result<Vec<SocketAddr>>) -> Self {
        SystemResolver { turns: Arc::new(Semaphore::new(MOST_LOOKUPS)), look_up }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemResolver").field("free_turns", &self.turns.available_permits()).finish()
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        let (host, turns, look_up) = (host.to_owned(), Arc::clone(&self.turns), self.look_up);
        Box::pin(async move {
            // Nobody closes it.
            let turn = turns.acquire_owned().await.map_err(|_| ResolveError::TryAgain)?;
            // Whoever asked may give up; the thread goes on, and so the turn is its own.
            let looked_up = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                look_up(&host, port)
            });
            match looked_up.await {
                Ok(Ok(addresses)) => Ok(addresses),
                Ok(Err(error)) => Err(classify(&error.to_string())),
                // The runtime is ending.
                Err(_) => Err(ResolveError::TryAgain),
            }
        })
    }
}

/// NOTE: std keeps the number of `getaddrinfo`'s error to itself and shows only its text (which has no translations in a process
/// that never calls `setlocale`). Text that is neither of these counts as an unknown host.
fn classify(message: &str) -> ResolveError {
    let message = message.to_ascii_lowercase();
    let temporary = ["temporary failure in name resolution", "try again"];
    if temporary.iter().any(|text| message.contains(text)) {
        ResolveError::TryAgain
    } else {
        ResolveError::UnknownHost
    }
}

/// Knows some names by heart and asks another resolver for the rest.
#[derive(Clone)]
pub struct StaticResolver {
    addresses: HashMap<String, Vec<SocketAddr>>,
    rest: Option<Arc<dyn Resolver>>,
}

impl StaticResolver {
    /// Knows nothing yet, and asks the system for what it does not know.
    pub fn new() -> Self {
        Self::with_rest(Arc::new(SystemResolver::new()))
    }

    /// Knows nothing yet, and asks `rest` for what it does not know.
    pub fn with_rest(rest: Arc<dyn Resolver>) -> Self {
        StaticResolver { addresses: HashMap::new(), rest: Some(rest) }
    }

    /// Knows nothing yet; what it does not know is unknown.
    pub fn alone() -> Self {
        StaticResolver { addresses: HashMap::new(), rest: None }
    }

    /// Teaches it a host. A port of 0 in an address stands for the port asked for; any other replaces it.
    pub fn with(mut self, host: impl Into<String>, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.addresses.entry(normalise(&host.into())).or_default().extend(addresses);
        self
    }
}

impl Default for StaticResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver for StaticResolver {
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        match (self.addresses.get(&normalise(host)), &self.rest) {
            (Some(addresses), _) => {
                let mut addresses = addresses.clone();
                for address in addresses.iter_mut().filter(|address| address.port() == 0) {
                    address.set_port(port);
                }
                Box::pin(async move { Ok(addresses) })
            }
            (None, Some(rest)) => rest.resolve(host, port),
            (None, None) => Box::pin(async { Err(ResolveError::UnknownHost) }),
        }
    }
}

fn normalise(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Addresses that no resolver is asked for: addresses themselves, and the names that always mean this machine.
///
/// <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
pub(crate) fn known_without_asking(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(vec![SocketAddr::new(address, port)]);
    }
    let host = normalise(host);
    (host == "localhost" || host.ends_with(".localhost")).then(|| {
        vec![
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_this_machine_and_its_look_alikes_are_not() {
        for host in ["localhost", "LOCALHOST.", "a.b.localhost", "x.LocalHost."] {
            let addresses = known_without_asking(host, 80).unwrap_or_default();
            assert_eq!(addresses.len(), 2, "{host}");
            assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
        }
        for host in ["notlocalhost", "localhost.example", "localhost..", ""] {
            assert_eq!(known_without_asking(host, 80), None, "{host}");
        }
        assert_eq!(known_without_asking("::1", 1), Some(vec!["[::1]:1".parse().expect("an address")]));
    }

    #[tokio::test]
    async fn a_static_resolver_answers_falls_through_and_fills_in_the_port() {
        let inner = StaticResolver::alone().with("b.test", ["192.0.2.2:7".parse().expect("an address")]);
        let outer = StaticResolver::with_rest(Arc::new(inner))
            .with("A.test.", ["192.0.2.1:0".parse().expect("an address")]);
        assert_eq!(outer.resolve("a.TEST", 81).await, Ok(vec!["192.0.2.1:81".parse().expect("an address")]));
        assert_eq!(outer.resolve("b.test", 81).await, Ok(vec!["192.0.2.2:7".parse().expect("an address")]));
        assert_eq!(outer.resolve("c.test", 81).await, Err(ResolveError::UnknownHost));
    }

    #[tokio::test]
    async fn stuck_lookups_take_no_more_than_their_share_of_threads() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::sync::{Condvar, Mutex};
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        static STUCK: (Mutex<bool>, Condvar) = (Mutex::new(true), Condvar::new());
        let resolver = SystemResolver::asking(|host, port| {
            STARTED.fetch_add(1, Ordering::SeqCst);
            if host == "stuck.test" {
                let stuck = STUCK.0.lock().expect("not poisoned");
                drop(STUCK.1.wait_while(stuck, |stuck| *stuck).expect("not poisoned"));
            }
            Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)])
        });
        let mut asking: Vec<_> =
            (0..2 * MOST_LOOKUPS).map(|_| resolver.resolve("stuck.test", 1)).map(tokio::spawn).collect();
        while STARTED.load(Ordering::SeqCst) < MOST_LOOKUPS {
            tokio::task::yield_now().await;
        }
        // Giving up frees no thread, and so no turn.
        for given_up in asking.drain(..) {
            given_up.abort();
        }
        let waiting = tokio::spawn(resolver.resolve("other.test", 1));
        assert_eq!(
            tokio::task::spawn_blocking(|| "there are threads").await.expect("it runs"),
            "there are threads"
        );
        assert!(!waiting.is_finished());
        assert_eq!(STARTED.load(Ordering::SeqCst), MOST_LOOKUPS);
        *STUCK.0.lock().expect("not poisoned") = false;
        STUCK.1.notify_all();
        assert_eq!(waiting.await.expect("it runs").map(|addresses| addresses.len()), Ok(1));
    }

    #[test]
    fn a_temporary_failure_is_told_from_an_unknown_host() {
        let temporary = "failed to lookup address information: Temporary failure in name resolution";
        assert_eq!(classify(temporary), ResolveError::TryAgain);
        let unknown = "failed to lookup address information: Name or service not known";
        assert_eq!(classify(unknown), ResolveError::UnknownHost);
    }
}
