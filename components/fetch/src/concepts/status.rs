//! Statuses.

/// <https://fetch.spec.whatwg.org/#null-body-status>
pub const fn is_null_body_status(status: u16) -> bool {
    matches!(status, 101 | 103 | 204 | 205 | 304)
}

/// <https://fetch.spec.whatwg.org/#ok-status>
pub const fn is_ok_status(status: u16) -> bool {
    matches!(status, 200..=299)
}

/// <https://fetch.spec.whatwg.org/#range-status>
pub const fn is_range_status(status: u16) -> bool {
    matches!(status, 206 | 416)
}

/// <https://fetch.spec.whatwg.org/#redirect-status>
pub const fn is_redirect_status(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fall_into_their_classes() {
        assert!(is_null_body_status(204) && !is_null_body_status(200));
        assert!(is_ok_status(200) && is_ok_status(299) && !is_ok_status(300) && !is_ok_status(199));
        assert!(is_range_status(206) && is_range_status(416) && !is_range_status(200));
        assert!(!is_redirect_status(300) && !is_redirect_status(304) && is_redirect_status(308));
    }
}
