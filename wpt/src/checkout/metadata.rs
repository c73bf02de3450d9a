//! `// META:` lines at the beginning of a script test.

/// The keys and values, in order. The first line that is none ends them.
pub(super) fn read(script: &str) -> Vec<(&str, &str)> {
    script.lines().map_while(line).collect()
}

fn line(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("//")?.trim_start().strip_prefix("META:")?.trim_start();
    let (key, value) = text.split_once('=')?;
    key.chars().all(|letter| letter.is_alphanumeric() || letter == '_').then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_end_with_the_first_other_line() {
        let script = "// META: global=window,worker\n//META:title=A = b\r\n// META: timeout=long\n'use strict';\n// META: variant=?1\n";
        assert_eq!(read(script), [("global", "window,worker"), ("title", "A = b"), ("timeout", "long")]);
        assert_eq!(read("\n// META: timeout=long"), []);
        assert_eq!(read("// META timeout=long"), []);
    }
}
