//! Which image an element takes: `src`, `srcset`, `sizes`, and the `source`s beside it in a `picture`.

use super::super::media_query;
use crate::dom::node::NodeRef;

/// How many device pixels a CSS pixel has. Nothing is drawn.
const DEVICE_PIXEL_RATIO: f64 = 1.0;

/// <https://html.spec.whatwg.org/#image-source>
#[derive(Clone, Debug, PartialEq)]
struct ImageSource {
    url: String,
    descriptor: Option<Descriptor>,
}

/// What a candidate says of its image.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Descriptor {
    /// Image pixels.
    Width(u32),
    /// Image pixels a CSS pixel.
    Density(f64),
}

/// The source that an `img` takes, still relative.
///
/// <https://html.spec.whatwg.org/#select-an-image-source>
pub(super) fn select_an_image_source(element: &NodeRef) -> Option<String> {
    let (sources, size) = update_the_source_set(element);
    select(sources, size)
}

/// <https://html.spec.whatwg.org/#uses-srcset-or-picture>
pub(super) fn uses_srcset_or_picture(element: &NodeRef) -> bool {
    element.has_attr("srcset") || element.parent().is_some_and(|parent| parent.is_html("picture"))
}

/// The image that a preload link takes: of its `imagesrcset`, if that says something, or its `href`.
pub(in super::super) fn select_a_preload_source(href: &str, set: &str, sizes: &str) -> Option<String> {
    select(create_a_source_set(href, set), media_query::source_size(sizes))
}

/// The set, and the length that widths are divided by.
///
/// <https://html.spec.whatwg.org/#update-the-source-set>
fn update_the_source_set(element: &NodeRef) -> (Vec<ImageSource>, f64) {
    let size = |of: &NodeRef| media_query::source_size(&of.attr("sizes").unwrap_or_default());
    // 3. In a picture the sources before it come first.
    let picture = element.parent().filter(|parent| parent.is_html("picture"));
    let siblings = picture.map(|picture| picture.child_elements()).unwrap_or_default();
    // 5.1.
    let before = siblings.iter().take_while(|child| !std::sync::Arc::ptr_eq(child, element));
    // 5.2.
    for source in before.filter(|child| child.is_html("source")) {
        // 5.3.–5.5.
        let candidates = parse_a_srcset_attribute(&source.attr("srcset").unwrap_or_default());
        if candidates.is_empty() {
            continue;
        }
        // 5.6.
        if source.attr("media").is_some_and(|media| !media_query::matches(&media)) {
            continue;
        }
        // 5.8.
        if source.attr("type").is_some_and(|kind| !is_supported(&kind)) {
            continue;
        }
        return (candidates, size(source));
    }
    let set = element.attr("srcset").unwrap_or_default();
    let source = element.attr("src").unwrap_or_default();
    (create_a_source_set(&source, &set), size(element))
}

/// <https://html.spec.whatwg.org/#create-a-source-set>
fn create_a_source_set(default: &str, set: &str) -> Vec<ImageSource> {
    // 2.
    let mut sources = parse_a_srcset_attribute(set);
    // 4. The default is of density 1, unless another one is.
    let has_one = sources.iter().any(|source| match source.descriptor {
        None => true,
        Some(Descriptor::Density(density)) => density.to_bits() == 1.0_f64.to_bits(),
        Some(Descriptor::Width(_)) => false,
    });
    let has_widths = sources.iter().any(|source| matches!(source.descriptor, Some(Descriptor::Width(_))));
    if !default.is_empty() && !has_one && !has_widths {
        sources.push(ImageSource { url: default.to_owned(), descriptor: None });
    }
    sources
}

/// <https://html.spec.whatwg.org/#normalize-the-source-densities> and
/// <https://html.spec.whatwg.org/#select-an-image-source-from-a-source-set>: the smallest that is dense enough, or the densest.
fn select(sources: Vec<ImageSource>, size: f64) -> Option<String> {
    let density = |source: &ImageSource| match source.descriptor {
        Some(Descriptor::Density(density)) => density,
        Some(Descriptor::Width(width)) => f64::from(width) / size,
        None => 1.0,
    };
    let mut best: Option<(f64, String)> = None;
    for source in sources {
        let density = density(&source);
        let is_better = best.as_ref().is_none_or(|(best, _)| {
            match (*best < DEVICE_PIXEL_RATIO, density < DEVICE_PIXEL_RATIO) {
                (true, _) => density > *best,
                (false, true) => false,
                (false, false) => density < *best,
            }
        });
        if is_better {
            best = Some((density, source.url));
        }
    }
    best.map(|(_, url)| url)
}

/// Whether images of that type are known here.
fn is_supported(kind: &str) -> bool {
    let kind = kind.trim().to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    matches!(
        essence,
        "" | "image/apng"
            | "image/bmp"
            | "image/gif"
            | "image/jpeg"
            | "image/jpg"
            | "image/png"
            | "image/svg+xml"
            | "image/vnd.microsoft.icon"
            | "image/webp"
            | "image/x-icon"
    )
}

/// <https://html.spec.whatwg.org/#parse-a-srcset-attribute>
fn parse_a_srcset_attribute(input: &str) -> Vec<ImageSource> {
    let mut candidates = Vec::new();
    let mut rest = input;
    loop {
        // 4.–5.
        rest = rest.trim_start_matches(|char: char| char.is_ascii_whitespace() || char == ',');
        if rest.is_empty() {
            return candidates;
        }
        // 6.
        let end = rest.find(|char: char| char.is_ascii_whitespace()).unwrap_or(rest.len());
        let (url, after) = rest.split_at(end);
        rest = after;
        // 8. A comma at its end ends the candidate.
        let trimmed = url.trim_end_matches(',');
        let descriptors = match trimmed.len() == url.len() {
            true => tokenize_descriptors(&mut rest),
            false => Vec::new(),
        };
        // 9.–17. One with a descriptor that says nothing sensible is dropped.
        if let Ok(descriptor) = parse_descriptors(&descriptors) {
            candidates.push(ImageSource { url: trimmed.to_owned(), descriptor });
        }
    }
}

/// The descriptors up to the comma that ends the candidate. Commas in parentheses end nothing.
fn tokenize_descriptors<'text>(rest: &mut &'text str) -> Vec<&'text str> {
    let text = *rest;
    let mut depth = false;
    let end = text.find(|char: char| match char {
        '(' => {
            depth = true;
            false
        }
        ')' => {
            depth = false;
            false
        }
        char => char == ',' && !depth,
    });
    let end = end.unwrap_or(text.len());
    *rest = &text[end..];
    let mut descriptors = Vec::new();
    let mut begin = None;
    let mut in_parentheses = false;
    for (at, char) in text[..end].char_indices() {
        if char.is_ascii_whitespace() && !in_parentheses {
            descriptors.extend(begin.take().map(|begin: usize| &text[begin..at]));
            continue;
        }
        in_parentheses = (in_parentheses || char == '(') && char != ')';
        begin.get_or_insert(at);
    }
    descriptors.extend(begin.map(|begin| &text[begin..end]));
    descriptors
}

/// Steps 10 to 16 of the parser.
fn parse_descriptors(descriptors: &[&str]) -> Result<Option<Descriptor>, ()> {
    let (mut width, mut density, mut height) = (None, None, None);
    for descriptor in descriptors {
        let unit = descriptor.chars().next_back().ok_or(())?;
        let number = descriptor.strip_suffix(unit).unwrap_or_default();
        match unit {
            'w' if width.is_none() && density.is_none() => width = Some(positive(number)?),
            'x' if width.is_none() && density.is_none() && height.is_none() => {
                density = Some(float(number).filter(|density| *density >= 0.0).ok_or(())?);
            }
            'h' if height.is_none() && density.is_none() => height = Some(positive(number)?),
            _ => return Err(()),
        }
    }
    match (width, density, height) {
        (None, None, Some(_)) => Err(()),
        (Some(width), ..) => Ok(Some(Descriptor::Width(width))),
        (_, Some(density), _) => Ok(Some(Descriptor::Density(density))),
        (None, None, None) => Ok(None),
    }
}

/// A valid non-negative integer but zero.
fn positive(text: &str) -> Result<u32, ()> {
    let is_valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_valid.then(|| text.parse().ok()).flatten().filter(|number| *number > 0).ok_or(())
}

/// <https://html.spec.whatwg.org/#valid-floating-point-number>
fn float(text: &str) -> Option<f64> {
    let begins =
        text.strip_prefix('-').unwrap_or(text).starts_with(|char: char| char.is_ascii_digit() || char == '.');
    let is_valid = begins
        && !text.ends_with('.')
        && text.chars().all(|char| char.is_ascii_digit() || matches!(char, '-' | '+' | '.' | 'e' | 'E'));
    is_valid.then(|| text.parse::<f64>().ok()).flatten().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::super::media_query::VIEWPORT_WIDTH;
    use super::*;

    fn candidates(set: &str) -> Vec<(String, Option<Descriptor>)> {
        parse_a_srcset_attribute(set).into_iter().map(|source| (source.url, source.descriptor)).collect()
    }

    #[test]
    fn candidates_are_parted_where_the_standard_parts_them() {
        for (set, wanted) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("a", vec![("a", None)]),
            ("a, b 2x", vec![("a", None), ("b", Some(Descriptor::Density(2.0)))]),
            ("a,b", vec![("a,b", None)]),
            ("a,, b", vec![("a", None), ("b", None)]),
            ("data:,x 100w", vec![("data:,x", Some(Descriptor::Width(100)))]),
            ("a 1.5e1x", vec![("a", Some(Descriptor::Density(15.0)))]),
            ("a 10w 20h", vec![("a", Some(Descriptor::Width(10)))]),
            // What says nothing sensible is dropped, and nothing else with it.
            ("a 0w, b 1x", vec![("b", Some(Descriptor::Density(1.0)))]),
            ("a 1x 2x, b", vec![("b", None)]),
            ("a 20h, b", vec![("b", None)]),
            ("a -1x, b", vec![("b", None)]),
            ("a (x, y) 2x, b", vec![("b", None)]),
            ("a 1.x, b +1x, c 1X", vec![]),
        ] {
            let wanted: Vec<_> =
                wanted.into_iter().map(|(url, descriptor)| (url.to_owned(), descriptor)).collect();
            assert_eq!(candidates(set), wanted, "{set:?}");
        }
    }

    #[test]
    fn the_smallest_that_is_dense_enough_is_taken() {
        for (default, set, wanted) in [
            ("", "", None),
            ("d", "", Some("d")),
            ("d", "a 2x", Some("d")),
            ("d", "a 1x, b 2x", Some("a")),
            ("", "a 2x, b 3x", Some("a")),
            ("", "a 0.5x, b 0.75x", Some("b")),
            ("", "a 2x, b 2x", Some("a")),
            // Half of the viewport, the viewport, its double.
            ("d", "a 640w, b 1280w, c 2560w", Some("b")),
        ] {
            let taken = select(create_a_source_set(default, set), VIEWPORT_WIDTH);
            assert_eq!(taken.as_deref(), wanted, "{default:?} {set:?}");
        }
    }
}
