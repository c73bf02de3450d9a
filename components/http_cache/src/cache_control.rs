//! `Cache-Control`, as requests and responses carry it.

use crate::message::Headers;

/// What an age is taken for that does not fit.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2>
const OVERFLOW: u64 = 1 << 31;

/// The directives of a message, in lower case. Of one that comes several times, the first counts.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-5.2>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheControl(Vec<(String, Option<String>)>);

/// The value of a directive that wants seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seconds {
    /// So many.
    Some(u64),
    /// There is a value, and it is no number.
    Invalid,
    /// There is no value.
    None,
}

impl CacheControl {
    pub(crate) fn of(headers: &Headers) -> CacheControl {
        let mut directives: Vec<(String, Option<String>)> = Vec::new();
        for line in headers.all("Cache-Control") {
            for part in split_outside_quotes(&String::from_utf8_lossy(line)) {
                let (name, value) = match part.split_once('=') {
                    Some((name, value)) => (name, Some(unquote(value.trim()))),
                    None => (part.as_str(), None),
                };
                let name = name.trim().to_ascii_lowercase();
                if !name.is_empty() && directives.iter().all(|(known, _)| *known != name) {
                    directives.push((name, value));
                }
            }
        }
        CacheControl(directives)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn seconds(&self, name: &str) -> Option<Seconds> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(match value {
            None => Seconds::None,
            Some(value) => delta_seconds(value).map_or(Seconds::Invalid, Seconds::Some),
        })
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2>
pub(crate) fn delta_seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(OVERFLOW).min(OVERFLOW))
}

fn split_outside_quotes(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut escaped = false;
    for character in line.chars() {
        match character {
            ',' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && character == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => inner.replace('\\', ""),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &'static str) -> CacheControl {
        CacheControl::of(&[("cache-control", value)].into_iter().collect())
    }

    #[test]
    fn directives_are_found_whatever_their_form() {
        let parsed = parse("Max-Age=\"60\" , no-cache=\"a, max-age=5\",private,, =x");
        assert_eq!(parsed.seconds("max-age"), Some(Seconds::Some(60)));
        assert!(parsed.has("no-cache") && parsed.has("private") && !parsed.has("x"));
    }

    #[test]
    fn numbers_that_are_none_are_told_apart() {
        assert_eq!(parse("max-age=-1").seconds("max-age"), Some(Seconds::Invalid));
        assert_eq!(parse("max-age=1.5").seconds("max-age"), Some(Seconds::Invalid));
        assert_eq!(parse("max-age").seconds("max-age"), Some(Seconds::None));
        assert_eq!(parse("max-age=99999999999999999999").seconds("max-age"), Some(Seconds::Some(OVERFLOW)));
        assert_eq!(parse("max-age=1, max-age=2").seconds("max-age"), Some(Seconds::Some(1)));
        assert_eq!(parse("s-maxage=1").seconds("max-age"), None);
    }
}
