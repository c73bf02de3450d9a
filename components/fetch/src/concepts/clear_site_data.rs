//! `Clear-Site-Data`.

use futures::future::BoxFuture;
use url::Origin;

use super::header_list::HeaderList;
use super::network_partition_key::NetworkPartitionKey;
use super::origin::is_url_potentially_trustworthy;
use super::request::Request;
use super::response::Response;
use crate::services::Services;

/// A kind of data that a site may have cleared.
///
/// <https://w3c.github.io/webappsec-clear-site-data/#header>
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SiteData {
    /// What HTTP caches keep.
    Cache,
    /// Cookies and authentication entries of the registrable domain.
    Cookies,
    /// What scripts have stored, service workers among it.
    Storage,
    /// The documents and workers themselves, which are loaded anew.
    ExecutionContexts,
    /// What was prefetched.
    PrefetchCache,
    /// What was rendered beforehand.
    PrerenderCache,
    /// Remembered client hints.
    ClientHints,
}

/// All that `"*"` stands for.
const EVERYTHING: [SiteData; 7] = [
    SiteData::Cache,
    SiteData::Cookies,
    SiteData::Storage,
    SiteData::ExecutionContexts,
    SiteData::PrefetchCache,
    SiteData::PrerenderCache,
    SiteData::ClientHints,
];

/// Clears a site's data.
pub trait SiteDataCleaner: Send + Sync + 'static {
    /// Clears those kinds of an origin's data in a network partition. The response that asked waits for it.
    ///
    /// <https://w3c.github.io/webappsec-clear-site-data/#clear-response>
    fn clear(
        &self,
        origin: Origin,
        partition: NetworkPartitionKey,
        kinds: Vec<SiteData>,
    ) -> BoxFuture<'static, ()>;
}

/// The kinds that a response wants cleared, each once.
///
/// <https://w3c.github.io/webappsec-clear-site-data/#parsing>
pub fn parse_clear_site_data(headers: &HeaderList) -> Vec<SiteData> {
    let mut kinds = Vec::new();
    // NOTE: types are quoted strings; what is not quoted is not known.
    for kind in headers.get_decode_and_split("Clear-Site-Data").unwrap_or_default() {
        let more: &[SiteData] = match kind.as_str() {
            "\"cache\"" => &[SiteData::Cache],
            "\"cookies\"" => &[SiteData::Cookies],
            "\"storage\"" => &[SiteData::Storage],
            "\"executionContexts\"" => &[SiteData::ExecutionContexts],
            "\"prefetchCache\"" => &[SiteData::PrefetchCache],
            "\"prerenderCache\"" => &[SiteData::PrerenderCache],
            "\"clientHints\"" => &[SiteData::ClientHints],
            "\"*\"" => &EVERYTHING,
            _ => &[],
        };
        for kind in more {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
    }
    kinds
}

/// Clears what a response from the network asks for.
pub(crate) async fn clear_site_data_for_response(
    request: &Request,
    response: &Response,
    services: &Services,
) {
    // 1. Only what came as it was sent may ask.
    let url = request.current_url();
    if !is_url_potentially_trustworthy(url) || !response.header_list.contains("Clear-Site-Data") {
        return;
    }
    // 2.–3.
    let kinds = parse_clear_site_data(&response.header_list);
    if kinds.is_empty() {
        return;
    }
    // Credentials of this layer's own go with the cookies.
    if kinds.contains(&SiteData::Cookies) {
        services.authentication_entries().clear_origin(&url.origin());
    }
    let partition = NetworkPartitionKey::for_request(request);
    services.site_data().clear(url.origin(), partition, kinds).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_kinds_count_once_and_the_star_is_all() {
        let kinds = |value: &str| parse_clear_site_data(&[("Clear-Site-Data", value)].into_iter().collect());
        assert_eq!(kinds(r#""cookies", "cache","cookies", "x""#), [SiteData::Cookies, SiteData::Cache]);
        assert_eq!(kinds(r#""*""#).len(), 7);
        assert_eq!(kinds("cookies, *"), []);
        assert_eq!(kinds(""), []);
    }
}
