//! Fetch timing infos. Times are instants of the services' monotonic clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// <https://fetch.spec.whatwg.org/#fetch-timing-info>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchTiming {
    /// When the fetch began.
    pub start_time: Duration,
    /// When the first redirect's fetch began.
    pub redirect_start_time: Duration,
    /// When the last redirect's response had come.
    pub redirect_end_time: Duration,
    /// When the fetch behind the last redirect began.
    pub post_redirect_start_time: Duration,
    /// When a service worker was asked.
    pub final_service_worker_start_time: Duration,
    /// When the request went out.
    pub final_network_request_start_time: Duration,
    /// When the first informational response came.
    pub first_interim_network_response_start_time: Duration,
    /// When the response's head came.
    pub final_network_response_start_time: Duration,
    /// When the body had ended.
    pub end_time: Duration,
    /// The connection's own times.
    pub final_connection_timing_info: Option<ConnectionTiming>,
    /// The values of `Server-Timing`.
    pub server_timing_headers: Vec<String>,
    /// Whether rendering waits for it.
    pub render_blocking: bool,
    /// Bytes of the body as they came.
    pub encoded_body_size: u64,
    /// Bytes of the body behind its content codings.
    pub decoded_body_size: u64,
}

/// <https://fetch.spec.whatwg.org/#connection-timing-info>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTiming {
    /// When the name lookup began.
    pub domain_lookup_start_time: Duration,
    /// When it ended.
    pub domain_lookup_end_time: Duration,
    /// When connecting began.
    pub connection_start_time: Duration,
    /// When the connection could be used.
    pub connection_end_time: Duration,
    /// When its TLS handshake began.
    pub secure_connection_start_time: Duration,
    /// The protocol's ALPN name, such as `h2`.
    pub alpn_negotiated_protocol: String,
}

impl FetchTiming {
    /// What of it may be known to those that the resource does not trust.
    ///
    /// <https://fetch.spec.whatwg.org/#create-an-opaque-timing-info>
    #[must_use]
    pub fn opaque(&self) -> FetchTiming {
        FetchTiming {
            start_time: self.start_time,
            post_redirect_start_time: self.start_time,
            ..FetchTiming::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_timing_keeps_the_start_alone() {
        let timing = FetchTiming {
            start_time: Duration::from_millis(5),
            end_time: Duration::from_millis(9),
            encoded_body_size: 3,
            ..FetchTiming::default()
        };
        let opaque = timing.opaque();
        assert_eq!(
            (opaque.start_time, opaque.post_redirect_start_time),
            (timing.start_time, timing.start_time)
        );
        assert_eq!((opaque.end_time, opaque.encoded_body_size), (Duration::ZERO, 0));
    }
}
