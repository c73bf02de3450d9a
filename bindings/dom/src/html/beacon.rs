//! <https://w3c.github.io/beacon/>

use futures::FutureExt;
use longhaul::fetch::{self, CredentialsMode, FetchOptions, Method, Mode, is_cors_safelisted_request_header};
use longhaul_idl::XMLHttpRequestBodyInit;
use longhaul_idl::runtime::{Exception, Realm};

use crate::fetch::extract_bytes;

/// What beacons may carry in all, as much as any keepalive request.
const LONGEST: usize = 64 << 10;

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
        // NOTE: what is in flight of other beacons counts once there are fetch groups.
        if bytes.len() > LONGEST {
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
    // NOTE: nobody waits for the answer, which is let go of when its head is there.
    let fetching = scope.user_agent().fetch(request, FetchOptions::default());
    realm.agent().spawn(fetching.map(drop).boxed());
    Ok(true)
}
