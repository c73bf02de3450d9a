//! A checkout of web-platform-tests: which tests it holds, under the names that the suite's own manifest gives them.

mod globals;
mod html;
mod metadata;
mod source_file;

use std::io;
use std::path::{Path, PathBuf};

pub use source_file::tests_of;

/// What kind of test it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Its page loads testharness.js, which reports subtests.
    Testharness,
    /// Its page loads without bringing the user agent down.
    Crash,
}

/// How the test's page is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP.
    Http,
    /// HTTPS, with HTTP/1.1.
    Https,
    /// HTTPS, with HTTP/2.
    H2,
}

/// How long the test may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timeout {
    /// 10 s.
    Normal,
    /// 60 s.
    Long,
}

impl Timeout {
    /// In seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Timeout::Normal => 10,
            Timeout::Long => 60,
        }
    }
}

/// One test: a page to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its name, which is the path and query of its page.
    pub id: String,
    /// The file that it comes from, below the checkout, with `/`.
    pub source: String,
    /// Its kind.
    pub kind: Kind,
    /// How its page is reached.
    pub scheme: Scheme,
    /// Whether the page is on the host's `www` sub-domain.
    pub www: bool,
    /// How long it may take.
    pub timeout: Timeout,
}

impl Test {
    /// A test by its name, for what the file says.
    pub(crate) fn new(id: String, source: &str, kind: Kind, timeout: Timeout) -> Test {
        let name = id.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let has = |flag: &str| name.split('.').skip(1).any(|part| part == flag);
        let scheme = match () {
            () if has("h2") => Scheme::H2,
            () if has("https") || has("serviceworker") || has("serviceworker-module") => Scheme::Https,
            () => Scheme::Http,
        };
        let www = has("www");
        Test { source: source.to_owned(), kind, scheme, www, timeout, id }
    }

    /// Whether the test is a script whose page the server makes.
    pub fn is_script(&self) -> bool {
        self.source.ends_with(".js")
    }
}

/// A checkout, or a folder that is laid out like one.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

/// What is wrong with a checkout or with a path in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutError {
    /// There is no such folder.
    #[error("{0}: no such folder")]
    NoFolder(PathBuf),
    /// There is no testharness.js in it, so nothing could run.
    #[error("{0}: no checkout of web-platform-tests: it has no resources/testharness.js")]
    NoHarness(PathBuf),
    /// A path names no test.
    #[error("{path}: no test of this name in {}", .root.display())]
    NoTest {
        /// What was asked for.
        path: String,
        /// The checkout.
        root: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Checkout {
    /// The checkout in a folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Checkout, CheckoutError> {
        let root = root.into();
        let root = root.canonicalize().map_err(|_| CheckoutError::NoFolder(root))?;
        if !root.is_dir() {
            return Err(CheckoutError::NoFolder(root));
        }
        match root.join("resources/testharness.js").is_file() {
            true => Ok(Checkout { root }),
            false => Err(CheckoutError::NoHarness(root)),
        }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The tests under these paths, each a folder, a file or a test's name; all tests if there are none. Sorted by name, each once.
    pub fn tests(&self, paths: &[String]) -> Result<Vec<Test>, CheckoutError> {
        let mut tests = Vec::new();
        if paths.is_empty() {
            self.walk(&self.root, &mut tests)?;
        }
        for path in paths {
            let before = tests.len();
            self.under(path, &mut tests)?;
            if tests.len() == before {
                return Err(CheckoutError::NoTest { path: path.clone(), root: self.root.clone() });
            }
        }
        tests.sort_by(|a, b| a.id.cmp(&b.id));
        tests.dedup_by(|a, b| a.id == b.id);
        Ok(tests)
    }

    fn under(&self, path: &str, tests: &mut Vec<Test>) -> Result<(), CheckoutError> {
        let name = self.relative(path);
        let file = self.root.join(&name);
        if file.is_dir() {
            return self.walk(&file, tests);
        }
        if file.is_file() {
            return self.file(&file, tests);
        }
        // The name of a test: its file is one of its folder's.
        let page = name.split(['?', '#']).next().unwrap_or_default();
        let folder = self.root.join(page).parent().map(Path::to_owned).unwrap_or_default();
        let mut candidates = Vec::new();
        if folder.is_dir() {
            for entry in self.entries(&folder)? {
                if entry.is_file() {
                    self.file(&entry, &mut candidates)?;
                }
            }
        }
        let matches = |test: &Test| {
            let id = &test.id[1..];
            id == name || id.split(['?', '#']).next() == Some(&name)
        };
        tests.extend(candidates.into_iter().filter(matches));
        Ok(())
    }

    /// The path below the checkout, of one that may lead there from outside or begin with a slash, as names do.
    fn relative(&self, path: &str) -> String {
        let outside = Path::new(path).canonicalize().ok();
        let inside = outside.as_deref().and_then(|outside| outside.strip_prefix(&self.root).ok());
        match inside.and_then(Path::to_str) {
            Some(inside) => inside.to_owned(),
            None => path.trim_start_matches('/').trim_end_matches('/').to_owned(),
        }
    }

    fn walk(&self, folder: &Path, tests: &mut Vec<Test>) -> Result<(), CheckoutError> {
        for entry in self.entries(folder)? {
            if entry.is_dir() {
                let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                // Hidden folders, and what package managers put there, are no part of the suite.
                if !name.starts_with('.') && name != "node_modules" {
                    self.walk(&entry, tests)?;
                }
            } else {
                self.file(&entry, tests)?;
            }
        }
        Ok(())
    }

    fn entries(&self, folder: &Path) -> Result<Vec<PathBuf>, CheckoutError> {
        let failed = |error| CheckoutError::Io { path: folder.to_owned(), error };
        let entries: Result<Vec<_>, _> =
            std::fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut entries = entries.map_err(failed)?;
        entries.sort();
        Ok(entries)
    }

    fn file(&self, file: &Path, tests: &mut Vec<Test>) -> Result<(), CheckoutError> {
        let Some(path) = file.strip_prefix(&self.root).ok().and_then(Path::to_str) else { return Ok(()) };
        if !source_file::may_be_a_test(path) {
            return Ok(());
        }
        match std::fs::read(file) {
            Ok(content) => tests.extend(tests_of(path, &content)),
            // A link that leads nowhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(CheckoutError::Io { path: file.to_owned(), error }),
        }
        Ok(())
    }
}
