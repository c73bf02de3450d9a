//! Text from pages and servers, made safe to print on a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text in which no character can move the cursor, start an escape sequence, reorder its neighbours or begin
/// a new line: each such character is printed as the escape that Rust's literals use (`\n`, `\u{1b}`).
///
/// A backslash stays as it is: people read this, no program parses it back.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            other if is_unprintable(other) => {
                // Writing into a String cannot fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(other));
            }
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// [`printable`] for a header's bytes: those that are no UTF-8 are printed as `\x80`.
pub fn printable_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Text of at most `limit` characters for one line of a display; what is cut off shows as an ellipsis.
pub fn shortened(text: &str, limit: usize) -> String {
    let printable = printable(text);
    if printable.chars().count() <= limit {
        return printable.into_owned();
    }
    let mut short: String = printable.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// One line of JSON in which such characters are written as `\u001b`. serde_json does that for the C0 controls
/// alone; a DEL, a C1 control or a bidirectional override would reach the terminal as it is.
pub fn json_line<T: serde::Serialize>(value: &T) -> serde_json::Result<String> {
    let line = serde_json::to_string(value)?;
    if !line.chars().any(is_unprintable) {
        return Ok(line);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if is_unprintable(character) {
            // All of them are in the Basic Multilingual Plane or need a surrogate pair; either way one escape
            // a code unit. They occur in strings only, since the syntax has none.
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    Ok(escaped)
}

/// Controls, line separators, and the marks that reorder or hide text.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_line_ends_are_spelled_out() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\tc"), "a\\u{1b}[2Jb\\r\\n\\tc");
        assert_eq!(printable("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(printable("x\u{202e}cod.exe"), "x\\u{202e}cod.exe");
    }

    #[test]
    fn ordinary_text_is_borrowed() {
        assert!(matches!(printable("Épisode 5 — 日本語 🎧"), Cow::Borrowed(_)));
    }

    #[test]
    fn bytes_that_are_no_text_keep_their_value() {
        assert_eq!(printable_bytes(b"caf\xe9 \x1b[0m"), "caf\\xe9 \\u{1b}[0m");
    }

    #[test]
    fn a_long_title_is_cut_after_escaping() {
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("\u{1b}\u{1b}", 5), "\\u{1…");
    }

    #[test]
    fn json_stays_json_and_gives_the_text_back() {
        let text = "\u{1b}[0m\u{9b}\u{202e}\u{e0041}é";
        let line = json_line(&text).expect("a string serializes");
        assert!(line.is_ascii() || !line.chars().any(is_unprintable));
        assert_eq!(serde_json::from_str::<String>(&line).expect("it is JSON"), text);
    }
}
