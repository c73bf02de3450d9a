//! The answer to one request.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, HeaderName,
    HeaderValue, LAST_MODIFIED, LOCATION, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};

use super::conditional::{Condition, evaluate, http_date, range_applies};
use super::range::{self, RangeOutcome};
use super::site::{Content, Entity, Found, Site};

/// A response's body: a stream of chunks.
pub(crate) type ResponseBody = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// How many bytes are read or made at a time.
const CHUNK: u64 = 64 * 1024;

/// Answers a request to the server at `port`.
pub(crate) async fn respond<B>(site: Arc<Site>, port: u16, request: &Request<B>) -> Response<ResponseBody> {
    if let Err(status) = check_host(request, port) {
        return plain(
            status,
            "this server answers for localhost alone",
            HeaderMap::new(),
            Payload::of(request),
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = HeaderMap::from_iter([(ALLOW, HeaderValue::from_static("GET, HEAD"))]);
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD", allow, Payload::Send);
    }
    let path = request.uri().path().to_owned();
    let lookup = path.clone();
    let found = tokio::task::spawn_blocking(move || site.find(&lookup)).await;
    let payload = Payload::of(request);
    match found {
        Ok(Found::Entity(entity)) => entity_response(request.headers(), entity, payload),
        Ok(Found::Folder) => {
            let location = HeaderValue::try_from(format!("{path}/")).ok();
            plain(
                StatusCode::MOVED_PERMANENTLY,
                "",
                location.map(|value| (LOCATION, value)).into_iter().collect(),
                payload,
            )
        }
        Ok(Found::Refused) => plain(StatusCode::FORBIDDEN, "not served", HeaderMap::new(), payload),
        Ok(Found::Missing) => plain(StatusCode::NOT_FOUND, "not found", HeaderMap::new(), payload),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "", HeaderMap::new(), payload),
    }
}

/// Takes an upload where one is wanted, and answers as [`respond`] does otherwise.
pub(crate) async fn respond_to_upload(
    site: Arc<Site>,
    port: u16,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let path = request.uri().path().to_owned();
    let of_lookup = site.clone();
    let found = tokio::task::spawn_blocking(move || of_lookup.find(&path)).await;
    let wanted =
        matches!(&found, Ok(Found::Entity(Entity { content: Content::Generated(file), .. })) if file.uploads);
    if !wanted || check_host(&request, port).is_err() {
        return respond(site, port, &request).await;
    }
    let mut received = 0;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => received += frame.data_ref().map_or(0, Bytes::len),
            // Nobody is there to read the answer.
            Err(_) => return build(StatusCode::BAD_REQUEST, HeaderMap::new(), empty()),
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let text = Bytes::from(format!("{{\"received\":{received}}}"));
    insert(&mut headers, CONTENT_LENGTH, &text.len().to_string());
    let length = text.len() as u64;
    build(StatusCode::CREATED, headers, content(Content::Document(text), 0, length))
}

/// Whether a response's content is sent.
#[derive(Clone, Copy, PartialEq)]
enum Payload {
    Send,
    /// HEAD: the same fields, no content.
    Omit,
}

impl Payload {
    fn of<B>(request: &Request<B>) -> Payload {
        if request.method() == Method::HEAD { Payload::Omit } else { Payload::Send }
    }
}

/// A page of another origin whose name was made to resolve to this machine must not read the folder: the authority has to
/// be one of ours, in the request's target and in its one `Host` field.
fn check_host<B>(request: &Request<B>, port: u16) -> Result<(), StatusCode> {
    let ours = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| match authority.strip_prefix(host) {
            Some("") => port == 80,
            Some(rest) => rest.strip_prefix(':').is_some_and(|text| text.parse() == Ok(port)),
            None => false,
        })
    };
    if request.uri().authority().is_some_and(|authority| !ours(authority.as_str())) {
        return Err(StatusCode::MISDIRECTED_REQUEST);
    }
    let mut fields = request.headers().get_all(HOST).iter();
    match (fields.next(), fields.next()) {
        (Some(host), None) if host.to_str().is_ok_and(ours) => Ok(()),
        (Some(_), None) => Err(StatusCode::MISDIRECTED_REQUEST),
        (None, _) if request.version() == Version::HTTP_10 => Err(StatusCode::MISDIRECTED_REQUEST),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>, then the range.
fn entity_response(headers: &HeaderMap, entity: Entity, payload: Payload) -> Response<ResponseBody> {
    let mut response = HeaderMap::new();
    insert(&mut response, ETAG, &entity.entity_tag);
    if let Some(modified) = entity.last_modified {
        insert(&mut response, LAST_MODIFIED, &http_date(modified));
    }
    response.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // A changed file must be seen by the next run; the validators make asking cheap.
    response.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    match evaluate(headers, &entity.entity_tag, entity.last_modified) {
        Condition::Proceed => {}
        Condition::NotModified => return build(StatusCode::NOT_MODIFIED, response, empty()),
        Condition::Failed => return plain(StatusCode::PRECONDITION_FAILED, "changed", response, payload),
    }
    insert(&mut response, CONTENT_TYPE, &entity.media_type);
    response.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let field = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let field =
        field.filter(|_| range_applies(headers, &entity.entity_tag, entity.last_modified, SystemTime::now()));
    let (status, first, length) = match range::evaluate(field, entity.length) {
        RangeOutcome::Whole => (StatusCode::OK, 0, entity.length),
        RangeOutcome::Part { first, last } => {
            insert(&mut response, CONTENT_RANGE, &format!("bytes {first}-{last}/{}", entity.length));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        RangeOutcome::Unsatisfiable => {
            insert(&mut response, CONTENT_RANGE, &format!("bytes */{}", entity.length));
            return plain(StatusCode::RANGE_NOT_SATISFIABLE, "no such range", response, payload);
        }
    };
    insert(&mut response, CONTENT_LENGTH, &length.to_string());
    let body = match payload {
        Payload::Send => content(entity.content, first, length),
        Payload::Omit => empty(),
    };
    build(status, response, body)
}

/// A few words of text, for people.
fn plain(
    status: StatusCode,
    text: &'static str,
    mut headers: HeaderMap,
    payload: Payload,
) -> Response<ResponseBody> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    insert(&mut headers, CONTENT_LENGTH, &text.len().to_string());
    let body = match payload {
        Payload::Send => {
            content(Content::Document(Bytes::from_static(text.as_bytes())), 0, text.len() as u64)
        }
        Payload::Omit => empty(),
    };
    build(status, headers, body)
}

fn build(status: StatusCode, headers: HeaderMap, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Values are made here or were checked when the manifest was read; one that is none is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn empty() -> ResponseBody {
    StreamBody::new(futures::stream::empty().boxed())
}

/// `length` bytes from `first`, a chunk at a time: the next is made when the last was taken.
fn content(content: Content, first: u64, length: u64) -> ResponseBody {
    let content = Arc::new(content);
    let end = first + length;
    let chunks = futures::stream::try_unfold(first, move |position| {
        let content = content.clone();
        async move {
            let count = CHUNK.min(end - position);
            if count == 0 {
                return Ok(None);
            }
            let chunk = match &*content {
                Content::Document(bytes) => bytes.slice(position as usize..(position + count) as usize),
                Content::Generated(file) => {
                    let mut buffer = vec![0; count as usize];
                    file.fill(position, &mut buffer);
                    Bytes::from(buffer)
                }
                Content::File(file) => {
                    let file = file.clone();
                    let read = move || {
                        let mut buffer = vec![0; count as usize];
                        // A file cut short meanwhile ends the response early, which the length in the head betrays.
                        file.read_exact_at(&mut buffer, position).map(|()| Bytes::from(buffer))
                    };
                    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??
                }
            };
            Ok(Some((Frame::data(chunk), position + count)))
        }
    });
    StreamBody::new(chunks.boxed())
}
