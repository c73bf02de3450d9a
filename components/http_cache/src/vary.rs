//! Calculating Cache Keys with the Vary Header Field.

use bytes::Bytes;

use crate::message::Headers;

/// The headers that selected a response: their names in lower case, and what the request had.
pub(crate) type Selecting = Vec<(String, Option<Bytes>)>;

/// A header that no message has: every response depends on it, whatever its `Vary` says.
pub(crate) const CREDENTIALS: &str = ":credentials";

/// What of a request a response depends on.
pub(crate) fn selecting(request: &Headers, response: &Headers) -> Selecting {
    let mut names: Vec<String> = response.list("Vary").map(str::to_ascii_lowercase).collect();
    names.push(CREDENTIALS.to_owned());
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let value = normalized(request, &name);
            (name, value)
        })
        .collect()
}

/// Whether a request would have selected the response.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.1>
pub(crate) fn matches(selecting: &Selecting, request: &Headers) -> bool {
    selecting.iter().all(|(name, value)| name != "*" && normalized(request, name) == *value)
}

/// All lines as one, without whitespace around the members.
fn normalized(headers: &Headers, name: &str) -> Option<Bytes> {
    if !headers.contains(name) {
        return None;
    }
    let mut out = Vec::new();
    for (index, member) in headers
        .all(name)
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .enumerate()
    {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(member);
    }
    Some(out.into())
}
