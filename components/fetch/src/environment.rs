//! Environment settings objects, as far as fetching needs them, and policy containers.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::{Origin, Url};

use crate::concepts::csp_list::CspList;
use crate::concepts::fetch_group::FetchGroup;
use crate::concepts::header_list::HeaderList;
use crate::concepts::integrity_policy::IntegrityPolicy;
use crate::concepts::ip_address_space::IpAddressSpace;
use crate::concepts::isomorphic::isomorphic_decode;
use crate::concepts::network_partition_key::NetworkPartitionKey;
use crate::concepts::origin::{is_url_potentially_trustworthy, parse_origin, serialize_origin};
use crate::concepts::referrer_policy::ReferrerPolicy;
use crate::concepts::response::Response;

/// The part of an environment settings object that a fetch looks at.
///
/// <https://html.spec.whatwg.org/multipage/webappapis.html#environment-settings-object>
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentSettings {
    /// The environment's id.
    pub id: String,
    /// The URL it was created for.
    pub creation_url: Url,
    /// The origin of its top-level environment, where that is known.
    pub top_level_origin: Option<Origin>,
    /// Its own origin.
    pub origin: Origin,
    /// What relative URLs are resolved against, and what a referrer is made from.
    pub api_base_url: Url,
    /// Its policies.
    pub policy_container: PolicyContainer,
    /// Whether it is a secure context.
    pub secure_context: bool,
    /// Whether an ancestor is of another site.
    pub has_cross_site_ancestor: bool,
    /// Whether its global object is a window, not a worker.
    pub is_window: bool,
    /// The storage key as text.
    pub storage_key: String,
    /// The network partition key.
    pub network_partition_key: NetworkPartitionKey,
    /// The monotonic instant that its times count from.
    pub time_origin: Duration,
    /// Whether it may take finer time stamps.
    pub cross_origin_isolated: bool,
    /// The policy-controlled features that its document may not use.
    ///
    /// <https://w3c.github.io/webappsec-permissions-policy/#policy-controlled-feature>
    pub refused_features: Vec<String>,
    /// What it has under way. Whoever ends the environment terminates it.
    pub fetch_group: FetchGroup,
}

impl EnvironmentSettings {
    /// The environment of a top-level document or worker at `url`, without policies.
    pub fn for_url(url: Url) -> EnvironmentSettings {
        let origin = url.origin();
        EnvironmentSettings {
            id: url.to_string(),
            top_level_origin: Some(origin.clone()),
            network_partition_key: NetworkPartitionKey::for_top_level_origin(&origin),
            storage_key: serialize_origin(&origin),
            secure_context: is_url_potentially_trustworthy(&url),
            api_base_url: url.clone(),
            policy_container: PolicyContainer::default(),
            has_cross_site_ancestor: false,
            is_window: true,
            time_origin: Duration::ZERO,
            cross_origin_isolated: false,
            refused_features: Vec::new(),
            fetch_group: FetchGroup::new(),
            creation_url: url,
            origin,
        }
    }

    /// What of it can be stored.
    pub fn snapshot(&self) -> EnvironmentSnapshot {
        EnvironmentSnapshot {
            id: self.id.clone(),
            creation_url: self.creation_url.clone(),
            top_level_origin: self.top_level_origin.as_ref().map(serialize_origin),
            origin: serialize_origin(&self.origin),
            api_base_url: self.api_base_url.clone(),
            policy_container: self.policy_container.clone(),
            secure_context: self.secure_context,
            has_cross_site_ancestor: self.has_cross_site_ancestor,
            is_window: self.is_window,
            storage_key: self.storage_key.clone(),
            network_partition_key: self.network_partition_key.clone(),
            cross_origin_isolated: self.cross_origin_isolated,
            refused_features: self.refused_features.clone(),
        }
    }

    /// The environment that was stored. An opaque origin comes back as a new one, and times count from now on.
    pub fn from_snapshot(snapshot: EnvironmentSnapshot) -> EnvironmentSettings {
        let origin = parse_origin(&snapshot.origin);
        let top_level_origin = snapshot
            .top_level_origin
            .map(|text| if text == snapshot.origin { origin.clone() } else { parse_origin(&text) });
        // The number in an opaque origin's key means another origin by now.
        let network_partition_key = match &top_level_origin {
            Some(opaque @ Origin::Opaque(_)) => NetworkPartitionKey::for_top_level_origin(opaque),
            _ => snapshot.network_partition_key,
        };
        EnvironmentSettings {
            id: snapshot.id,
            creation_url: snapshot.creation_url,
            top_level_origin,
            origin,
            api_base_url: snapshot.api_base_url,
            policy_container: snapshot.policy_container,
            secure_context: snapshot.secure_context,
            has_cross_site_ancestor: snapshot.has_cross_site_ancestor,
            is_window: snapshot.is_window,
            storage_key: snapshot.storage_key,
            network_partition_key,
            time_origin: Duration::ZERO,
            cross_origin_isolated: snapshot.cross_origin_isolated,
            refused_features: snapshot.refused_features,
            fetch_group: FetchGroup::new(),
        }
    }

    /// Whether a permissions policy keeps a feature from its document.
    ///
    /// <https://html.spec.whatwg.org/multipage/iframe-embed-object.html#allowed-to-use>
    pub fn refuses_feature(&self, name: &str) -> bool {
        self.refused_features.iter().any(|refused| refused == name)
    }

    /// The same, shared.
    pub fn into_shared(self) -> Arc<EnvironmentSettings> {
        Arc::new(self)
    }
}

/// Policies that responses give to what is made from them.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#policy-container>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyContainer {
    /// The referrer policy.
    pub referrer_policy: ReferrerPolicy,
    /// The content security policies: the header's value and what it does.
    pub csp: CspList,
    /// What `'self'` means in them, serialized: the origin that they came from, whoever has inherited them since.
    ///
    /// <https://w3c.github.io/webappsec-csp/#csp-list-self-origin>
    pub csp_self_origin: Option<String>,
    /// Where the document came from.
    pub ip_address_space: Option<IpAddressSpace>,
    /// The embedder policy's value.
    pub embedder_policy: EmbedderPolicy,
    /// The embedder policy's reporting endpoint, or nothing.
    pub embedder_policy_endpoint: String,
    /// The embedder policy that only reports.
    pub embedder_policy_report_only: EmbedderPolicy,
    /// The reporting endpoint of that one, or nothing.
    pub embedder_policy_report_only_endpoint: String,
    /// The integrity policy.
    pub integrity_policy: IntegrityPolicy,
    /// The integrity policy that only reports.
    pub integrity_policy_report_only: IntegrityPolicy,
}

impl PolicyContainer {
    /// The policies that a response gives to what is made from it.
    ///
    /// <https://html.spec.whatwg.org/multipage/browsers.html#creating-a-policy-container-from-a-fetch-response>
    pub fn from_response(response: &Response) -> PolicyContainer {
        let headers = &response.unfiltered().header_list;
        // One header holds several policies, which commas part; none of them may contain one.
        let policies = |name: &'static str, disposition| {
            let values: Vec<String> = headers.values(name).map(isomorphic_decode).collect();
            let policies =
                values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|p| !p.is_empty());
            policies.map(|policy| (policy.to_owned(), disposition)).collect::<Vec<_>>()
        };
        let mut csp = policies("Content-Security-Policy", CspDisposition::Enforce);
        csp.extend(policies("Content-Security-Policy-Report-Only", CspDisposition::Report));
        let (embedder_policy, embedder_policy_endpoint) =
            obtain_an_embedder_policy(headers, "Cross-Origin-Embedder-Policy");
        let (embedder_policy_report_only, embedder_policy_report_only_endpoint) =
            obtain_an_embedder_policy(headers, "Cross-Origin-Embedder-Policy-Report-Only");
        PolicyContainer {
            referrer_policy: ReferrerPolicy::from_headers(headers),
            csp: csp.into(),
            csp_self_origin: response.unfiltered().url().map(|url| serialize_origin(&url.origin())),
            ip_address_space: response.ip_address_space,
            embedder_policy,
            embedder_policy_endpoint,
            embedder_policy_report_only,
            embedder_policy_report_only_endpoint,
            integrity_policy: IntegrityPolicy::parse(headers, "Integrity-Policy"),
            integrity_policy_report_only: IntegrityPolicy::parse(headers, "Integrity-Policy-Report-Only"),
        }
    }
}

/// A structured item: the value is a token, the endpoint the parameter `report-to`.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#obtain-an-embedder-policy>
fn obtain_an_embedder_policy(headers: &HeaderList, name: &str) -> (EmbedderPolicy, String) {
    let none = (EmbedderPolicy::UnsafeNone, String::new());
    let Some(value) = headers.get(name) else { return none };
    let Ok(item) = sfv::Parser::new(&value).parse::<sfv::Item>() else { return none };
    let policy = match item.bare_item.as_token().map(|token| token.as_str()) {
        Some("require-corp") => EmbedderPolicy::RequireCorp,
        Some("credentialless") => EmbedderPolicy::Credentialless,
        _ => return none,
    };
    let endpoint = item.params.get("report-to").and_then(|endpoint| endpoint.as_string());
    (policy, endpoint.map_or_else(String::new, |endpoint| endpoint.as_str().to_owned()))
}

/// What a content security policy does with a violation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CspDisposition {
    /// Blocks and reports.
    Enforce,
    /// Only reports.
    Report,
}

/// <https://html.spec.whatwg.org/multipage/browsers.html#embedder-policy-value>
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbedderPolicy {
    /// Nothing is asked of what is embedded.
    #[default]
    UnsafeNone,
    /// Cross-origin resources have to opt in.
    RequireCorp,
    /// Cross-origin no-cors requests carry no credentials.
    Credentialless,
}

/// What of an environment outlives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentSnapshot {
    /// [`EnvironmentSettings::id`]
    pub id: String,
    /// [`EnvironmentSettings::creation_url`]
    pub creation_url: Url,
    /// [`EnvironmentSettings::top_level_origin`], serialized
    pub top_level_origin: Option<String>,
    /// [`EnvironmentSettings::origin`], serialized
    pub origin: String,
    /// [`EnvironmentSettings::api_base_url`]
    pub api_base_url: Url,
    /// [`EnvironmentSettings::policy_container`]
    pub policy_container: PolicyContainer,
    /// [`EnvironmentSettings::secure_context`]
    pub secure_context: bool,
    /// [`EnvironmentSettings::has_cross_site_ancestor`]
    pub has_cross_site_ancestor: bool,
    /// [`EnvironmentSettings::is_window`]
    pub is_window: bool,
    /// [`EnvironmentSettings::storage_key`]
    pub storage_key: String,
    /// [`EnvironmentSettings::network_partition_key`]
    pub network_partition_key: NetworkPartitionKey,
    /// [`EnvironmentSettings::cross_origin_isolated`]
    pub cross_origin_isolated: bool,
    /// [`EnvironmentSettings::refused_features`]
    #[serde(default)]
    pub refused_features: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_comes_back_from_its_snapshot() {
        let mut environment = EnvironmentSettings::for_url(Url::parse("https://a.example/page").unwrap());
        environment.policy_container.csp.push("default-src 'self'".into(), CspDisposition::Enforce);
        let text = serde_json::to_string(&environment.snapshot()).unwrap();
        let back = EnvironmentSettings::from_snapshot(serde_json::from_str(&text).unwrap());
        assert_eq!(back, environment);
    }

    #[test]
    fn a_response_gives_its_policies() {
        let mut response = Response::new();
        response.header_list.append("Referrer-Policy", "no-referrer");
        response.header_list.append("Content-Security-Policy", "default-src 'self', img-src *");
        response.header_list.append("Content-Security-Policy-Report-Only", "font-src 'none'");
        response.header_list.append("Cross-Origin-Embedder-Policy", "require-corp; report-to=\"x\"");
        let policies = PolicyContainer::from_response(&response);
        assert_eq!(policies.referrer_policy, ReferrerPolicy::NoReferrer);
        let expected = [
            ("default-src 'self'", CspDisposition::Enforce),
            ("img-src *", CspDisposition::Enforce),
            ("font-src 'none'", CspDisposition::Report),
        ];
        assert_eq!(*policies.csp, expected.map(|(text, disposition)| (text.to_owned(), disposition)));
        assert_eq!(policies.embedder_policy, EmbedderPolicy::RequireCorp);
        assert_eq!(policies.embedder_policy_endpoint, "x");
    }
}
