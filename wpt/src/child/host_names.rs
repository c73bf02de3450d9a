//! The suite's host names, which no name server knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures::future::{BoxFuture, FutureExt as _, ready};
use longhaul::net::{ResolveError, Resolver};

/// Finds the suite's hosts and their sub-domains on this machine, and no other host: tests reach nobody else's server.
pub(super) struct HostNames(pub(super) Vec<String>);

/// The sub-domain that tests expect not to exist.
const NONEXISTENT: &str = "nonexistent";

impl Resolver for HostNames {
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let known = self.0.iter().any(|known| match host.strip_suffix(known.as_str()) {
            Some("") => true,
            Some(labels) => labels.strip_suffix('.').is_some_and(|labels| labels != NONEXISTENT),
            None => false,
        });
        let answer = match known {
            true => Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)]),
            false => Err(ResolveError::UnknownHost),
        };
        ready(answer).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suites_hosts_are_here_and_nothing_else_is_anywhere() {
        let names = HostNames(vec!["web-platform.test".to_owned()]);
        let resolve = |host: &str| futures::executor::block_on(names.resolve(host, 8000));
        for host in ["web-platform.test", "WWW.web-platform.test", "www.www1.web-platform.test."] {
            assert_eq!(resolve(host), Ok(vec![([127, 0, 0, 1], 8000).into()]), "{host}");
        }
        for host in ["nonexistent.web-platform.test", "not-web-platform.test", "example.com", "test"] {
            assert_eq!(resolve(host), Err(ResolveError::UnknownHost), "{host}");
        }
    }
}
