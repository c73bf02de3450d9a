//! The whole stack: fetch, the pool, HTTP, TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use longhaul_fetch::Services;
use longhaul_net::{Dialer, Network, NetworkConfig, Resolver, Roots, StaticResolver};
use longhaul_storage::{Clock, ManualClock};

use super::dialer::InMemory;
use super::judged::Judged;
use super::transport::AUTHORITY;
use crate::fetching::page_request::PageRequest;
use crate::fetching::rules::Judge;
use crate::fetching::run::{Ending, Outcome, run};
use crate::fetching::seams::{Cookies, Hsts, User};
use crate::runtime;

/// Every host is at one address that anybody may reach.
pub(crate) fn plain_resolver() -> Arc<dyn Resolver> {
    let address = SocketAddr::from(([93, 184, 216, 34], 0));
    let mut resolver = StaticResolver::alone();
    for host in ["a.test", "sub.a.test", "b.test", "c.test", "hsts.test", "proxy.test"] {
        resolver = resolver.with(host, [address]);
    }
    Arc::new(resolver)
}

/// Fetches what the page asks for over the connections that a function gives.
pub(crate) fn fetch_over(
    dialer: InMemory,
    resolver: Arc<dyn Resolver>,
    change: impl FnOnce(&mut NetworkConfig),
    asked: PageRequest,
    ending: Ending,
) -> Outcome {
    fetch_over_dialer(Arc::new(dialer), resolver, change, asked, ending)
}

/// Fetches what the page asks for over the connections that the dialer gives.
pub(crate) fn fetch_over_dialer(
    dialer: Arc<dyn Dialer>,
    resolver: Arc<dyn Resolver>,
    change: impl FnOnce(&mut NetworkConfig),
    asked: PageRequest,
    ending: Ending,
) -> Outcome {
    let runtime = runtime::fresh();
    runtime.block_on(async {
        let mut config = NetworkConfig::default();
        config.roots = Roots::ExtraOnly;
        config.extra_roots_pem = vec![AUTHORITY.to_vec()];
        config.dialer = dialer;
        config.resolver = resolver;
        change(&mut config);
        let network = Network::new(config).expect("the settings are sound");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
        let judge = Judge::new(&asked);
        let network = longhaul::testing::wire(network, &clock);
        let services = Services::new(Arc::new(Judged { network, judge: judge.clone() }))
            .with_cookies(Arc::new(Cookies(judge.clone())))
            .with_hsts(Arc::new(Hsts))
            .with_credential_prompt(Arc::new(User));
        run(&services, asked, judge, ending).await
    })
}
