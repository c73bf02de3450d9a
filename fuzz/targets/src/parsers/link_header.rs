//! Links.

use longhaul_fetch::{
    HeaderList, Link, extract_links, is_header_value, isomorphic_encode, normalize_header_value,
};

/// `Link`. Input: the values of headers, one a line.
///
/// Asserts that values are read one by one, that targets, relations and attributes have nothing in them that would have ended them, that
/// what may be said once is there once, and that links which are written anew, all in one value, are read as what they were.
pub fn link_header(data: &[u8]) {
    let values: Vec<&[u8]> = data
        .split(|byte| *byte == b'\n')
        .map(normalize_header_value)
        .filter(|value| is_header_value(value))
        .take(16)
        .collect();
    let links = read(&values);
    let alone: Vec<Link> = values.iter().flat_map(|value| read(&[value])).collect();
    assert_eq!(links, alone);
    links.iter().for_each(holds_together);
    let text = links.iter().map(written).collect::<Vec<_>>().join(", ");
    let text = isomorphic_encode(&text).expect("headers are bytes");
    assert_eq!(read(&[&text]), links, "{}", text.escape_ascii());
}

fn read(values: &[&[u8]]) -> Vec<Link> {
    let mut headers = HeaderList::new();
    for value in values {
        headers.append("Link", value);
    }
    extract_links(&headers)
}

fn holds_together(link: &Link) {
    assert!(!link.target_uri.contains('>'));
    assert!(!link.relation_types.is_empty());
    for relation in &link.relation_types {
        assert!(!relation.is_empty() && !relation.contains([' ', '\t']));
        assert_eq!(*relation, relation.to_ascii_lowercase());
    }
    for (name, value) in &link.target_attributes {
        assert!(!name.contains([' ', '\t', '=', ';', ',']) && !name.ends_with('*'));
        assert!(name != "rel" && name != "anchor");
        assert_eq!(*name, name.to_ascii_lowercase());
        let said = link.target_attributes.iter().filter(|(other, _)| other == name).count();
        assert!(said == 1 || !matches!(name.as_str(), "media" | "title" | "type"));
        assert!(link.attribute(name).is_some_and(|first| said > 1 || first == value));
    }
}

fn written(link: &Link) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = format!("<{}>; rel={}", link.target_uri, quoted(&link.relation_types.join(" ")));
    if let Some(anchor) = &link.anchor {
        text += &format!("; anchor={}", quoted(anchor));
    }
    for (name, value) in &link.target_attributes {
        text += &format!("; {name}={}", quoted(value));
    }
    text
}
