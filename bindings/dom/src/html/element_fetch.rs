//! Elements that fetch, though nothing is drawn: the request that each makes, and its `load` or `error`.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt as _;
use longhaul::UserAgent;
use longhaul::fetch::{
    ContentRange, CredentialsMode, Destination, FetchOptions, Mode, NoCorsMediaRequestState, Priority,
    RESOURCE_HEADER_LENGTH, ReferrerPolicy, Request, RequestOrigin, Response, ResponseType,
    match_an_audio_or_video_type_pattern, parse_content_range,
};
use longhaul_idl::runtime::{ModuleType, Realm, TaskSource, Value};
use tokio::sync::oneshot;
use url::Url;

use super::{ElementState, WindowGlobal, loading};
use crate::dom::node::{NodeRef, lock, object};
use crate::resource_timing::ResourceTiming;

/// The largest script that is loaded.
const SCRIPT_LIMIT: usize = 64 << 20;

/// <https://html.spec.whatwg.org/#create-a-potential-cors-request>, with the attributes that elements share.
pub(super) fn potential_cors_request(
    window: &WindowGlobal,
    element: &NodeRef,
    url: Url,
    destination: Destination,
    always_cors: bool,
) -> Request {
    let attribute = |name: &str| match name {
        "nonce" => element.nonce_slot().map(Into::into),
        name => element.attr(name),
    };
    potential_cors_request_with(window, &attribute, url, destination, always_cors)
}

/// The same, with those attributes from wherever they are said.
pub(super) fn potential_cors_request_with(
    window: &WindowGlobal,
    attribute: &dyn Fn(&str) -> Option<String>,
    url: Url,
    destination: Destination,
    always_cors: bool,
) -> Request {
    let client = Arc::clone(window.scope().settings());
    let mut request = Request::new(url);
    request.origin = RequestOrigin::Origin(client.origin.clone());
    request.client = Some(client);
    request.destination = destination;
    request.use_url_credentials = true;
    (request.mode, request.credentials_mode) = match attribute("crossorigin") {
        None if always_cors => (Mode::Cors, CredentialsMode::SameOrigin),
        None => (Mode::NoCors, CredentialsMode::Include),
        Some(value) if value.eq_ignore_ascii_case("use-credentials") => {
            (Mode::Cors, CredentialsMode::Include)
        }
        Some(_) => (Mode::Cors, CredentialsMode::SameOrigin),
    };
    // An unknown word is the empty policy: the client's decides.
    let policy = attribute("referrerpolicy").unwrap_or_default().to_ascii_lowercase();
    if let Some(policy) = ReferrerPolicy::from_keyword(&policy) {
        request.referrer_policy = policy;
    }
    request.priority = match attribute("fetchpriority").unwrap_or_default().to_ascii_lowercase().as_str() {
        "high" => Priority::High,
        "low" => Priority::Low,
        _ => Priority::Auto,
    };
    if let Some(nonce) = attribute("nonce") {
        request.cryptographic_nonce_metadata = nonce;
    }
    request
}

/// The encoding that a response names.
pub(super) fn charset(response: &Response) -> Option<&'static encoding_rs::Encoding> {
    let mime = response.header_list.extract_mime_type();
    let label = mime.as_ref().and_then(|mime| mime.parameter("charset"));
    label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()))
}

/// A script's text, or why there is none.
///
/// <https://html.spec.whatwg.org/#fetch-a-classic-script> and
/// <https://html.spec.whatwg.org/#fetch-a-single-module-script>
pub(super) async fn load_text(
    user_agent: &UserAgent,
    request: Request,
    (options, timing): (FetchOptions, Option<ResourceTiming>),
    kind: TextKind,
    fallback: Option<&'static encoding_rs::Encoding>,
) -> Result<ScriptText, String> {
    let url = request.current_url().clone();
    let response = user_agent.fetch(request, options).await;
    if let Some(timing) = timing {
        timing.head(&response);
    }
    let muted = matches!(response.r#type, ResponseType::Opaque | ResponseType::OpaqueRedirect);
    if let Some(reason) = response.reason() {
        return Err(reason.to_string());
    }
    // A classic script may come from anywhere: what an opaque response hides from scripts, it still runs.
    let response = response.into_unfiltered();
    if !response.is_ok_status() && !matches!(url.scheme(), "data" | "blob" | "about") {
        return Err(format!("the server answered with status {}", response.status));
    }
    let essence = response.header_list.extract_mime_type().map(|mime| mime.essence().to_owned());
    let is_javascript = essence.as_deref().is_some_and(longhaul::fetch::is_javascript_mime_type_essence);
    match kind {
        TextKind::Module(ModuleType::JavaScript) if !is_javascript => {
            return Err("it is no JavaScript".to_owned());
        }
        TextKind::Module(ModuleType::Json)
            if !response.header_list.extract_mime_type().is_some_and(|mime| mime.is_json()) =>
        {
            return Err("it is no JSON".to_owned());
        }
        TextKind::Module(_) | TextKind::Classic => {}
    }
    let referrer_policy = ReferrerPolicy::from_headers(&response.header_list);
    let answered = response.url().cloned().unwrap_or(url);
    let encoding = match kind {
        TextKind::Module(_) => encoding_rs::UTF_8,
        TextKind::Classic => charset(&response).or(fallback).unwrap_or(encoding_rs::UTF_8),
    };
    let bytes = match response.body {
        Some(body) => body.read_all(Some(SCRIPT_LIMIT)).await.map_err(|error| error.to_string())?,
        None => Bytes::new(),
    };
    let (text, _, _) = encoding.decode(&bytes);
    Ok(ScriptText { text: text.into_owned(), url: answered.into(), muted, referrer_policy })
}

/// What a text is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    /// A classic script.
    Classic,
    /// A module.
    Module(ModuleType),
}

/// A script that came.
#[derive(Clone, Debug)]
pub(super) struct ScriptText {
    pub(super) text: String,
    /// The URL that answered.
    pub(super) url: String,
    /// Whether the page may know nothing of what it throws.
    ///
    /// <https://html.spec.whatwg.org/#muted-errors>
    pub(super) muted: bool,
    /// What its response says of referrers.
    pub(super) referrer_policy: ReferrerPolicy,
}

impl ScriptText {
    /// A text without a response of its own.
    pub(super) fn plain(text: String, url: &str) -> Self {
        Self { text, url: url.to_owned(), muted: false, referrer_policy: ReferrerPolicy::Empty }
    }
}

/// <https://dom.spec.whatwg.org/#concept-event-fire> at an element, of an event that neither bubbles nor can be canceled.
pub(super) fn fire(realm: &dyn Realm, element: &NodeRef, name: &str) {
    let args = vec![Value::Object(object(Arc::clone(element))), Value::String(name.into())];
    if let Err(exception) = realm.core("fireEvent", args) {
        realm.report_exception(exception);
    }
}

pub(super) fn fire_later(realm: &dyn Realm, element: &NodeRef, name: &'static str) {
    let element = Arc::clone(element);
    let fire = move |realm: &dyn Realm| fire(realm, &element, name);
    realm.agent().queue_task(TaskSource::Dom, realm.id(), Box::new(fire));
}

/// Which fetch of an element counts: a later one makes those before it void.
#[derive(Default)]
pub(crate) struct Generation(Mutex<(u64, Option<oneshot::Sender<()>>)>);

impl Generation {
    /// A later one, and what ends when it is not the last any more.
    fn next(&self) -> (u64, oneshot::Receiver<()>) {
        let (sender, superseded) = oneshot::channel();
        let mut state = lock(&self.0);
        state.0 += 1;
        // The one before ends with its sender.
        state.1 = Some(sender);
        (state.0, superseded)
    }

    fn is(&self, generation: u64) -> bool {
        lock(&self.0).0 == generation
    }
}

/// Whether the element has fetched, or tried to.
pub(super) fn has_started(element: &NodeRef) -> bool {
    generation(element).is_some_and(|generation| !generation.is(0))
}

/// What an element fetches now does not count any more.
pub(super) fn supersede(element: &NodeRef) {
    if let Some(generation) = generation(element) {
        drop(generation.next());
    }
}

fn generation(element: &NodeRef) -> Option<&Generation> {
    match &element.element()?.state {
        ElementState::Fetches(generation) => Some(generation),
        ElementState::Image(image) => Some(&image.generation),
        ElementState::Control(control) => Some(&control.generation),
        _ => None,
    }
}

/// Options that leave the fetch in the timeline, once the response's head is given to what comes with them.
pub(super) fn timed(realm: &dyn Realm, request: &Request) -> (FetchOptions, Option<ResourceTiming>) {
    let mut options = FetchOptions::default();
    let initiator = request.initiator_type.as_deref();
    let timing = initiator.and_then(|initiator| ResourceTiming::new(realm, request.current_url(), initiator));
    if let Some(timing) = timing.clone() {
        options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
    }
    (options, timing)
}

/// What counts as success.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Success {
    /// A response of any status.
    Any,
    /// A response with an OK status.
    OkStatus,
    /// An image, by its first bytes.
    Image,
}

/// Fetches for an element and fires `load` or `error` at it. The document's `load` waits where it should.
pub(super) fn start(
    realm: &dyn Realm,
    window: &WindowGlobal,
    element: &NodeRef,
    request: Request,
    success: Success,
    delays_load: bool,
) {
    let Some(generation_of) = generation(element) else { return };
    let (number, superseded) = generation_of.next();
    let Some(document) = element.document() else { return };
    if delays_load {
        loading::block(&document);
    }
    let user_agent = window.scope().user_agent().clone();
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    let element = Arc::clone(element);
    let (options, timing) = timed(realm, &request);
    realm.agent().spawn(Box::pin(async move {
        let fetching = async {
            let response = user_agent.fetch(request, options).await;
            if let Some(timing) = timing {
                timing.head(&response);
            }
            judge(response, success).await
        };
        let outcome = tokio::select! {
            done = fetching => done,
            // A later one counts; this one's body is dropped.
            _ = superseded => None,
        };
        let finish = move |realm: &dyn Realm| {
            if generation(&element).is_some_and(|generation| generation.is(number)) {
                if let Some(ElementState::Image(image)) = element.element().map(|element| &element.state) {
                    image.finished(outcome);
                }
                fire(realm, &element, if outcome.is_some() { "load" } else { "error" });
            }
            if delays_load {
                loading::unblock(realm, &document);
            }
        };
        agent.queue_task(TaskSource::Networking, id, Box::new(finish));
    }));
}

/// A fetch of media: it is ended once its beginning has come, as if what came were enough for now.
pub(super) fn start_media(realm: &dyn Realm, window: &WindowGlobal, element: &NodeRef, request: Request) {
    let Some(generation_of) = generation(element) else { return };
    let (number, superseded) = generation_of.next();
    let user_agent = window.scope().user_agent().clone();
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    let element = Arc::clone(element);
    realm.agent().spawn(Box::pin(async move {
        let good = tokio::select! {
            good = begins_like_media(&user_agent, request) => good,
            // A later one counts.
            _ = superseded => return,
        };
        let finish = move |realm: &dyn Realm| {
            if !generation(&element).is_some_and(|generation| generation.is(number)) {
                return;
            }
            if good {
                fire(realm, &element, "progress");
                fire_later(realm, &element, "loadedmetadata");
                fire_later(realm, &element, "loadeddata");
                fire_later(realm, &element, "canplay");
            } else {
                fire(realm, &element, "error");
            }
        };
        agent.queue_task(TaskSource::Networking, id, Box::new(finish));
    }));
}

/// Whether the bytes that a request leads to begin as media do. What a part leaves out is asked for by its range.
///
/// <https://html.spec.whatwg.org/#concept-media-load-resource>
async fn begins_like_media(user_agent: &UserAgent, request: Request) -> bool {
    let mut beginning: Vec<u8> = Vec::new();
    let mut source = None;
    let mut next = Some(request);
    while let Some(request) = next.take() {
        let mut rest = request.clone_without_body();
        let response = user_agent.fetch(request, FetchOptions::default()).await;
        // Parts of two origins are never put together: how they suit would tell of bytes that are not to be seen.
        let from = (response.r#type, response.url().map(Url::origin));
        if response.is_network_error() || *source.get_or_insert_with(|| from.clone()) != from {
            return false;
        }
        let response = response.into_unfiltered();
        if !response.is_ok_status() {
            return false;
        }
        let before = beginning.len();
        let complete = complete_length(&response, before as u64);
        let Some(body) = response.body else { return false };
        let mut body = body.into_stream();
        loop {
            let header = &beginning[..beginning.len().min(RESOURCE_HEADER_LENGTH)];
            if match_an_audio_or_video_type_pattern(header).is_some() {
                return true;
            }
            if beginning.len() >= RESOURCE_HEADER_LENGTH {
                return false;
            }
            match body.next().await {
                Some(Ok(chunk)) => beginning.extend_from_slice(&chunk),
                Some(Err(_)) => return false,
                None => break,
            }
        }
        let received = beginning.len() as u64;
        if beginning.len() > before && complete.is_some_and(|complete| received < complete) {
            rest.header_list.set("Range", format!("bytes={received}-"));
            rest.no_cors_media_request_state = NoCorsMediaRequestState::Subsequent;
            next = Some(rest);
        }
    }
    false
}

/// How long the whole is that a response has the part of that begins there.
fn complete_length(response: &Response, begins: u64) -> Option<u64> {
    let range = response.header_list.get("Content-Range").filter(|_| response.status == 206)?;
    match parse_content_range(&range) {
        Ok(ContentRange::Range { first, complete_length, .. }) if first == begins => complete_length,
        _ => None,
    }
}

/// Fetches for a document what nobody is told of; its `load` waits.
pub(super) fn start_untold(realm: &dyn Realm, window: &WindowGlobal, document: NodeRef, request: Request) {
    loading::block(&document);
    let user_agent = window.scope().user_agent().clone();
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    let (options, timing) = timed(realm, &request);
    realm.agent().spawn(Box::pin(async move {
        let response = user_agent.fetch(request, options).await;
        if let Some(timing) = timing {
            timing.head(&response);
        }
        judge(response, Success::Any).await;
        let finish = move |realm: &dyn Realm| loading::unblock(realm, &document);
        agent.queue_task(TaskSource::Networking, id, Box::new(finish));
    }));
}

/// Whether a response counts, and the dimensions of an image.
async fn judge(response: Response, success: Success) -> Option<(u32, u32)> {
    if response.is_network_error() {
        return None;
    }
    let response = response.into_unfiltered();
    let ok = response.is_ok_status();
    let mut first = Vec::new();
    if let Some(body) = response.body {
        let mut body = body.into_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.ok()?;
            if first.len() < 4096 {
                first.extend_from_slice(&chunk[..chunk.len().min(4096)]);
            }
        }
    }
    match success {
        Success::Any => Some((0, 0)),
        Success::OkStatus => ok.then_some((0, 0)),
        Success::Image => dimensions(&first),
    }
}

/// What the outermost element of an SVG says in pixels; zero where it leaves that to who draws it.
fn svg_dimensions(text: &str) -> Option<(u32, u32)> {
    let at = text.find("<svg").filter(|_| text.starts_with('<'))?;
    let tag = text[at..].split('>').next().unwrap_or_default();
    let dimension = |name: &str| {
        tag.match_indices(name).find_map(|(at, _)| {
            let is_whole = tag[..at].ends_with(|char: char| char.is_ascii_whitespace());
            let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
            let value = value.strip_prefix(['"', '\''])?;
            let value = value.split(['"', '\'']).next()?.trim();
            let number = value.strip_suffix("px").unwrap_or(value).parse::<f32>().ok()?;
            is_whole.then_some(number.round() as u32)
        })
    };
    Some((dimension("width").unwrap_or(0), dimension("height").unwrap_or(0)))
}

/// The dimensions that an image's header says; none if it is no image.
///
/// <https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern>
fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize| bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let little = |at: usize| bytes.get(at..at + 2).map_or(0, |b| u32::from(u16::from_le_bytes([b[0], b[1]])));
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((big(16), big(20)));
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Some((little(6), little(8)));
    }
    if bytes.starts_with(b"BM") {
        return Some((little(18), little(22)));
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some((little(26) & 0x3fff, little(28) & 0x3fff));
    }
    if bytes.starts_with(&[0, 0, 1, 0]) {
        return Some((bytes.get(6).copied().unwrap_or(0).into(), bytes.get(7).copied().unwrap_or(0).into()));
    }
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        let mut at = 2;
        while let Some(&[0xff, marker, high, low]) =
            bytes.get(at..at + 4).and_then(|b| <&[u8; 4]>::try_from(b).ok())
        {
            if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                let word = |at: usize| {
                    bytes.get(at..at + 2).map_or(0, |b| u32::from(u16::from_be_bytes([b[0], b[1]])))
                };
                return Some((word(at + 7), word(at + 5)));
            }
            at += 2 + usize::from(u16::from_be_bytes([high, low]));
        }
        return Some((0, 0));
    }
    let text = std::str::from_utf8(&bytes[..bytes.len().min(1024)]).unwrap_or_default().trim_start();
    svg_dimensions(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_svg_says_its_dimensions_in_its_first_tag() {
        for (text, wanted) in [
            ("<svg width='96' height=\"48px\">", Some((96, 48))),
            ("<?xml version='1.0'?>\n<svg xmlns='x' height = '7.6'><rect width='5'/></svg>", Some((0, 8))),
            ("<svg stroke-width='3' width='100%'>", Some((0, 0))),
            ("<svg width='-1' height='1e99'", Some((0, u32::MAX))),
            ("no <svg width='1'>", None),
            ("<html>", None),
        ] {
            assert_eq!(svg_dimensions(text), wanted, "{text:?}");
        }
    }
}
