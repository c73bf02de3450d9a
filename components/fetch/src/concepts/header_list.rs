//! Header lists.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::isomorphic::{isomorphic_decode, isomorphic_encode};
use super::mime_type::MimeType;

/// An ordered multimap that keeps the order and the case of names, and any byte a header value may hold.
///
/// Names and values are not checked here: those that come from outside are checked where they come in
/// ([`is_header_name`](crate::is_header_name), [`is_header_value`](crate::is_header_value)).
///
/// <https://fetch.spec.whatwg.org/#concept-header-list>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderList(Vec<Header>);

/// A name and its value.
///
/// <https://fetch.spec.whatwg.org/#concept-header>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name, in the case it was given.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// `Content-Length` held several lengths that differ, or something else than a length.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Content-Length headers contradict each other")]
pub struct ContradictoryLength;

impl HeaderList {
    /// An empty list.
    pub const fn new() -> HeaderList {
        HeaderList(Vec::new())
    }

    /// The number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no header.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers in order, as (name, value).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        self.0.iter().map(|header| (header.name.as_slice(), header.value.as_slice()))
    }

    /// Keeps the headers for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        self.0.retain(|header| keep(&header.name, &header.value));
    }

    fn matching<'list>(&'list self, name: &'list [u8]) -> impl Iterator<Item = &'list Header> + 'list {
        self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
    }

    /// <https://fetch.spec.whatwg.org/#header-list-contains>
    pub fn contains(&self, name: impl AsRef<[u8]>) -> bool {
        self.matching(name.as_ref()).next().is_some()
    }

    /// All values of that name, joined by `, `.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-header-list-get>
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let mut headers = self.matching(name.as_ref());
        let mut combined = headers.next()?.value.clone();
        for header in headers {
            combined.extend_from_slice(b", ");
            combined.extend_from_slice(&header.value);
        }
        Some(combined)
    }

    /// The values of that name, one by one.
    pub fn values<'list>(
        &'list self,
        name: &'list (impl AsRef<[u8]> + ?Sized),
    ) -> impl Iterator<Item = &'list [u8]> {
        self.matching(name.as_ref()).map(|header| header.value.as_slice())
    }

    /// <https://fetch.spec.whatwg.org/#concept-header-list-get-decode-split>
    pub fn get_decode_and_split(&self, name: impl AsRef<[u8]>) -> Option<Vec<String>> {
        self.get(name).map(|value| get_decode_and_split_value(&value))
    }

    /// Adds a header; its name takes the case of the first one of that name.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-header-list-append>
    pub fn append(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        // 1. The case of a name already there is reused.
        let name = self.matching(name.as_ref()).next().map_or(name.as_ref(), |first| &first.name).to_vec();
        // 2. The header goes to the end.
        self.0.push(Header { name, value: value.as_ref().to_vec() });
    }

    /// <https://fetch.spec.whatwg.org/#concept-header-list-delete>
    pub fn delete(&mut self, name: impl AsRef<[u8]>) {
        self.0.retain(|header| !header.name.eq_ignore_ascii_case(name.as_ref()));
    }

    /// <https://fetch.spec.whatwg.org/#concept-header-list-set>
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = name.as_ref();
        let Some(first) = self.0.iter().position(|header| header.name.eq_ignore_ascii_case(name)) else {
            // 2. There is none yet.
            return self.append(name, value);
        };
        // 1. The first takes the value, the others go.
        self.0[first].value = value.as_ref().to_vec();
        let mut index = 0;
        self.0.retain(|header| {
            index += 1;
            index - 1 <= first || !header.name.eq_ignore_ascii_case(name)
        });
    }

    /// <https://fetch.spec.whatwg.org/#concept-header-list-combine>
    pub fn combine(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = name.as_ref();
        match self.0.iter_mut().find(|header| header.name.eq_ignore_ascii_case(name)) {
            // 1. The first one grows.
            Some(first) => {
                first.value.extend_from_slice(b", ");
                first.value.extend_from_slice(value.as_ref());
            }
            // 2. There is none yet.
            None => self.append(name, value),
        }
    }

    /// The list as scripts iterate it: lower-case, sorted, combined, but for `set-cookie`.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-header-list-sort-and-combine>
    pub fn sort_and_combine(&self) -> HeaderList {
        let mut headers = HeaderList::new();
        for name in convert_header_names_to_a_sorted_lowercase_set(self.iter().map(|(name, _)| name)) {
            if name == b"set-cookie" {
                let values = self.values(&name);
                headers.0.extend(values.map(|value| Header { name: name.clone(), value: value.to_vec() }));
            } else if let Some(value) = self.get(&name) {
                headers.0.push(Header { name, value });
            }
        }
        headers
    }

    /// <https://fetch.spec.whatwg.org/#concept-header-extract-mime-type>
    pub fn extract_mime_type(&self) -> Option<MimeType> {
        MimeType::extract(self)
    }

    /// The length that `Content-Length` gives, if it gives one.
    ///
    /// <https://fetch.spec.whatwg.org/#header-list-extract-a-length>
    pub fn extract_length(&self) -> Result<Option<u64>, ContradictoryLength> {
        // 1.–2. No header is no length.
        let Some(values) = self.get_decode_and_split("Content-Length") else { return Ok(None) };
        // 3.–5. All values have to be the same text.
        let mut candidate: Option<String> = None;
        for value in values {
            match &candidate {
                None => candidate = Some(value),
                Some(first) if *first != value => return Err(ContradictoryLength),
                Some(_) => {}
            }
        }
        // 6. Something else than digits is no length.
        let candidate = candidate.unwrap_or_default();
        if candidate.is_empty() || !candidate.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        // 7. The number. DEVIATION: one past what 64 bits hold counts as the largest; no body is that long.
        Ok(Some(candidate.parse().unwrap_or(u64::MAX)))
    }
}

impl<Name: AsRef<[u8]>, Value: AsRef<[u8]>> FromIterator<(Name, Value)> for HeaderList {
    fn from_iter<Pairs: IntoIterator<Item = (Name, Value)>>(pairs: Pairs) -> Self {
        let mut list = HeaderList::new();
        for (name, value) in pairs {
            list.append(name, value);
        }
        list
    }
}

impl fmt::Display for HeaderList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            writeln!(f, "{}: {}", name.escape_ascii(), value.escape_ascii())?;
        }
        Ok(())
    }
}

// Bytes are stored as the string of the same code points, which reads well in every text format.
impl Serialize for HeaderList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.iter().map(|(name, value)| (isomorphic_decode(name), isomorphic_decode(value))))
    }
}

impl<'de> Deserialize<'de> for HeaderList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(String, String)>::deserialize(deserializer)?;
        let mut list = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let encode = |text: &str| {
                isomorphic_encode(text)
                    .ok_or_else(|| serde::de::Error::custom("a header holds a code point past U+00FF"))
            };
            list.push(Header { name: encode(&name)?, value: encode(&value)? });
        }
        Ok(HeaderList(list))
    }
}

/// <https://fetch.spec.whatwg.org/#convert-header-names-to-a-sorted-lowercase-set>
pub fn convert_header_names_to_a_sorted_lowercase_set<'name>(
    names: impl IntoIterator<Item = &'name [u8]>,
) -> Vec<Vec<u8>> {
    let mut set: Vec<Vec<u8>> = names.into_iter().map(<[u8]>::to_ascii_lowercase).collect();
    set.sort();
    set.dedup();
    set
}

/// Splits a value at the commas outside quotes.
///
/// <https://fetch.spec.whatwg.org/#header-value-get-decode-and-split>
pub fn get_decode_and_split_value(value: &[u8]) -> Vec<String> {
    // 1.–4.
    let mut position = 0;
    let mut values = Vec::new();
    // Where the value begins that is collected.
    let mut temporary = 0;
    // 5. Until the end:
    loop {
        // 5.1. Everything up to a quote or a comma,
        while position < value.len() && !matches!(value[position], b'"' | b',') {
            position += 1;
        }
        // 5.2. and, if it was a quote, the quoted string as it stands.
        if position < value.len() && value[position] == b'"' {
            position = end_of_quoted_string(value, position);
            if position < value.len() {
                continue;
            }
        }
        // 5.3.–5.5. One value is complete.
        values.push(isomorphic_decode(trim_tab_or_space(&value[temporary..position])));
        // 5.6.–5.8. The end, or on behind the comma.
        if position >= value.len() {
            return values;
        }
        position += 1;
        temporary = position;
    }
}

/// The index behind the quoted string that begins at `start`; the end of the input if it is never closed.
fn end_of_quoted_string(input: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while position < input.len() {
        match input[position] {
            b'\\' => position = (position + 2).min(input.len()),
            b'"' => return position + 1,
            _ => position += 1,
        }
    }
    input.len()
}

pub(crate) fn trim_tab_or_space(mut bytes: &[u8]) -> &[u8] {
    while let [b'\t' | b' ', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b'\t' | b' '] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(pairs: &[(&str, &str)]) -> HeaderList {
        pairs.iter().copied().collect()
    }

    #[test]
    fn append_reuses_the_case_of_the_first_name() {
        let list = list(&[("X-a", "1"), ("x-A", "2")]);
        assert_eq!(list.iter().map(|(name, _)| name).collect::<Vec<_>>(), [b"X-a", b"X-a"]);
        assert_eq!(list.get("x-a").unwrap(), b"1, 2");
    }

    #[test]
    fn set_replaces_the_first_and_removes_the_others() {
        let mut headers = list(&[("a", "1"), ("b", "2"), ("A", "3"), ("a", "4")]);
        headers.set("A", "9");
        assert_eq!(headers, list(&[("a", "9"), ("b", "2")]));
        headers.set("c", "5");
        assert_eq!(headers.get("C").unwrap(), b"5");
    }

    #[test]
    fn combine_extends_the_first() {
        let mut headers = list(&[("a", "1"), ("a", "2")]);
        headers.combine("A", "3");
        assert_eq!(headers, list(&[("a", "1, 3"), ("a", "2")]));
    }

    #[test]
    fn splitting_follows_the_examples_of_the_standard() {
        let split = |text: &str| get_decode_and_split_value(text.as_bytes());
        assert_eq!(split("nosniff,"), ["nosniff", ""]);
        assert_eq!(split(""), [""]);
        assert_eq!(split("text/html;\", x/x"), ["text/html;\", x/x"]);
        assert_eq!(split("x/x;test=\"hi\",y/y"), ["x/x;test=\"hi\"", "y/y"]);
        assert_eq!(split("x / x,,,1"), ["x / x", "", "", "1"]);
        assert_eq!(split("\"1,2\", 3"), ["\"1,2\"", "3"]);
        assert_eq!(split("\"a\\\",b\",c\\"), ["\"a\\\",b\"", "c\\"]);
        assert_eq!(split("\"a\\"), ["\"a\\"]);
    }

    #[test]
    fn names_are_found_and_deleted_in_any_case() {
        let mut headers = list(&[("X-A", "1"), ("Y", "2"), ("x-a", "3")]);
        assert!(headers.contains("x-A") && !headers.contains("X"));
        assert_eq!(headers.get("X-a").as_deref(), Some(&b"1, 3"[..]));
        assert_eq!(headers.get("Z"), None);
        headers.delete("X-a");
        assert_eq!(headers, list(&[("Y", "2")]));
    }

    #[test]
    fn sorting_combines_all_but_set_cookie() {
        let sorted =
            list(&[("Set-Cookie", "b=1"), ("X", "1"), ("a", "0"), ("set-cookie", "a=2"), ("x", "2")])
                .sort_and_combine();
        assert_eq!(sorted, list(&[("a", "0"), ("set-cookie", "b=1"), ("set-cookie", "a=2"), ("x", "1, 2")]));
    }

    #[test]
    fn lengths_that_differ_contradict_and_no_number_is_no_length() {
        let length =
            |values: &[&str]| values.iter().map(|value| ("content-length", *value)).collect::<HeaderList>();
        assert_eq!(length(&[]).extract_length(), Ok(None));
        assert_eq!(length(&["4", "4"]).extract_length(), Ok(Some(4)));
        assert_eq!(length(&["4,4"]).extract_length(), Ok(Some(4)));
        assert_eq!(length(&["4", "5"]).extract_length(), Err(ContradictoryLength));
        assert_eq!(length(&["04,4"]).extract_length(), Err(ContradictoryLength));
        assert_eq!(length(&["+4"]).extract_length(), Ok(None));
        assert_eq!(length(&["99999999999999999999999"]).extract_length(), Ok(Some(u64::MAX)));
    }

    proptest! {
        #[test]
        fn splitting_never_panics_and_joins_back(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let parts = get_decode_and_split_value(&value);
            prop_assert!(!parts.is_empty());
            let strip = |bytes: &[u8]| {
                bytes.iter().copied().filter(|byte| !matches!(byte, b'\t' | b' ')).collect::<Vec<_>>()
            };
            let joined: Vec<u8> = isomorphic_encode(&parts.join(",")).unwrap();
            prop_assert_eq!(strip(&joined), strip(&value));
        }

        #[test]
        fn lists_survive_serialisation(
            pairs in proptest::collection::vec(("[a-zA-Z-]{1,8}", proptest::collection::vec(1u8.., 0..16)), 0..8)
        ) {
            let list: HeaderList = pairs.into_iter().collect();
            let text = serde_json::to_string(&list).unwrap();
            prop_assert_eq!(serde_json::from_str::<HeaderList>(&text).unwrap(), list);
        }
    }
}
