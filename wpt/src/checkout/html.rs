//! What an HTML file says of itself as a test.

use std::cell::RefCell;

use html5ever::Attribute;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// It loads testharness.js.
    pub(super) has_harness: bool,
    /// It asks for the long timeout.
    pub(super) is_long: bool,
    /// The queries or fragments that it is loaded with, each a test.
    pub(super) variants: Vec<String>,
}

/// Reads an HTML file.
pub(super) fn read(content: &str) -> Findings {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(content));
    let tokenizer = Tokenizer::new(Reader::default(), TokenizerOpts::default());
    // Each script asks for a pause.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.0.take()
}

#[derive(Default)]
struct Reader(RefCell<Findings>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind != TagKind::StartTag {
            return TokenSinkResult::Continue;
        }
        let mut findings = self.0.borrow_mut();
        match &*tag.name {
            "script" => {
                findings.has_harness |=
                    value(&tag.attrs, "src").is_some_and(|source| source == "/resources/testharness.js");
                return TokenSinkResult::RawData(RawKind::ScriptData);
            }
            "meta" => {
                let content = value(&tag.attrs, "content").unwrap_or_default();
                match value(&tag.attrs, "name") {
                    Some("timeout") => findings.is_long |= content == "long",
                    Some("variant") => findings.variants.push(content.to_owned()),
                    _ => {}
                }
            }
            "title" | "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "plaintext" => return TokenSinkResult::Plaintext,
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_says_how_long_and_in_which_variants() {
        let found = read(
            "<!doctype html><meta name=timeout content=long><META NAME=\"variant\" content='?a&amp;b'><meta name=variant content=''>
             <script src=/resources/testharness.js></script><script>'<meta name=variant content=?c>'</script>",
        );
        assert_eq!(
            found,
            Findings { has_harness: true, is_long: true, variants: vec!["?a&b".into(), String::new()] }
        );
    }

    #[test]
    fn what_only_looks_like_it_is_none() {
        for page in [
            "<!-- <script src=/resources/testharness.js></script> -->",
            "<script>/* <script src=/resources/testharness.js> */</script>",
            "<textarea><script src=/resources/testharness.js></script></textarea>",
            "<script src=testharness.js></script>",
        ] {
            assert_eq!(read(page), Findings::default(), "{page}");
        }
    }
}
