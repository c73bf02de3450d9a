//! Folders that a test makes for the command.

use std::path::Path;

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is inside")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    folder
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
