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

/// How fine a time may be told.
const RESOLUTION: u128 = 100_000;

/// How fine it may be told where nothing of another origin shares the process.
const ISOLATED_RESOLUTION: u128 = 5_000;

/// <https://w3c.github.io/hr-time/#dfn-coarsen-time>
pub fn coarsen_time(time: Duration, cross_origin_isolated: bool) -> Duration {
    let resolution = if cross_origin_isolated { ISOLATED_RESOLUTION } else { RESOLUTION };
    let whole = time.as_nanos() / resolution * resolution;
    Duration::from_nanos(u64::try_from(whole).unwrap_or(u64::MAX))
}

impl ConnectionTiming {
    /// What of it may be known: a connection that was there before tells nothing of when it was made.
    ///
    /// <https://fetch.spec.whatwg.org/#clamp-and-coarsen-connection-timing-info>
    #[must_use]
    pub fn clamp_and_coarsen(
        &self,
        default_start_time: Duration,
        cross_origin_isolated: bool,
    ) -> ConnectionTiming {
        // 1.
        if self.connection_start_time < default_start_time {
            return ConnectionTiming {
                domain_lookup_start_time: default_start_time,
                domain_lookup_end_time: default_start_time,
                connection_start_time: default_start_time,
                connection_end_time: default_start_time,
                secure_connection_start_time: default_start_time,
                alpn_negotiated_protocol: self.alpn_negotiated_protocol.clone(),
            };
        }
        // 2. NOTE: the standard's secure connection start time is the connection's end time there, which is an oversight.
        let coarsen = |time| coarsen_time(time, cross_origin_isolated);
        ConnectionTiming {
            domain_lookup_start_time: coarsen(self.domain_lookup_start_time),
            domain_lookup_end_time: coarsen(self.domain_lookup_end_time),
            connection_start_time: coarsen(self.connection_start_time),
            connection_end_time: coarsen(self.connection_end_time),
            secure_connection_start_time: coarsen(self.secure_connection_start_time),
            alpn_negotiated_protocol: self.alpn_negotiated_protocol.clone(),
        }
    }
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
    fn connections_tell_little_of_when_they_were_made() {
        let at = Duration::from_micros;
        let timing = ConnectionTiming {
            connection_start_time: at(1_234),
            connection_end_time: at(5_678),
            alpn_negotiated_protocol: "h2".into(),
            ..ConnectionTiming::default()
        };
        let old = timing.clamp_and_coarsen(at(2_000), false);
        assert_eq!((old.connection_end_time, old.alpn_negotiated_protocol.as_str()), (at(2_000), "h2"));
        let new = timing.clamp_and_coarsen(at(1_000), false);
        assert_eq!((new.connection_start_time, new.connection_end_time), (at(1_200), at(5_600)));
        assert_eq!(timing.clamp_and_coarsen(at(1_000), true).connection_end_time, at(5_675));
    }

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
