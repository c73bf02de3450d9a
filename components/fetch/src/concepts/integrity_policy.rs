//! Integrity policies: scripts and styles that have to promise what their bytes are.

use serde::{Deserialize, Serialize};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::header_list::HeaderList;
use super::integrity::parse_metadata;
use super::report::{IntegrityPolicyViolation, Report, ReportSink};
use super::request::{Destination, Mode, Request, RequestPolicyContainer};
use crate::NetworkError;
use crate::environment::CspDisposition;

/// <https://w3c.github.io/webappsec-subresource-integrity/#integrity-policy>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrityPolicy {
    /// Destinations that need metadata: `script`, `style`.
    pub blocked_destinations: Vec<Destination>,
    /// Whether the one source that there is, `inline`, is among its sources.
    pub sources_inline: bool,
    /// Where reports go.
    pub endpoints: Vec<String>,
}

impl IntegrityPolicy {
    /// The policy that a header gives.
    ///
    /// <https://w3c.github.io/webappsec-subresource-integrity/#processing-an-integrity-policy>
    pub fn parse(headers: &HeaderList, name: &str) -> IntegrityPolicy {
        let mut policy = IntegrityPolicy::default();
        let Some(value) = headers.get(name) else { return policy };
        let Ok(dictionary) = Parser::new(&value).parse::<Dictionary>() else { return policy };
        let tokens = |key: &str| match dictionary.get(key) {
            Some(ListEntry::InnerList(list)) => {
                list.items.iter().filter_map(|item| token(&item.bare_item)).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        // 2. Without sources it is inline.
        policy.sources_inline =
            dictionary.get("sources").is_none() || tokens("sources").iter().any(|source| source == "inline");
        // 3.
        for destination in tokens("blocked-destinations") {
            match destination.as_str() {
                "script" => policy.blocked_destinations.push(Destination::Script),
                "style" => policy.blocked_destinations.push(Destination::Style),
                _ => {}
            }
        }
        // 4.
        policy.endpoints = tokens("endpoints");
        policy
    }

    fn blocks(&self, request: &Request) -> bool {
        self.sources_inline && self.blocked_destinations.contains(&request.destination)
    }
}

fn token(item: &BareItem) -> Option<String> {
    match item {
        BareItem::Token(token) => Some(token.as_str().to_owned()),
        _ => None,
    }
}

/// <https://w3c.github.io/webappsec-subresource-integrity/#should-request-be-blocked-by-integrity-policy-section>
pub(crate) fn should_request_be_blocked_by_integrity_policy(
    request: &Request,
    reports: &dyn ReportSink,
) -> Result<(), NetworkError> {
    // 1. NOTE: the container was taken from the client when the fetch began.
    let RequestPolicyContainer::Container(container) = &request.policy_container else { return Ok(()) };
    // 2.–3. What promises its bytes may be looked at.
    let promises = !parse_metadata(&request.integrity_metadata).is_empty();
    if promises && matches!(request.mode, Mode::Cors | Mode::SameOrigin) {
        return Ok(());
    }
    // 4. What comes from nowhere else needs no promise.
    if matches!(request.current_url().scheme(), "about" | "blob" | "data") {
        return Ok(());
    }
    // 5.–9.
    let policies = [
        (&container.integrity_policy, CspDisposition::Enforce),
        (&container.integrity_policy_report_only, CspDisposition::Report),
    ];
    let mut result = Ok(());
    for (policy, disposition) in policies {
        if !policy.blocks(request) {
            continue;
        }
        if disposition == CspDisposition::Enforce {
            result = Err(NetworkError::IntegrityPolicy);
        }
        let mut blocked_url = request.url().clone();
        blocked_url.set_fragment(None);
        reports.report(Report::IntegrityPolicy(IntegrityPolicyViolation {
            environment_id: request.client.as_ref().map(|client| client.id.clone()),
            endpoints: policy.endpoints.clone(),
            blocked_url,
            destination: request.destination,
            disposition,
        }));
    }
    result
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::PolicyContainer;
    use crate::concepts::report::NoReports;

    #[test]
    fn scripts_without_metadata_are_blocked_where_the_policy_says_so() {
        let headers: HeaderList =
            [("Integrity-Policy", "blocked-destinations=(script), endpoints=(one two)")]
                .into_iter()
                .collect();
        let policy = IntegrityPolicy::parse(&headers, "Integrity-Policy");
        assert_eq!(policy.endpoints, ["one", "two"]);
        let blocked = |destination, mode, metadata: &str| {
            let mut request = Request::new(Url::parse("https://a.example/x.js").unwrap());
            request.policy_container = RequestPolicyContainer::Container(PolicyContainer {
                integrity_policy: policy.clone(),
                ..PolicyContainer::default()
            });
            (request.destination, request.mode) = (destination, mode);
            request.integrity_metadata = metadata.into();
            should_request_be_blocked_by_integrity_policy(&request, &NoReports).is_err()
        };
        assert!(blocked(Destination::Script, Mode::NoCors, ""));
        assert!(blocked(Destination::Script, Mode::NoCors, "sha256-AAAA"));
        assert!(!blocked(Destination::Script, Mode::Cors, "sha256-AAAA"));
        assert!(blocked(Destination::Script, Mode::Cors, "nonsense"));
        assert!(!blocked(Destination::Style, Mode::NoCors, ""));
    }

    #[test]
    fn other_sources_and_broken_headers_block_nothing() {
        for value in
            ["blocked-destinations=(script), sources=(other)", "blocked-destinations=script", "((", ""]
        {
            let headers: HeaderList = [("Integrity-Policy", value)].into_iter().collect();
            let policy = IntegrityPolicy::parse(&headers, "Integrity-Policy");
            let mut request = Request::new(Url::parse("https://a.example/x.js").unwrap());
            request.destination = Destination::Script;
            assert!(!policy.blocks(&request), "{value}");
        }
    }
}
