//! A stored response: what is known of it, and where its bytes are.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut, Bytes};
use url::Url;

use crate::freshness::{Freshness, http_date};
use crate::message::{Headers, RequestHead, ResponseHead};
use crate::vary::Selecting;

/// What responses are found by: the partition, and the URL in two parts.
///
/// Only answers to GET are stored, so that the method needs no place in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) partition: String,
    /// The URL up to its query.
    pub(crate) resource: String,
    /// The query with its `?`, or nothing.
    pub(crate) query: String,
}

impl Key {
    pub(crate) fn new(partition: &str, url: &Url) -> Key {
        let text = url.as_str();
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let at = text.find('?').unwrap_or(text.len());
        let (resource, query) = text.split_at(at);
        Key { partition: partition.to_owned(), resource: resource.to_owned(), query: query.to_owned() }
    }

    pub(crate) fn of(request: &RequestHead) -> Key {
        Key::new(&request.partition, &request.url)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.resource, self.query)
    }

    /// The query without its `?`.
    pub(crate) fn search(&self) -> &str {
        self.query.strip_prefix('?').unwrap_or_default()
    }
}

/// A run of a representation's bytes, in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The file's name.
    pub(crate) file: u128,
    /// Which of the representation's bytes is the first.
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// One for each block of the file.
    pub(crate) checksums: Vec<u32>,
}

impl Part {
    pub(crate) fn range(&self) -> Range<u64> {
        self.start..self.start + self.length
    }
}

/// A response as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) key: Key,
    pub(crate) selecting: Selecting,
    /// Its status is 200 where only parts are there.
    pub(crate) head: ResponseHead,
    pub(crate) request_time: SystemTime,
    pub(crate) freshness: Freshness,
    /// How long the representation is, if that is known.
    pub(crate) length: Option<u64>,
    /// In the order of their starts.
    pub(crate) parts: Vec<Part>,
}

impl Stored {
    pub(crate) fn new(
        id: i64,
        key: Key,
        selecting: Selecting,
        head: ResponseHead,
        request_time: SystemTime,
        response_time: SystemTime,
    ) -> Stored {
        let freshness = Freshness::of(&head, request_time, response_time);
        Stored { id, key, selecting, head, request_time, freshness, length: None, parts: Vec::new() }
    }

    /// The same with another head, which came now.
    pub(crate) fn with_head(
        &self,
        head: ResponseHead,
        request_time: SystemTime,
        response_time: SystemTime,
    ) -> Stored {
        let freshness = Freshness::of(&head, request_time, response_time);
        Stored { head, request_time, freshness, ..self.clone() }
    }

    /// Whether all of the representation is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.length.is_some_and(|length| self.holds(&(0..length)))
    }

    /// Whether all of these bytes are there.
    pub(crate) fn holds(&self, range: &Range<u64>) -> bool {
        let mut position = range.start;
        while position < range.end {
            match self.part_at(position) {
                Some(part) => position = part.range().end,
                None => return false,
            }
        }
        true
    }

    /// The part that goes farthest from a byte on.
    pub(crate) fn part_at(&self, position: u64) -> Option<&Part> {
        self.parts.iter().filter(|part| part.range().contains(&position)).max_by_key(|part| part.range().end)
    }

    /// How many bytes are there from the beginning on.
    pub(crate) fn prefix(&self) -> u64 {
        let mut position = 0;
        while let Some(part) = self.part_at(position) {
            position = part.range().end;
        }
        position
    }

    /// The moment by which the latest of several is told.
    pub(crate) fn date(&self) -> (SystemTime, SystemTime) {
        let date = http_date(&self.head.headers, "Date").unwrap_or(self.freshness.response_time);
        (date, self.freshness.response_time)
    }

    /// How many bytes it takes, with what is known of it.
    pub(crate) fn cost(&self) -> u64 {
        let bodies: u64 = self.parts.iter().map(|part| part.length).sum();
        bodies + self.overhead() as u64
    }

    /// How many bytes of memory it takes without its body.
    pub(crate) fn overhead(&self) -> usize {
        let selecting: usize = self
            .selecting
            .iter()
            .map(|(name, value)| name.len() + value.as_ref().map_or(0, Bytes::len) + 48)
            .sum();
        let blocks: usize = self.parts.iter().map(|part| part.checksums.len() * 4 + 64).sum();
        512 + self.head.headers.size()
            + selecting
            + blocks
            + 2 * self.key.url().len()
            + self.key.partition.len()
    }

    /// What is stored beside the key.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.overhead());
        out.put_u8(FORMAT);
        out.put_u16(self.head.status);
        put_bytes(&mut out, &self.head.reason);
        put_headers(&mut out, &self.head.headers);
        put_length(&mut out, self.selecting.len());
        for (name, value) in &self.selecting {
            put_bytes(&mut out, name.as_bytes());
            out.put_u8(value.is_some().into());
            put_bytes(&mut out, value.as_deref().unwrap_or_default());
        }
        out.put_u64(to_millis(self.request_time));
        out.put_u64(to_millis(self.freshness.response_time));
        out.put_u8(self.length.is_some().into());
        out.put_u64(self.length.unwrap_or_default());
        put_length(&mut out, self.parts.len());
        for part in &self.parts {
            out.put_u128(part.file);
            out.put_u64(part.start);
            out.put_u64(part.length);
            put_length(&mut out, part.checksums.len());
            for checksum in &part.checksums {
                out.put_u32(*checksum);
            }
        }
        out
    }

    /// None if it was not written by this version.
    pub(crate) fn decode(id: i64, key: Key, bytes: &[u8]) -> Option<Stored> {
        let mut bytes = Bytes::copy_from_slice(bytes);
        let from = &mut bytes;
        if from.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let status = from.try_get_u16().ok()?;
        let reason = get_bytes(from)?;
        let headers = get_headers(from)?;
        let mut selecting = Vec::new();
        for _ in 0..get_length(from)? {
            let name = String::from_utf8(get_bytes(from)?.to_vec()).ok()?;
            let is_there = from.try_get_u8().ok()? == 1;
            let value = get_bytes(from)?;
            selecting.push((name, is_there.then_some(value)));
        }
        let request_time = from_millis(from.try_get_u64().ok()?);
        let response_time = from_millis(from.try_get_u64().ok()?);
        let has_length = from.try_get_u8().ok()? == 1;
        let length = from.try_get_u64().ok()?;
        let mut parts = Vec::new();
        for _ in 0..get_length(from)? {
            let (file, start, length) =
                (from.try_get_u128().ok()?, from.try_get_u64().ok()?, from.try_get_u64().ok()?);
            let mut checksums = Vec::new();
            for _ in 0..get_length(from)? {
                checksums.push(from.try_get_u32().ok()?);
            }
            start.checked_add(length)?;
            parts.push(Part { file, start, length, checksums });
        }
        let head = ResponseHead { status, reason, headers };
        let mut stored = Stored::new(id, key, selecting, head, request_time, response_time);
        stored.length = has_length.then_some(length);
        stored.parts = parts;
        Some(stored)
    }
}

/// Changes when the encoding does; what has another is forgotten.
const FORMAT: u8 = 1;

fn put_length(out: &mut Vec<u8>, length: usize) {
    // What does not fit makes the rest unreadable, and so a miss.
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.put_slice(bytes);
}

fn put_headers(out: &mut Vec<u8>, headers: &Headers) {
    put_length(out, headers.iter().count());
    for (name, value) in headers.iter() {
        put_bytes(out, name);
        put_bytes(out, value);
    }
}

fn get_length(from: &mut Bytes) -> Option<usize> {
    let length = from.try_get_u32().ok()? as usize;
    // Nothing takes less than a byte.
    (length <= from.len() || length == 0).then_some(length)
}

fn get_bytes(from: &mut Bytes) -> Option<Bytes> {
    let length = get_length(from)?;
    (length <= from.len()).then(|| from.split_to(length))
}

fn get_headers(from: &mut Bytes) -> Option<Headers> {
    let mut headers = Headers::new();
    for _ in 0..get_length(from)? {
        let name = get_bytes(from)?;
        headers.append(name, get_bytes(from)?);
    }
    Some(headers)
}

fn to_millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX / 4))
}

fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.min(u64::MAX / 4))
}

/// A moment as it is after it was stored.
pub(crate) fn in_millis(time: SystemTime) -> SystemTime {
    from_millis(to_millis(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back_and_nonsense_does_not() {
        let key = Key::new("p", &"https://a.example/x?y#z".parse().unwrap());
        assert_eq!(
            (key.resource.as_str(), key.query.as_str(), key.search()),
            ("https://a.example/x", "?y", "y")
        );
        let head = ResponseHead {
            status: 200,
            reason: "OK".into(),
            headers: [("A", "b"), ("Cache-Control", "max-age=5")].into_iter().collect(),
        };
        let now = in_millis(SystemTime::now());
        let selecting = vec![("x".to_owned(), None), ("y".to_owned(), Some("1".into()))];
        let mut stored = Stored::new(7, key.clone(), selecting, head, now, now);
        stored.length = Some(10);
        stored.parts = vec![
            Part { file: 1 << 100, start: 0, length: 4, checksums: vec![5] },
            Part { file: 2, start: 2, length: 6, checksums: vec![6, 7] },
        ];
        let bytes = stored.encode();
        assert_eq!(Stored::decode(7, key.clone(), &bytes), Some(stored.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(Stored::decode(7, key.clone(), &bytes[..cut]), None);
        }
        assert!(stored.holds(&(1..8)) && !stored.holds(&(1..9)) && !stored.is_complete());
        assert_eq!(stored.prefix(), 8);
    }
}
