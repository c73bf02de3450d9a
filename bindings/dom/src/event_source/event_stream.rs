//! <https://html.spec.whatwg.org/#event-stream-interpretation>, without any input or output.

use std::time::Duration;

/// The longest line, and the longest data of one event. A stream that goes past it is no event stream.
const LONGEST: usize = 16 << 20;

/// An event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamEvent {
    pub(super) r#type: String,
    pub(super) data: String,
    pub(super) last_event_id: String,
}

/// A line, or what an event has gathered, is too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes the bytes of one connection and gives its events.
#[derive(Default)]
pub(super) struct EventStream {
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, whose line feed belongs to it.
    after_return: bool,
    /// Whether the first line, which may begin with a byte order mark, has come.
    begun: bool,
    data: String,
    has_data: bool,
    event_type: String,
    id: String,
    /// The last event ID, from connection to connection.
    pub(super) last_event_id: String,
    /// The reconnection time, once the stream has set it.
    pub(super) reconnection_time: Option<Duration>,
}

impl EventStream {
    /// A connection's stream, which goes on with an earlier one's ID.
    pub(super) fn new(last_event_id: String) -> Self {
        Self { id: last_event_id.clone(), last_event_id, ..Self::default() }
    }

    /// Takes bytes and gives the events they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<StreamEvent>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    let line =
                        if self.begun { &line } else { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line) };
                    self.begun = true;
                    events.extend(self.process(&String::from_utf8_lossy(line))?);
                }
                byte => {
                    self.after_return = false;
                    if self.line.len() >= LONGEST {
                        return Err(TooLong);
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok(events)
    }

    fn process(&mut self, line: &str) -> Result<Option<StreamEvent>, TooLong> {
        // An empty line ends the event.
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = match line.split_once(':') {
            // A comment.
            Some(("", _)) => return Ok(None),
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "event" => value.clone_into(&mut self.event_type),
            "data" => {
                if value.len() >= LONGEST - self.data.len().min(LONGEST) {
                    return Err(TooLong);
                }
                self.data.push_str(value);
                self.data.push('\n');
                self.has_data = true;
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.reconnection_time = Some(Duration::from_millis(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        Ok(None)
    }

    /// <https://html.spec.whatwg.org/#dispatchMessage>
    fn dispatch(&mut self) -> Option<StreamEvent> {
        // 1.
        self.last_event_id.clone_from(&self.id);
        let r#type = std::mem::take(&mut self.event_type);
        let mut data = std::mem::take(&mut self.data);
        // 2. Without data there is no event.
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        // 3. The last line feed goes.
        data.pop();
        let r#type = if r#type.is_empty() { "message".to_owned() } else { r#type };
        Some(StreamEvent { r#type, data, last_event_id: self.last_event_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(r#type: &str, data: &str, id: &str) -> StreamEvent {
        StreamEvent { r#type: r#type.into(), data: data.into(), last_event_id: id.into() }
    }

    #[test]
    fn fields_lines_and_ends() {
        let mut stream = EventStream::default();
        let text = "\u{FEFF}data: one\rdata:two\r\n\r\n: comment\nevent: x\ndata\n\nid: 7\ndata:  spaced\n\nretry: 1500\nretry: 1x\nid\ndata: last\n\nevent: never\n\n";
        let expected = vec![
            event("message", "one\ntwo", ""),
            event("x", "", ""),
            event("message", " spaced", "7"),
            event("message", "last", ""),
        ];
        assert_eq!(stream.push(text.as_bytes()).unwrap(), expected);
        assert_eq!(stream.reconnection_time, Some(Duration::from_millis(1500)));
        // What is not ended is no event.
        assert_eq!(stream.push(b"data: open").unwrap(), []);
    }

    #[test]
    fn every_cut_gives_the_same_events() {
        let text = "id: a\u{E9}\r\ndata: \u{1F600}\r\n\r\ndata: b\n\n".as_bytes();
        let whole = EventStream::default().push(text).unwrap();
        assert_eq!(whole, [event("message", "\u{1F600}", "a\u{E9}"), event("message", "b", "a\u{E9}")]);
        for cut in 0..=text.len() {
            let mut stream = EventStream::default();
            let mut events = stream.push(&text[..cut]).unwrap();
            events.extend(stream.push(&text[cut..]).unwrap());
            assert_eq!(events, whole, "cut at {cut}");
        }
    }

    #[test]
    fn endless_lines_and_endless_events_are_refused() {
        let piece = vec![b'x'; 1 << 20];
        let mut stream = EventStream::default();
        let line = (0..=LONGEST >> 20).try_for_each(|_| stream.push(&piece).map(drop));
        assert_eq!(line, Err(TooLong));
        let mut stream = EventStream::default();
        let mut line = b"data:".to_vec();
        line.extend_from_slice(&piece);
        line.push(b'\n');
        let event = (0..=LONGEST >> 20).try_for_each(|_| stream.push(&line).map(drop));
        assert_eq!(event, Err(TooLong));
    }
}
