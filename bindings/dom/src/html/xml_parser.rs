//! XML documents: <https://www.w3.org/TR/xml/> and <https://www.w3.org/TR/xml-names/>, of what came whole. Nothing outside of the
//! text is read. Whoever parses a page stops where a script stands.

use std::sync::Arc;

use html5ever::{LocalName, Namespace, Prefix, QualName};

use super::script_element;
use crate::dom::element::create_element;
use crate::dom::node::{Node, NodeRef};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// How deep elements may be nested.
const DEPTH: usize = 512;
/// How many entities a document may declare, and how long what they stand for may be in all.
const ENTITIES: usize = 1024;
const EXPANDED: usize = 1 << 20;

/// The document types that declare the names of HTML's characters.
///
/// <https://html.spec.whatwg.org/#parsing-xhtml-documents>
const HTML_ENTITIES: [&str; 9] = [
    "-//W3C//DTD XHTML 1.0 Transitional//EN",
    "-//W3C//DTD XHTML 1.1//EN",
    "-//W3C//DTD XHTML 1.0 Strict//EN",
    "-//W3C//DTD XHTML 1.0 Frameset//EN",
    "-//W3C//DTD XHTML Basic 1.0//EN",
    "-//W3C//DTD XHTML 1.1 plus MathML 2.0//EN",
    "-//W3C//DTD XHTML 1.1 plus MathML 2.0 plus SVG 1.1//EN",
    "-//W3C//DTD MathML 2.0//EN",
    "-//WAPFORUM//DTD XHTML Mobile 1.0//EN",
];

/// The text is not well-formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotWellFormed {
    /// What is wrong, for people.
    pub(crate) what: &'static str,
    /// The byte that it was seen at.
    pub(crate) at: usize,
}

type Result<T> = std::result::Result<T, NotWellFormed>;

/// Parses a text into a document that is empty and whose scripts do not run. Where it is not well-formed, what came before is in
/// the document.
pub(crate) fn parse(document: &NodeRef, text: &str) -> Result<()> {
    let mut parser = Parser { text: without_mark(text), state: State::new(document, Scripts::Never) };
    while !matches!(parser.step()?, Step::End) {}
    Ok(())
}

/// Parses what stands in an element of an XML document, without running its scripts.
///
/// <https://html.spec.whatwg.org/#xml-fragment-parsing-algorithm>
pub(super) fn parse_fragment(context: &NodeRef, owner: &NodeRef, text: &str) -> Result<NodeRef> {
    let name = context.element().map_or_else(|| qual_name(None, "", "root"), |element| element.name.clone());
    let root = create_element(owner, name);
    let mut state = State::new(owner, Scripts::Never);
    // The namespaces that are declared there, the outermost first.
    let mut around = Some(Arc::clone(context));
    let mut declared = Vec::new();
    while let Some(node) = around {
        if let Some(element) = node.element() {
            for attribute in node.attribute_list() {
                let Some(name) = crate::dom::element::name_of(&attribute) else { continue };
                if &*name.ns == XMLNS {
                    let prefix = if name.prefix.is_some() { &*name.local } else { "" };
                    let value = crate::dom::element::value_of(&attribute);
                    declared.push((prefix.to_owned(), value.into()));
                }
            }
            let prefix = element.name.prefix.as_ref().map_or("", |prefix| &**prefix);
            declared.push((prefix.to_owned(), element.name.ns.to_string()));
        }
        around = node.parent();
    }
    declared.reverse();
    state.namespaces = declared;
    state.is_fragment = true;
    state.begun = true;
    state.open.push(Open { node: Arc::clone(&root), qualified: String::new(), namespaces: 0 });
    let mut parser = Parser { text, state };
    while !matches!(parser.step()?, Step::End) {}
    Ok(root)
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text)
}

/// The encoding that an XML declaration names.
///
/// <https://www.w3.org/TR/xml/#charencoding>
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head =
        std::str::from_utf8(bytes.get(..bytes.len().min(1024))?.split(|byte| *byte == b'>').next()?).ok()?;
    let rest =
        head.strip_prefix("<?xml")?.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let label = rest[1..].split(quote).next()?;
    encoding_rs::Encoding::for_label(label.as_bytes())
}

/// Parses a page, up to a script at a time.
pub(super) struct PageParser {
    text: String,
    /// Taken while it parses.
    state: Option<State>,
}

/// How far a page's parser has come.
pub(super) enum Advance {
    /// To the end of a script.
    Script(NodeRef),
    /// To the end of the text.
    End,
}

impl PageParser {
    pub(super) fn new(document: &NodeRef, text: &str) -> Self {
        Self { text: without_mark(text).to_owned(), state: Some(State::new(document, Scripts::OfThePage)) }
    }

    /// Goes on to the next script or to the end, and gives the elements that were put into the tree meanwhile.
    ///
    /// <https://html.spec.whatwg.org/#parsing-xhtml-documents>
    pub(super) fn advance(&mut self) -> (Advance, Vec<NodeRef>) {
        let Some(state) = self.state.take() else { return (Advance::End, Vec::new()) };
        let mut parser = Parser { text: &self.text, state };
        let advance = loop {
            match parser.step() {
                Ok(Step::Further) => {}
                Ok(Step::Script(script)) => break Advance::Script(script),
                Ok(Step::End) => break Advance::End,
                Err(error) => {
                    // What came before stays, and what is wrong stands in front of it.
                    let told = error_element(&parser.state.document, &error);
                    match parser.state.document.document_element_node() {
                        Some(root) => root.link(&told, root.first_child().as_ref()),
                        None => parser.state.document.link(&told, None),
                    }
                    break Advance::End;
                }
            }
        };
        let mut state = parser.state;
        let inserted = std::mem::take(&mut state.inserted);
        if matches!(advance, Advance::Script(_)) {
            self.state = Some(state);
        }
        (advance, inserted)
    }
}

/// The namespace of the element that tells of a text that is not well-formed.
const PARSER_ERROR: &str = "http://www.mozilla.org/newlayout/xml/parsererror.xml";

/// An element that says what is not well-formed.
pub(super) fn error_element(document: &NodeRef, error: &NotWellFormed) -> NodeRef {
    let element = create_element(document, qual_name(None, PARSER_ERROR, "parsererror"));
    let text = format!("{} (at byte {})", error.what, error.at);
    element.link(&Node::text(document, text.into()), None);
    element
}

/// An element whose end has not come.
struct Open {
    node: NodeRef,
    qualified: String,
    /// How many namespaces were declared before it.
    namespaces: usize,
}

/// Whose scripts the text has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scripts {
    Never,
    OfThePage,
}

/// One thing of the text is in the tree.
enum Step {
    Further,
    /// A script of the page has ended.
    Script(NodeRef),
    End,
}

/// Where a parser is in its text.
struct State {
    at: usize,
    document: NodeRef,
    scripts: Scripts,
    /// Whether the first open element is the context, whose end does not come.
    is_fragment: bool,
    open: Vec<Open>,
    /// Prefix, empty for the default namespace, and namespace.
    namespaces: Vec<(String, String)>,
    entities: Vec<(String, String)>,
    /// Whether the names of HTML's characters are known.
    html_entities: bool,
    expanded: usize,
    /// Text that is not in the tree yet.
    pending: String,
    /// Whether the declaration has been looked for, and the document type.
    begun: bool,
    doctype: bool,
    /// The line that a byte is in.
    line: (usize, u64),
    /// Elements that HTML has not been told of yet.
    inserted: Vec<NodeRef>,
}

impl State {
    fn new(document: &NodeRef, scripts: Scripts) -> Self {
        Self {
            at: 0,
            document: Arc::clone(document),
            scripts,
            is_fragment: false,
            open: Vec::new(),
            namespaces: Vec::new(),
            entities: Vec::new(),
            html_entities: false,
            expanded: 0,
            pending: String::new(),
            begun: false,
            doctype: false,
            line: (0, 1),
            inserted: Vec::new(),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    state: State,
}

/// <https://www.w3.org/TR/xml/#NT-Char>
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// <https://www.w3.org/TR/xml/#NT-NameStartChar>
fn starts_name(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// <https://www.w3.org/TR/xml/#NT-NameChar>
fn is_in_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The prefix, if there is one, and the local part of a qualified name.
fn split(qualified: &str) -> Option<(Option<&str>, &str)> {
    match qualified.split_once(':') {
        None => Some((None, qualified)),
        Some((prefix, local)) => {
            let is_local =
                !prefix.is_empty() && !local.contains(':') && local.chars().next().is_some_and(starts_name);
            is_local.then_some((Some(prefix), local))
        }
    }
}

fn qual_name(prefix: Option<&str>, namespace: &str, local: &str) -> QualName {
    QualName::new(prefix.map(Prefix::from), Namespace::from(namespace), LocalName::from(local))
}

/// <https://www.w3.org/TR/xml/#sec-line-ends>
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

impl<'a> Parser<'a> {
    fn wrong<T>(&self, what: &'static str) -> Result<T> {
        Err(NotWellFormed { what, at: self.state.at })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.state.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes what stands here, if it is that.
    fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.state.at += what.len();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.state.at += length;
        &rest[..length]
    }

    fn space(&mut self) -> bool {
        !self.take_while(is_space).is_empty()
    }

    /// Takes all up to a mark, and the mark.
    fn take_until(&mut self, mark: &str, what: &'static str) -> Result<&'a str> {
        let rest = self.rest();
        let Some(length) = rest.find(mark) else { return self.wrong(what) };
        let taken = &rest[..length];
        if !taken.chars().all(is_char) {
            return self.wrong("a character that XML does not have");
        }
        self.state.at += length + mark.len();
        Ok(taken)
    }

    fn name(&mut self) -> Result<&'a str> {
        if !self.peek().is_some_and(starts_name) {
            return self.wrong("no name where there must be one");
        }
        Ok(self.take_while(is_in_name))
    }

    fn quoted(&mut self) -> Result<&'a str> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => {
                self.state.at += 1;
                self.take_until(if quote == '"' { "\"" } else { "'" }, "a literal without an end")
            }
            _ => self.wrong("no quotation mark where there must be one"),
        }
    }

    /// <https://www.w3.org/TR/xml/#NT-document>
    fn step(&mut self) -> Result<Step> {
        if !std::mem::replace(&mut self.state.begun, true)
            && self.rest().starts_with("<?xml")
            && self.rest()[5..].starts_with(is_space)
        {
            self.declaration()?;
        }
        let done = self.state.document.document_element_node().is_some() && self.state.open.is_empty();
        if self.state.open.is_empty() {
            self.space();
            match self.peek() {
                None if done => return Ok(Step::End),
                None => return self.wrong("there is no element"),
                Some('<') => {}
                Some(_) => return self.wrong("text outside of the element"),
            }
        }
        if self.is_at_end_of_fragment() {
            self.flush();
            return Ok(Step::End);
        }
        if !self.rest().starts_with('<') {
            self.character_data()?;
        } else if self.rest().starts_with("<![CDATA[") && !self.state.open.is_empty() {
            self.state.at += 9;
            let data = lines(self.take_until("]]>", "a CDATA section without an end")?);
            self.flush();
            let node = Node::cdata(&self.state.document, data.into());
            self.link(&node);
        } else if self.take("<!--") {
            self.comment()?;
        } else if self.rest().starts_with("<!DOCTYPE")
            && self.state.open.is_empty()
            && !done
            && !self.state.doctype
        {
            self.state.doctype = true;
            self.doctype()?;
        } else if self.take("<?") {
            self.instruction()?;
        } else if self.take("</") {
            return self.end_tag();
        } else if done {
            return self.wrong("a second element");
        } else {
            self.state.at += 1;
            return self.start_tag();
        }
        Ok(Step::Further)
    }

    fn is_at_end_of_fragment(&self) -> bool {
        self.state.is_fragment && self.state.open.len() == 1 && self.rest().is_empty()
    }

    /// The line that it is in.
    fn line(&mut self) -> u64 {
        let (from, line) = self.state.line;
        let further = self.text[from..self.state.at].bytes().filter(|byte| *byte == b'\n').count();
        self.state.line = (self.state.at, line + further as u64);
        self.state.line.1
    }

    /// <https://www.w3.org/TR/xml/#NT-XMLDecl>
    fn declaration(&mut self) -> Result<()> {
        self.state.at += 5;
        let mut seen = 0;
        loop {
            let spaced = self.space();
            if self.take("?>") {
                return if seen > 0 { Ok(()) } else { self.wrong("a declaration without a version") };
            }
            if !spaced {
                return self.wrong("a declaration that is none");
            }
            let name = self.name()?;
            self.space();
            if !self.take("=") {
                return self.wrong("a declaration that is none");
            }
            self.space();
            let value = self.quoted()?;
            let place = ["version", "encoding", "standalone"].iter().position(|known| *known == name);
            let is_good = match (place, value) {
                (Some(0), version) => seen == 0 && version.starts_with("1."),
                (Some(1), _) => seen == 1,
                (Some(2), "yes" | "no") => seen == 1 || seen == 2,
                _ => false,
            };
            if !is_good {
                return self.wrong("a declaration that is none");
            }
            seen = place.map_or(0, |place| place + 1);
        }
    }

    fn comment(&mut self) -> Result<()> {
        let data = self.take_until("--", "a comment without an end")?;
        if !self.take(">") {
            return self.wrong("two hyphens in a comment");
        }
        self.flush();
        let node = Node::comment(&self.state.document, lines(data).into());
        self.link(&node);
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#NT-PI>
    fn instruction(&mut self) -> Result<()> {
        let target = self.name()?;
        if target.eq_ignore_ascii_case("xml") || target.contains(':') {
            return self.wrong("an instruction of a name that is reserved");
        }
        let data = if self.take("?>") {
            ""
        } else if self.space() {
            self.take_until("?>", "an instruction without an end")?
        } else {
            return self.wrong("an instruction that is none");
        };
        self.flush();
        let node = Node::processing_instruction(&self.state.document, target.to_owned(), lines(data).into());
        self.link(&node);
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#NT-doctypedecl>
    fn doctype(&mut self) -> Result<()> {
        self.state.at += 9;
        if !self.space() {
            return self.wrong("a document type without a name");
        }
        let name = self.name()?;
        let spaced = self.space();
        let (mut public, mut system) = ("", "");
        if spaced && self.take("PUBLIC") {
            self.space();
            public = self.quoted()?;
            self.space();
            system = self.quoted()?;
        } else if spaced && self.take("SYSTEM") {
            self.space();
            system = self.quoted()?;
        }
        self.space();
        if self.take("[") {
            self.internal_subset()?;
            self.space();
        }
        if !self.take(">") {
            return self.wrong("a document type without an end");
        }
        self.state.html_entities = HTML_ENTITIES.contains(&public);
        let node = Node::doctype(&self.state.document, name.to_owned(), public.to_owned(), system.to_owned());
        self.state.document.link(&node, None);
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#NT-intSubset>: entities are remembered, and all else is passed over.
    fn internal_subset(&mut self) -> Result<()> {
        loop {
            self.space();
            if self.take("]") {
                return Ok(());
            }
            if self.take("<!--") {
                self.take_until("--", "a comment without an end")?;
                if !self.take(">") {
                    return self.wrong("two hyphens in a comment");
                }
            } else if self.take("<?") {
                self.take_until("?>", "an instruction without an end")?;
            } else if self.take("<!ENTITY") {
                self.entity()?;
            } else if self.take("<!") {
                self.rest_of_declaration()?;
            } else if self.take("%") {
                self.name()?;
                if !self.take(";") {
                    return self.wrong("a reference without an end");
                }
            } else {
                return self.wrong("a document type without an end");
            }
        }
    }

    fn rest_of_declaration(&mut self) -> Result<()> {
        loop {
            self.take_while(|c| !matches!(c, '"' | '\'' | '>' | '<'));
            match self.peek() {
                Some('>') => {
                    self.state.at += 1;
                    return Ok(());
                }
                Some('"' | '\'') => _ = self.quoted()?,
                _ => return self.wrong("a declaration without an end"),
            }
        }
    }

    fn entity(&mut self) -> Result<()> {
        self.space();
        let is_parameter = self.take("%");
        self.space();
        let name = self.name()?;
        self.space();
        if !matches!(self.peek(), Some('"' | '\'')) {
            return self.rest_of_declaration();
        }
        let value = self.quoted()?;
        self.space();
        if !self.take(">") {
            return self.wrong("a declaration without an end");
        }
        // The first declaration counts. NOTE: one that stands for markup or for other entities is not known here, so that a
        // reference to it is an error.
        let is_text = !value.contains(['<', '&', '%']);
        let is_new = !self.state.entities.iter().any(|(known, _)| known == name);
        if is_text && is_new && !is_parameter && self.state.entities.len() < ENTITIES {
            self.state.entities.push((name.to_owned(), lines(value)));
        }
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#NT-Reference>, after its ampersand.
    fn reference(&mut self) -> Result<String> {
        if self.take("#") {
            let (digits, radix) = match self.take("x") {
                true => (self.take_while(|c| c.is_ascii_hexdigit()), 16),
                false => (self.take_while(|c| c.is_ascii_digit()), 10),
            };
            let found =
                u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|c| is_char(*c));
            return match found {
                Some(c) if self.take(";") => Ok(c.to_string()),
                _ => self.wrong("a reference to no character"),
            };
        }
        let name = self.name()?;
        if !self.take(";") {
            return self.wrong("a reference without an end");
        }
        let known = match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "apos" => "'",
            "quot" => "\"",
            name => match self.state.entities.iter().find(|(known, _)| known == name) {
                Some((_, value)) => value,
                None if self.state.html_entities => return self.html_entity(name),
                None => return self.wrong("a reference to an entity that is not known"),
            },
        };
        let known = known.to_owned();
        self.state.expanded += known.len();
        if self.state.expanded > EXPANDED { self.wrong("too much of entities") } else { Ok(known) }
    }

    /// <https://html.spec.whatwg.org/#named-character-references>
    fn html_entity(&self, name: &str) -> Result<String> {
        let known = html5ever::data::NAMED_ENTITIES.get(&*format!("{name};"));
        let text: String = known
            .into_iter()
            .flat_map(|(one, two)| [*one, *two])
            .filter(|code| *code != 0)
            .filter_map(char::from_u32)
            .collect();
        if text.is_empty() { self.wrong("a reference to an entity that is not known") } else { Ok(text) }
    }

    fn character_data(&mut self) -> Result<()> {
        let text = self.take_while(|c| c != '<' && c != '&');
        if text.contains("]]>") {
            return self.wrong("the end of a CDATA section without its start");
        }
        if !text.chars().all(is_char) {
            return self.wrong("a character that XML does not have");
        }
        self.state.pending.push_str(&lines(text));
        if self.take("&") {
            let text = self.reference()?;
            self.state.pending.push_str(&text);
        }
        let is_over = self.state.at == self.text.len() && !self.is_at_end_of_fragment();
        if is_over { self.wrong("an element without an end") } else { Ok(()) }
    }

    /// Puts the text that has gathered into the tree.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.state.pending);
        if !text.is_empty() {
            let node = Node::text(&self.state.document, text.into());
            self.link(&node);
        }
    }

    fn link(&self, node: &NodeRef) {
        let parent = self.state.open.last().map_or(&self.state.document, |open| &open.node);
        parent.link(node, None);
    }

    fn namespace(&self, prefix: &str) -> Option<String> {
        match prefix {
            "xml" => Some(XML.to_owned()),
            prefix => {
                let found = self.state.namespaces.iter().rev().find(|(known, _)| known == prefix);
                let found = found.map(|(_, namespace)| namespace.clone());
                if prefix.is_empty() { Some(found.unwrap_or_default()) } else { found }
            }
        }
    }

    /// <https://www.w3.org/TR/xml/#NT-STag>, after its sign.
    fn start_tag(&mut self) -> Result<Step> {
        self.flush();
        let qualified = self.name()?;
        let mut attributes: Vec<(&str, String)> = Vec::new();
        let is_empty = loop {
            let spaced = self.space();
            if self.take("/>") {
                break true;
            }
            if self.take(">") {
                break false;
            }
            if !spaced {
                return self.wrong("a tag without an end");
            }
            let name = self.name()?;
            if attributes.iter().any(|(known, _)| *known == name) {
                return self.wrong("an attribute twice");
            }
            self.space();
            if !self.take("=") {
                return self.wrong("an attribute without a value");
            }
            self.space();
            let value = self.attribute_value()?;
            attributes.push((name, value));
        };
        if self.state.open.len() >= DEPTH {
            return self.wrong("too deep");
        }
        let namespaces = self.state.namespaces.len();
        for (name, value) in &attributes {
            self.declare(name, value)?;
        }
        let Some((prefix, local)) = split(qualified) else { return self.wrong("a name with two colons") };
        let Some(namespace) = self.namespace(prefix.unwrap_or_default()).filter(|_| prefix != Some("xmlns"))
        else {
            return self.wrong("a prefix that is not declared");
        };
        let element = create_element(&self.state.document, qual_name(prefix, &namespace, local));
        for (name, value) in attributes {
            let Some((prefix, local)) = split(name) else { return self.wrong("a name with two colons") };
            let namespace = match (prefix, local) {
                (Some("xmlns"), _) | (None, "xmlns") => XMLNS.to_owned(),
                (None, _) => String::new(),
                (Some(prefix), _) => match self.namespace(prefix) {
                    Some(namespace) => namespace,
                    None => return self.wrong("a prefix that is not declared"),
                },
            };
            let name = qual_name(prefix, &namespace, local);
            if element.attribute_ns(&name.ns, &name.local).is_some() {
                return self.wrong("an attribute twice");
            }
            element.put_attribute_quietly(name, value.into());
        }
        if element.is_html("script") {
            let line = self.line();
            script_element::made_by_parser(&element, self.state.scripts == Scripts::Never, line);
        }
        self.link(&element);
        if self.state.scripts == Scripts::OfThePage {
            self.state.inserted.push(Arc::clone(&element));
        }
        if is_empty {
            self.state.namespaces.truncate(namespaces);
            return Ok(self.ended(element));
        } else {
            self.state.open.push(Open { node: element, qualified: qualified.to_owned(), namespaces });
        }
        Ok(Step::Further)
    }

    /// <https://www.w3.org/TR/xml-names/#ns-decl>
    fn declare(&mut self, name: &str, value: &str) -> Result<()> {
        let prefix = match (name, name.strip_prefix("xmlns:")) {
            ("xmlns", _) => "",
            (_, Some(prefix)) => prefix,
            _ => return Ok(()),
        };
        let is_reserved = prefix == "xmlns" || (prefix == "xml") != (value == XML) || value == XMLNS;
        if is_reserved || value.is_empty() && !prefix.is_empty() {
            return self.wrong("a namespace that cannot be declared");
        }
        self.state.namespaces.push((prefix.to_owned(), value.to_owned()));
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#AVNormalize>
    fn attribute_value(&mut self) -> Result<String> {
        let quote = match self.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return self.wrong("an attribute without a value"),
        };
        self.state.at += 1;
        let mut value = String::new();
        loop {
            let text = self.take_while(|c| c != quote && c != '&' && c != '<');
            if !text.chars().all(is_char) {
                return self.wrong("a character that XML does not have");
            }
            value.extend(text.replace("\r\n", " ").chars().map(|c| if is_space(c) { ' ' } else { c }));
            if self.take("&") {
                value.push_str(&self.reference()?);
            } else if self.peek() == Some(quote) {
                self.state.at += 1;
                return Ok(value);
            } else {
                return self.wrong("a value without an end");
            }
        }
    }

    /// An element is whole.
    fn ended(&self, element: NodeRef) -> Step {
        let runs = self.state.scripts == Scripts::OfThePage && element.is_html("script");
        if runs { Step::Script(element) } else { Step::Further }
    }

    fn end_tag(&mut self) -> Result<Step> {
        self.flush();
        let qualified = self.name()?;
        self.space();
        if !self.take(">") {
            return self.wrong("a tag without an end");
        }
        match self.state.open.pop() {
            Some(open) if open.qualified == qualified => {
                self.state.namespaces.truncate(open.namespaces);
                Ok(self.ended(open.node))
            }
            _ => self.wrong("the end of what has not begun"),
        }
    }
}

#[cfg(test)]
mod tests {
    use longhaul_idl::runtime::RealmId;

    use super::*;
    use crate::dom::document::{Kind, new_document};

    fn parsed(text: &str) -> std::result::Result<String, &'static str> {
        let url = url::Url::parse("about:blank").expect("it is a URL");
        let document = new_document(RealmId::next(), Kind::Xml, "text/xml", url);
        parse(&document, text)
            .map(|()| crate::dom::serialize(&document, true, true))
            .map_err(|error| error.what)
    }

    #[test]
    fn what_is_well_formed_comes_back() {
        for text in [
            "<a/>",
            "<a>text<b c=\"d\"/><!-- x --><?do it?></a>",
            "<a:b xmlns:a=\"urn:x\" a:c=\"1\" c=\"2\"><d xmlns=\"urn:y\"/></a:b>",
            "<r>&lt;&amp;&gt;</r>",
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(text), "{text}");
        }
        let cases = [
            (
                "\u{FEFF}<?xml version='1.0' encoding='utf-8' standalone='no'?>\n<a></a>\n<!--after-->",
                "<a/><!--after-->",
            ),
            ("<a>&#65;&#x42;&apos;&quot;</a>", "<a>AB'\"</a>"),
            ("<a b='x\n\ty&#10;z'>\r\n\r</a>", "<a b=\"x  y\nz\">\n\n</a>"),
            (
                "<!DOCTYPE a [<!ENTITY e 'v'><!ELEMENT a ANY><!-- > -->]><a b='&e;'>&e;</a>",
                "<!DOCTYPE a><a b=\"v\">v</a>",
            ),
            ("<a><script>x &lt; y</script></a>", "<a><script>x &lt; y</script></a>"),
            ("<\u{E9}l\u{E9}ment/>", "<\u{E9}l\u{E9}ment/>"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_is_refused() {
        for text in [
            "",
            " ",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a b></a>",
            "<a b=c/>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a>&nbsp;</a>",
            "<a>&amp</a>",
            "<a>&#0;</a>",
            "<a>&#xD800;</a>",
            "<a>]]></a>",
            "<a>\u{1}</a>",
            "<1/>",
            "<a:b/>",
            "<a b:c='d'/>",
            "<a xmlns:b=''/>",
            "<xmlns:a/>",
            "<a:b:c xmlns:a='x'/>",
            "<a xmlns:xml='x'/>",
            "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
            "<!-- a -- b --><a/>",
            "<a><!-- b</a>",
            "<?xml?><a/>",
            " <?xml version='1.0'?><a/>",
            "<a><?xml version='1.0'?></a>",
            "<a/><!DOCTYPE a>",
            "<a",
            "<a b='",
            "<![CDATA[x]]><a/>",
            "<!DOCTYPE a [<!ENTITY e '<b/>'>]><a>&e;</a>",
            "<!DOCTYPE a [<!ENTITY",
            "</a>",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
        assert_eq!(parsed(&"<a>".repeat(100_000)), Err("too deep"));
        let bomb =
            format!("<!DOCTYPE a [<!ENTITY e '{}'>]><a>{}</a>", "x".repeat(1000), "&e;".repeat(10_000));
        assert_eq!(parsed(&bomb), Err("too much of entities"));
    }
}
