//! The way from the Fetch layer to the network without a user agent around it, for fuzzers and tests.

use std::sync::Arc;

use longhaul_storage::Clock;
use tokio::sync::watch;

use crate::wire::Wire;

/// The network as the Fetch layer reaches it. It counts as being there.
pub fn wire(network: longhaul_net::Network, clock: &Arc<dyn Clock>) -> Arc<dyn longhaul_fetch::Network> {
    // NOTE: what was last sent is still there once the sender is gone.
    Arc::new(Wire::new(network, clock, watch::channel(true).1))
}
