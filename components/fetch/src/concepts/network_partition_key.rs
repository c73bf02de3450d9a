//! Network partition keys.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Origin;

use super::origin::obtain_a_site;
use super::request::Request;

/// What separates the network state of one top-level site from that of another: connections, cookies, cached preflights.
///
/// <https://fetch.spec.whatwg.org/#network-partition-key>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NetworkPartitionKey(Arc<str>);

impl NetworkPartitionKey {
    /// The key of what belongs to no environment.
    pub fn none() -> NetworkPartitionKey {
        NetworkPartitionKey(Arc::from(""))
    }

    /// The key of a top-level origin's site.
    ///
    /// <https://fetch.spec.whatwg.org/#determine-the-network-partition-key>
    pub fn for_top_level_origin(origin: &Origin) -> NetworkPartitionKey {
        match obtain_a_site(origin) {
            Some(site) => NetworkPartitionKey(site.into()),
            // Each opaque origin is a site of its own; the address of nothing else may stand in for it.
            None => NetworkPartitionKey(format!("opaque:{}", opaque_number(origin)).into()),
        }
    }

    /// The key of a request: its reserved client's, or its client's.
    ///
    /// <https://fetch.spec.whatwg.org/#request-determine-the-network-partition-key>
    pub fn for_request(request: &Request) -> NetworkPartitionKey {
        request
            .environment()
            .map_or_else(NetworkPartitionKey::none, |client| client.network_partition_key.clone())
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key's text, shared.
    pub fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl From<String> for NetworkPartitionKey {
    fn from(text: String) -> Self {
        NetworkPartitionKey(text.into())
    }
}

impl From<NetworkPartitionKey> for String {
    fn from(key: NetworkPartitionKey) -> String {
        key.as_str().to_owned()
    }
}

/// A number that equal opaque origins share; `url` shows it through `Hash` alone.
fn opaque_number(origin: &Origin) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    origin.hash(&mut hasher);
    hasher.finish()
}

impl fmt::Display for NetworkPartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn keys_follow_sites_and_opaque_origins_stay_apart() {
        let key = |text: &str| NetworkPartitionKey::for_top_level_origin(&Url::parse(text).unwrap().origin());
        assert_eq!(key("https://a.b.example/x"), key("https://c.b.example:444/"));
        assert_ne!(key("https://b.example/"), key("http://b.example/"));
        let opaque = Origin::new_opaque();
        assert_eq!(
            NetworkPartitionKey::for_top_level_origin(&opaque),
            NetworkPartitionKey::for_top_level_origin(&opaque.clone())
        );
        assert_ne!(
            NetworkPartitionKey::for_top_level_origin(&opaque),
            NetworkPartitionKey::for_top_level_origin(&Origin::new_opaque())
        );
    }

    #[test]
    fn a_reserved_client_comes_before_the_client() {
        let of = |text: &str| crate::EnvironmentSettings::for_url(Url::parse(text).unwrap()).into_shared();
        let mut request = Request::new(Url::parse("https://c.example/").unwrap());
        assert_eq!(NetworkPartitionKey::for_request(&request), NetworkPartitionKey::none());
        assert!(request.environment().is_none());
        request.client = Some(of("https://a.example/"));
        assert_eq!(NetworkPartitionKey::for_request(&request).as_str(), "https://a.example");
        request.reserved_client = Some(of("https://b.example/"));
        assert_eq!(NetworkPartitionKey::for_request(&request).as_str(), "https://b.example");
        assert_eq!(
            request.environment().map(|environment| &environment.id),
            request.reserved_client.as_ref().map(|client| &client.id)
        );
    }
}
