//! HTTP-network fetch: the one place where something goes over the wire.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::oneshot;
use futures::stream::{self, BoxStream, StreamExt as _};
use url::Url;

use crate::concepts::body::{Body, BodyError, BodyStream, Content};
use crate::concepts::clear_site_data::clear_site_data_for_response;
use crate::concepts::connection::{
    ConnectionKey, ConnectionScheme, InformationalCallback, WireBody, WireRequest, WireResponse,
};
use crate::concepts::content_coding::{BodySizes, handle_content_codings};
use crate::concepts::cookies::parse_and_store_response_set_cookie_headers;
use crate::concepts::fetch_controller::FetchController;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::fetch_timing_info::coarsen_time;
use crate::concepts::header_list::HeaderList;
use crate::concepts::header_name::{is_header_name, is_header_value, normalize_header_value};
use crate::concepts::hsts::observe_strict_transport_security;
use crate::concepts::ip_address_space::IpAddressSpace;
use crate::concepts::local_network_access::connection_check;
use crate::concepts::network_partition_key::NetworkPartitionKey;
use crate::concepts::origin::Host;
use crate::concepts::request::{Mode, Request, RequestDuplex};
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::response::Response;
use crate::{ChunkLengthCallback, NetworkError};

/// Whether credentials go along and come back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum IncludeCredentials {
    Yes,
    No,
}

/// <https://fetch.spec.whatwg.org/#concept-http-network-fetch>
pub(super) async fn http_network_fetch(
    params: &mut FetchParams,
    request: Request,
    content: Option<Content>,
    length: Option<u64>,
    include_credentials: IncludeCredentials,
) -> Response {
    // 2. There is no network.
    if params.services.is_offline() {
        return Response::network_error(
            NetworkError::Offline.with_request_sent(params.request.redirect_count > 0),
        );
    }
    // 7. A WebSocket's connection is its own. NOTE: WebTransport needs HTTP/3.
    if request.mode == Mode::WebTransport {
        return Response::network_error(NetworkError::SchemeNotSupported(request.mode.to_string()));
    }
    // 5., 7. The connection it may go over.
    let Some(key) = connection_key(&request, include_credentials) else {
        return Response::network_error(NetworkError::SchemeNotSupported(
            request.current_url().scheme().to_owned(),
        ));
    };
    // 8.–9. The request goes out, and its head comes back.
    let mut upload = Upload::new(params.controller.clone());
    let first_interim = Arc::new(Mutex::new(None));
    let wire = wire_request(params, &request, content, length, &mut upload, &first_interim);
    params.observe(FetchEvent::RequestSent {
        method: request.method.as_str(),
        url: request.current_url(),
        headers: &request.header_list,
    });
    params.timing.final_network_request_start_time = params.now();
    let sent = params.services.network().send(wire, key);
    let answer = sent.await;
    params.timing.final_network_response_start_time = params.now();
    if let Some(at) = *first_interim.lock().unwrap_or_else(PoisonError::into_inner) {
        params.timing.first_interim_network_response_start_time = at;
    }
    let wire = match answer {
        Ok(wire) => wire,
        Err(reason) => {
            let reason = upload.failure().unwrap_or(reason);
            // NOTE: a redirect means that the request was sent once, wherever this hop failed.
            let is_sent = reason.request_may_have_been_sent() || params.request.redirect_count > 0;
            return Response::network_error(reason.with_request_sent(is_sent));
        }
    };
    // NOTE: half duplex: the response waits until the request's body has gone out whole, or the server wants no more of it.
    if params.request.duplex == RequestDuplex::Half {
        upload.has_ended().await;
    }
    upload.response_has_come();
    if let Some(reason) = upload.failure() {
        return Response::network_error(reason.with_request_sent(true));
    }
    // 8.4. NOTE: the network obtains the connection and sends the request in one, and says when it began with the second.
    if let Some(at) = wire.request_start_time {
        params.timing.final_network_request_start_time = coarsen_time(at, params.cross_origin_isolated);
    }
    let (default_start, isolated) = (params.timing.post_redirect_start_time, params.cross_origin_isolated);
    params.timing.final_connection_timing_info = Some(wire.timing.clamp_and_coarsen(default_start, isolated));
    let remote = wire.remote;
    // 11.–16. The response. NOTE: its body is decoded behind the HTTP cache, which keeps it as it came.
    params.body_sizes = Arc::new(BodySizes::default());
    let response = response(wire);
    // 17. Cookies come back where they may go out.
    if include_credentials == IncludeCredentials::Yes {
        parse_and_store_response_set_cookie_headers(&request, &response, &params.services);
    }
    params.observe(FetchEvent::ResponseReceived { response: &response, remote });
    observe_strict_transport_security(&request, &response, &params.services);
    if include_credentials == IncludeCredentials::Yes {
        clear_site_data_for_response(&request, &response, &params.services).await;
    }
    // 19.
    response
}

/// <https://fetch.spec.whatwg.org/#concept-connection-obtain>
fn connection_key(request: &Request, include_credentials: IncludeCredentials) -> Option<ConnectionKey> {
    let url = request.current_url();
    let scheme = match url.scheme() {
        "http" => ConnectionScheme::Http,
        "https" => ConnectionScheme::Https,
        _ => return None,
    };
    let host = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Some(ConnectionKey {
        network_partition_key: NetworkPartitionKey::for_request(request).to_shared(),
        scheme,
        host,
        port: url.port_or_known_default()?,
        credentials: include_credentials == IncludeCredentials::Yes,
    })
}

fn wire_request(
    params: &FetchParams,
    request: &Request,
    content: Option<Content>,
    length: Option<u64>,
    upload: &mut Upload,
    first_interim: &Arc<Mutex<Option<Duration>>>,
) -> WireRequest {
    let mut url = request.current_url().clone();
    url.set_fragment(None);
    // NOTE: both fail only for URLs without host, which HTTP's are not.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    // 8.3. DEVIATION: a body that cannot be sent again may go over HTTP/1.x, in chunks: embedders upload so, and what scripts may
    // stream is for `Request`'s constructor to say.
    let (body, on_body_chunk) = wire_body(params, content, length, upload);
    let upgrade = request.mode == Mode::WebSocket;
    WireRequest {
        method: request.method.as_str().to_owned(),
        target: target(&url),
        authority: authority(&url),
        url,
        // NOTE: the network sets `Host`; another one would send the request, and whatever credentials it has, to another site
        // of the same server.
        headers: field_lines(&request.header_list),
        body,
        on_body_chunk,
        on_informational: Some(on_informational(params, Arc::clone(first_interim))),
        new_connection: params.new_connection,
        connection_check: connection_check(request, &params.services),
        priority: request.internal_priority.unwrap_or_default(),
        proxy_credentials: params.services.authentication_entries().for_proxy(request),
        // 8.3.
        body_needs_http2: !params.services.streams_uploads_over_http1()
            && params.request.body.as_ref().is_some_and(|body| body.source().is_none()),
        upgrade,
    }
}

/// The headers as they are sent. NOTE: headers of one name go out as one, with the name as it was first given; as browsers do.
fn field_lines(headers: &HeaderList) -> Vec<(Bytes, Bytes)> {
    let mut lines: Vec<(Bytes, Bytes)> = Vec::with_capacity(headers.iter().count());
    for (name, _) in headers.iter() {
        let is_sent = name.eq_ignore_ascii_case(b"host")
            || lines.iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name));
        if let (false, Some(value)) = (is_sent, headers.get(name)) {
            lines.push((Bytes::copy_from_slice(name), Bytes::from(value)));
        }
    }
    lines
}

fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn authority(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

/// To transmit the request's body.
fn wire_body(
    params: &FetchParams,
    content: Option<Content>,
    length: Option<u64>,
    upload: &mut Upload,
) -> (WireBody, Option<ChunkLengthCallback>) {
    let end_of_body = params.process_request_end_of_body.clone();
    let controller = params.controller.clone();
    let silenced = params.silenced.clone();
    let at_end = move || {
        let callback = end_of_body
            .as_ref()
            .filter(|_| !controller.is_canceled() && !silenced.is_set())
            .and_then(|callback| callback.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(callback) = callback {
            callback();
        }
    };
    let told = params.process_request_body_chunk_length.clone();
    let controller = params.controller.clone();
    let silenced = params.silenced.clone();
    let tell = move |count: u64| {
        if let Some(callback) = &told
            && !controller.is_canceled()
            && !silenced.is_set()
        {
            callback.lock().unwrap_or_else(PoisonError::into_inner)(count);
        }
    };
    let Some(content) = content else {
        at_end();
        return (WireBody::Empty, None);
    };
    // NOTE: the network does not ask a body for more once it has as many bytes as were announced, so that the end of such a
    // body is found by counting.
    let total = match &content {
        Content::Bytes(bytes) => Some(bytes.len() as u64),
        Content::Stream(_) => length,
    };
    if total == Some(0) {
        at_end();
    }
    let at_announced_end = at_end.clone();
    let mut sent = 0;
    let on_chunk = move |count: u64| {
        tell(count);
        sent += count;
        if total.is_some_and(|total| sent >= total) {
            at_announced_end();
        }
    };
    let body = match content {
        Content::Bytes(bytes) => WireBody::Bytes(bytes),
        Content::Stream(stream) => WireBody::Stream { stream: upload.watch(stream, at_end), length },
    };
    (body, Some(Box::new(on_chunk)))
}

fn on_informational(
    params: &FetchParams,
    first_interim: Arc<Mutex<Option<Duration>>>,
) -> InformationalCallback {
    let (services, id, isolated) = (params.services.clone(), params.id, params.cross_origin_isolated);
    let span = params.span.clone();
    let (silenced, controller) = (params.silenced.clone(), params.controller.clone());
    let early_hints = params.process_early_hints_response.clone();
    Box::new(move |status, headers| {
        let now = coarsen_time(services.now(), isolated);
        first_interim.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        span.in_scope(|| services.observer().observe(id, FetchEvent::Informational(status)));
        if status == 103
            && !silenced.is_set()
            && !controller.is_canceled()
            && let Some(callback) = &early_hints
        {
            callback.lock().unwrap_or_else(PoisonError::into_inner)(status, headers);
        }
    })
}

/// A request's body on its way out: remembers why it failed, and ends the fetch if it fails once the response has come.
struct Upload {
    failure: Arc<Mutex<Option<BodyError>>>,
    has_response: Arc<AtomicBool>,
    controller: FetchController,
    /// Ends when nobody asks the body for more.
    end: Option<oneshot::Receiver<()>>,
}

impl Upload {
    fn new(controller: FetchController) -> Upload {
        Upload { failure: Arc::default(), has_response: Arc::default(), controller, end: None }
    }

    fn failure(&self) -> Option<NetworkError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(match failure {
            BodyError::Aborted => NetworkError::Aborted,
            failure => NetworkError::RequestBody(Box::new(failure)),
        })
    }

    fn response_has_come(&self) {
        self.has_response.store(true, Ordering::Release);
    }

    /// Waits until nobody asks the body for more: it has gone out whole, has failed, or is not wanted. Bytes in memory cannot fail.
    async fn has_ended(&mut self) {
        if let Some(end) = self.end.take() {
            // It says so by being dropped.
            let _ = end.await;
        }
    }

    fn watch(
        &mut self,
        stream: BodyStream,
        at_end: impl FnOnce() + Send + 'static,
    ) -> BoxStream<'static, Result<Bytes, BodyError>> {
        let failure = Arc::clone(&self.failure);
        let has_response = Arc::clone(&self.has_response);
        let controller = self.controller.clone();
        let (under_way, end) = oneshot::channel::<()>();
        self.end = Some(end);
        let state = Some((stream, at_end, under_way));
        stream::unfold(state, move |state| {
            let failure = Arc::clone(&failure);
            let has_response = Arc::clone(&has_response);
            let controller = controller.clone();
            async move {
                let (mut stream, at_end, under_way) = state?;
                match stream.next().await {
                    Some(Ok(chunk)) => Some((Ok(chunk), Some((stream, at_end, under_way)))),
                    Some(Err(error)) => {
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                        if has_response.load(Ordering::Acquire) {
                            match error {
                                BodyError::Aborted => controller.abort(None),
                                _ => controller.terminate(),
                            }
                        }
                        Some((Err(error), None))
                    }
                    None => {
                        at_end();
                        None
                    }
                }
            }
        })
        .boxed()
    }
}

fn response(wire: WireResponse) -> Response {
    let mut response = Response::new();
    response.status = wire.status;
    response.status_message = wire.reason.to_vec();
    response.upgraded = wire.upgraded;
    response.ip_address_space = wire.remote.map(|remote| IpAddressSpace::of(remote.ip()));
    for (name, value) in &wire.headers {
        let value = normalize_header_value(value);
        // NOTE: the network hands on nothing else; a header list never holds it in any case.
        if is_header_name(name) && is_header_value(value) {
            response.header_list.append(name, value);
        }
    }
    let stream = BodyStream::new(wire.body.map(|chunk| chunk.map_err(BodyError::from)).boxed());
    response.body = Some(Body::from_stream(stream.into_boxed(), None, None));
    response
}

/// Steps 16.1.1.2 and following: undoes the content codings of a body as it is read.
pub(super) fn decode(params: &FetchParams, response: &mut Response) {
    let sizes = Arc::clone(&params.body_sizes);
    response.body_sizes = Some(Arc::clone(&sizes));
    let headers = &response.header_list;
    response.body = response
        .body
        .take()
        .map(|body| body.map_stream(|stream| handle_content_codings(headers, stream, sizes)));
}
