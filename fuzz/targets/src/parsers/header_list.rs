//! Header lists.

use longhaul_fetch::{HeaderList, isomorphic_decode};

use super::header_text::headers_of;

/// Header lists: reading, combining, sorting, splitting and changing them. Input: a header a line.
///
/// Asserts that all ways to read a header agree, that sorting keeps every value and is sorted, that splitting agrees with a second
/// splitter made from the standard's grammar, that lengths agree with a plain reading, and what `set`, `combine` and `delete` leave.
pub fn header_list(data: &[u8]) {
    let list = headers_of(data);
    let pairs: Vec<(&[u8], &[u8])> = list.iter().collect();
    for (index, (name, _)) in pairs.iter().enumerate() {
        // Once for each name.
        if !pairs[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            reads_agree(&list, name, &pairs);
        }
    }
    let sorted = list.sort_and_combine();
    sorting_keeps_everything(&list, &sorted);
    length_agrees(&list);
    // All that parses header lists as a whole.
    let _ = list.extract_mime_type();
    let Some((name, value)) = pairs.first() else { return };
    changes(&list, name, value);
}

fn reads_agree(list: &HeaderList, name: &[u8], pairs: &[(&[u8], &[u8])]) {
    let expected =
        || pairs.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    assert!(list.contains(name));
    assert!(list.values(name).eq(expected()));
    let combined = list.get(name).expect("it is there");
    assert_eq!(combined, expected().collect::<Vec<_>>().join(&b", "[..]));
    let split = list.get_decode_and_split(name).expect("it is there");
    assert_eq!(split, split_naively(&combined), "{}", combined.escape_ascii());
}

/// The same, character by character.
fn split_naively(value: &[u8]) -> Vec<String> {
    let mut parts = vec![Vec::new()];
    let (mut quoted, mut escaped) = (false, false);
    for &byte in value {
        if byte == b',' && !quoted {
            parts.push(Vec::new());
            continue;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        parts.last_mut().expect("there is one").push(byte);
    }
    let blank = |byte: &u8| matches!(byte, b'\t' | b' ');
    parts
        .into_iter()
        .map(|part| {
            let start = part.iter().position(|byte| !blank(byte)).unwrap_or(part.len());
            let end = part.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
            isomorphic_decode(&part[start..end])
        })
        .collect()
}

fn sorting_keeps_everything(list: &HeaderList, sorted: &HeaderList) {
    let names: Vec<&[u8]> = sorted.iter().map(|(name, _)| name).collect();
    assert!(names.is_sorted());
    for (index, name) in names.iter().enumerate() {
        assert!(!name.iter().any(u8::is_ascii_uppercase));
        assert!(*name == b"set-cookie" || index == 0 || names[index - 1] != *name, "only cookies come twice");
        assert_eq!(sorted.get(name), list.get(name));
    }
    for (name, _) in list.iter() {
        assert!(sorted.contains(name));
    }
    assert_eq!(sorted.values("Set-Cookie").count(), list.values("Set-Cookie").count());
    assert_eq!(sorted.sort_and_combine(), *sorted);
}

/// A second reading: all elements between commas are the same digits. Quotes never are digits.
fn length_agrees(list: &HeaderList) {
    let Some(value) = list.get("Content-Length") else {
        assert_eq!(list.extract_length(), Ok(None));
        return;
    };
    let mut elements = split_naively(&value);
    elements.dedup();
    match (list.extract_length(), elements.as_slice()) {
        (Ok(length), [only]) => {
            let digits = !only.is_empty() && only.bytes().all(|byte| byte.is_ascii_digit());
            assert_eq!(length, digits.then(|| only.parse().unwrap_or(u64::MAX)));
        }
        (Err(_), [_, _, ..]) => {}
        (length, elements) => panic!("{length:?} of {elements:?}"),
    }
}

fn changes(list: &HeaderList, name: &[u8], value: &[u8]) {
    let others =
        |list: &HeaderList| list.iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name)).count();
    let mut changed = list.clone();
    changed.set(name, b"new");
    assert_eq!(changed.values(name).collect::<Vec<_>>(), [b"new"]);
    changed.combine(name, value);
    assert_eq!(changed.get(name).expect("it is there"), [b"new, ", value].concat());
    assert_eq!(changed.values(name).count(), 1);
    changed.append(name, value);
    assert_eq!(changed.values(name).count(), 2);
    assert_eq!(others(&changed), others(list));
    changed.delete(name);
    assert!(!changed.contains(name));
    assert_eq!(changed.len(), others(list));
}
