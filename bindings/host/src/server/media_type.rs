//! The media type of a served file, from its name.

use std::path::Path;

/// The `Content-Type` for a file of this name; unknown names give bytes.
pub(crate) fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html;charset=utf-8",
        "js" | "mjs" | "cjs" => "text/javascript;charset=utf-8",
        "css" => "text/css;charset=utf-8",
        "txt" | "md" => "text/plain;charset=utf-8",
        "csv" => "text/csv;charset=utf-8",
        "vtt" => "text/vtt;charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "xml" => "application/xml",
        "xhtml" => "application/xhtml+xml",
        "rss" => "application/rss+xml",
        "atom" => "application/atom+xml",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "png" => "image/png",
        "apng" => "image/apng",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/vnd.microsoft.icon",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "oga" | "ogg" | "opus" => "audio/ogg",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "ogv" => "video/ogg",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_pages_and_sound_have_the_types_that_browsers_ask_for() {
        assert_eq!(media_type(Path::new("a/sw.js")), "text/javascript;charset=utf-8");
        assert_eq!(media_type(Path::new("INDEX.HTML")), "text/html;charset=utf-8");
        assert_eq!(media_type(Path::new("ep-5.mp3")), "audio/mpeg");
        assert_eq!(media_type(Path::new("no-extension")), "application/octet-stream");
    }
}
