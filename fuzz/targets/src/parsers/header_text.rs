//! Headers as an input writes them.

use longhaul_fetch::{HeaderList, is_header_name, is_header_value, normalize_header_value};

/// More headers than this are not looked at: what is quadratic in their number has limits elsewhere.
const MOST: usize = 64;

/// A line `name: value` for each header. Lines that are none are left out.
pub(crate) fn headers_of(data: &[u8]) -> HeaderList {
    headers_of_lines(data.split(|byte| *byte == b'\n'))
}

/// The same of lines that were chosen.
pub(crate) fn headers_of_lines<'line>(lines: impl Iterator<Item = &'line [u8]>) -> HeaderList {
    let mut list = HeaderList::new();
    for line in lines.take(MOST) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], normalize_header_value(&line[colon + 1..]));
        if is_header_name(name) && is_header_value(value) {
            list.append(name, value);
        }
    }
    list
}
