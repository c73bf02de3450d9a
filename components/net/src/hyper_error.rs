//! hyper's and h2's faults by our names.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ProtocolError, Sent};
use crate::tls::late_refusal;

fn cause<E: StdError + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

fn is_reset(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}

fn describe(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The fault that kept a response's head from coming.
pub(crate) fn head_error(error: &hyper::Error) -> Error {
    if error.is_canceled() {
        return Error::ClosedBeforeResponse { sent: Sent::No };
    }
    if error.is_incomplete_message() {
        return Error::ClosedBeforeResponse { sent: Sent::Possibly };
    }
    if error.is_parse_too_large() {
        return Error::Protocol(ProtocolError::HeadersTooLarge);
    }
    if error.is_parse() {
        return Error::Protocol(ProtocolError::MalformedHead(error.to_string()));
    }
    // The only clock that hyper watches is the one of its pings.
    if error.is_timeout() {
        return Error::ResponseTimeout;
    }
    if let Some(error) = cause::<h2::Error>(error) {
        return http2_head_error(error);
    }
    if let Some(error) = cause::<io::Error>(error) {
        return io_error(error, Error::ClosedBeforeResponse { sent: Sent::Possibly });
    }
    if error.is_closed() {
        return Error::ClosedBeforeResponse { sent: Sent::Possibly };
    }
    Error::Protocol(ProtocolError::Other(describe(error)))
}

fn http2_head_error(error: &h2::Error) -> Error {
    match error.reason() {
        // The whole connection is gone, and not just the stream.
        _ if error.is_io() => {
            let closed = Error::ClosedBeforeResponse { sent: Sent::Possibly };
            error.get_io().and_then(late_refusal).map_or(closed, Error::Tls)
        }
        // The server says that it did nothing with the stream.
        Some(h2::Reason::REFUSED_STREAM) if error.is_remote() => {
            Error::ClosedBeforeResponse { sent: Sent::No }
        }
        // h2 gives a stream the server's GOAWAY only when its number is beyond the last one that the server looked at.
        _ if error.is_go_away() && error.is_remote() => Error::ClosedBeforeResponse { sent: Sent::No },
        _ => http2_stream_error(error),
    }
}

fn http2_stream_error(error: &h2::Error) -> Error {
    match error.reason() {
        Some(_) if error.is_remote() => Error::Reset { sent: Sent::Possibly },
        Some(reason) => Error::Protocol(ProtocolError::Http2(reason.description().to_owned())),
        None => Error::Protocol(ProtocolError::Http2(error.to_string())),
    }
}

fn io_error(error: &io::Error, closed: Error) -> Error {
    if let Some(refusal) = late_refusal(error) {
        return Error::Tls(refusal);
    }
    match error.kind() {
        kind if is_reset(kind) => Error::Reset { sent: Sent::Possibly },
        io::ErrorKind::UnexpectedEof => closed,
        io::ErrorKind::TimedOut => Error::ResponseTimeout,
        _ => Error::Protocol(ProtocolError::Other(error.to_string())),
    }
}

/// The fault that ended a response's body.
pub(crate) fn body_error(error: &hyper::Error, expected: Option<u64>, received: u64) -> Error {
    let truncated = Error::Truncated { expected, received };
    if let Some(error) = cause::<h2::Error>(error) {
        return match error.get_io() {
            Some(io) => io_error(io, truncated),
            // h2 compares lengths by itself and calls a body that is too short a violation.
            None if error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
                && !error.is_remote()
                && expected.is_some_and(|expected| received < expected) =>
            {
                truncated
            }
            None => http2_stream_error(error),
        };
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return truncated;
    }
    match cause::<io::Error>(error) {
        // hyper's decoders use these kinds for an end in the middle and for framing that is wrong.
        Some(io) if io.kind() == io::ErrorKind::InvalidData || io.kind() == io::ErrorKind::InvalidInput => {
            Error::Protocol(ProtocolError::MalformedBody(io.to_string()))
        }
        Some(io) => io_error(io, truncated),
        None => Error::Protocol(ProtocolError::MalformedBody(describe(error))),
    }
}
