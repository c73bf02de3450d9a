//! <https://drafts.csswg.org/selectors-4/>, those that need neither layout nor state: type, class, id and attribute selectors,
//! all combinators, `:not`, `:is`, `:where`, `:has`, the structural pseudo-classes and a few of HTML's.

use std::sync::Arc;

use html5ever::ns;
use longhaul_idl::runtime::Exception;

use super::node::NodeRef;

/// How deep functional pseudo-classes may be nested.
const NESTING: usize = 32;

/// A selector list.
#[derive(Debug)]
pub(crate) struct Selectors(Vec<Complex>);

/// Compounds from right to left, each with the combinator to its left.
#[derive(Debug)]
struct Complex(Vec<(Compound, Option<Combinator>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combinator {
    Descendant,
    Child,
    Next,
    Subsequent,
}

type Compound = Vec<Simple>;

#[derive(Debug)]
enum Simple {
    Universal,
    /// As written, and in lower case for HTML elements.
    Type(String, String),
    /// Nothing: a prefix that nobody declared, `|name`.
    NoNamespace,
    Id(String),
    Class(String),
    Attribute {
        name: String,
        operator: Operator,
        value: String,
        case_insensitive: Option<bool>,
    },
    Not(Selectors),
    Is(Selectors),
    Has(Vec<(Combinator, Complex)>),
    Nth {
        a: i64,
        b: i64,
        from_end: bool,
        of_type: bool,
        of: Option<Selectors>,
    },
    Root,
    Scope,
    Empty,
    Link,
    Enabled,
    Disabled,
    Checked,
    Lang(String),
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    Equals,
    Includes,
    Dash,
    Prefix,
    Suffix,
    Contains,
}

fn syntax(text: &str) -> Exception {
    Exception::dom("SyntaxError", format!("“{}” is no selector", crate::shown(text)))
}

impl Selectors {
    /// <https://drafts.csswg.org/selectors-4/#parse-a-selector>
    pub(crate) fn parse(text: &str) -> Result<Self, Exception> {
        let chars: Vec<char> = text.replace('\0', "\u{fffd}").chars().collect();
        let mut parser = Parser { chars: &chars, at: 0, depth: 0 };
        match parser.list(false) {
            Some(list) if parser.at == parser.chars.len() => Ok(list),
            _ => Err(syntax(text)),
        }
    }

    pub(crate) fn matches(&self, element: &NodeRef, scope: &NodeRef) -> bool {
        self.0.iter().any(|complex| complex.matches(element, 0, scope))
    }
}

impl Complex {
    fn matches(&self, element: &NodeRef, from: usize, scope: &NodeRef) -> bool {
        // OPTIMIZATION: runs of child and sibling combinators, which have one candidate each, are walked without recursion.
        let Some((compound, combinator)) = self.0.get(from) else { return true };
        if !compound.iter().all(|simple| simple.matches(element, scope)) {
            return false;
        }
        let Some(combinator) = combinator else { return true };
        let step = |node: &NodeRef| match combinator {
            Combinator::Descendant | Combinator::Child => node.parent().filter(|parent| parent.is_element()),
            Combinator::Next | Combinator::Subsequent => previous_element(node),
        };
        let mut candidate = step(element);
        while let Some(node) = candidate {
            if self.matches(&node, from + 1, scope) {
                return true;
            }
            if matches!(combinator, Combinator::Child | Combinator::Next) {
                return false;
            }
            candidate = step(&node);
        }
        false
    }
}

pub(crate) fn previous_element(node: &NodeRef) -> Option<NodeRef> {
    let mut previous = node.previous_sibling();
    while let Some(node) = previous {
        if node.is_element() {
            return Some(node);
        }
        previous = node.previous_sibling();
    }
    None
}

pub(crate) fn next_element(node: &NodeRef) -> Option<NodeRef> {
    let mut next = node.next_sibling();
    while let Some(node) = next {
        if node.is_element() {
            return Some(node);
        }
        next = node.next_sibling();
    }
    None
}

/// Attributes whose values HTML compares without regard to case.
const LEGACY_CASE_INSENSITIVE: &[&str] = &[
    "accept",
    "accept-charset",
    "align",
    "alink",
    "axis",
    "bgcolor",
    "charset",
    "checked",
    "clear",
    "codetype",
    "color",
    "compact",
    "declare",
    "defer",
    "dir",
    "direction",
    "disabled",
    "enctype",
    "face",
    "frame",
    "hreflang",
    "http-equiv",
    "lang",
    "language",
    "link",
    "media",
    "method",
    "multiple",
    "nohref",
    "noresize",
    "noshade",
    "nowrap",
    "readonly",
    "rel",
    "rev",
    "rules",
    "scope",
    "scrolling",
    "selected",
    "shape",
    "target",
    "text",
    "type",
    "valign",
    "valuetype",
    "vlink",
];

impl Simple {
    fn matches(&self, node: &NodeRef, scope: &NodeRef) -> bool {
        let Some(element) = node.element() else { return false };
        let is_html = element.name.ns == ns!(html);
        match self {
            Self::Universal => true,
            Self::Type(name, lower) => {
                let in_html = is_html
                    && node
                        .document()
                        .is_some_and(|document| document.document_data().is_some_and(|data| data.is_html()));
                *element.name.local == **(if in_html { lower } else { name })
            }
            Self::NoNamespace => element.name.ns == ns!(),
            Self::Id(id) => match quirks(node) {
                true => node.attr("id").is_some_and(|value| value.eq_ignore_ascii_case(id)),
                false => node.attr("id").as_ref() == Some(id),
            },
            Self::Class(class) => {
                let quirks = quirks(node);
                node.attr("class").is_some_and(|value| {
                    value
                        .split_ascii_whitespace()
                        .any(|known| known == class || quirks && known.eq_ignore_ascii_case(class))
                })
            }
            Self::Attribute { name, operator, value, case_insensitive } => {
                let name = if is_html { &name.to_ascii_lowercase() } else { name };
                let Some(found) = node.attr(name) else { return false };
                let insensitive = case_insensitive
                    .unwrap_or_else(|| is_html && LEGACY_CASE_INSENSITIVE.contains(&name.as_str()));
                let (found, value) = if insensitive {
                    (found.to_ascii_lowercase(), value.to_ascii_lowercase())
                } else {
                    (found, value.clone())
                };
                match operator {
                    Operator::Exists => true,
                    Operator::Equals => found == value,
                    Operator::Includes => {
                        !value.is_empty() && found.split_ascii_whitespace().any(|word| word == value)
                    }
                    Operator::Dash => {
                        found == value || found.strip_prefix(&value).is_some_and(|rest| rest.starts_with('-'))
                    }
                    Operator::Prefix => !value.is_empty() && found.starts_with(&value),
                    Operator::Suffix => !value.is_empty() && found.ends_with(&value),
                    Operator::Contains => !value.is_empty() && found.contains(&value),
                }
            }
            Self::Not(list) => !list.matches(node, scope),
            Self::Is(list) => list.matches(node, scope),
            Self::Has(relatives) => {
                relatives.iter().any(|(combinator, complex)| has(node, *combinator, complex))
            }
            Self::Nth { a, b, from_end, of_type, of } => {
                let counts = |other: &NodeRef| {
                    (!of_type
                        || other.element().is_some_and(|other| {
                            other.name.ns == element.name.ns && other.name.local == element.name.local
                        }))
                        && of.as_ref().is_none_or(|of| of.matches(other, scope))
                };
                if !counts(node) {
                    return false;
                }
                let mut index = 1_i64;
                let step =
                    |node: &NodeRef| if *from_end { next_element(node) } else { previous_element(node) };
                let mut other = step(node);
                while let Some(sibling) = other {
                    index += i64::from(counts(&sibling));
                    other = step(&sibling);
                }
                let distance = index - b;
                if *a == 0 { distance == 0 } else { distance % a == 0 && distance / a >= 0 }
            }
            Self::Root => node.parent().is_some_and(|parent| parent.is_document()),
            Self::Scope => {
                if scope.is_element() {
                    Arc::ptr_eq(scope, node)
                } else {
                    node.parent().is_some_and(|parent| Arc::ptr_eq(&parent, scope) && parent.is_document())
                }
            }
            Self::Empty => node.children_list().iter().all(|child| {
                !child.is_element()
                    && child.character_data().is_none_or(|_| !child.is_text() || child_is_empty(child))
            }),
            Self::Link => is_html && matches!(&*element.name.local, "a" | "area") && node.has_attr("href"),
            Self::Enabled => is_control(node) && !node.has_attr("disabled"),
            Self::Disabled => is_control(node) && node.has_attr("disabled"),
            Self::Checked => {
                node.is_html("option") && node.has_attr("selected")
                    || node.is_html("input") && node.has_attr("checked")
            }
            Self::Lang(wanted) => {
                let mut current = Some(Arc::clone(node));
                while let Some(node) = current {
                    if let Some(lang) = node.attr("lang") {
                        let (lang, wanted) = (lang.to_ascii_lowercase(), wanted.to_ascii_lowercase());
                        return lang == wanted
                            || lang.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('-'));
                    }
                    current = node.parent();
                }
                false
            }
            Self::Never => false,
        }
    }
}

fn child_is_empty(child: &NodeRef) -> bool {
    child.character_data().is_none_or(|data| super::node::lock(data).is_empty())
}

fn quirks(node: &NodeRef) -> bool {
    node.document().is_some_and(|document| document.document_data().is_some_and(|data| data.is_quirks()))
}

fn is_control(node: &NodeRef) -> bool {
    node.html_name().is_some_and(|name| {
        matches!(&**name, "button" | "input" | "select" | "textarea" | "optgroup" | "option" | "fieldset")
    })
}

fn has(anchor: &NodeRef, combinator: Combinator, complex: &Complex) -> bool {
    match combinator {
        Combinator::Child => anchor.child_elements().iter().any(|child| complex.matches(child, 0, anchor)),
        Combinator::Descendant => {
            anchor.descendants().any(|node| node.is_element() && complex.matches(&node, 0, anchor))
        }
        Combinator::Next => next_element(anchor).is_some_and(|next| complex.matches(&next, 0, anchor)),
        Combinator::Subsequent => {
            let mut next = next_element(anchor);
            while let Some(node) = next {
                if complex.matches(&node, 0, anchor) {
                    return true;
                }
                next = next_element(&node);
            }
            false
        }
    }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    depth: usize,
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c >= '\u{80}'
}

fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || c == '-'
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) -> bool {
        let start = self.at;
        loop {
            if self.chars[self.at..].starts_with(&['/', '*']) {
                let rest = &self.chars[self.at + 2..];
                let end = rest.windows(2).position(|pair| pair == ['*', '/']);
                self.at = end.map_or(self.chars.len(), |end| self.at + end + 4);
            } else if self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')) {
                self.at += 1;
            } else {
                return self.at > start;
            }
        }
    }

    /// <https://drafts.csswg.org/css-syntax-3/#consume-escaped-code-point>
    fn escape(&mut self) -> Option<char> {
        let c = self.peek()?;
        if c == '\n' || c == '\r' || c == '\x0c' {
            return None;
        }
        if !c.is_ascii_hexdigit() {
            self.at += 1;
            return Some(c);
        }
        let mut code = 0;
        for _ in 0..6 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else { break };
            code = code * 16 + digit;
            self.at += 1;
        }
        if self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
        Some(char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}'))
    }

    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if is_name(c) {
                name.push(c);
                self.at += 1;
            } else if c == '\\' {
                self.at += 1;
                match self.escape() {
                    Some(c) => name.push(c),
                    // NOTE: the end of the text is an escape of U+FFFD.
                    None if self.at >= self.chars.len() => name.push('\u{fffd}'),
                    None => return None,
                }
            } else {
                break;
            }
        }
        (!name.is_empty()).then_some(name)
    }

    fn identifier(&mut self) -> Option<String> {
        let (first, second) = (self.peek()?, self.chars.get(self.at + 1).copied());
        let starts = is_name_start(first)
            || first == '\\'
            || first == '-' && second.is_some_and(|c| is_name_start(c) || c == '-' || c == '\\');
        if starts { self.name() } else { None }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek().filter(|c| matches!(c, '"' | '\''))?;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                // NOTE: the end of the text ends what is open.
                None => return Some(text),
                Some(c) if c == quote => {
                    self.at += 1;
                    return Some(text);
                }
                Some('\n') => return None,
                Some('\\') => {
                    self.at += 1;
                    if self.eat('\n') {
                        continue;
                    }
                    if let Some(c) = self.escape() {
                        text.push(c);
                    }
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    fn list(&mut self, forgiving: bool) -> Option<Selectors> {
        let mut list = Vec::new();
        loop {
            self.space();
            if forgiving && self.peek().is_none_or(|c| c == ')') {
                return Some(Selectors(list));
            }
            list.push(self.complex()?);
            if !self.eat(',') {
                return Some(Selectors(list));
            }
        }
    }

    fn combinator(&mut self) -> Option<Combinator> {
        let combinator = match self.peek()? {
            '>' => Combinator::Child,
            '+' => Combinator::Next,
            '~' => Combinator::Subsequent,
            _ => return None,
        };
        self.at += 1;
        Some(combinator)
    }

    fn complex(&mut self) -> Option<Complex> {
        let mut parts: Vec<(Compound, Option<Combinator>)> = Vec::new();
        self.space();
        parts.push((self.compound()?, None));
        loop {
            let spaced = self.space();
            let combinator = match self.combinator() {
                Some(combinator) => combinator,
                None if spaced && self.peek().is_some_and(|c| c != ',' && c != ')') => Combinator::Descendant,
                None => break,
            };
            self.space();
            parts.push((self.compound()?, Some(combinator)));
        }
        parts.reverse();
        Some(Complex(parts))
    }

    fn compound(&mut self) -> Option<Compound> {
        let mut compound = Vec::new();
        let start = self.at;
        if self.eat('*') {
            compound.push(Simple::Universal);
        } else if self.peek() != Some('|')
            && let Some(name) = self.identifier()
        {
            let lower = name.to_ascii_lowercase();
            compound.push(Simple::Type(name, lower));
        }
        if self.peek() == Some('|') && self.chars.get(self.at + 1) != Some(&'=') {
            self.at += 1;
            match compound.pop() {
                None => compound.push(Simple::NoNamespace),
                Some(Simple::Universal) => {}
                // A prefix, and none is declared.
                Some(_) => return None,
            }
            if self.eat('*') {
                compound.push(Simple::Universal);
            } else {
                let name = self.identifier()?;
                let lower = name.to_ascii_lowercase();
                compound.push(Simple::Type(name, lower));
            }
        }
        loop {
            match self.peek() {
                Some('#') => {
                    self.at += 1;
                    compound.push(Simple::Id(self.identifier()?));
                }
                Some('.') => {
                    self.at += 1;
                    compound.push(Simple::Class(self.identifier()?));
                }
                Some('[') => compound.push(self.attribute()?),
                Some(':') => compound.push(self.pseudo()?),
                _ => break,
            }
        }
        (self.at > start).then_some(compound)
    }

    fn attribute(&mut self) -> Option<Simple> {
        self.at += 1;
        self.space();
        if self.eat('*') {
            self.eat('|').then_some(())?;
        } else if self.peek() == Some('|') {
            self.at += 1;
        }
        let name = self.identifier()?;
        if self.peek() == Some('|') && self.chars.get(self.at + 1) != Some(&'=') {
            return None;
        }
        self.space();
        let operator = match self.peek() {
            None => {
                return Some(Simple::Attribute {
                    name,
                    operator: Operator::Exists,
                    value: String::new(),
                    case_insensitive: None,
                });
            }
            Some(']') => {
                self.at += 1;
                return Some(Simple::Attribute {
                    name,
                    operator: Operator::Exists,
                    value: String::new(),
                    case_insensitive: None,
                });
            }
            Some('=') => Operator::Equals,
            Some('~') => Operator::Includes,
            Some('|') => Operator::Dash,
            Some('^') => Operator::Prefix,
            Some('$') => Operator::Suffix,
            Some('*') => Operator::Contains,
            Some(_) => return None,
        };
        self.at += 1;
        if operator != Operator::Equals && !self.eat('=') {
            return None;
        }
        self.space();
        let value = match self.peek()? {
            '"' | '\'' => self.string()?,
            _ => self.identifier()?,
        };
        self.space();
        let case_insensitive = match self.peek() {
            Some('i' | 'I') => Some(true),
            Some('s' | 'S') => Some(false),
            _ => None,
        };
        self.at += usize::from(case_insensitive.is_some());
        self.space();
        if !self.eat(']') && self.peek().is_some() {
            return None;
        }
        Some(Simple::Attribute { name, operator, value, case_insensitive })
    }

    fn pseudo(&mut self) -> Option<Simple> {
        self.at += 1;
        if self.eat(':') {
            // A pseudo-element is no element.
            let name = self.identifier()?.to_ascii_lowercase();
            let known = [
                "before",
                "after",
                "first-line",
                "first-letter",
                "selection",
                "placeholder",
                "marker",
                "backdrop",
            ];
            return known.contains(&name.as_str()).then_some(Simple::Never);
        }
        let name = self.identifier()?.to_ascii_lowercase();
        if !self.eat('(') {
            let nth = |from_end, of_type| Simple::Nth { a: 0, b: 1, from_end, of_type, of: None };
            return Some(match name.as_str() {
                "root" => Simple::Root,
                "scope" => Simple::Scope,
                "empty" => Simple::Empty,
                "first-child" => nth(false, false),
                "last-child" => nth(true, false),
                "first-of-type" => nth(false, true),
                "last-of-type" => nth(true, true),
                "only-child" => Simple::Is(Selectors(vec![Complex(vec![(
                    vec![nth(false, false), nth(true, false)],
                    None,
                )])])),
                "only-of-type" => Simple::Is(Selectors(vec![Complex(vec![(
                    vec![nth(false, true), nth(true, true)],
                    None,
                )])])),
                "link" | "any-link" => Simple::Link,
                "enabled" => Simple::Enabled,
                "disabled" => Simple::Disabled,
                "checked" => Simple::Checked,
                "defined" => Simple::Universal,
                "visited" | "hover" | "active" | "focus" | "focus-within" | "focus-visible" | "target"
                | "host" | "indeterminate" | "valid" | "invalid" | "required" | "optional" | "read-only"
                | "read-write" | "fullscreen" | "modal" | "popover-open" | "open" | "placeholder-shown"
                | "default" | "in-range" | "out-of-range" | "autofill" | "before" | "after"
                | "first-line" | "first-letter" => Simple::Never,
                _ => return None,
            });
        }
        self.depth += 1;
        if self.depth > NESTING {
            return None;
        }
        self.space();
        let simple = match name.as_str() {
            "not" => Simple::Not(self.list(false)?),
            "is" | "where" | "matches" | "-webkit-any" => Simple::Is(self.list(true)?),
            "has" => {
                let mut relatives = Vec::new();
                loop {
                    self.space();
                    let combinator = self.combinator().unwrap_or(Combinator::Descendant);
                    relatives.push((combinator, self.complex()?));
                    if !self.eat(',') {
                        break;
                    }
                }
                Simple::Has(relatives)
            }
            "lang" => {
                let lang = if self.peek().is_some_and(|c| c == '"' || c == '\'') {
                    self.string()
                } else {
                    self.identifier()
                };
                Simple::Lang(lang?)
            }
            "dir" => {
                self.identifier()?;
                Simple::Never
            }
            "nth-child" | "nth-last-child" | "nth-of-type" | "nth-last-of-type" => {
                let (a, b) = self.an_plus_b()?;
                let of_type = name.ends_with("type");
                let spaced = self.space();
                let of = if spaced && !of_type && self.chars[self.at..].starts_with(&['o', 'f']) {
                    self.at += 2;
                    Some(self.list(false)?)
                } else {
                    None
                };
                Simple::Nth { a, b, from_end: name.contains("last"), of_type, of }
            }
            _ => return None,
        };
        self.depth -= 1;
        self.space();
        (self.eat(')') || self.peek().is_none()).then_some(simple)
    }

    /// <https://drafts.csswg.org/css-syntax-3/#anb-microsyntax>
    fn an_plus_b(&mut self) -> Option<(i64, i64)> {
        for (word, values) in [("even", (2, 0)), ("odd", (2, 1))] {
            let word: Vec<char> = word.chars().collect();
            let here = self.chars.get(self.at..self.at + word.len());
            if here.is_some_and(|here| here.iter().zip(&word).all(|(a, b)| a.eq_ignore_ascii_case(b))) {
                self.at += word.len();
                return Some(values);
            }
        }
        let sign = self.sign();
        let digits = self.digits();
        if !matches!(self.peek(), Some('n' | 'N')) {
            return digits.map(|digits| (0, sign.unwrap_or(1) * digits));
        }
        self.at += 1;
        let a = sign.unwrap_or(1) * digits.unwrap_or(1);
        let before = self.at;
        self.space();
        let Some(sign) = self.sign() else {
            self.at = before;
            return Some((a, 0));
        };
        self.space();
        Some((a, sign * self.digits()?))
    }

    fn sign(&mut self) -> Option<i64> {
        if self.eat('-') { Some(-1) } else { self.eat('+').then_some(1) }
    }

    fn digits(&mut self) -> Option<i64> {
        let mut value: Option<i64> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(i64::from(digit)).min(1 << 31));
            self.at += 1;
        }
        value
    }
}
