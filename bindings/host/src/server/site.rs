//! What a served folder holds: from a URL's path to a file inside it, never to one outside.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::generated::{GeneratedFile, GeneratedFiles, MANIFEST_NAME, ManifestError, read_manifest};
use super::media_type::media_type;

/// A folder to serve, and what is served on top of it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder, with every symbolic link on the way to it resolved.
    root: PathBuf,
    generated: Arc<GeneratedFiles>,
    /// A document for `/` in place of the folder's `index.html`.
    document: Option<Bytes>,
}

impl Site {
    /// The folder's own files and those its manifest declares.
    pub fn new(folder: &Path) -> Result<Site, SiteError> {
        let root =
            folder.canonicalize().map_err(|source| SiteError::Folder { path: folder.to_owned(), source })?;
        let generated = Arc::new(read_manifest(&root)?);
        Ok(Site { root, generated, document: None })
    }

    /// The same folder with `document` at `/`.
    pub fn with_document(mut self, document: impl Into<Bytes>) -> Site {
        self.document = Some(document.into());
        self
    }

    /// The served folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Finds what a request's path names. Blocking.
    pub(crate) fn find(&self, url_path: &str) -> Found {
        let Some(path) = decode(url_path) else { return Found::Refused };
        if let ("/", Some(document)) = (path.as_str(), &self.document) {
            return Found::Entity(Entity::document(document.clone()));
        }
        if let Some(file) = self.generated.get(&path) {
            return Found::Entity(Entity::generated(
                Path::new(&path),
                file.clone(),
                self.modified_manifest(),
            ));
        }
        if path == format!("/{MANIFEST_NAME}") {
            return Found::Missing;
        }
        let mut segments: Vec<&str> = path.split('/').skip(1).collect();
        // A trailing slash asks for the folder's page; nothing lists a folder.
        if let Some(last @ &mut "") = segments.last_mut() {
            *last = "index.html";
        }
        // An empty segment names nothing; `.` and `..` would walk; a hidden file (`.git`, `.env`) was not put here to be
        // published, `.well-known` was.
        if segments.iter().any(|segment| segment.starts_with('.') && *segment != ".well-known") {
            return Found::Refused;
        }
        if segments.iter().any(|segment| segment.is_empty()) {
            return Found::Missing;
        }
        let mut wanted = self.root.clone();
        wanted.extend(&segments);
        // A symbolic link may point anywhere: what counts is where it ends.
        let resolved = match wanted.canonicalize() {
            Ok(resolved) => resolved,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Found::Refused,
            Err(_) => return Found::Missing,
        };
        if !resolved.starts_with(&self.root) {
            return Found::Refused;
        }
        let Ok(metadata) = std::fs::symlink_metadata(&resolved) else { return Found::Missing };
        if metadata.is_dir() {
            let has_page = resolved.join("index.html").is_file();
            return if has_page { Found::Folder } else { Found::Missing };
        }
        // Opening a pipe or a device would block or do something.
        if !metadata.is_file() {
            return Found::Refused;
        }
        let file = match File::open(&resolved) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Found::Refused,
            Err(_) => return Found::Missing,
        };
        match file.metadata() {
            // The same file still: it was not swapped for a link between the two looks.
            Ok(opened) if (opened.dev(), opened.ino()) == (metadata.dev(), metadata.ino()) => {
                Found::Entity(Entity::file(&wanted, file, &opened))
            }
            _ => Found::Missing,
        }
    }

    fn modified_manifest(&self) -> Option<SystemTime> {
        std::fs::metadata(self.root.join(MANIFEST_NAME)).and_then(|metadata| metadata.modified()).ok()
    }
}

/// The path of a URL with its percent-encoding undone, if it can be a file's name here.
fn decode(url_path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(url_path.len());
    let mut rest = url_path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        let decoded = u8::try_from(high * 16 + low).ok()?;
        // An encoded slash is no separator of a URL, and must not become one of a file's path.
        if matches!(decoded, b'/' | 0) {
            return None;
        }
        bytes.push(decoded);
    }
    let path = String::from_utf8(bytes).ok()?;
    (path.starts_with('/') && !path.contains('\\')).then_some(path)
}

/// What a path names.
#[derive(Debug)]
pub(crate) enum Found {
    /// Something to send.
    Entity(Entity),
    /// A folder with a page, asked for without its trailing slash.
    Folder,
    /// Nothing.
    Missing,
    /// A path that leaves the folder, a hidden file, no plain file.
    Refused,
}

/// A representation: its metadata, and where its bytes are.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) media_type: String,
    pub(crate) length: u64,
    pub(crate) entity_tag: String,
    pub(crate) last_modified: Option<SystemTime>,
    pub(crate) content: Content,
}

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    /// An open file.
    File(Arc<File>),
    /// Made from their offset.
    Generated(GeneratedFile),
    /// In memory.
    Document(Bytes),
}

impl Entity {
    fn file(name: &Path, file: File, metadata: &Metadata) -> Entity {
        // NOTE: every write to a file moves its change time, which nobody can set back; with device, inode and length it
        // makes a validator that is strong for all but two writes within one tick of the file system's clock.
        let entity_tag = format!(
            "\"{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        );
        Entity {
            media_type: media_type(name).to_owned(),
            length: metadata.len(),
            entity_tag,
            last_modified: metadata.modified().ok(),
            content: Content::File(Arc::new(file)),
        }
    }

    fn generated(name: &Path, file: GeneratedFile, last_modified: Option<SystemTime>) -> Entity {
        Entity {
            media_type: file.media_type.clone().unwrap_or_else(|| media_type(name).to_owned()),
            length: file.size,
            entity_tag: file.entity_tag(),
            last_modified,
            content: Content::Generated(file),
        }
    }

    fn document(document: Bytes) -> Entity {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        document.hash(&mut hasher);
        Entity {
            media_type: "text/html;charset=utf-8".to_owned(),
            length: document.len() as u64,
            entity_tag: format!("\"document-{:x}\"", hasher.finish()),
            last_modified: None,
            content: Content::Document(document),
        }
    }
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// It is not there, or may not be read.
    #[error("{path}: {source}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its manifest of generated files is faulty.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Site) {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let root = outer.path().join("site");
        std::fs::create_dir_all(root.join("sub")).expect("a folder");
        std::fs::create_dir_all(root.join(".git")).expect("a folder");
        std::fs::write(outer.path().join("secret.txt"), "secret").expect("a file");
        std::fs::write(root.join("index.html"), "<p>").expect("a file");
        std::fs::write(root.join("a b.txt"), "text").expect("a file");
        std::fs::write(root.join(".git/config"), "hidden").expect("a file");
        std::os::unix::fs::symlink("../secret.txt", root.join("out.txt")).expect("a link");
        std::os::unix::fs::symlink("a b.txt", root.join("in.txt")).expect("a link");
        std::os::unix::fs::symlink("..", root.join("up")).expect("a link");
        let site = Site::new(&root).expect("a sound folder");
        (outer, site)
    }

    #[test]
    fn files_inside_are_found() {
        let (_outer, site) = folder();
        for path in ["/", "/index.html", "/a%20b.txt", "/in.txt"] {
            assert!(matches!(site.find(path), Found::Entity(_)), "{path}");
        }
    }

    #[test]
    fn nothing_outside_is_found() {
        let (_outer, site) = folder();
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/sub/../../secret.txt",
            "/out.txt",
            "/up/secret.txt",
            "/.git/config",
            "/..%2fsecret.txt",
            "/%2fetc%2fpasswd",
            "/a%00b",
            "secret.txt",
            "/..\\secret.txt",
            "/%zz",
            "/%2",
        ] {
            assert!(matches!(site.find(path), Found::Refused), "{path}: {:?}", site.find(path));
        }
        for path in ["//etc/passwd", "/missing", "/sub/", "/sub", "/index.html/", "/longhaul-serve.json"] {
            assert!(matches!(site.find(path), Found::Missing), "{path}: {:?}", site.find(path));
        }
    }

    #[test]
    fn a_rewritten_file_has_another_tag() {
        let (_outer, site) = folder();
        let tag = |site: &Site| match site.find("/a%20b.txt") {
            Found::Entity(entity) => entity.entity_tag,
            other => panic!("{other:?}"),
        };
        let before = tag(&site);
        assert_eq!(before, tag(&site));
        std::fs::write(site.root().join("a b.txt"), "longer text").expect("a file");
        assert_ne!(before, tag(&site));
    }
}
