//! Requests and responses, as far as a cache looks at them.

use bytes::Bytes;
use url::Url;

/// Headers in their order. Names are compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Bytes, Bytes)>);

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// All headers.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The values of each line with that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The first value with that name, as text.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next().and_then(|value| str::from_utf8(value).ok()).map(str::trim)
    }

    /// Whether there is one with that name.
    pub fn contains(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Adds a line.
    pub fn append(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push((name.into(), value.into()));
    }

    /// Puts one line in the place of all with that name.
    pub fn set(&mut self, name: &'static str, value: impl Into<Bytes>) {
        self.remove(name);
        self.append(name, value);
    }

    /// Removes all lines with that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_bytes()));
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Bytes) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// The members of a comma-separated list, over all lines.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name)
            .filter_map(|value| str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|member| !member.is_empty())
    }

    /// About how many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + 16).sum()
    }
}

impl<Name: Into<Bytes>, Value: Into<Bytes>> FromIterator<(Name, Value)> for Headers {
    fn from_iter<T: IntoIterator<Item = (Name, Value)>>(headers: T) -> Headers {
        Headers(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl IntoIterator for Headers {
    type Item = (Bytes, Bytes);
    type IntoIter = std::vec::IntoIter<(Bytes, Bytes)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// How a request wants the cache to be used; the cache modes of the Fetch Standard.
///
/// <https://fetch.spec.whatwg.org/#concept-request-cache-mode>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// What is fresh is used, what is stale is validated.
    #[default]
    Default,
    /// As if there were no cache.
    NoStore,
    /// Nothing is read; what comes is stored.
    Reload,
    /// What is there is validated, fresh or not.
    NoCache,
    /// What is there is used, fresh or not.
    ForceCache,
    /// As `ForceCache`, and nothing goes to the network.
    OnlyIfCached,
}

/// A request, in the form in which it would be sent.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Entries of one partition are not there for the others.
    pub partition: String,
    /// The method.
    pub method: String,
    /// The URL. Its fragment does not count.
    pub url: Url,
    /// The headers.
    pub headers: Headers,
    /// How the cache is to be used.
    pub mode: CacheMode,
    /// Whether credentials go along. Responses to requests with and without are kept apart, also where they look the same.
    pub credentials: bool,
    /// It is a part of a reload that a user asked for: what is fresh and `immutable` need not be validated then.
    pub is_reload: bool,
}

impl RequestHead {
    /// A `GET` without headers.
    pub fn get(partition: impl Into<String>, url: Url) -> RequestHead {
        RequestHead {
            partition: partition.into(),
            method: "GET".to_owned(),
            url,
            headers: Headers::new(),
            mode: CacheMode::Default,
            credentials: false,
            is_reload: false,
        }
    }
}

/// A response without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// The status message.
    pub reason: Bytes,
    /// The headers.
    pub headers: Headers,
}
