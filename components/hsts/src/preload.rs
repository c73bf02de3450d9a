//! Hosts that everybody knows.

use serde::Deserialize;

use crate::host_name::{and_above, canonical};

/// A list of hosts that are reached over TLS alone before they have ever been asked.
///
/// It is fed by a file, either in the form that Chromium publishes, JSON with `//` comments, or with a host a line: the
/// name, and `include-subdomains` behind it if the hosts below are meant too. In that form `#` begins a comment.
///
/// <https://www.rfc-editor.org/rfc/rfc6797#section-12.3>
#[derive(Clone, Debug, Default)]
pub struct Preload {
    /// One name after the other.
    text: String,
    /// Where each name is, in order of the names.
    names: Vec<Name>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    start: u32,
    length: u8,
    include_subdomains: bool,
}

/// Why a file is no preload list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreloadError {
    /// It begins like JSON and is none, or not of Chromium's form.
    #[error("the preload list is not of Chromium's form: {0}")]
    Json(#[from] serde_json::Error),
    /// A line is neither a host nor a host and `include-subdomains`.
    #[error("line {line} of the preload list is no host: {text:?}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// It is larger than anybody's list.
    #[error("the preload list is larger than 4 GiB")]
    TooLarge,
}

#[derive(Deserialize)]
struct Chromium {
    entries: Vec<ChromiumEntry>,
}

#[derive(Deserialize)]
struct ChromiumEntry {
    name: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    include_subdomains: bool,
}

impl Preload {
    /// Reads a list.
    pub fn parse(file: &str) -> Result<Self, PreloadError> {
        let is_json = |line: &str| line.starts_with('{') || line.starts_with("//");
        match file.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) if is_json(line) => Self::parse_json(file),
            _ => Self::parse_lines(file),
        }
    }

    fn parse_json(file: &str) -> Result<Self, PreloadError> {
        let without_comments: String = file
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let list: Chromium = serde_json::from_str(&without_comments)?;
        // Entries without the mode are about pinned keys alone.
        let enforced = list.entries.into_iter().filter(|entry| entry.mode == "force-https");
        Self::collect(enforced.map(|entry| (entry.name, entry.include_subdomains)))
    }

    fn parse_lines(file: &str) -> Result<Self, PreloadError> {
        let mut hosts = Vec::new();
        for (line, text) in (1..).zip(file.lines()) {
            let said = text.split('#').next().unwrap_or_default();
            let mut words = said.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                (None, ..) => {}
                (Some(host), None, None) => hosts.push((host.to_owned(), false)),
                (Some(host), Some("include-subdomains"), None) => hosts.push((host.to_owned(), true)),
                _ => return Err(PreloadError::Line { line, text: text.chars().take(100).collect() }),
            }
        }
        Self::collect(hosts.into_iter())
    }

    fn collect(hosts: impl Iterator<Item = (String, bool)>) -> Result<Self, PreloadError> {
        let mut hosts: Vec<_> = hosts
            .filter_map(|(host, include_subdomains)| Some((canonical(&host)?, include_subdomains)))
            // Longer names do not exist.
            .filter(|(host, _)| host.len() <= 253)
            .collect();
        // Of two that say different things the one that includes more counts.
        hosts.sort_unstable_by(|a, b| (&a.0, !a.1).cmp(&(&b.0, !b.1)));
        hosts.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut preload = Preload::default();
        for (host, include_subdomains) in hosts {
            let start = u32::try_from(preload.text.len()).map_err(|_| PreloadError::TooLarge)?;
            let length = u8::try_from(host.len()).map_err(|_| PreloadError::TooLarge)?;
            preload.text.push_str(&host);
            preload.names.push(Name { start, length, include_subdomains });
        }
        Ok(preload)
    }

    /// How many hosts are on it.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the list speaks for a host, given by its canonical name.
    pub(crate) fn has(&self, host: &str) -> bool {
        and_above(host).any(|name| {
            self.names
                .binary_search_by(|known| self.name(known).cmp(name))
                .is_ok_and(|place| name == host || self.names[place].include_subdomains)
        })
    }

    fn name(&self, name: &Name) -> &str {
        let start = name.start as usize;
        &self.text[start..start + usize::from(name.length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_a_line() {
        let list = Preload::parse("# ours\nb.example include-subdomains\n\n A.example  # alone\n").unwrap();
        assert_eq!(list.len(), 2);
        for (host, known) in [
            ("a.example", true),
            ("x.a.example", false),
            ("b.example", true),
            ("x.y.b.example", true),
            ("xb.example", false),
            ("example", false),
            ("c.example", false),
        ] {
            assert_eq!(list.has(host), known, "{host}");
        }
        assert!(Preload::parse("").unwrap().is_empty());
        let wrong = Preload::parse("a.example\nb.example below").unwrap_err();
        assert!(matches!(wrong, PreloadError::Line { line: 2, .. }), "{wrong}");
    }

    #[test]
    fn the_form_of_chromium() {
        let list = Preload::parse(
            r#"
            // A comment.
            { "pinsets": [], "entries": [
              // Another.
              { "name": "a.example", "policy": "custom", "mode": "force-https", "include_subdomains": true },
              { "name": "a.example", "mode": "force-https" },
              { "name": "pinned.example", "pins": "x" }
            ] }"#,
        )
        .unwrap();
        assert_eq!(list.len(), 1);
        assert!(list.has("x.a.example") && !list.has("pinned.example"));
        for wrong in ["{}", "{", "// only a comment", "{\"entries\": [{\"mode\": 1}]}"] {
            assert!(matches!(Preload::parse(wrong), Err(PreloadError::Json(_))), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_a_list_or_none(file in "[ -~\n]{0,200}", host in "[a-z.]{0,20}") {
            if let Ok(list) = Preload::parse(&file) {
                list.has(&host);
            }
        }
    }
}
