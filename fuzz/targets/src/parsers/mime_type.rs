//! MIME types.

use longhaul_fetch::{MimeType, isomorphic_decode, minimize_a_supported_mime_type};

/// MIME types: parsing and serialising. Input: the text of one, each byte a code point.
///
/// Asserts that a second parser, written from the standard's steps alone, agrees in everything, and that what is serialised parses to
/// the same again.
pub fn mime_type(data: &[u8]) {
    let parsed = MimeType::from_bytes(data);
    let naive = parse_naively(&isomorphic_decode(data));
    let (parsed, (essence, parameters)) = match (parsed, naive) {
        (Ok(parsed), Some(naive)) => (parsed, naive),
        (Err(_), None) => return,
        (parsed, naive) => panic!("ours {parsed:?}, the other's {naive:?}"),
    };
    assert_eq!(parsed.essence(), essence);
    let ours: Vec<(String, String)> =
        parsed.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(ours, parameters);
    for (name, value) in &ours {
        assert_eq!(parsed.parameter(name), Some(value.as_str()));
    }
    let text = parsed.to_string();
    assert_eq!(text.parse::<MimeType>().as_ref(), Ok(&parsed), "{text:?}");
    assert!(!(parsed.is_javascript() && parsed.is_json()));
    let _ = (parsed.is_xml(), minimize_a_supported_mime_type(&parsed));
    let _ = parsed.legacy_encoding(encoding_rs::UTF_8);
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
}

/// <https://mimesniff.spec.whatwg.org/#parse-a-mime-type>
fn parse_naively(input: &str) -> Option<(String, Vec<(String, String)>)> {
    let blank = ['\n', '\r', '\t', ' '];
    let input: Vec<char> = input.trim_matches(blank).chars().collect();
    let mut at = 0;
    let collect = |at: &mut usize, stop: &[char]| {
        let from = *at;
        while *at < input.len() && !stop.contains(&input[*at]) {
            *at += 1;
        }
        input[from..*at].iter().collect::<String>()
    };
    let kind = collect(&mut at, &['/']);
    if !is_token(&kind) || at == input.len() {
        return None;
    }
    at += 1;
    let subtype = collect(&mut at, &[';']);
    let subtype = subtype.trim_end_matches(blank);
    if !is_token(subtype) {
        return None;
    }
    let essence = format!("{}/{}", kind.to_ascii_lowercase(), subtype.to_ascii_lowercase());
    let mut parameters: Vec<(String, String)> = Vec::new();
    while at < input.len() {
        // Behind the semicolon.
        at += 1;
        while at < input.len() && blank.contains(&input[at]) {
            at += 1;
        }
        let name = collect(&mut at, &[';', '=']).to_ascii_lowercase();
        if at < input.len() {
            if input[at] == ';' {
                continue;
            }
            at += 1;
        }
        if at >= input.len() {
            break;
        }
        let value = if input[at] == '"' {
            at += 1;
            let mut value = String::new();
            while at < input.len() && input[at] != '"' {
                if input[at] == '\\' && at + 1 < input.len() {
                    at += 1;
                }
                value.push(input[at]);
                at += 1;
            }
            let _ = collect(&mut at, &[';']);
            value
        } else {
            let value = collect(&mut at, &[';']);
            let value = value.trim_end_matches(blank).to_owned();
            if value.is_empty() {
                continue;
            }
            value
        };
        let sound = |char: char| matches!(char, '\t' | ' '..='~' | '\u{80}'..='\u{FF}');
        if is_token(&name) && value.chars().all(sound) && parameters.iter().all(|(other, _)| *other != name) {
            parameters.push((name, value));
        }
    }
    Some((essence, parameters))
}
