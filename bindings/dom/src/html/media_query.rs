//! Media queries and source sizes, for a viewport in which nothing is drawn.

use std::cmp::Ordering;

/// The viewport's width in CSS pixels.
pub(super) const VIEWPORT_WIDTH: f64 = 1280.0;
/// Its height.
const VIEWPORT_HEIGHT: f64 = 720.0;
/// The size of text, in CSS pixels.
const FONT_SIZE: f64 = 16.0;
/// How deep conditions may nest.
const DEPTH_LIMIT: usize = 16;

/// Whether the environment matches one query of the list. An empty list matches.
///
/// <https://drafts.csswg.org/mediaqueries/#mq-list>
pub(super) fn matches(list: &str) -> bool {
    let list = list.trim().to_ascii_lowercase();
    list.is_empty() || split(&list, ',').into_iter().any(|query| matches_query(query.trim()))
}

/// The length, in CSS pixels, that the widths in a set of sources are measured by.
///
/// <https://html.spec.whatwg.org/#parse-a-sizes-attribute>
pub(super) fn source_size(sizes: &str) -> f64 {
    let sizes = sizes.to_ascii_lowercase();
    for part in split(&sizes, ',') {
        let part = part.trim();
        // The length is the last of the part's values; what is before it has to hold.
        let at = part.rfind(|char: char| char.is_ascii_whitespace() || char == ')').map_or(0, |at| at + 1);
        let (condition, size) = part.split_at(at);
        let Some(size) = length(size).filter(|size| *size > 0.0) else { continue };
        let condition = condition.trim();
        if condition.is_empty() || matches_condition(condition, 0) == Some(true) {
            return size;
        }
    }
    VIEWPORT_WIDTH
}

/// The parts of a text between separators that are not in parentheses.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            char if char == separator && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + char.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// <https://drafts.csswg.org/mediaqueries/#typedef-media-query>; what is no query never matches.
fn matches_query(query: &str) -> bool {
    if query.starts_with('(') || query.starts_with("not (") || query.starts_with("not(") {
        return matches_condition(query, 0).unwrap_or(false);
    }
    let mut words = query.splitn(2, |char: char| char.is_ascii_whitespace());
    let mut kind = words.next().unwrap_or_default();
    let mut rest = words.next().unwrap_or_default().trim();
    let negated = kind == "not";
    if negated || kind == "only" {
        let mut words = rest.splitn(2, |char: char| char.is_ascii_whitespace());
        kind = words.next().unwrap_or_default();
        rest = words.next().unwrap_or_default().trim();
    }
    let is_word = !kind.is_empty() && kind.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
    if !is_word || matches!(kind, "and" | "or" | "not" | "only") {
        return false;
    }
    let condition = match rest.strip_prefix("and") {
        None if rest.is_empty() => Some(true),
        None => return false,
        Some(condition) => matches_condition(condition.trim(), 0),
    };
    // NOTE: what is not understood is false, negated or not.
    let Some(condition) = condition else { return false };
    (matches!(kind, "all" | "screen") && condition) != negated
}

/// None where it is not understood.
///
/// <https://drafts.csswg.org/mediaqueries/#typedef-media-condition>
fn matches_condition(condition: &str, depth: usize) -> Option<bool> {
    if depth > DEPTH_LIMIT {
        return None;
    }
    if let Some(negated) = condition.strip_prefix("not").filter(|rest| rest.trim_start().starts_with('(')) {
        return matches_condition(negated.trim(), depth + 1).map(|matches| !matches);
    }
    let mut parts = Vec::new();
    let mut operator = None;
    let mut rest = condition;
    loop {
        let end = closing(rest)?;
        parts.push(&rest[1..end]);
        rest = rest[end + 1..].trim_start();
        if rest.is_empty() {
            break;
        }
        let word = if rest.starts_with("and") { "and" } else { "or" };
        rest = rest.strip_prefix(word)?.trim_start();
        // One of the two words only.
        if *operator.get_or_insert(word) != word {
            return None;
        }
    }
    let mut outcomes = parts.into_iter().map(|part| {
        let part = part.trim();
        match part.starts_with('(') || part.starts_with("not") {
            true => matches_condition(part, depth + 1),
            false => matches_feature(part),
        }
    });
    match operator {
        Some("or") => outcomes.try_fold(false, |any, outcome| Some(any || outcome?)),
        _ => outcomes.try_fold(true, |all, outcome| Some(all && outcome?)),
    }
}

/// Where the parenthesis closes that the text begins with.
fn closing(text: &str) -> Option<usize> {
    if !text.starts_with('(') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// <https://drafts.csswg.org/mediaqueries/#mq-features>
fn matches_feature(feature: &str) -> Option<bool> {
    if let Some((name, value)) = feature.split_once(':') {
        let (name, value) = (name.trim(), value.trim());
        if let Some(name) = name.strip_prefix("min-") {
            return compare(name, value).map(Ordering::is_ge);
        }
        if let Some(name) = name.strip_prefix("max-") {
            return compare(name, value).map(Ordering::is_le);
        }
        return match keyword(name) {
            Some(own) => Some(own == value),
            None => compare(name, value).map(Ordering::is_eq),
        };
    }
    let Some(at) = feature.find(['<', '>', '=']) else {
        // In a boolean context: whether it is anything but zero or none.
        return match keyword(feature) {
            Some(own) => Some(!matches!(own, "none" | "no-preference")),
            None => quantity(feature).map(|own| own > 0.0),
        };
    };
    let (left, rest) = feature.split_at(at);
    let operator = if rest[1..].starts_with('=') { &rest[..2] } else { &rest[..1] };
    let (left, right) = (left.trim(), rest[operator.len()..].trim());
    let holds = |order: Ordering, operator: &str| match operator {
        "<" => Some(order.is_lt()),
        "<=" => Some(order.is_le()),
        ">" => Some(order.is_gt()),
        ">=" => Some(order.is_ge()),
        "=" => Some(order.is_eq()),
        _ => None,
    };
    if quantity(left).is_some() {
        return holds(compare(left, right)?, operator);
    }
    // A value, a name and perhaps another value.
    let (name, upper) = match right.find(['<', '>']) {
        None => (right, None),
        Some(at) => (right[..at].trim(), Some(&right[at..])),
    };
    let first = holds(compare(name, left)?.reverse(), operator)?;
    let Some(upper) = upper else { return Some(first) };
    let operator = if upper[1..].starts_with('=') { &upper[..2] } else { &upper[..1] };
    Some(first && holds(compare(name, upper[operator.len()..].trim())?, operator)?)
}

/// How the environment's quantity compares to a value.
fn compare(name: &str, value: &str) -> Option<Ordering> {
    let value = match name {
        "resolution" => resolution(value)?,
        "aspect-ratio" => ratio(value)?,
        "color" | "color-index" | "monochrome" => value.parse().ok()?,
        _ => length(value)?,
    };
    quantity(name)?.partial_cmp(&value)
}

fn quantity(name: &str) -> Option<f64> {
    match name {
        "width" | "device-width" => Some(VIEWPORT_WIDTH),
        "height" | "device-height" => Some(VIEWPORT_HEIGHT),
        "aspect-ratio" => Some(VIEWPORT_WIDTH / VIEWPORT_HEIGHT),
        "resolution" => Some(1.0),
        "color" => Some(8.0),
        "color-index" | "monochrome" => Some(0.0),
        _ => None,
    }
}

fn keyword(name: &str) -> Option<&'static str> {
    match name {
        "orientation" => Some("landscape"),
        "prefers-color-scheme" => Some("light"),
        "prefers-reduced-motion" | "prefers-contrast" | "prefers-reduced-data" => Some("no-preference"),
        "scripting" => Some("enabled"),
        "hover" | "any-hover" | "pointer" | "any-pointer" => Some("none"),
        _ => None,
    }
}

fn ratio(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((wide, high)) => Some(wide.trim().parse::<f64>().ok()? / high.trim().parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

/// In device pixels a CSS pixel.
fn resolution(text: &str) -> Option<f64> {
    let number = |unit: &str| text.strip_suffix(unit)?.parse::<f64>().ok();
    number("dppx").or_else(|| number("dpi").map(|dpi| dpi / 96.0)).or_else(|| number("x"))
}

/// A length in CSS pixels; none for what is no length, or one that takes a layout to know.
///
/// <https://drafts.csswg.org/css-values/#lengths>
fn length(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("px", 1.0),
        ("rem", FONT_SIZE),
        ("em", FONT_SIZE),
        ("vw", VIEWPORT_WIDTH / 100.0),
        ("vh", VIEWPORT_HEIGHT / 100.0),
        ("in", 96.0),
        ("cm", 96.0 / 2.54),
        ("mm", 96.0 / 25.4),
        ("pt", 96.0 / 72.0),
        ("pc", 16.0),
    ];
    if text == "0" {
        return Some(0.0);
    }
    let (unit, pixels) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?;
    let is_number = number.starts_with(|char: char| char.is_ascii_digit() || matches!(char, '.' | '+' | '-'));
    is_number
        .then(|| number.parse::<f64>().ok())
        .flatten()
        .filter(|number| number.is_finite())
        .map(|number| number * pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_matched_against_the_viewport() {
        for (query, wanted) in [
            ("", true),
            ("all", true),
            ("screen", true),
            ("print", false),
            ("not print", true),
            ("only screen and (min-width: 600px)", true),
            ("screen and (max-width: 600px)", false),
            ("print, (min-width: 1in)", true),
            ("(width >= 1280px)", true),
            ("(100px < width < 80em)", false),
            ("(100px < width <= 80em)", true),
            ("(orientation: landscape) and (color)", true),
            ("(orientation: portrait) or (monochrome)", false),
            ("not (orientation: portrait)", true),
            ("((min-width: 1px) and (not (max-width: 1px)))", true),
            ("(aspect-ratio: 16/9)", true),
            ("(min-resolution: 2dppx)", false),
            // What is not understood never matches.
            ("(min-width: 1px) and (color) or (hover)", false),
            ("(colour)", false),
            ("not (colour)", false),
            ("(min-width: wide)", false),
            ("and", false),
            ("(", false),
        ] {
            assert_eq!(matches(query), wanted, "{query:?}");
        }
        let deep = "(".repeat(10_000) + "color" + &")".repeat(10_000);
        assert!(!matches(&deep));
    }

    #[test]
    fn the_first_size_whose_condition_holds_counts() {
        for (sizes, wanted) in [
            ("", VIEWPORT_WIDTH),
            ("50vw", VIEWPORT_WIDTH / 2.0),
            ("(max-width: 100px) 1px, (min-width: 150px) 123px", 123.0),
            ("(max-width: 100px) 1px, 20em", 320.0),
            ("nonsense, 10px", 10.0),
            ("-5px", VIEWPORT_WIDTH),
        ] {
            assert!((source_size(sizes) - wanted).abs() < 1e-9, "{sizes:?}");
        }
    }
}
