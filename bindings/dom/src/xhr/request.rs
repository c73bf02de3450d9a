//! What an `XMLHttpRequest` asks for: `open()`, and the request that `send()` makes.

use std::sync::Arc;

use bytes::Bytes;
use longhaul::fetch::{self, CredentialsMode, HeaderList, Method, MimeType, Mode};
use longhaul_idl::runtime::{ByteString, Exception, Realm};
use longhaul_idl::{
    XMLHttpRequestBodyInit, XMLHttpRequestResponseType as ResponseType, XMLHttpRequestSendBody,
};

use super::state::ReadyState;
use super::xml_http_request::{XMLHttpRequest, invalid_state};
use crate::fetch::extract_bytes;

/// What is sent, and its type.
fn extract(body: XMLHttpRequestSendBody) -> Result<(Bytes, Option<String>), Exception> {
    extract_bytes(match body {
        XMLHttpRequestSendBody::Document(document) => {
            let document = document.downcast::<crate::dom::node::Node>();
            let document = document.ok_or_else(|| Exception::type_error("the object is no document"))?;
            let is_html = document.document_data().is_some_and(|data| data.is_html());
            let text = crate::dom::serialize(&document, false, !is_html);
            let r#type = if is_html { "text/html;charset=UTF-8" } else { "application/xml;charset=UTF-8" };
            return Ok((Bytes::from(text), Some(r#type.to_owned())));
        }
        XMLHttpRequestSendBody::Blob(blob) => XMLHttpRequestBodyInit::Blob(blob),
        XMLHttpRequestSendBody::BufferSource(buffer) => XMLHttpRequestBodyInit::BufferSource(buffer),
        XMLHttpRequestSendBody::FormData(form) => XMLHttpRequestBodyInit::FormData(form),
        XMLHttpRequestSendBody::UrlSearchParams(params) => XMLHttpRequestBodyInit::UrlSearchParams(params),
        XMLHttpRequestSendBody::UsvString(text) => XMLHttpRequestBodyInit::UsvString(text),
    })
}

impl XMLHttpRequest {
    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-open>
    pub(super) fn open_request(
        self: &Arc<Self>,
        realm: &dyn Realm,
        method: &ByteString,
        url: &str,
        asynchronous: bool,
        credentials: [Option<String>; 2],
    ) -> Result<(), Exception> {
        let scope = crate::global_scope(realm)?;
        // 2.–4. The method.
        let method =
            Method::new(&method.0).map_err(|_| Exception::dom("SyntaxError", "that is no method"))?;
        if method.is_forbidden() {
            return Err(Exception::dom("SecurityError", "the method is forbidden"));
        }
        let method = method.normalized();
        // 5., 6. The URL.
        let mut url = scope
            .settings()
            .api_base_url
            .join(url)
            .map_err(|_| Exception::dom("SyntaxError", "that is no URL"))?;
        // 8. The author's credentials.
        let [username, password] = credentials;
        if url.host().is_some() {
            if let Some(username) = username {
                // It fails for a URL without a host only.
                let _ = url.set_username(&username);
            }
            if let Some(password) = password {
                let _ = url.set_password(Some(&password));
            }
        }
        let was_opened;
        {
            let mut state = self.state();
            // 9. What a page that blocks cannot have.
            if !asynchronous
                && scope.settings().is_window
                && (state.timeout != 0 || state.response_type != ResponseType::Empty)
            {
                return Err(Exception::dom(
                    "InvalidAccessError",
                    "a synchronous request of a page has no timeout and no response type",
                ));
            }
            // 10. What runs is over.
            if let Some(controller) = state.controller.take() {
                controller.terminate();
            }
            // 11. All begins anew.
            state.generation += 1;
            state.send = false;
            state.upload_listener = false;
            state.kept = None;
            state.method = method;
            state.url = Some(url);
            state.synchronous = !asynchronous;
            state.author_headers = HeaderList::new();
            state.forget_response();
            was_opened = state.ready == ReadyState::Opened;
        }
        // 12.
        if !was_opened {
            self.become_ready(realm, ReadyState::Opened);
        }
        Ok(())
    }

    /// The request that `send()` makes, and the length of its body.
    pub(super) fn request(
        &self,
        realm: &dyn Realm,
        body: Option<XMLHttpRequestSendBody>,
    ) -> Result<fetch::Request, Exception> {
        let settings = crate::global_scope(realm)?.settings().clone();
        let mut state = self.state();
        let url = state.url.clone().ok_or_else(|| invalid_state("the request is not opened"))?;
        // 3. These methods carry no body.
        let body = body.filter(|_| state.method != Method::GET && state.method != Method::HEAD);
        let mut request_body = None;
        // 4. The body and its type.
        if let Some(body) = body {
            // 4.2.–4.3. A document is a text, of its own type.
            let is_text =
                matches!(body, XMLHttpRequestSendBody::Document(_) | XMLHttpRequestSendBody::UsvString(_));
            let (bytes, r#type) = extract(body)?;
            let author = state.author_headers.get("Content-Type");
            match author {
                // 4.4. A text is UTF-8, whatever the author says.
                Some(author) if is_text => {
                    if let Ok(parsed) = MimeType::from_bytes(&author)
                        && parsed
                            .parameter("charset")
                            .is_some_and(|charset| !charset.eq_ignore_ascii_case("UTF-8"))
                    {
                        let corrected = with_utf8(&parsed);
                        state.author_headers.set("Content-Type", corrected.as_bytes());
                    }
                }
                Some(_) => {}
                None => {
                    if let Some(r#type) = r#type {
                        state.author_headers.set("Content-Type", r#type.as_bytes());
                    }
                }
            }
            request_body = Some(fetch::Body::from_bytes(bytes));
        }
        // 6. The request.
        let mut request = fetch::Request::new(url);
        request.method = state.method.clone();
        request.header_list = state.author_headers.clone();
        request.unsafe_request = true;
        request.client = Some(settings);
        request.mode = Mode::Cors;
        request.use_cors_preflight = state.upload_listener;
        request.credentials_mode = if state.cross_origin_credentials {
            CredentialsMode::Include
        } else {
            CredentialsMode::SameOrigin
        };
        request.use_url_credentials = true;
        request.initiator_type = Some("xmlhttprequest".to_owned());
        state.upload_length = request_body.as_ref().and_then(fetch::Body::length).unwrap_or(0);
        state.upload_complete = request_body.is_none();
        request.body = request_body;
        Ok(request)
    }
}

/// A MIME type whose charset is UTF-8.
fn with_utf8(mime_type: &MimeType) -> String {
    let mut text = mime_type.essence().to_owned();
    for (name, value) in mime_type.parameters() {
        let value = if name == "charset" { "UTF-8" } else { value };
        let is_token = !value.is_empty() && value.bytes().all(|byte| fetch::is_token(&[byte]));
        let value = if is_token {
            value.to_owned()
        } else {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        text.push_str(&format!(";{name}={value}"));
    }
    text
}
