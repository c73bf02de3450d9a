//! What of an HTML document matters here: its scripts, its title and its base URL.
//!
//! There is no DOM: the document is tokenized, not parsed into a tree, so `document.write`, templates that script fills and
//! event handler attributes do nothing.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, EndTag, StartTag, Tag, TagToken, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

/// What was found in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The text of the first `title`, its white space collapsed.
    pub title: String,
    /// The `href` of the first `base` that has one.
    pub base: Option<String>,
    /// The scripts, in document order.
    pub scripts: Vec<ScriptElement>,
}

/// <https://html.spec.whatwg.org/#the-script-element>, one that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptElement {
    /// Classic or module.
    pub kind: ScriptKind,
    /// When it runs.
    pub timing: ScriptTiming,
    /// Its `src`; without one, `text` is the script.
    pub source: Option<String>,
    /// Its text.
    pub text: String,
    /// The line of the document on which its text begins, from 1.
    pub line: u64,
    /// The `crossorigin` attribute.
    pub cross_origin: Option<String>,
    /// The `integrity` attribute.
    pub integrity: String,
    /// The `referrerpolicy` attribute.
    pub referrer_policy: String,
}

/// Classic or module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptKind {
    /// A classic script.
    Classic,
    /// A module script.
    Module,
}

/// When a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptTiming {
    /// Where it stands.
    Blocking,
    /// After the document, in order.
    Deferred,
    /// As soon as it has come.
    Async,
}

impl Document {
    /// Tokenizes a document's text.
    pub fn scan(text: &str) -> Document {
        let sink = Scanner::default();
        let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(text));
        // After a script's end the tokenizer hands control back; nothing here inserts text, so it simply goes on.
        while !input.is_empty() {
            let _ = tokenizer.feed(&input);
        }
        tokenizer.end();
        let mut found = tokenizer.sink.0.into_inner();
        // A script that the document ends within does not run.
        found.open = None;
        found.document.title = found.document.title.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        found.document
    }

    /// <https://html.spec.whatwg.org/#document-base-url>
    pub fn base_url(&self, document_url: &Url) -> Url {
        let base = self.base.as_ref().and_then(|base| document_url.join(base).ok());
        // A base of these schemes would make every script the document's own text.
        base.filter(|url| !matches!(url.scheme(), "data" | "javascript"))
            .unwrap_or_else(|| document_url.clone())
    }
}

#[derive(Default)]
struct Scanner(RefCell<Found>);

#[derive(Default)]
struct Found {
    document: Document,
    open: Option<Open>,
    title_seen: bool,
    /// How many `svg`, `math` and `template` elements are open: scripts in them are no HTML scripts, or do not run.
    foreign: usize,
}

/// The element whose text is being gathered.
enum Open {
    Script(Option<Box<ScriptElement>>),
    Title,
    /// Text that is only skipped.
    Other(String),
}

impl TokenSink for Scanner {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut found = self.0.borrow_mut();
        match token {
            TagToken(tag) if tag.kind == StartTag => found.start_tag(&tag, line),
            TagToken(tag) if tag.kind == EndTag => found.end_tag(&tag),
            Token::CharacterTokens(text) => {
                match &mut found.open {
                    Some(Open::Script(Some(script))) => script.text.push_str(&text),
                    Some(Open::Title) => found.document.title.push_str(&text),
                    _ => {}
                }
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Found {
    fn start_tag(&mut self, tag: &Tag, line: u64) -> TokenSinkResult<()> {
        let raw = match &*tag.name {
            "script" if self.foreign == 0 => {
                self.open = Some(Open::Script(script_element(tag, line).map(Box::new)));
                RawKind::ScriptData
            }
            "title" if self.foreign == 0 && !self.title_seen => {
                self.title_seen = true;
                self.open = Some(Open::Title);
                RawKind::Rcdata
            }
            "title" | "textarea" if self.foreign == 0 => RawKind::Rcdata,
            // `noscript` is raw text where scripts run, as they do here.
            "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" if self.foreign == 0 => {
                RawKind::Rawtext
            }
            "plaintext" if self.foreign == 0 => return TokenSinkResult::Plaintext,
            "base" if self.document.base.is_none() => {
                self.document.base = attribute(tag, "href");
                return TokenSinkResult::Continue;
            }
            // FIXME: `<meta http-equiv=content-security-policy>` and `<meta name=referrer>` are not read.
            "svg" | "math" | "template" if !tag.self_closing => {
                self.foreign += 1;
                return TokenSinkResult::Continue;
            }
            _ => return TokenSinkResult::Continue,
        };
        self.open.get_or_insert_with(|| Open::Other(tag.name.to_string()));
        TokenSinkResult::RawData(raw)
    }

    fn end_tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        match &*tag.name {
            "script" => {
                if let Some(Open::Script(Some(script))) = self.open.take() {
                    // Without `src` and without text there is nothing to run.
                    if script.source.is_some() || !script.text.is_empty() {
                        self.document.scripts.push(*script);
                    }
                }
            }
            "svg" | "math" | "template" => self.foreign = self.foreign.saturating_sub(1),
            name => match &self.open {
                Some(Open::Title) if name == "title" => self.open = None,
                Some(Open::Other(open)) if open == name => self.open = None,
                _ => {}
            },
        }
        TokenSinkResult::Continue
    }
}

/// <https://html.spec.whatwg.org/#prepare-the-script-element>: none for a script that does not run.
fn script_element(tag: &Tag, line: u64) -> Option<ScriptElement> {
    // 8.–12. The type string, and what it stands for.
    let kind_text = match (attribute(tag, "type"), attribute(tag, "language")) {
        (Some(kind), _) if kind.is_empty() => "text/javascript".to_owned(),
        (Some(kind), _) => kind.trim_matches(['\t', '\n', '\x0c', '\r', ' ']).to_owned(),
        (None, Some(language)) if !language.is_empty() => format!("text/{language}"),
        (None, _) => "text/javascript".to_owned(),
    };
    let kind = if is_javascript_type(&kind_text) {
        ScriptKind::Classic
    } else if kind_text.eq_ignore_ascii_case("module") {
        ScriptKind::Module
    } else {
        // NOTE: import maps and speculation rules are types of their own that nothing here uses; other types are data.
        return None;
    };
    // 20. `nomodule` is for those who know no modules.
    if kind == ScriptKind::Classic && attribute(tag, "nomodule").is_some() {
        return None;
    }
    // 22. The old `for` and `event` pair, other than for the window's load.
    if let (ScriptKind::Classic, Some(target), Some(event)) =
        (kind, attribute(tag, "for"), attribute(tag, "event"))
    {
        let event = event.trim();
        if !target.trim().eq_ignore_ascii_case("window")
            || !(event.eq_ignore_ascii_case("onload") || event.eq_ignore_ascii_case("onload()"))
        {
            return None;
        }
    }
    let source = attribute(tag, "src");
    let has = |name| attribute(tag, name).is_some();
    // 34.–36. `async` and `defer` count for scripts from elsewhere, and for modules, which are deferred by themselves.
    let timing = match kind {
        ScriptKind::Module if has("async") => ScriptTiming::Async,
        ScriptKind::Module => ScriptTiming::Deferred,
        ScriptKind::Classic if source.is_some() && has("async") => ScriptTiming::Async,
        ScriptKind::Classic if source.is_some() && has("defer") => ScriptTiming::Deferred,
        ScriptKind::Classic => ScriptTiming::Blocking,
    };
    Some(ScriptElement {
        kind,
        timing,
        source,
        text: String::new(),
        line,
        cross_origin: attribute(tag, "crossorigin"),
        integrity: attribute(tag, "integrity").unwrap_or_default(),
        referrer_policy: attribute(tag, "referrerpolicy").unwrap_or_default(),
    })
}

/// <https://mimesniff.spec.whatwg.org/#javascript-mime-type-essence-match>
pub(super) fn is_javascript_type(essence: &str) -> bool {
    const TYPES: [&str; 16] = [
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
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    tag.attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| attribute.value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> Vec<(ScriptKind, ScriptTiming, Option<String>, String, u64)> {
        let scripts = Document::scan(text).scripts;
        scripts.into_iter().map(|s| (s.kind, s.timing, s.source, s.text, s.line)).collect()
    }

    #[test]
    fn scripts_in_order_with_their_timing_and_line() {
        use ScriptKind::{Classic, Module};
        use ScriptTiming::{Async, Blocking, Deferred};
        let page = "<!doctype html>\n<title> A\n page </title>\n<script>\n1 < 2 && '</b>'\n</script>\n\
                    <script src=a.js defer></script><script src=b.js async></script>\n\
                    <script type=module>import 'x'</script><script type=module async src=m.js></script>\n\
                    <SCRIPT TYPE=' text/JavaScript ' SRC='c.js'></SCRIPT>";
        assert_eq!(Document::scan(page).title, "A page");
        assert_eq!(
            summary(page),
            [
                (Classic, Blocking, None, "\n1 < 2 && '</b>'\n".into(), 4),
                (Classic, Deferred, Some("a.js".into()), String::new(), 7),
                (Classic, Async, Some("b.js".into()), String::new(), 7),
                (Module, Deferred, None, "import 'x'".into(), 8),
                (Module, Async, Some("m.js".into()), String::new(), 8),
                (Classic, Blocking, Some("c.js".into()), String::new(), 9),
            ]
        );
    }

    #[test]
    fn what_is_no_script_does_not_run() {
        for text in [
            "<script type=application/json>{}</script>",
            "<script type=importmap>{}</script>",
            "<script nomodule>1</script>",
            "<script></script>",
            "<script>unfinished",
            "<!-- <script>1</script> -->",
            "<textarea><script>1</script></textarea>",
            "<title><script>1</script></title>",
            "<style><script>1</script></style>",
            "<noscript><script>1</script></noscript>",
            "<template><script>1</script></template>",
            "<svg><script>1</script></svg>",
            "<script for=button event=onclick>1</script>",
        ] {
            assert_eq!(summary(text), [], "{text}");
        }
    }

    #[test]
    fn a_script_after_raw_text_is_found() {
        let text = "<style>a{}</style><textarea></b></textarea><noscript><p></noscript><script>1</script>";
        assert_eq!(summary(text).len(), 1);
        assert_eq!(summary("<script type=''>1</script>").len(), 1);
        assert_eq!(summary("<script language=javascript>1</script>").len(), 1);
    }

    #[test]
    fn the_first_base_counts() {
        let document = Document::scan("<base target=x><base href=/sub/><base href=/other/>");
        let url = Url::parse("http://localhost/a/b").expect("a URL");
        assert_eq!(document.base_url(&url).as_str(), "http://localhost/sub/");
        let document = Document::scan("<base href='javascript:1'>");
        assert_eq!(document.base_url(&url), url);
    }

    #[test]
    fn nothing_that_is_fed_in_hangs_or_panics() {
        for text in [
            "",
            "<",
            "</",
            "<script",
            "<script>",
            "<!--",
            "<![CDATA[",
            "&",
            "\0",
            "<plaintext><script>1</script>",
        ] {
            Document::scan(text);
        }
    }
}
