//! `Link`.

use super::header_list::HeaderList;
use super::isomorphic::isomorphic_decode;

/// A target that a response declares links to: the standards' link objects of one link-value.
///
/// <https://www.rfc-editor.org/rfc/rfc8288#section-2>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as it was written: relative to the response's URL.
    pub target_uri: String,
    /// What it is, in lower case: at least one.
    pub relation_types: Vec<String>,
    /// What it leads from, as it was written; without one it is what the response brings.
    pub anchor: Option<String>,
    /// What else is said of it, names in lower case.
    pub target_attributes: Vec<(String, String)>,
}

impl Link {
    /// The first attribute of that name, which is in lower case.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.target_attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// All links that a header list declares.
///
/// <https://html.spec.whatwg.org/multipage/semantics.html#extract-links-from-headers>
///
/// DEVIATION: values are not split at their commas before they are parsed, which would break URLs that have one: each is parsed as a
/// whole, as <https://www.rfc-editor.org/rfc/rfc8288#appendix-B.1> does and browsers do.
pub fn extract_links(headers: &HeaderList) -> Vec<Link> {
    headers.values("Link").flat_map(|value| Parser::new(&isomorphic_decode(value)).links()).collect()
}

/// <https://www.rfc-editor.org/rfc/rfc8288#appendix-B>
struct Parser<'text> {
    rest: &'text str,
}

impl<'text> Parser<'text> {
    fn new(text: &'text str) -> Self {
        Self { rest: text }
    }

    /// <https://www.rfc-editor.org/rfc/rfc8288#appendix-B.2>
    fn links(mut self) -> Vec<Link> {
        let mut links = Vec::new();
        loop {
            // 2.1. NOTE: and the commas, which the algorithm forgets.
            self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
            // 2.2.–2.6. The target.
            let Some(behind) = self.rest.strip_prefix('<') else { return links };
            let Some((target, behind)) = behind.split_once('>') else { return links };
            self.rest = behind;
            // 2.7.
            let parameters = self.parameters();
            let first =
                |name: &str| parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value);
            // 2.9., 2.10., 2.17.1.
            let relations = first("rel").map_or("", String::as_str).to_ascii_lowercase();
            let relations = relations.split([' ', '\t']).filter(|relation| !relation.is_empty());
            let relation_types: Vec<String> = relations.map(str::to_owned).collect();
            let anchor = first("anchor").cloned();
            // 2.11.–2.17. NOTE: one for all relations, so that a long value does not grow with their number.
            if !relation_types.is_empty() {
                links.push(Link {
                    target_uri: target.to_owned(),
                    relation_types,
                    anchor,
                    target_attributes: target_attributes(parameters),
                });
            }
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc8288#appendix-B.3>
    fn parameters(&mut self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        loop {
            // 2.1.–2.4.
            self.skip_spaces();
            let Some(behind) = self.rest.strip_prefix(';') else { return parameters };
            self.rest = behind;
            self.skip_spaces();
            // 2.5.
            let name = self.take_until(&[' ', '\t', '=', ';', ',']).to_ascii_lowercase();
            // 2.6.–2.8.
            self.skip_spaces();
            let value = match self.rest.strip_prefix('=') {
                Some(behind) => {
                    self.rest = behind;
                    self.skip_spaces();
                    match self.rest.strip_prefix('"') {
                        Some(behind) => {
                            self.rest = behind;
                            self.quoted_string()
                        }
                        None => self.take_until(&[';', ',']).trim_end_matches([' ', '\t']).to_owned(),
                    }
                }
                None => String::new(),
            };
            // 2.10.
            parameters.push((name, value));
        }
    }

    /// What follows an opening quote, up to the closing one or the end.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8288#appendix-B.4>
    fn quoted_string(&mut self) -> String {
        let mut output = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => output.extend(characters.next()),
                other => output.push(other),
            }
        }
        self.rest = characters.as_str();
        output
    }

    fn take_until(&mut self, ends: &[char]) -> &'text str {
        let (taken, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

/// Those that say something of the target. Nothing here is for readers of other languages, so that none is international.
fn target_attributes(mut parameters: Vec<(String, String)>) -> Vec<(String, String)> {
    const ONCE: [&str; 3] = ["media", "title", "type"];
    let mut seen = [false; ONCE.len()];
    parameters.retain(|(name, _)| {
        if matches!(name.as_str(), "rel" | "anchor") || name.ends_with('*') {
            return false;
        }
        match ONCE.iter().position(|once| once == name) {
            Some(once) => !std::mem::replace(&mut seen[once], true),
            None => true,
        }
    });
    parameters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(values: &[&str]) -> Vec<Link> {
        extract_links(&values.iter().map(|value| ("Link", *value)).collect::<HeaderList>())
    }

    fn link(target_uri: &str, relations: &str, attributes: &[(&str, &str)]) -> Link {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Link {
            target_uri: target_uri.to_owned(),
            relation_types: relations.split(' ').map(str::to_owned).collect(),
            anchor: None,
            target_attributes: attributes.iter().map(owned).collect(),
        }
    }

    #[test]
    fn a_link_has_a_target_relations_and_attributes() {
        assert_eq!(
            links(&[
                "</a.js>; rel=preload; AS=script;crossorigin",
                "<b> ; rel = \"Next PREV\" ; title=\"a\\\"b;,\""
            ]),
            [
                link("/a.js", "preload", &[("as", "script"), ("crossorigin", "")]),
                link("b", "next prev", &[("title", "a\"b;,")]),
            ]
        );
    }

    #[test]
    fn one_value_may_have_several() {
        let both = [link("a,b", "x", &[]), link("c", "y", &[])];
        assert_eq!(links(&["<a,b>;rel=x,<c>;rel=y"]), both);
        assert_eq!(links(&[", <a,b>; rel=x ,, <c>; rel=y ,"]), both);
    }

    #[test]
    fn what_is_broken_ends_its_value_alone() {
        for broken in ["a; rel=x", "<a; rel=x", "<a> b; rel=x", "<a>"] {
            assert_eq!(links(&[broken, "<b>; rel=y"]), [link("b", "y", &[])], "{broken}");
        }
        assert_eq!(links(&["<a>; rel=x, nonsense, <b>; rel=y"]), [link("a", "x", &[])]);
        assert_eq!(links(&["<a>; rel=\"x"]), [link("a", "x", &[])]);
    }

    #[test]
    fn the_first_relation_counts_and_some_attributes_come_once() {
        assert_eq!(
            links(&["<a>; rel=x; rel=y; media=m; media=n; title*=UTF-8''t; as=1; as=2"]),
            [link("a", "x", &[("media", "m"), ("as", "1"), ("as", "2")])]
        );
    }

    #[test]
    fn an_anchor_is_where_it_leads_from() {
        let found = links(&["<a>; rel=x; anchor=\"#part\""]);
        assert_eq!(found[0].anchor.as_deref(), Some("#part"));
        assert_eq!(found[0].attribute("anchor"), None);
    }

    proptest! {
        #[test]
        fn a_link_that_is_written_is_read(target in "[^>\\x00-\\x1f\\x7f-\\u{10ffff}]*", value in "[\\x20-\\x7e]*") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("<{target}>; rel=x; a=\"{quoted}\", <b>; rel=y");
            prop_assert_eq!(links(&[&text]), [link(&target, "x", &[("a", &value)]), link("b", "y", &[])]);
        }
    }
}
