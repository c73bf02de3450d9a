//! Referrer policies, and what they leave of a referrer.

use url::{Origin, Url};

use super::header_list::{HeaderList, trim_tab_or_space};
use super::isomorphic::isomorphic_decode;
use super::keyword::keywords;
use super::origin::{is_url_potentially_trustworthy, same_origin};
use super::request::{Referrer, Request};
use super::response::Response;

keywords! {
    /// <https://w3c.github.io/webappsec-referrer-policy/#referrer-policies>
    #[derive(Default)]
    #[allow(missing_docs)]
    ReferrerPolicy {
        #[default] Empty = "", NoReferrer = "no-referrer", NoReferrerWhenDowngrade = "no-referrer-when-downgrade",
        SameOrigin = "same-origin", Origin = "origin", StrictOrigin = "strict-origin",
        OriginWhenCrossOrigin = "origin-when-cross-origin",
        StrictOriginWhenCrossOrigin = "strict-origin-when-cross-origin", UnsafeUrl = "unsafe-url",
    }
}

impl ReferrerPolicy {
    /// What the empty policy means.
    ///
    /// <https://w3c.github.io/webappsec-referrer-policy/#default-referrer-policy>
    pub const DEFAULT: ReferrerPolicy = ReferrerPolicy::StrictOriginWhenCrossOrigin;

    /// The policy of a response's `Referrer-Policy`; the last word that is known counts.
    ///
    /// <https://w3c.github.io/webappsec-referrer-policy/#parse-referrer-policy-from-header>
    pub fn from_headers(headers: &HeaderList) -> ReferrerPolicy {
        let value = headers.get("Referrer-Policy").unwrap_or_default();
        value
            .split(|byte| *byte == b',')
            .map(|token| isomorphic_decode(trim_tab_or_space(token)).to_ascii_lowercase())
            .filter_map(|token| ReferrerPolicy::from_keyword(&token))
            .rfind(|policy| *policy != ReferrerPolicy::Empty)
            .unwrap_or_default()
    }
}

/// <https://w3c.github.io/webappsec-referrer-policy/#set-requests-referrer-policy-on-redirect>
pub(crate) fn set_referrer_policy_on_redirect(request: &mut Request, response: &Response) {
    let policy = ReferrerPolicy::from_headers(&response.header_list);
    if policy != ReferrerPolicy::Empty {
        request.referrer_policy = policy;
    }
}

/// What the request may tell about where it comes from.
///
/// <https://w3c.github.io/webappsec-referrer-policy/#determine-requests-referrer>
pub fn determine_referrer(request: &Request) -> Referrer {
    // 3. Where it comes from.
    let source = match &request.referrer {
        Referrer::NoReferrer => return Referrer::NoReferrer,
        Referrer::Url(url) => url.clone(),
        Referrer::Client => {
            let Some(client) = &request.client else { return Referrer::NoReferrer };
            if matches!(client.origin, Origin::Opaque(_)) {
                return Referrer::NoReferrer;
            }
            client.creation_url.clone()
        }
    };
    // 4.–5. The whole, and its origin.
    let (Some(mut whole), Some(origin_only)) =
        (strip_for_referrer(&source, OriginOnly::No), strip_for_referrer(&source, OriginOnly::Yes))
    else {
        return Referrer::NoReferrer;
    };
    // 6. Long ones are cut down.
    if whole.as_str().len() > 4096 {
        whole = origin_only.clone();
    }
    // 8. What the policy leaves.
    let current = request.current_url();
    let is_same_origin = same_origin(&whole.origin(), &current.origin());
    let is_downgrade = is_url_potentially_trustworthy(&whole) && !is_url_potentially_trustworthy(current);
    let policy = match request.referrer_policy {
        ReferrerPolicy::Empty => ReferrerPolicy::DEFAULT,
        policy => policy,
    };
    match policy {
        ReferrerPolicy::NoReferrer => Referrer::NoReferrer,
        ReferrerPolicy::Origin => Referrer::Url(origin_only),
        ReferrerPolicy::UnsafeUrl => Referrer::Url(whole),
        ReferrerPolicy::StrictOrigin if is_downgrade => Referrer::NoReferrer,
        ReferrerPolicy::StrictOrigin => Referrer::Url(origin_only),
        ReferrerPolicy::StrictOriginWhenCrossOrigin | ReferrerPolicy::Empty => {
            match (is_same_origin, is_downgrade) {
                (true, _) => Referrer::Url(whole),
                (false, true) => Referrer::NoReferrer,
                (false, false) => Referrer::Url(origin_only),
            }
        }
        ReferrerPolicy::SameOrigin if is_same_origin => Referrer::Url(whole),
        ReferrerPolicy::SameOrigin => Referrer::NoReferrer,
        ReferrerPolicy::OriginWhenCrossOrigin if is_same_origin => Referrer::Url(whole),
        ReferrerPolicy::OriginWhenCrossOrigin => Referrer::Url(origin_only),
        ReferrerPolicy::NoReferrerWhenDowngrade if is_downgrade => Referrer::NoReferrer,
        ReferrerPolicy::NoReferrerWhenDowngrade => Referrer::Url(whole),
    }
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum OriginOnly {
    Yes,
    No,
}

/// <https://w3c.github.io/webappsec-referrer-policy/#strip-url>
fn strip_for_referrer(url: &Url, origin_only: OriginOnly) -> Option<Url> {
    // 2. Local schemes are no referrers.
    if matches!(url.scheme(), "about" | "blob" | "data") {
        return None;
    }
    // 3.–5. NOTE: setting these fails only for URLs that cannot have them.
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    // 6.
    if origin_only == OriginOnly::Yes {
        url.set_path("");
        url.set_query(None);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn referrer(policy: ReferrerPolicy, from: &str, to: &str) -> Option<String> {
        let mut request = Request::new(Url::parse(to).unwrap());
        request.referrer = Referrer::Url(Url::parse(from).unwrap());
        request.referrer_policy = policy;
        match determine_referrer(&request) {
            Referrer::Url(url) => Some(url.to_string()),
            Referrer::NoReferrer => None,
            Referrer::Client => unreachable!("a referrer was determined"),
        }
    }

    #[test]
    fn policies_leave_the_whole_the_origin_or_nothing() {
        use ReferrerPolicy as P;
        let from = "https://u:p@a.example/path?query#fragment";
        let whole = Some("https://a.example/path?query".to_owned());
        let origin = Some("https://a.example/".to_owned());
        let (same, cross, downgrade) = ("https://a.example/x", "https://b.example/", "http://b.example/");
        for (policy, expected) in [
            (P::NoReferrer, [None, None, None]),
            (P::Origin, [origin.clone(), origin.clone(), origin.clone()]),
            (P::UnsafeUrl, [whole.clone(), whole.clone(), whole.clone()]),
            (P::StrictOrigin, [origin.clone(), origin.clone(), None]),
            (P::StrictOriginWhenCrossOrigin, [whole.clone(), origin.clone(), None]),
            (P::Empty, [whole.clone(), origin.clone(), None]),
            (P::SameOrigin, [whole.clone(), None, None]),
            (P::OriginWhenCrossOrigin, [whole.clone(), origin.clone(), origin.clone()]),
            (P::NoReferrerWhenDowngrade, [whole.clone(), whole.clone(), None]),
        ] {
            let seen = [same, cross, downgrade].map(|to| referrer(policy, from, to));
            assert_eq!(seen, expected, "{policy:?}");
        }
    }

    #[test]
    fn long_referrers_are_cut_and_local_ones_are_none() {
        let long = format!("https://a.example/{}", "x".repeat(4096));
        assert_eq!(
            referrer(ReferrerPolicy::UnsafeUrl, &long, "https://a.example/").unwrap(),
            "https://a.example/"
        );
        assert_eq!(referrer(ReferrerPolicy::UnsafeUrl, "data:,x", "https://a.example/"), None);
    }

    #[test]
    fn the_last_known_word_of_the_header_counts() {
        let policy =
            |value: &str| ReferrerPolicy::from_headers(&[("referrer-policy", value)].into_iter().collect());
        assert_eq!(policy("origin, no-referrer, unknown"), ReferrerPolicy::NoReferrer);
        assert_eq!(policy("unknown"), ReferrerPolicy::Empty);
        assert_eq!(policy(""), ReferrerPolicy::Empty);
    }
}
