//! The Fetch layer's HSTS, kept by the known hosts.

use std::sync::Arc;

use longhaul_fetch::{HstsStore, NetworkPartitionKey, StrictTransportSecurity};
use longhaul_hsts::{KnownHosts, Policy};

/// [`HstsStore`] by [`KnownHosts`].
pub(crate) struct Hsts(pub(crate) Arc<KnownHosts>);

impl HstsStore for Hsts {
    fn should_upgrade(&self, host: &str, partition: &NetworkPartitionKey) -> bool {
        self.0.is_known(site(partition), host)
    }

    fn observe(&self, host: &str, policy: &StrictTransportSecurity, partition: &NetworkPartitionKey) {
        let policy = Policy { max_age: policy.max_age, include_subdomains: policy.include_subdomains };
        self.0.note(site(partition), host, policy);
    }
}

/// The site alone: what a site says over TLS is for the visits that begin without.
fn site(partition: &NetworkPartitionKey) -> &str {
    let key = partition.as_str();
    key.split_once("://").map_or(key, |(_, site)| site)
}
