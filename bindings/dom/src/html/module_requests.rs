//! What a module's text imports, by its look: <https://tc39.es/ecma262/#sec-static-semantics-modulerequests>
//!
//! The engine asks for a module's imports while it links, and cannot wait then. So what a text imports is fetched before the engine has
//! it. Whatever is overlooked here is fetched all the same, only later and while the agent waits; the engine's own parser has the last
//! word.

/// The specifiers of a module's static imports, each once, in their order.
pub(super) fn module_requests(text: &str) -> Vec<String> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, found: Vec::new() };
    scanner.scan();
    scanner.found
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    found: Vec<String>,
}

/// What the text before a slash means for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A value: it divides.
    Value,
    /// Anything else: it begins a regular expression.
    Operator,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    fn scan(&mut self) {
        // How deep in brackets, and at which depths templates go on after a brace.
        let (mut depth, mut templates) = (0_usize, Vec::<usize>::new());
        let mut before = Before::Operator;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' | b'\'' => {
                    self.string();
                    before = Before::Value;
                }
                b'`' => {
                    self.at += 1;
                    before = self.template(&mut depth, &mut templates);
                }
                b'/' if self.comment() => {}
                b'/' if before == Before::Operator => {
                    self.regular_expression();
                    before = Before::Value;
                }
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                    before = Before::Operator;
                }
                b'}' if templates.last() == Some(&depth) => {
                    templates.pop();
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    before = self.template(&mut depth, &mut templates);
                }
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    // NOTE: after a block's end a slash begins a regular expression, after an object's it divides.
                    before = if byte == b'}' { Before::Operator } else { Before::Value };
                }
                _ if is_word(byte) => before = self.word(depth),
                _ if byte.is_ascii_whitespace() => self.at += 1,
                _ => {
                    self.at += 1;
                    before = Before::Operator;
                }
            }
        }
    }

    fn word(&mut self, depth: usize) -> Before {
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        let is_member =
            self.bytes[..start].iter().rev().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'.');
        let word = &self.bytes[start..self.at];
        match word {
            b"import" if depth == 0 && !is_member => self.declaration(true),
            b"export" if depth == 0 && !is_member => self.declaration(false),
            b"return" | b"typeof" | b"case" | b"do" | b"else" | b"in" | b"of" | b"instanceof" | b"new"
            | b"void" | b"delete" | b"throw" | b"await" | b"yield" => return Before::Operator,
            _ => {}
        }
        Before::Value
    }

    /// Past `import` or `export`: the specifier, if what follows has one.
    fn declaration(&mut self, is_import: bool) {
        self.space();
        match self.peek() {
            // `import "x"`
            Some(b'"' | b'\'') if is_import => return self.specifier(),
            // `export { a as b } from`, `import { a } from`
            Some(b'{') => self.braces(),
            // `export * from`, `export * as a from`, `import * as a from`
            Some(b'*') => {
                self.at += 1;
                self.skip_words_to_from();
            }
            // `import a from`, `import a, { b } from`
            Some(byte) if is_import && is_word(byte) => {
                if !self.skip_words_to_from() {
                    self.space();
                    if self.peek() != Some(b',') {
                        return;
                    }
                    self.at += 1;
                    self.space();
                    match self.peek() {
                        Some(b'{') => self.braces(),
                        Some(b'*') => {
                            self.at += 1;
                            self.skip_words_to_from();
                        }
                        _ => return,
                    }
                }
            }
            // `import(…)`, `import.meta`, and declarations that export what they declare.
            _ => return,
        }
        self.space();
        if self.rest().starts_with(b"from") && !self.rest().get(4).copied().is_some_and(is_word) {
            self.at += 4;
        }
        self.space();
        if matches!(self.peek(), Some(b'"' | b'\'')) {
            self.specifier();
        }
    }

    /// Words up to one that is `from` and stands before a string. `false` at anything else.
    fn skip_words_to_from(&mut self) -> bool {
        loop {
            self.space();
            let start = self.at;
            while self.peek().is_some_and(is_word) {
                self.at += 1;
            }
            if start == self.at {
                return false;
            }
            if &self.bytes[start..self.at] == b"from" {
                self.space();
                if matches!(self.peek(), Some(b'"' | b'\'')) {
                    return true;
                }
            }
        }
    }

    fn braces(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'}' => {
                    self.at += 1;
                    return;
                }
                b'"' | b'\'' => {
                    self.string();
                }
                b'/' if self.comment() => {}
                _ => self.at += 1,
            }
        }
    }

    fn specifier(&mut self) {
        let Some(text) = self.string() else { return };
        if !self.found.contains(&text) {
            self.found.push(text);
        }
    }

    /// A string's value, if it can be told from its look.
    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.at += 1;
        let start = self.at;
        let mut plain = true;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => {
                    plain = false;
                    self.at += 2;
                }
                b'\n' => return None,
                _ if byte == quote => {
                    let text = std::str::from_utf8(&self.bytes[start..self.at]).ok().map(str::to_owned);
                    self.at += 1;
                    return text.filter(|_| plain);
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// To a template's end, or to the brace of a part that is evaluated.
    fn template(&mut self, depth: &mut usize, templates: &mut Vec<usize>) -> Before {
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    return Before::Value;
                }
                b'$' if self.rest().get(1) == Some(&b'{') => {
                    self.at += 2;
                    *depth += 1;
                    templates.push(*depth);
                    return Before::Operator;
                }
                _ => self.at += 1,
            }
        }
        Before::Value
    }

    /// Past a comment, if there is one here.
    fn comment(&mut self) -> bool {
        let end = match self.rest() {
            [b'/', b'/', ..] => self.rest().iter().position(|byte| *byte == b'\n'),
            [b'/', b'*', rest @ ..] => rest.windows(2).position(|pair| pair == b"*/").map(|at| at + 4),
            _ => return false,
        };
        self.at = end.map_or(self.bytes.len(), |end| self.at + end);
        true
    }

    fn regular_expression(&mut self) {
        self.at += 1;
        let mut in_class = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.at += 1;
                    return;
                }
                b'\n' => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'/' if self.comment() => {}
                _ if byte.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::module_requests as requests;

    #[test]
    fn every_form_of_a_declaration_is_seen() {
        let text = r#"import "a"; import b from 'b'; import * as c from "c"; import { d, d as e, "f g" as h } from "d";
            import e, { x } from "e"; import f, * as g from "f"; export * from "g"; export * as h from 'h';
            export { i } from "i"; import from from "j"; import/* x */"k"; import json from "l" with { type: "json" };"#;
        assert_eq!(requests(text), ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let text = r#"// import "a"
            /* import "b" */ const t = `import "c" ${ `${ { } }` } import "d"`; const s = 'import "e"';
            if (x) { import("f"); } y.import("g"); export const z = "h"; export default "i"; export { j };
            const r = /import "k"[/"']/; const q = a / 2 / "l"; function w() { return /"/ } const n = import.meta.url;
            export function from() {} "m"; import "real"; import 'es\caped'; import "real""#;
        assert_eq!(requests(text), ["real"]);
    }

    #[test]
    fn broken_text_ends() {
        for text in
            ["import {", "import * as", "`${", "/[", "import \"", "export * from", "/*", "'\\", "import a, "]
        {
            assert_eq!(requests(text), [""; 0], "{text}");
        }
    }
}
