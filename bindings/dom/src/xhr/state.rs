//! What an `XMLHttpRequest` remembers.

use std::time::Instant;

use bytes::BytesMut;
use longhaul::fetch::{FetchController, HeaderList, Method, MimeType, Response};
use longhaul_idl::XMLHttpRequestResponseType as ResponseType;
use longhaul_idl::runtime::{Held, ObjectRef};
use url::Url;

/// <https://xhr.spec.whatwg.org/#xmlhttprequest-state>
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReadyState {
    Unsent,
    Opened,
    HeadersReceived,
    Loading,
    Done,
}

/// What came before the body.
#[derive(Clone, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) status_message: Vec<u8>,
    pub(super) headers: HeaderList,
    pub(super) url: Option<Url>,
    pub(super) has_body: bool,
}

pub(super) struct State {
    pub(super) ready: ReadyState,
    pub(super) send: bool,
    pub(super) upload_listener: bool,
    pub(super) upload_complete: bool,
    pub(super) method: Method,
    pub(super) url: Option<Url>,
    pub(super) author_headers: HeaderList,
    pub(super) timeout: u32,
    pub(super) cross_origin_credentials: bool,
    pub(super) synchronous: bool,
    pub(super) override_mime_type: Option<MimeType>,
    pub(super) response_type: ResponseType,
    /// `None` is a network error.
    pub(super) head: Option<Head>,
    pub(super) received: BytesMut,
    pub(super) response_object: Option<Option<Held>>,
    /// The document that it is, once script has asked for it.
    pub(super) response_document: Option<Option<ObjectRef>>,
    pub(super) controller: Option<FetchController>,
    /// Which fetch is meant: what belongs to an earlier one is passed over.
    pub(super) generation: u64,
    /// Keeps the wrapper, whose listeners wait.
    pub(super) kept: Option<Held>,
    pub(super) started: Instant,
    pub(super) last_progress: Option<Instant>,
    pub(super) uploaded: u64,
    pub(super) upload_length: u64,
}

impl State {
    /// Of a new object.
    pub(super) fn new() -> Self {
        Self {
            ready: ReadyState::Unsent,
            send: false,
            upload_listener: false,
            upload_complete: true,
            method: Method::GET,
            url: None,
            author_headers: HeaderList::new(),
            timeout: 0,
            cross_origin_credentials: false,
            synchronous: false,
            override_mime_type: None,
            response_type: ResponseType::Empty,
            head: None,
            received: BytesMut::new(),
            response_object: None,
            response_document: None,
            controller: None,
            generation: 0,
            kept: None,
            started: Instant::now(),
            last_progress: None,
            uploaded: 0,
            upload_length: 0,
        }
    }

    /// Sets the response to a network error.
    pub(super) fn forget_response(&mut self) {
        self.head = None;
        self.received = BytesMut::new();
        self.response_object = None;
        self.response_document = None;
    }
}

impl Head {
    /// What this response tells; nothing of a network error.
    pub(super) fn of(response: &Response, has_body: bool) -> Option<Head> {
        if response.is_network_error() {
            return None;
        }
        Some(Head {
            status: response.status,
            status_message: response.status_message.clone(),
            headers: response.header_list.clone(),
            url: response.url().cloned(),
            has_body,
        })
    }

    /// What its `Content-Length` says of its body; 0 if nothing does.
    pub(super) fn length(&self) -> u64 {
        self.headers.extract_length().ok().flatten().unwrap_or(0)
    }
}
