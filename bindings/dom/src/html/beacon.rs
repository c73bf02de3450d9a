//! <https://w3c.github.io/beacon/>

use futures::FutureExt;
use longhaul::fetch::{self, CredentialsMode, FetchOptions, Method, Mode, is_cors_safelisted_request_header};
use longhaul_idl::XMLHttpRequestBodyInit;
use longhaul_idl::runtime::{Exception, Realm};

use crate::fetch::extract_bytes;
use crate::resource_timing::ResourceTiming;

/// As much of an answer is waited for as it takes to say when it ended; nobody looks at it.
const ANSWER: usize = 1 << 20;

/// <https://w3c.github.io/beacon/#sec-processing-model>
pub(super) fn send_beacon(
    realm: &dyn Realm,
    url: &str,
    data: Option<XMLHttpRequestBodyInit>,
) -> Result<bool, Exception> {
    let scope = crate::global_scope(realm)?;
    let settings = scope.settings().clone();
    // 1.–4. The URL.
    let parsed = settings.api_base_url.join(url).ok();
    let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
    let parsed = parsed.ok_or_else(|| Exception::type_error("a beacon goes to an HTTP URL"))?;
    let mut request = fetch::Request::new(parsed);
    // 5., 6. The body, and with it the mode.
    request.mode = Mode::NoCors;
    if let Some(data) = data {
        let (bytes, r#type) = extract_bytes(data)?;
        // NOTE: it shares its limit with all keepalive requests that are under way.
        let under_way = settings.fetch_group.keepalive_bytes_under_way();
        if under_way.saturating_add(bytes.len() as u64) > fetch::KEEPALIVE_QUOTA {
            return Ok(false);
        }
        if let Some(r#type) = r#type {
            if !is_cors_safelisted_request_header(b"Content-Type", r#type.as_bytes()) {
                request.mode = Mode::Cors;
            }
            request.header_list.append("Content-Type", &r#type);
        }
        request.body = Some(fetch::Body::from_bytes(bytes));
    }
    // 7. The request.
    request.method = Method::POST;
    request.client = Some(settings);
    request.keepalive = true;
    request.credentials_mode = CredentialsMode::Include;
    request.initiator_type = Some("beacon".to_owned());
    let timing = ResourceTiming::new(realm, request.url(), "beacon");
    let mut options = FetchOptions::default();
    if let Some(timing) = timing.clone() {
        options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
    }
    let fetching = scope.user_agent().fetch(request, options);
    let answered = async move {
        let response = fetching.await;
        if let Some(timing) = timing {
            timing.head(&response);
        }
        if let Some(body) = response.into_unfiltered().body {
            // NOTE: a longer answer, and one that breaks off, are let go of.
            let _ = body.read_all(Some(ANSWER)).await;
        }
    };
    realm.agent().spawn(answered.boxed());
    Ok(true)
}
