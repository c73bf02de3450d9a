//! MIME types as the MIME Sniffing Standard parses them.

use std::fmt;
use std::str::FromStr;

use encoding_rs::Encoding;

use super::header_list::HeaderList;
use super::header_name::is_token;
use super::isomorphic::isomorphic_decode;

/// A MIME type and its parameters, all in lower case but the parameters' values.
///
/// <https://mimesniff.spec.whatwg.org/#mime-type>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MimeType {
    essence: String,
    parameters: Vec<(String, String)>,
}

/// The text is not a MIME type.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MIME type")]
pub struct InvalidMimeType;

impl FromStr for MimeType {
    type Err = InvalidMimeType;

    /// <https://mimesniff.spec.whatwg.org/#parse-a-mime-type>
    fn from_str(text: &str) -> Result<MimeType, InvalidMimeType> {
        // 1.–3. The type,
        let (r#type, rest) = text.trim_matches(HTTP_WHITESPACE).split_once('/').ok_or(InvalidMimeType)?;
        // 4.–8. and the subtype.
        let (subtype, mut rest) =
            rest.split_once(';').map_or((rest, None), |(subtype, rest)| (subtype, Some(rest)));
        let subtype = subtype.trim_end_matches(HTTP_WHITESPACE);
        if !is_token(r#type.as_bytes()) || !is_token(subtype.as_bytes()) {
            return Err(InvalidMimeType);
        }
        // 9.–10.
        let essence = format!("{type}/{subtype}").to_ascii_lowercase();
        // 11. The parameters: each begins behind a semicolon.
        let mut parameters: Vec<(String, String)> = Vec::new();
        while let Some(parameter) = rest.take() {
            // 11.2.–11.5. The name; without a value it does not count.
            let parameter = parameter.trim_start_matches(HTTP_WHITESPACE);
            let end = parameter.find([';', '=']).unwrap_or(parameter.len());
            let (name, behind) = parameter.split_at(end);
            let Some(behind) = behind.strip_prefix('=') else {
                rest = behind.strip_prefix(';');
                continue;
            };
            // 11.7.–11.9. The value; what follows a quoted one is ignored.
            let value = if let Some(quoted) = behind.strip_prefix('"') {
                let (value, behind) = take_quoted(quoted);
                rest = behind.split_once(';').map(|(_, rest)| rest);
                value
            } else {
                let (value, behind) =
                    behind.split_once(';').map_or((behind, None), |(value, rest)| (value, Some(rest)));
                rest = behind;
                let value = value.trim_end_matches(HTTP_WHITESPACE);
                if value.is_empty() {
                    continue;
                }
                value.to_owned()
            };
            // 11.10. The first of several counts.
            let name = name.to_ascii_lowercase();
            if is_token(name.as_bytes())
                && value.chars().all(is_quoted_string_token)
                && parameters.iter().all(|(other, _)| *other != name)
            {
                parameters.push((name, value));
            }
        }
        Ok(MimeType { essence, parameters })
    }
}

/// <https://fetch.spec.whatwg.org/#http-whitespace>
const HTTP_WHITESPACE: [char; 4] = ['\n', '\r', '\t', ' '];

/// <https://mimesniff.spec.whatwg.org/#http-quoted-string-token-code-point>
fn is_quoted_string_token(character: char) -> bool {
    matches!(character, '\t' | ' '..='~' | '\u{80}'..='\u{FF}')
}

/// The value of a quoted string, given what follows its first quote, and what follows its last.
///
/// <https://fetch.spec.whatwg.org/#collect-an-http-quoted-string>
fn take_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            // NOTE: a backslash at the end stands for itself.
            '\\' => value.push(characters.next().unwrap_or('\\')),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

/// The type as other crates know it. Fails for the rare one that `mime`, which follows RFC 7231, does not hold.
impl TryFrom<&MimeType> for mime::Mime {
    type Error = mime::FromStrError;

    fn try_from(mime_type: &MimeType) -> Result<mime::Mime, mime::FromStrError> {
        mime_type.to_string().parse()
    }
}

impl MimeType {
    /// <https://mimesniff.spec.whatwg.org/#parse-a-mime-type-from-bytes>
    pub fn from_bytes(bytes: &[u8]) -> Result<MimeType, InvalidMimeType> {
        isomorphic_decode(bytes).parse()
    }

    /// The MIME type of a header list.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-header-extract-mime-type>
    pub fn extract(headers: &HeaderList) -> Option<MimeType> {
        // 1.–3.
        let mut charset: Option<String> = None;
        let mut essence: Option<String> = None;
        let mut mime_type: Option<MimeType> = None;
        // 4.–6. The last value that can be parsed counts,
        for value in headers.get_decode_and_split("Content-Type")? {
            let Ok(mut parsed) = value.parse::<MimeType>() else { continue };
            if parsed.essence == "*/*" {
                continue;
            }
            // 6.4.–6.5. and takes the charset of earlier ones of the same essence.
            if essence.as_deref() != Some(parsed.essence()) {
                charset = parsed.parameter("charset").map(str::to_owned);
                essence = Some(parsed.essence.clone());
            } else if let (None, Some(charset)) = (parsed.parameter("charset"), &charset) {
                parsed.parameters.push(("charset".to_owned(), charset.clone()));
            }
            mime_type = Some(parsed);
        }
        // 7.–8.
        mime_type
    }

    /// `type/subtype`, in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The value of a parameter, whose name is in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The parameters in order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// <https://mimesniff.spec.whatwg.org/#javascript-mime-type>
    pub fn is_javascript(&self) -> bool {
        is_javascript_mime_type_essence(self.essence())
    }

    /// <https://mimesniff.spec.whatwg.org/#json-mime-type>
    pub fn is_json(&self) -> bool {
        matches!(self.essence(), "application/json" | "text/json") || self.essence().ends_with("+json")
    }

    /// <https://mimesniff.spec.whatwg.org/#xml-mime-type>
    pub fn is_xml(&self) -> bool {
        matches!(self.essence(), "application/xml" | "text/xml") || self.essence().ends_with("+xml")
    }

    /// The encoding that a text of this type is in; legacy formats alone may ask.
    ///
    /// <https://fetch.spec.whatwg.org/#legacy-extract-an-encoding>
    pub fn legacy_encoding(&self, fallback: &'static Encoding) -> &'static Encoding {
        self.parameter("charset").and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(fallback)
    }
}

impl fmt::Display for MimeType {
    /// <https://mimesniff.spec.whatwg.org/#serialize-a-mime-type>
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.essence)?;
        for (name, value) in &self.parameters {
            if is_token(value.as_bytes()) {
                write!(f, ";{name}={value}")?;
            } else {
                write!(f, ";{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

/// Whether a string is the essence of a JavaScript MIME type, in whatever case.
///
/// <https://mimesniff.spec.whatwg.org/#javascript-mime-type-essence-match>
pub fn is_javascript_mime_type_essence(string: &str) -> bool {
    const ESSENCES: [&str; 16] = [
        "application/ecmascript",
        "application/javascript",
        "application/x-ecmascript",
        "application/x-javascript",
        "text/ecmascript",
        "text/javascript",
        "text/javascript1.0",
        "text/javascript1.1",
        "text/javascript1.2",
        "text/javascript1.3",
        "text/javascript1.4",
        "text/javascript1.5",
        "text/jscript",
        "text/livescript",
        "text/x-ecmascript",
        "text/x-javascript",
    ];
    ESSENCES.iter().any(|essence| essence.eq_ignore_ascii_case(string))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extract(values: &[&str]) -> Option<String> {
        let headers: HeaderList = values.iter().map(|value| ("Content-Type", *value)).collect();
        MimeType::extract(&headers).map(|mime_type| mime_type.to_string())
    }

    #[test]
    fn extracting_follows_the_examples_of_the_standard() {
        assert_eq!(extract(&["text/plain;charset=gbk, text/html"]).unwrap(), "text/html");
        assert_eq!(
            extract(&["text/html;charset=gbk;a=b, text/html;x=y"]).unwrap(),
            "text/html;x=y;charset=gbk"
        );
        assert_eq!(extract(&["text/html;charset=gbk", "x/x", "text/html;x=y"]).unwrap(), "text/html;x=y");
        assert_eq!(extract(&["text/html", "cannot-parse"]).unwrap(), "text/html");
        assert_eq!(extract(&["text/html", "*/*", ""]).unwrap(), "text/html");
        assert_eq!(extract(&[]), None);
    }

    #[test]
    fn the_first_of_equal_parameters_counts_in_any_case() {
        let parsed: MimeType = "text/html;Charset=a;charset=b;CHARSET=c".parse().unwrap();
        assert_eq!(parsed.to_string(), "text/html;charset=a");
    }

    #[test]
    fn what_follows_a_quoted_value_is_ignored() {
        let text = |mime_type: &str| mime_type.parse::<MimeType>().map(|parsed| parsed.to_string());
        assert_eq!(text("a/b;x=\"1\"\0é;y=2"), Ok("a/b;x=1;y=2".to_owned()));
        assert_eq!(text("a/b;x=\"1;\\\"2\" z; y = 3;q"), Ok("a/b;x=\"1;\\\"2\"".to_owned()));
    }

    #[test]
    fn a_quoted_value_is_sound_behind_its_semicolons_too() {
        let parsed: MimeType = "a/b;x=\"1;\0\";y=\"2\\".parse().unwrap();
        assert_eq!(parsed.parameters().collect::<Vec<_>>(), [("y", "2\\")]);
    }

    proptest! {
        #[test]
        fn what_is_serialized_parses_back(text in "[a-zA-Z/;=\"\\\\ \u{e9}-]{0,40}") {
            if let Ok(parsed) = text.parse::<MimeType>() {
                prop_assert_eq!(parsed.to_string().parse::<MimeType>().unwrap(), parsed);
            }
        }
    }

    #[test]
    fn it_is_the_same_in_the_crate_mime() {
        let mime_type: MimeType = "Text/HTML;Charset=\"utf-8\";x=\"a b\"".parse().unwrap();
        let same = mime::Mime::try_from(&mime_type).unwrap();
        assert_eq!((same.essence_str(), same.get_param("x").unwrap().as_str()), ("text/html", "a b"));
        assert_eq!(same.get_param(mime::CHARSET), Some(mime::UTF_8));
    }
}
