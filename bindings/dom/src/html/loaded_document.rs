//! <https://html.spec.whatwg.org/#loading-a-document>: what a document is made from, and who may show it.

use bytes::Bytes;
use longhaul::fetch::{
    CspDisposition, EmbedderPolicy, EnvironmentSettings, HeaderList, Link, PolicyContainer, PolicyDecision,
    Response, Services,
};
use url::{Origin, Url};

use super::browsing_context::Sandbox;
use super::permissions_policy::{CROSS_ORIGIN_ISOLATED, PermissionsPolicy};
use super::xml_parser::declared_encoding;
use super::{content_security_policy, element_fetch};

/// The largest document that is loaded.
const LIMIT: usize = 64 << 20;

/// What a document is made from.
#[derive(Clone, Debug)]
pub struct LoadedDocument {
    /// Its URL.
    pub url: Url,
    /// Its text.
    pub text: String,
    /// The essence of its media type.
    pub content_type: String,
    /// Its encoding.
    pub encoding: &'static encoding_rs::Encoding,
    /// Its policies.
    pub policy_container: PolicyContainer,
    /// Whether others may keep a hold of its window.
    pub opener_policy: OpenerPolicy,
    /// What its `Refresh` says.
    pub refresh: Option<String>,
    /// Its `Link`s.
    pub links: Vec<Link>,
    /// What its `X-Frame-Options` say.
    pub frame_options: Vec<String>,
    /// The features that it declares to be for whom.
    pub permissions_policy: PermissionsPolicy,
    /// `document.referrer`.
    pub referrer: String,
    /// The status of its response, or 0 without one.
    pub status: u16,
}

/// <https://html.spec.whatwg.org/#cross-origin-opener-policy-value>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenerPolicy {
    /// Everybody may.
    #[default]
    UnsafeNone,
    /// Those that it opens may.
    SameOriginAllowPopups,
    /// Those of its origin with the same policy may.
    SameOrigin,
    /// The same, of documents that are isolated.
    SameOriginPlusEmbedder,
    /// Nobody may.
    NoopenerAllowPopups,
}

impl OpenerPolicy {
    /// <https://html.spec.whatwg.org/#obtain-coop>
    fn obtain(headers: &HeaderList, url: &Url, embedder: EmbedderPolicy) -> Self {
        if !longhaul::fetch::is_url_potentially_trustworthy(url) {
            return Self::UnsafeNone;
        }
        let value = headers.get("Cross-Origin-Opener-Policy").unwrap_or_default();
        let value = String::from_utf8_lossy(&value).into_owned();
        match value.split(';').next().unwrap_or_default().trim() {
            "same-origin" if embedder != EmbedderPolicy::UnsafeNone => Self::SameOriginPlusEmbedder,
            "same-origin" => Self::SameOrigin,
            "same-origin-allow-popups" => Self::SameOriginAllowPopups,
            "noopener-allow-popups" => Self::NoopenerAllowPopups,
            _ => Self::UnsafeNone,
        }
    }

    /// <https://html.spec.whatwg.org/#matching-coop>
    pub(super) fn matches(self, origin: &Origin, other: Self, others: &Origin) -> bool {
        match (self, other) {
            (Self::UnsafeNone, Self::UnsafeNone) => true,
            (Self::UnsafeNone, _) | (_, Self::UnsafeNone) | (Self::NoopenerAllowPopups, _) => false,
            (one, other) => one == other && origin == others,
        }
    }
}

impl LoadedDocument {
    /// A document of a response that is no network error, with the URL that was navigated to: its encoding by its byte order mark, its
    /// type or what it says itself.
    ///
    /// # Errors
    /// Why its body did not come.
    pub async fn from_response(response: Response, url: &Url) -> Result<LoadedDocument, String> {
        let response = response.into_unfiltered();
        let mime = response.header_list.extract_mime_type();
        let content_type = mime.map_or_else(|| "text/html".to_owned(), |mime| mime.essence().to_owned());
        let policy_container = PolicyContainer::from_response(&response);
        let headers = &response.header_list;
        let opener_policy = OpenerPolicy::obtain(headers, url, policy_container.embedder_policy);
        let frame_options = headers.get_decode_and_split("X-Frame-Options").unwrap_or_default();
        let frame_options = frame_options.iter().map(|value| value.trim().to_ascii_lowercase()).collect();
        let refresh = headers.get("Refresh").map(|value| longhaul::fetch::isomorphic_decode(&value));
        let links = longhaul::fetch::extract_links(headers);
        let permissions_policy = PermissionsPolicy::of_response(headers, &url.origin());
        let named = element_fetch::charset(&response);
        let status = response.status;
        let bytes = match response.body {
            Some(body) => body.read_all(Some(LIMIT)).await.map_err(|error| error.to_string())?,
            None => Bytes::new(),
        };
        let encoding = encoding_rs::Encoding::for_bom(&bytes)
            .map(|(encoding, _)| encoding)
            .or(named)
            .or_else(|| if is_xml(&content_type) { declared_encoding(&bytes) } else { prescan(&bytes) })
            .unwrap_or(encoding_rs::UTF_8);
        let (text, encoding, _) = encoding.decode(&bytes);
        Ok(LoadedDocument {
            url: url.clone(),
            text: text.into_owned(),
            content_type,
            encoding,
            policy_container,
            opener_policy,
            refresh,
            links,
            frame_options,
            permissions_policy,
            referrer: String::new(),
            status,
        })
    }

    /// Whether what is of a type is parsed into a page.
    pub fn is_page(essence: &str) -> bool {
        essence == "text/html" || is_xml(essence)
    }

    /// A document of a text, without policies.
    pub(super) fn of_text(url: Url, text: String) -> Self {
        LoadedDocument {
            url,
            text,
            content_type: "text/html".to_owned(),
            encoding: encoding_rs::UTF_8,
            policy_container: PolicyContainer::default(),
            opener_policy: OpenerPolicy::default(),
            refresh: None,
            links: Vec::new(),
            frame_options: Vec::new(),
            permissions_policy: PermissionsPolicy::default(),
            referrer: String::new(),
            status: 0,
        }
    }

    /// The environment of the page that it becomes.
    pub fn environment(&self, id: String) -> EnvironmentSettings {
        let mut environment = EnvironmentSettings::for_url(self.url.clone());
        environment.id = id;
        environment.policy_container = self.policy_container.clone();
        if Sandbox::of_policies(&self.policy_container).opaque_origin {
            environment.origin = Origin::new_opaque();
            environment.storage_key = format!("opaque:{}", environment.id);
        }
        environment.refused_features = self.permissions_policy.refused(None, &environment.origin);
        environment.cross_origin_isolated = self.opener_policy == OpenerPolicy::SameOriginPlusEmbedder
            && !environment.refuses_feature(CROSS_ORIGIN_ISOLATED.name());
        environment
    }

    /// Whether it may be shown inside the documents of these origins, the nearest of which is the container.
    pub(super) fn may_be_framed(&self, ancestors: &[Origin], services: &Services) -> bool {
        if matches!(self.url.scheme(), "about" | "blob" | "data") {
            return true;
        }
        let policy = services.policy();
        if policy.should_block_framing(&self.policy_container, &self.url, ancestors)
            != PolicyDecision::Allowed
        {
            return false;
        }
        let enforced = self.policy_container.csp.iter().any(|(policy, disposition)| {
            *disposition == CspDisposition::Enforce
                && content_security_policy::names(policy, "frame-ancestors")
        });
        enforced || self.frame_options_allow(ancestors)
    }

    /// <https://html.spec.whatwg.org/#check-a-navigation-response's-adherence-to-x-frame-options>
    fn frame_options_allow(&self, ancestors: &[Origin]) -> bool {
        let mut options: Vec<&str> = self.frame_options.iter().map(String::as_str).collect();
        options.sort_unstable();
        options.dedup();
        match options.as_slice() {
            ["deny"] => false,
            ["sameorigin"] => ancestors.iter().all(|origin| *origin == self.url.origin()),
            [] | [_] => true,
            many => !many.iter().any(|option| matches!(*option, "deny" | "sameorigin" | "allowall")),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.content_type.starts_with("text/") || self.content_type.ends_with("json")
    }

    pub(super) fn is_markup(&self) -> bool {
        Self::is_page(&self.content_type)
    }

    /// <https://mimesniff.spec.whatwg.org/#xml-mime-type>
    pub(super) fn is_xml(&self) -> bool {
        is_xml(&self.content_type)
    }
}

/// <https://mimesniff.spec.whatwg.org/#xml-mime-type>, by its essence.
pub(super) fn is_xml(essence: &str) -> bool {
    matches!(essence, "text/xml" | "application/xml") || essence.ends_with("+xml")
}

/// <https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding>, the `meta` elements of it.
pub(crate) fn prescan(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let text: String = bytes.iter().take(1024).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + 5..];
        let tag = rest.split('>').next().unwrap_or_default();
        if let Some(at) = tag.find("charset") {
            let value = tag[at + 7..].trim_start().strip_prefix('=').unwrap_or_default().trim_start();
            let value = value.trim_start_matches(['"', '\'']);
            let label = value.split(['"', '\'', ' ', ';', '/', '\t', '\n']).next().unwrap_or_default();
            if let Some(encoding) = encoding_rs::Encoding::for_label(label.as_bytes()) {
                let is_utf16 = encoding == encoding_rs::UTF_16BE || encoding == encoding_rs::UTF_16LE;
                return Some(if is_utf16 { encoding_rs::UTF_8 } else { encoding });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[&str]) -> LoadedDocument {
        let url = Url::parse("https://a.example/x").unwrap();
        let frame_options = options.iter().map(|&option| option.to_owned()).collect();
        LoadedDocument { frame_options, ..LoadedDocument::of_text(url, String::new()) }
    }

    #[test]
    fn frame_options_are_read_together() {
        let own = Url::parse("https://a.example").unwrap().origin();
        let other = Url::parse("https://b.example").unwrap().origin();
        assert!(of(&[]).frame_options_allow(std::slice::from_ref(&other)));
        assert!(of(&["unknown"]).frame_options_allow(std::slice::from_ref(&other)));
        assert!(!of(&["deny"]).frame_options_allow(std::slice::from_ref(&own)));
        assert!(of(&["sameorigin", "sameorigin"]).frame_options_allow(std::slice::from_ref(&own)));
        assert!(!of(&["sameorigin"]).frame_options_allow(&[own.clone(), other]));
        assert!(!of(&["sameorigin", "allowall"]).frame_options_allow(std::slice::from_ref(&own)));
        assert!(of(&["x", "y"]).frame_options_allow(&[own]));
    }

    #[test]
    fn opener_policies_match_only_their_like() {
        let own = Url::parse("https://a.example").unwrap().origin();
        let other = Url::parse("https://b.example").unwrap().origin();
        let same = OpenerPolicy::SameOrigin;
        assert!(OpenerPolicy::UnsafeNone.matches(&own, OpenerPolicy::UnsafeNone, &other));
        assert!(same.matches(&own, same, &own) && !same.matches(&own, same, &other));
        assert!(!same.matches(&own, OpenerPolicy::UnsafeNone, &own));
        let nobody = OpenerPolicy::NoopenerAllowPopups;
        assert!(!nobody.matches(&own, nobody, &own));
    }

    #[test]
    fn an_encoding_may_be_in_the_text() {
        assert_eq!(prescan(b"<META charset='latin1'>"), Some(encoding_rs::WINDOWS_1252));
        assert_eq!(
            prescan(b"<meta http-equiv=x content='text/html; charset=utf-16'>"),
            Some(encoding_rs::UTF_8)
        );
        assert_eq!(prescan(b"<p charset=latin1>"), None);
    }
}
