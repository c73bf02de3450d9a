//! `No-Vary-Search`: which differences between queries do not matter.
//!
//! <https://httpwg.org/http-extensions/draft-ietf-httpbis-no-vary-search.html>

use crate::message::Headers;

/// How a response's URL may differ from the one that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SearchVariance {
    any_order: bool,
    names: Names,
}

/// The parameters whose values do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    Only(Vec<String>),
    AllBut(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Names::Only(Vec::new())
    }
}

/// A member of the header's dictionary.
enum Member {
    Flag(bool),
    List(Vec<String>),
}

impl SearchVariance {
    /// What a response says; none if it says nothing, or nothing that can be read.
    pub(crate) fn of(headers: &Headers) -> Option<SearchVariance> {
        let mut text = String::new();
        for line in headers.all("No-Vary-Search") {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(str::from_utf8(line).ok()?);
        }
        let members = dictionary(&text)?;
        let find =
            |name: &str| members.iter().rev().find(|(known, _)| known == name).map(|(_, member)| member);
        let any_order = match find("key-order") {
            None => false,
            Some(Member::Flag(flag)) => *flag,
            Some(Member::List(_)) => return None,
        };
        let names = match (find("params"), find("except")) {
            (Some(Member::Flag(true)), None) => Names::AllBut(Vec::new()),
            (Some(Member::Flag(true)), Some(Member::List(except))) => Names::AllBut(except.clone()),
            (None | Some(Member::Flag(false)), None) => Names::default(),
            (Some(Member::List(only)), None) => Names::Only(only.clone()),
            _ => return None,
        };
        let variance = SearchVariance { any_order, names };
        (variance != SearchVariance::default()).then_some(variance)
    }

    /// Whether two queries, without their `?`, stand for the same.
    pub(crate) fn equivalent(&self, left: &str, right: &str) -> bool {
        self.relevant(left) == self.relevant(right)
    }

    fn relevant(&self, query: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| match &self.names {
                Names::Only(names) => names.iter().all(|known| known != name),
                Names::AllBut(names) => names.iter().any(|known| known == name),
            })
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if self.any_order {
            // The order of one name's values stays.
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
        }
        pairs
    }
}

/// A dictionary of flags and inner lists of strings; other members, and parameters, make it unreadable.
///
/// <https://www.rfc-editor.org/rfc/rfc9651#section-4.2.2>
fn dictionary(text: &str) -> Option<Vec<(String, Member)>> {
    const BLANK: [char; 2] = [' ', '\t'];
    let mut members = Vec::new();
    let mut rest = text.trim_matches(' ');
    while !rest.is_empty() {
        let end = rest
            .find(|character: char| {
                !(character.is_ascii_lowercase() || character.is_ascii_digit() || "_-.*".contains(character))
            })
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.starts_with(|first: char| first.is_ascii_lowercase() || first == '*') {
            return None;
        }
        let (member, after) = match after.strip_prefix('=') {
            None => (Member::Flag(true), after),
            Some(value) => {
                if let Some(after) = value.strip_prefix("?1") {
                    (Member::Flag(true), after)
                } else if let Some(after) = value.strip_prefix("?0") {
                    (Member::Flag(false), after)
                } else {
                    let (list, after) = inner_list(value)?;
                    (Member::List(list), after)
                }
            }
        };
        members.push((name.to_owned(), member));
        rest = after.trim_start_matches(BLANK);
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start_matches(BLANK);
            if rest.is_empty() {
                return None;
            }
        }
    }
    Some(members)
}

fn inner_list(text: &str) -> Option<(Vec<String>, &str)> {
    let mut rest = text.strip_prefix('(')?;
    let mut list = Vec::new();
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(after) = rest.strip_prefix(')') {
            return Some((list, after));
        }
        rest = rest.strip_prefix('"')?;
        let mut string = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match characters.next()? {
                    (_, escaped @ ('"' | '\\')) => string.push(escaped),
                    _ => return None,
                },
                (_, character @ ' '..='~') => string.push(character),
                _ => return None,
            }
        };
        rest = &rest[end..];
        if !rest.starts_with([' ', ')']) {
            return None;
        }
        // NOTE: the names are compared as form parameters are, with their escapes undone.
        let name = url::form_urlencoded::parse(string.replace('&', "%26").replace('=', "%3D").as_bytes())
            .next()
            .map(|(name, _)| name.into_owned());
        list.push(name.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &'static str) -> Option<SearchVariance> {
        SearchVariance::of(&[("No-Vary-Search", value)].into_iter().collect())
    }

    #[test]
    fn queries_are_compared_as_the_response_says() {
        let same = |value, left, right| parse(value).is_some_and(|parsed| parsed.equivalent(left, right));
        assert!(same("params", "a=1", "b=2") && same("params", "", "b=2"));
        assert!(same("params=(\"a\")", "a=1&b=2", "b=2&a=7") && !same("params=(\"a\")", "b=1", "b=2"));
        assert!(
            same("params, except=(\"a\")", "a=1&b=2", "a=1") && !same("params, except=(\"a\")", "a=1", "a=2")
        );
        assert!(same("key-order", "a=1&b=2", "b=2&a=1") && !same("key-order", "a=1&a=2", "a=2&a=1"));
        assert!(!same("key-order", "a=1", "a=2"));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for value in
            ["", "params=?0", "params=1", "params=(a)", "except=(\"a\")", "params, ", "key-order=()", "P"]
                .into_iter()
                .chain([
                    "params, 1",
                    "params, -a=?1",
                    "params=(\"\u{e9}\")",
                    "params=(\"\t\")",
                    "\u{3000}params",
                ])
        {
            assert_eq!(parse(value), None, "{value}");
        }
    }
}
