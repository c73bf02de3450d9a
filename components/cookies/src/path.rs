//! Paths.

use url::Url;

/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-paths-and-path-match>
pub(crate) fn default_path(url: &Url) -> &str {
    let path = url.path();
    // 2. Not a path.
    if !path.starts_with('/') {
        return "/";
    }
    // 3-4. Up to the last slash, but never nothing.
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(last) => &path[..last],
    }
}

/// Whether a request's path is at or beneath a cookie's.
pub(crate) fn path_matches(request_path: &str, cookie_path: &str) -> bool {
    match request_path.strip_prefix(cookie_path) {
        None => false,
        Some(rest) => rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_paths() {
        for (url, path) in [
            ("https://a.example", "/"),
            ("https://a.example/x", "/"),
            ("https://a.example/x/", "/x"),
            ("https://a.example/x/y?z=/a/b", "/x"),
        ] {
            assert_eq!(default_path(&Url::parse(url).unwrap()), path, "{url}");
        }
    }

    #[test]
    fn paths_match_at_segment_boundaries() {
        assert!(path_matches("/x", "/x"));
        assert!(path_matches("/x/y", "/x"));
        assert!(path_matches("/x/y", "/x/"));
        assert!(path_matches("/x", "/"));
        assert!(!path_matches("/xy", "/x"));
        assert!(!path_matches("/", "/x"));
    }
}
