//! The suite's two files that vendors put their own in place of.

use futures::future::{BoxFuture, FutureExt as _, ready};
use longhaul::fetch::{Body, Request, RequestInterceptor, Response};

/// Answers with our reporting and our automation, whatever server the suite comes from.
pub(super) struct VendorFiles;

const FILES: [(&str, &str); 2] = [
    ("/resources/testharnessreport.js", include_str!("testharnessreport.js")),
    ("/resources/testdriver-vendor.js", include_str!("testdriver-vendor.js")),
];

impl RequestInterceptor for VendorFiles {
    fn potentially_override_response(&self, request: &Request) -> BoxFuture<'static, Option<Response>> {
        let path = request.current_url().path();
        let file = FILES.into_iter().find(|(name, _)| *name == path);
        let response = file.map(|(_, text)| {
            let mut response = Response::new();
            response.header_list.append("Content-Type", "text/javascript; charset=utf-8");
            response.body = Some(Body::from_bytes(text));
            response
        });
        ready(response).boxed()
    }
}
