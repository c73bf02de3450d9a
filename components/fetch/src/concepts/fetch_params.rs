//! Fetch params: what the algorithms hand to each other.

use std::sync::{Arc, Mutex};

use super::content_coding::BodySizes;
use super::fetch_controller::FetchController;
use super::fetch_timing_info::FetchTiming;
use super::request::Request;
use crate::services::Services;
use crate::{ChunkLengthCallback, EndOfBodyCallback, InformationalCallback, TimingCallback};

/// A callback that several hops of one fetch share.
pub(crate) type Shared<Callback> = Arc<Mutex<Callback>>;

/// <https://fetch.spec.whatwg.org/#fetch-params>
pub(crate) struct FetchParams {
    pub(crate) services: Services,
    pub(crate) request: Request,
    pub(crate) controller: FetchController,
    pub(crate) timing: FetchTiming,
    pub(crate) process_request_body_chunk_length: Option<Shared<ChunkLengthCallback>>,
    pub(crate) process_request_end_of_body: Option<Shared<Option<EndOfBodyCallback>>>,
    pub(crate) process_early_hints_response: Option<Shared<InformationalCallback>>,
    pub(crate) process_response_end_of_body: Option<TimingCallback>,
    /// The sizes of the last response's body.
    pub(crate) body_sizes: Arc<BodySizes>,
}

impl FetchParams {
    /// Fetch params without callbacks, such as a preflight's.
    pub(crate) fn new(services: Services, request: Request, controller: FetchController) -> FetchParams {
        FetchParams {
            services,
            request,
            controller,
            timing: FetchTiming::default(),
            process_request_body_chunk_length: None,
            process_request_end_of_body: None,
            process_early_hints_response: None,
            process_response_end_of_body: None,
            body_sizes: Arc::default(),
        }
    }
}
