//! IDL identifiers as Rust names.

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct",
    "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where",
    "while", "yield",
];

/// The words of an identifier: `scriptURL` is script, URL; `URLSearchParams` is URL, Search, Params.
fn words(identifier: &str) -> Vec<String> {
    let chars: Vec<char> = identifier.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (index, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        let previous = index.checked_sub(1).map(|index| chars[index]);
        let next = chars.get(index + 1);
        let starts = c.is_ascii_uppercase()
            && (previous.is_some_and(|previous| previous.is_ascii_lowercase() || previous.is_ascii_digit())
                || previous.is_some_and(|previous| previous.is_ascii_uppercase())
                    && next.is_some_and(char::is_ascii_lowercase));
        if starts && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `backgroundFetch` to `background_fetch`; a keyword gets a trailing underscore.
pub(crate) fn snake(identifier: &str) -> String {
    let name = words(identifier).join("_").to_ascii_lowercase();
    if KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// `USVString` to `UsvString`, `same-origin` to `SameOrigin`.
pub(crate) fn pascal(identifier: &str) -> String {
    let mut name = String::new();
    for word in words(identifier) {
        let mut chars = word.chars();
        name.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        name.extend(chars.map(|c| c.to_ascii_lowercase()));
    }
    match name.chars().next() {
        None => "Empty".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
    }
}

/// `RequestInit` to `REQUEST_INIT`.
pub(crate) fn screaming(identifier: &str) -> String {
    words(identifier).join("_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_are_words() {
        assert_eq!(snake("URLSearchParams"), "url_search_params");
        assert_eq!(snake("scriptURL"), "script_url");
        assert_eq!(snake("DOMException"), "dom_exception");
        assert_eq!(snake("getIds"), "get_ids");
        assert_eq!(snake("match"), "match_");
        assert_eq!(pascal("USVString"), "UsvString");
        assert_eq!(pascal("only-if-cached"), "OnlyIfCached");
        assert_eq!(pascal(""), "Empty");
        assert_eq!(pascal("2d"), "_2d");
        assert_eq!(screaming("BackgroundFetchUIOptions"), "BACKGROUND_FETCH_UI_OPTIONS");
    }
}
