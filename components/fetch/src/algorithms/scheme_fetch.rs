//! Scheme fetch.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _};
use tokio::io::AsyncReadExt as _;

use super::cors_preflight_fetch::MakeCorsPreflight;
use super::http_fetch::http_fetch;
use crate::NetworkError;
use crate::concepts::body::{Body, BodyError};
use crate::concepts::data_url::data_url_processor;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::mime_sniffing::{RESOURCE_HEADER_LENGTH, computed_mime_type};
use crate::concepts::mime_type::MimeType;
use crate::concepts::range::{RangeWhitespace, build_a_content_range, parse_a_single_range_header_value};
use crate::concepts::request::Request;
use crate::concepts::response::Response;
use crate::services::Services;

/// The size of a file's chunks.
const FILE_CHUNK: usize = 64 * 1024;

/// <https://fetch.spec.whatwg.org/#concept-scheme-fetch>
pub(super) async fn scheme_fetch(params: &mut FetchParams) -> Response {
    // 1. NOTE: a canceled fetch does not get here; whoever polls it has dropped it.
    // 3. By scheme:
    let request = &params.request;
    let scheme = request.current_url().scheme().to_owned();
    let result = match scheme.as_str() {
        "about" => about(request),
        "blob" => blob(&params.services, request),
        "data" => data(request),
        // NOTE: the standard leaves these to the user agent, and a network error is its advice.
        "file" if params.services.fetches_file_urls() => file(request).await,
        "file" => Err(NetworkError::SchemeNotSupported(scheme)),
        "http" | "https" => return http_fetch(params, MakeCorsPreflight::No).await,
        // Others are the embedder's.
        _ => match params.services.scheme_handler(&scheme) {
            Some(handler) => {
                let response = handler.fetch(request);
                return response.await;
            }
            None => Err(NetworkError::SchemeNotSupported(scheme)),
        },
    };
    result.unwrap_or_else(Response::network_error)
}

fn failure(scheme: &str, reason: impl Into<String>) -> NetworkError {
    NetworkError::SchemeFetch { scheme: scheme.to_owned(), reason: reason.into() }
}

fn about(request: &Request) -> Result<Response, NetworkError> {
    if request.current_url().path() != "blank" {
        return Err(failure("about", "only about:blank can be fetched"));
    }
    let mut response = ok();
    response.header_list.append("Content-Type", "text/html;charset=utf-8");
    response.body = Some(Body::from_bytes(Bytes::new()));
    Ok(response)
}

fn data(request: &Request) -> Result<Response, NetworkError> {
    // 1.–2.
    let data_url =
        data_url_processor(request.current_url()).map_err(|error| failure("data", error.to_string()))?;
    // 3.–4.
    let mut response = ok();
    response.header_list.append("Content-Type", data_url.mime_type.to_string());
    response.body = Some(Body::from_bytes(data_url.body));
    Ok(response)
}

/// DEVIATION: the standard says nothing of what a file gives. Its type is told from how it begins.
async fn file(request: &Request) -> Result<Response, NetworkError> {
    if request.method != "GET" {
        return Err(failure("file", "the method is not GET"));
    }
    let path = request.current_url().to_file_path().map_err(|()| failure("file", "it names no file"))?;
    let unreadable = |error: std::io::Error| failure("file", error.kind().to_string());
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let metadata = file.metadata().await.map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(failure("file", "it is no plain file"));
    }
    let mut header = BytesMut::with_capacity(RESOURCE_HEADER_LENGTH);
    while header.len() < RESOURCE_HEADER_LENGTH && file.read_buf(&mut header).await.map_err(unreadable)? > 0 {
    }
    let mut response = ok();
    let supplied = match request.current_url().path().rsplit_once('.').map(|(_, extension)| extension) {
        Some("html" | "htm") => Some("text/html"),
        Some("js" | "mjs") => Some("text/javascript"),
        Some("css") => Some("text/css"),
        Some("json") => Some("application/json"),
        Some("svg") => Some("image/svg+xml"),
        _ => None,
    };
    let supplied = supplied.and_then(|essence| essence.parse::<MimeType>().ok());
    response
        .header_list
        .append("Content-Type", computed_mime_type(supplied.as_ref(), false, false, &header).to_string());
    let rest = stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut chunk = BytesMut::with_capacity(FILE_CHUNK);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk.freeze()), Some(file))),
            Err(error) => Some((Err(BodyError::Source(error.kind().to_string())), None)),
        }
    });
    let first = (!header.is_empty()).then(|| Ok(header.freeze()));
    let body = stream::iter(first).chain(rest).boxed();
    response.body = Some(Body::from_stream(body, None, Some(metadata.len())));
    Ok(response)
}

fn blob(services: &Services, request: &Request) -> Result<Response, NetworkError> {
    // 2. Only with GET.
    if request.method != "GET" {
        return Err(failure("blob", "the method is not GET"));
    }
    // 3.–8. NOTE: whether the request's environment may have it is for the store to say.
    let captured = request.blob_url_entry.as_ref().map(|entry| Arc::clone(&entry.0));
    let blob = captured
        .or_else(|| services.blob_urls().resolve(request.current_url(), request))
        .ok_or_else(|| failure("blob", "no such object"))?;
    // 9.–12.
    let full_length = blob.size();
    let mut response = ok();
    // 13. The whole.
    let Some(range) = request.header_list.get("Range") else {
        response.body =
            Some(Body::from_stream(blob.read(0..full_length).into_boxed(), None, Some(full_length)));
        response.header_list.append("Content-Length", full_length.to_string());
        response.header_list.append("Content-Type", blob.content_type());
        return Ok(response);
    };
    // 14. Or a part: 14.1.–14.5. Which one.
    response.range_requested = true;
    let range = parse_a_single_range_header_value(&range, RangeWhitespace::Allowed)
        .map_err(|_| NetworkError::RangeNotSatisfiable)?;
    let last_byte = full_length.checked_sub(1).ok_or(NetworkError::RangeNotSatisfiable)?;
    let (start, end) = match (range.start, range.end) {
        // NOTE: more than there is means all, as HTTP has it; nothing cannot be given.
        (None, count) => match count.unwrap_or(0) {
            0 => return Err(NetworkError::RangeNotSatisfiable),
            count => (full_length.saturating_sub(count), last_byte),
        },
        (Some(start), _) if start >= full_length => return Err(NetworkError::RangeNotSatisfiable),
        (Some(start), end) => (start, end.unwrap_or(last_byte).min(last_byte)),
    };
    // 14.6.–14.12.
    let length = end - start + 1;
    response.body = Some(Body::from_stream(blob.read(start..end + 1).into_boxed(), None, Some(length)));
    response.status = 206;
    response.status_message = b"Partial Content".to_vec();
    response.header_list.append("Content-Length", length.to_string());
    response.header_list.append("Content-Type", blob.content_type());
    response.header_list.append("Content-Range", build_a_content_range(start, end, full_length));
    Ok(response)
}

fn ok() -> Response {
    let mut response = Response::new();
    response.status_message = b"OK".to_vec();
    response
}
