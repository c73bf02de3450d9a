//! What a fetch gives to Resource Timing once its body has ended.

use super::fetch_timing_info::FetchTiming;
use super::mime_sniffing::minimize_a_supported_mime_type;
use super::request::{Mode, RedirectTaint, Request};
use super::response::{CacheState, Response, ResponseType};
use super::{content_coding, extract_header_values::extract_token_list};
use url::Url;

/// The facts of a fetch that has ended, as far as they may be known.
///
/// <https://w3c.github.io/resource-timing/#dfn-mark-resource-timing>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceTiming {
    /// The URL that was asked for, before redirects.
    pub requested_url: Url,
    /// What asked for it.
    pub initiator_type: Option<String>,
    /// When things happened.
    pub timing: FetchTiming,
    /// Whether a cache answered.
    pub cache_state: CacheState,
    /// The body.
    pub body_info: BodyInfo,
    /// The status, or 0.
    pub response_status: u16,
}

/// <https://fetch.spec.whatwg.org/#response-body-info>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyInfo {
    /// Its bytes as they came.
    pub encoded_size: u64,
    /// Its bytes behind its content codings.
    pub decoded_size: u64,
    /// Its type in the plainest form, or nothing.
    pub content_type: String,
    /// Its content coding; `multiple` for several and `@unknown` for one that is not known.
    pub content_encoding: String,
}

/// What the steps need to know of a response whose body is still under way.
pub(crate) struct ReportTimingSteps {
    requested_url: Url,
    initiator_type: Option<String>,
    cache_state: CacheState,
    is_timing_allowed: bool,
    are_sizes_told: bool,
    response_status: u16,
    content_type: String,
    content_encoding: String,
}

impl ReportTimingSteps {
    /// The steps for a response that is about to be given to whoever asked; none for what did not come by HTTP.
    pub(crate) fn new(request: &Request, response: &Response) -> Option<ReportTimingSteps> {
        // 1.
        if !matches!(request.url().scheme(), "http" | "https") {
            return None;
        }
        // 7.–8. Navigations that went through other origins tell nothing of where they ended.
        let is_told = request.mode != Mode::Navigate || response.redirect_taint == RedirectTaint::SameOrigin;
        // <https://fetch.spec.whatwg.org/#concept-filtered-response-opaque>: its body info is empty.
        let is_opaque = matches!(
            response.r#type,
            ResponseType::Opaque | ResponseType::OpaqueRedirect | ResponseType::Error
        );
        let mime_type = response.header_list.extract_mime_type().filter(|_| is_told);
        Some(ReportTimingSteps {
            requested_url: request.url().clone(),
            initiator_type: request.initiator_type.clone(),
            cache_state: response.cache_state,
            is_timing_allowed: response.timing_allow_passed,
            are_sizes_told: response.timing_allow_passed || (request.mode != Mode::Navigate && !is_opaque),
            response_status: if is_told { response.status } else { 0 },
            content_type: mime_type.as_ref().map(minimize_a_supported_mime_type).unwrap_or_default(),
            content_encoding: filtered_coding(response),
        })
    }

    /// Steps 2 to 9, once the body has ended.
    pub(crate) fn run(self, timing: &FetchTiming) -> ResourceTiming {
        let mut body_info = BodyInfo {
            encoded_size: timing.encoded_body_size,
            decoded_size: timing.decoded_body_size,
            content_type: self.content_type,
            content_encoding: self.content_encoding,
        };
        // 5.
        let (timing, cache_state) = if self.is_timing_allowed {
            (timing.clone(), self.cache_state)
        } else {
            (FetchTiming { end_time: timing.end_time, ..timing.opaque() }, CacheState::None)
        };
        // DEVIATION: the standard tells the sizes of what a navigation got in any case; where its timing is not to be known they are
        // not either.
        if !self.are_sizes_told {
            body_info = BodyInfo { content_type: body_info.content_type, ..BodyInfo::default() };
        }
        // 9.
        ResourceTiming {
            requested_url: self.requested_url,
            initiator_type: self.initiator_type,
            timing,
            cache_state,
            body_info,
            response_status: self.response_status,
        }
    }
}

/// HTTP-network fetch's filtered coding.
fn filtered_coding(response: &Response) -> String {
    match extract_token_list(&response.header_list, "Content-Encoding") {
        Ok(Some(codings)) if codings.len() > 1 => "multiple".to_owned(),
        Ok(Some(codings)) => match codings.first().map(|coding| coding.to_ascii_lowercase()) {
            Some(coding) if content_coding::is_supported(&coding) => {
                String::from_utf8_lossy(&coding).into_owned()
            }
            Some(_) => "@unknown".to_owned(),
            None => String::new(),
        },
        Ok(None) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ended(change: impl FnOnce(&mut Request, &mut Response)) -> Option<ResourceTiming> {
        let mut request = Request::new(Url::parse("https://a.example/").unwrap());
        let mut response = Response::new();
        response.header_list =
            [("Content-Type", "text/html;charset=x"), ("Content-Encoding", "GZIP")].into_iter().collect();
        response.timing_allow_passed = true;
        change(&mut request, &mut response);
        let timing = FetchTiming {
            start_time: Duration::from_millis(1),
            end_time: Duration::from_millis(9),
            encoded_body_size: 5,
            ..FetchTiming::default()
        };
        Some(ReportTimingSteps::new(&request, &response)?.run(&timing))
    }

    #[test]
    fn what_may_be_known_is_told() {
        let open = ended(|_, _| {}).unwrap();
        assert_eq!((open.response_status, open.body_info.encoded_size), (200, 5));
        assert_eq!(
            (open.body_info.content_type.as_str(), open.body_info.content_encoding.as_str()),
            ("text/html", "gzip")
        );
        let closed = ended(|_, response| response.timing_allow_passed = false).unwrap();
        assert_eq!((closed.body_info.encoded_size, closed.timing.encoded_body_size), (5, 0));
        let opaque = ended(|_, response| {
            response.timing_allow_passed = false;
            response.r#type = ResponseType::Opaque;
        });
        let opaque = opaque.unwrap();
        assert_eq!((opaque.body_info.encoded_size, opaque.timing.end_time), (0, Duration::from_millis(9)));
        let navigated = ended(|request, response| {
            request.mode = Mode::Navigate;
            response.redirect_taint = RedirectTaint::CrossSite;
        });
        assert_eq!(navigated.unwrap().response_status, 0);
        assert!(ended(|request, _| request.url_list = vec![Url::parse("data:,x").unwrap()]).is_none());
    }

    #[test]
    fn codings_are_told_if_they_are_known() {
        let coding = |value: &str| {
            ended(|_, response| response.header_list.set("Content-Encoding", value))
                .unwrap()
                .body_info
                .content_encoding
        };
        assert_eq!([coding("br"), coding("gzip, br"), coding("strange")], ["br", "multiple", "@unknown"]);
    }
}
