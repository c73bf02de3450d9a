//! HTTP cache partitions.

use super::network_partition_key::NetworkPartitionKey;
use super::request::Request;

/// The partition, if there is one: what belongs to no environment is not cached.
///
/// <https://fetch.spec.whatwg.org/#determine-the-http-cache-partition>
pub(crate) fn determine_the_http_cache_partition(request: &Request) -> Option<NetworkPartitionKey> {
    request.environment()?;
    Some(NetworkPartitionKey::for_request(request))
}
