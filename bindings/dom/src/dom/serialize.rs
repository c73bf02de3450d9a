//! <https://html.spec.whatwg.org/#serialising-html-fragments>, and XML's in a simple form.

use std::sync::Arc;

use html5ever::ns;

use super::element::{name_of, qualified};
use super::node::{NodeData, NodeRef, lock};

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "basefont"
            | "bgsound"
            | "br"
            | "col"
            | "embed"
            | "frame"
            | "hr"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

fn escape(out: &mut String, text: &str, attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

fn tag_name(node: &NodeRef) -> String {
    let Some(element) = node.element() else { return String::new() };
    match element.name.ns {
        ns!(html) | ns!(svg) | ns!(mathml) => element.name.local.to_string(),
        _ => qualified(&element.name),
    }
}

/// The start of a node; whether its children and its end follow.
fn open(out: &mut String, node: &NodeRef, xml: bool) -> bool {
    match &node.data {
        NodeData::Element(element) => {
            out.push('<');
            let name = if xml { qualified(&element.name) } else { tag_name(node) };
            out.push_str(&name);
            if xml && needs_declaration(node) {
                out.push_str(" xmlns=\"");
                escape(out, &element.name.ns, true);
                out.push('"');
            }
            for attribute in node.attribute_list() {
                let (Some(name), NodeData::Attribute { value, .. }) = (name_of(&attribute), &attribute.data)
                else {
                    continue;
                };
                if xml && name.ns == ns!(xmlns) && &*name.local == "xmlns" && needs_declaration(node) {
                    continue;
                }
                out.push(' ');
                out.push_str(&match name.ns {
                    ns!() => name.local.to_string(),
                    ns!(xml) => format!("xml:{}", name.local),
                    ns!(xmlns) if &*name.local == "xmlns" => "xmlns".to_owned(),
                    ns!(xmlns) => format!("xmlns:{}", name.local),
                    ns!(xlink) => format!("xlink:{}", name.local),
                    _ => qualified(name),
                });
                out.push_str("=\"");
                escape(out, &lock(value), true);
                out.push('"');
            }
            if xml
                && node.first_child().is_none()
                && (element.name.ns != ns!(html) || is_void(&element.name.local))
            {
                out.push_str(if element.name.ns == ns!(html) { " />" } else { "/>" });
                return false;
            }
            out.push('>');
            xml || element.name.ns != ns!(html) || !is_void(&element.name.local)
        }
        NodeData::Text(data) => {
            let raw = node.parent().is_some_and(|parent| {
                parent.html_name().is_some_and(|name| {
                    // NOTE: `noscript` is raw text where scripts run.
                    matches!(
                        &**name,
                        "style"
                            | "script"
                            | "xmp"
                            | "iframe"
                            | "noembed"
                            | "noframes"
                            | "plaintext"
                            | "noscript"
                    )
                })
            });
            let data = lock(data);
            if raw && !xml {
                out.push_str(&data)
            } else {
                escape(out, &data, false)
            }
            false
        }
        NodeData::CData(data) => {
            out.push_str("<![CDATA[");
            out.push_str(&lock(data));
            out.push_str("]]>");
            false
        }
        NodeData::Comment(data) => {
            out.push_str("<!--");
            out.push_str(&lock(data));
            out.push_str("-->");
            false
        }
        NodeData::ProcessingInstruction { target, data } => {
            out.push_str("<?");
            out.push_str(target);
            out.push(' ');
            out.push_str(&lock(data));
            out.push_str(if xml { "?>" } else { ">" });
            false
        }
        NodeData::Doctype { name, public_id, system_id } => {
            out.push_str("<!DOCTYPE ");
            out.push_str(name);
            if xml && !public_id.is_empty() {
                out.push_str(&format!(" PUBLIC \"{public_id}\" \"{system_id}\""));
            } else if xml && !system_id.is_empty() {
                out.push_str(&format!(" SYSTEM \"{system_id}\""));
            }
            out.push('>');
            false
        }
        NodeData::Document(_) | NodeData::Fragment { .. } => true,
        NodeData::Attribute { .. } => false,
    }
}

fn needs_declaration(node: &NodeRef) -> bool {
    let Some(element) = node.element() else { return false };
    let inherited = node.parent().and_then(|parent| parent.element().map(|parent| parent.name.ns.clone()));
    element.name.prefix.is_none() && inherited.unwrap_or_default() != element.name.ns
}

fn close(out: &mut String, node: &NodeRef, xml: bool) {
    if let Some(element) = node.element() {
        out.push_str("</");
        out.push_str(&if xml { qualified(&element.name) } else { tag_name(node) });
        out.push('>');
    }
}

/// The node with its descendants, or only these. It walks without recursion.
pub(crate) fn serialize(node: &NodeRef, children_only: bool, xml: bool) -> String {
    let mut out = String::new();
    // A node to begin, or one to end.
    enum Step {
        Open(NodeRef),
        Close(NodeRef),
    }
    let children_of =
        |node: &NodeRef| node.template_content().unwrap_or_else(|| Arc::clone(node)).children_list();
    let mut steps: Vec<Step> = match children_only {
        true if node.html_name().is_some_and(|name| is_void(name)) => Vec::new(),
        true => children_of(node).into_iter().rev().map(Step::Open).collect(),
        false => vec![Step::Open(Arc::clone(node))],
    };
    while let Some(step) = steps.pop() {
        match step {
            Step::Open(node) => {
                if open(&mut out, &node, xml) {
                    let children = children_of(&node);
                    steps.push(Step::Close(node));
                    steps.extend(children.into_iter().rev().map(Step::Open));
                }
            }
            Step::Close(node) => close(&mut out, &node, xml),
        }
    }
    out
}
