//! Extracting header list values: headers whose value has a grammar.

use super::header_list::{HeaderList, trim_tab_or_space};
use super::header_name::is_token;

/// A value does not follow its header's grammar.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header's value does not follow its grammar")]
pub struct InvalidHeaderValue;

/// The values of a header that is a list of tokens, such as `Access-Control-Allow-Headers`; `None` without such a header.
///
/// <https://fetch.spec.whatwg.org/#extract-header-list-values>
pub fn extract_token_list(
    headers: &HeaderList,
    name: &str,
) -> Result<Option<Vec<Vec<u8>>>, InvalidHeaderValue> {
    // 1. There is none.
    if !headers.contains(name) {
        return Ok(None);
    }
    // 3.–5. All values of all of them; empty elements of a list do not count.
    let mut values = Vec::new();
    for value in headers.values(name) {
        for element in
            value.split(|byte| *byte == b',').map(trim_tab_or_space).filter(|element| !element.is_empty())
        {
            if !is_token(element) {
                return Err(InvalidHeaderValue);
            }
            values.push(element.to_vec());
        }
    }
    Ok(Some(values))
}

/// The value of a header that is a number of seconds and may be there once.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#delta-seconds>
pub(crate) fn extract_delta_seconds(
    headers: &HeaderList,
    name: &str,
) -> Result<Option<u64>, InvalidHeaderValue> {
    let mut values = headers.values(name);
    let Some(value) = values.next() else { return Ok(None) };
    // 2. Such a header may be there once.
    if values.next().is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(InvalidHeaderValue);
    }
    // A number that is too large counts as the largest.
    let digits = std::str::from_utf8(value).map_err(|_| InvalidHeaderValue)?;
    Ok(Some(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_tokens_and_empty_elements_do_not_count() {
        let headers: HeaderList = [("A", "x, y"), ("a", ""), ("a", ",z,")].into_iter().collect();
        let expected = vec![b"x".to_vec(), b"y".to_vec(), b"z".to_vec()];
        assert_eq!(extract_token_list(&headers, "A"), Ok(Some(expected)));
        assert_eq!(extract_token_list(&headers, "b"), Ok(None));
        let headers: HeaderList = [("a", "x y")].into_iter().collect();
        assert_eq!(extract_token_list(&headers, "a"), Err(InvalidHeaderValue));
    }

    #[test]
    fn seconds_are_digits_and_come_once() {
        let one = |value: &str| [("max", value)].into_iter().collect::<HeaderList>();
        assert_eq!(extract_delta_seconds(&one("30"), "Max"), Ok(Some(30)));
        assert_eq!(extract_delta_seconds(&one("-1"), "max"), Err(InvalidHeaderValue));
        assert_eq!(extract_delta_seconds(&one("99999999999999999999999"), "max"), Ok(Some(u64::MAX)));
        let two: HeaderList = [("max", "1"), ("max", "1")].into_iter().collect();
        assert_eq!(extract_delta_seconds(&two, "max"), Err(InvalidHeaderValue));
    }
}
