//! Background fetches' attempts, made by the Fetch layer.

use futures::future::BoxFuture;
use longhaul_background_fetch::RecordFetcher;
use longhaul_fetch::{FetchController, FetchOptions, Request, Response, Services};

/// [`RecordFetcher`] by [`longhaul_fetch::fetch`].
pub(crate) struct FetchLayer(pub(crate) Services);

impl RecordFetcher for FetchLayer {
    fn fetch(
        &self,
        request: Request,
        controller: FetchController,
        upload_progress: Box<dyn FnMut(u64) + Send>,
    ) -> BoxFuture<'static, Response> {
        let options = FetchOptions {
            controller,
            process_request_body_chunk_length: Some(upload_progress),
            ..FetchOptions::default()
        };
        longhaul_fetch::fetch(&self.0, request, options)
    }
}
