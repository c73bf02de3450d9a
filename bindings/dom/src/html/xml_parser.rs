//! XML documents: <https://www.w3.org/TR/xml/> and <https://www.w3.org/TR/xml-names/>, of what came whole. Nothing outside of the
//! text is read, and no script runs.

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

/// The text is not well-formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotWellFormed {
    /// What is wrong, for people.
    pub(crate) what: &'static str,
    /// The byte that it was seen at.
    pub(crate) at: usize,
}

type Result<T> = std::result::Result<T, NotWellFormed>;

/// Parses a text into a document that is empty. Where it is not well-formed, what came before is in the document.
pub(crate) fn parse(document: &NodeRef, text: &str) -> Result<()> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut parser = Parser {
        text,
        at: 0,
        document: Arc::clone(document),
        open: Vec::new(),
        namespaces: Vec::new(),
        entities: Vec::new(),
        expanded: 0,
        pending: String::new(),
    };
    parser.document()
}

/// An element whose end has not come.
struct Open {
    node: NodeRef,
    qualified: String,
    /// How many namespaces were declared before it.
    namespaces: usize,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    document: NodeRef,
    open: Vec<Open>,
    /// Prefix, empty for the default namespace, and namespace.
    namespaces: Vec<(String, String)>,
    entities: Vec<(String, String)>,
    expanded: usize,
    /// Text that is not in the tree yet.
    pending: String,
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
        Err(NotWellFormed { what, at: self.at })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes what stands here, if it is that.
    fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
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
        self.at += length + mark.len();
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
                self.at += 1;
                self.take_until(if quote == '"' { "\"" } else { "'" }, "a literal without an end")
            }
            _ => self.wrong("no quotation mark where there must be one"),
        }
    }

    /// <https://www.w3.org/TR/xml/#NT-document>
    fn document(&mut self) -> Result<()> {
        if self.rest().starts_with("<?xml") && self.rest()[5..].starts_with(is_space) {
            self.declaration()?;
        }
        let mut doctype = false;
        loop {
            let done = self.document.document_element_node().is_some() && self.open.is_empty();
            if self.open.is_empty() {
                self.space();
                match self.peek() {
                    None if done => return Ok(()),
                    None => return self.wrong("there is no element"),
                    Some('<') => {}
                    Some(_) => return self.wrong("text outside of the element"),
                }
            }
            if !self.rest().starts_with('<') {
                self.character_data()?;
                continue;
            }
            if self.rest().starts_with("<![CDATA[") && !self.open.is_empty() {
                self.at += 9;
                let data = lines(self.take_until("]]>", "a CDATA section without an end")?);
                self.flush();
                let node = Node::cdata(&self.document, data.into());
                self.link(&node);
            } else if self.take("<!--") {
                self.comment()?;
            } else if self.rest().starts_with("<!DOCTYPE") && self.open.is_empty() && !done && !doctype {
                doctype = true;
                self.doctype()?;
            } else if self.take("<?") {
                self.instruction()?;
            } else if self.take("</") {
                self.end_tag()?;
            } else if done {
                return self.wrong("a second element");
            } else {
                self.at += 1;
                self.start_tag()?;
            }
        }
    }

    /// <https://www.w3.org/TR/xml/#NT-XMLDecl>
    fn declaration(&mut self) -> Result<()> {
        self.at += 5;
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
        let node = Node::comment(&self.document, lines(data).into());
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
        let node = Node::processing_instruction(&self.document, target.to_owned(), lines(data).into());
        self.link(&node);
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#NT-doctypedecl>
    fn doctype(&mut self) -> Result<()> {
        self.at += 9;
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
        let node = Node::doctype(&self.document, name.to_owned(), public.to_owned(), system.to_owned());
        self.document.link(&node, None);
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
                    self.at += 1;
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
        let is_new = !self.entities.iter().any(|(known, _)| known == name);
        if is_text && is_new && !is_parameter && self.entities.len() < ENTITIES {
            self.entities.push((name.to_owned(), lines(value)));
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
            name => match self.entities.iter().find(|(known, _)| known == name) {
                Some((_, value)) => value,
                None => return self.wrong("a reference to an entity that is not known"),
            },
        };
        let known = known.to_owned();
        self.expanded += known.len();
        if self.expanded > EXPANDED { self.wrong("too much of entities") } else { Ok(known) }
    }

    fn character_data(&mut self) -> Result<()> {
        let text = self.take_while(|c| c != '<' && c != '&');
        if text.contains("]]>") {
            return self.wrong("the end of a CDATA section without its start");
        }
        if !text.chars().all(is_char) {
            return self.wrong("a character that XML does not have");
        }
        self.pending.push_str(&lines(text));
        if self.take("&") {
            let text = self.reference()?;
            self.pending.push_str(&text);
        }
        if self.at == self.text.len() { self.wrong("an element without an end") } else { Ok(()) }
    }

    /// Puts the text that has gathered into the tree.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.pending);
        if !text.is_empty() {
            let node = Node::text(&self.document, text.into());
            self.link(&node);
        }
    }

    fn link(&self, node: &NodeRef) {
        let parent = self.open.last().map_or(&self.document, |open| &open.node);
        parent.link(node, None);
    }

    fn namespace(&self, prefix: &str) -> Option<String> {
        match prefix {
            "xml" => Some(XML.to_owned()),
            prefix => {
                let found = self.namespaces.iter().rev().find(|(known, _)| known == prefix);
                let found = found.map(|(_, namespace)| namespace.clone());
                if prefix.is_empty() { Some(found.unwrap_or_default()) } else { found }
            }
        }
    }

    /// <https://www.w3.org/TR/xml/#NT-STag>, after its sign.
    fn start_tag(&mut self) -> Result<()> {
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
        if self.open.len() >= DEPTH {
            return self.wrong("too deep");
        }
        let namespaces = self.namespaces.len();
        for (name, value) in &attributes {
            self.declare(name, value)?;
        }
        let Some((prefix, local)) = split(qualified) else { return self.wrong("a name with two colons") };
        let Some(namespace) = self.namespace(prefix.unwrap_or_default()).filter(|_| prefix != Some("xmlns"))
        else {
            return self.wrong("a prefix that is not declared");
        };
        let element = create_element(&self.document, qual_name(prefix, &namespace, local));
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
            script_element::already_started(&element);
        }
        self.link(&element);
        if is_empty {
            self.namespaces.truncate(namespaces);
        } else {
            self.open.push(Open { node: element, qualified: qualified.to_owned(), namespaces });
        }
        Ok(())
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
        self.namespaces.push((prefix.to_owned(), value.to_owned()));
        Ok(())
    }

    /// <https://www.w3.org/TR/xml/#AVNormalize>
    fn attribute_value(&mut self) -> Result<String> {
        let quote = match self.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return self.wrong("an attribute without a value"),
        };
        self.at += 1;
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
                self.at += 1;
                return Ok(value);
            } else {
                return self.wrong("a value without an end");
            }
        }
    }

    fn end_tag(&mut self) -> Result<()> {
        self.flush();
        let qualified = self.name()?;
        self.space();
        if !self.take(">") {
            return self.wrong("a tag without an end");
        }
        match self.open.pop() {
            Some(open) if open.qualified == qualified => {
                self.namespaces.truncate(open.namespaces);
                Ok(())
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
