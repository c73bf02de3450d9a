//! <https://html.spec.whatwg.org/#server-sent-events>

mod event_stream;
mod source;

pub(crate) use source::EventSource;
