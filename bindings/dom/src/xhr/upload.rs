//! <https://xhr.spec.whatwg.org/#xmlhttprequestupload>

use longhaul_idl::{XMLHttpRequestEventTargetMethods, XMLHttpRequestUploadMethods};

/// What hears of the request's body.
#[derive(Default)]
pub(super) struct Upload;

longhaul_idl::platform_object!(Upload => longhaul_idl::xml_http_request_upload);

impl XMLHttpRequestEventTargetMethods for Upload {}
impl XMLHttpRequestUploadMethods for Upload {}
