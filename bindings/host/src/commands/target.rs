//! What `longhaul run` runs.

use std::path::{Path, PathBuf};

use url::Url;

use crate::exit::Failure;
use crate::profile::ServedTarget;
use crate::server::{PortChoice, Server, ServerError, Site, SiteError};

/// A target that was found.
#[derive(Debug)]
pub(super) enum Target {
    /// A page of the web.
    Url(Url),
    /// A folder, or a script in its folder, to be served.
    Local {
        /// The target's own path, resolved: the port is made from it.
        path: PathBuf,
        /// What is served.
        site: Site,
    },
}

impl Target {
    /// Finds out what the argument names.
    pub(super) fn find(argument: &str) -> Result<Target, Failure> {
        if argument.is_empty() {
            return Err(Failure::usage("the target is empty"));
        }
        let has_scheme = argument.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.eq_ignore_ascii_case("http")
                || scheme.eq_ignore_ascii_case("https")
                || rest.starts_with("//")
        });
        if has_scheme {
            return match Url::parse(argument) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Target::Url(url)),
                Ok(url) => Err(Failure::usage(format!(
                    "{argument}: pages are loaded by http: and https:, not by {}:",
                    url.scheme()
                ))),
                Err(error) => Err(Failure::usage(format!("{argument}: {error}"))),
            };
        }
        Target::local(Path::new(argument), argument)
    }

    /// A folder or a script, which people know by the name of `shown`.
    pub(super) fn local(path: &Path, shown: &str) -> Result<Target, Failure> {
        let path = path.canonicalize().map_err(|error| {
            Failure::usage(match error.kind() {
                std::io::ErrorKind::NotFound => format!("{shown}: no such file or folder"),
                _ => format!("{shown}: {error}"),
            })
        })?;
        if path.is_dir() {
            return folder(shown, path);
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match (extension, path.parent(), path.file_name().and_then(|name| name.to_str())) {
            ("js" | "mjs", Some(folder), Some(name)) if path.is_file() => {
                let site = site(Site::new(folder))?.with_document(wrapper(name, extension));
                Ok(Target::Local { site, path })
            }
            _ => Err(Failure::usage(format!(
                "{shown}: neither a folder with an index.html, a .js file nor an http(s) URL"
            ))),
        }
    }

    /// Serves a local target.
    pub(super) async fn serve(self, port: Option<u16>) -> Result<Served, ServerError> {
        match self {
            Target::Url(url) => Ok(Served { url, local: None, note: None }),
            Target::Local { path, site } => {
                let choice = match port {
                    Some(port) => PortChoice::exactly(port),
                    None => PortChoice::for_target(&path),
                };
                let server = Server::start(site, &choice).await?;
                let first = choice.ports().first().copied().unwrap_or_default();
                let note = (server.port() != first).then(|| {
                    format!(
                        "port {first} is in use, so {} is served on port {}; what the page left at http://localhost:{first}/ \
                         is not seen there",
                        path.display(),
                        server.port()
                    )
                });
                let target = ServedTarget { port: server.port(), path };
                Ok(Served { url: server.url(), local: Some((server, target)), note })
            }
        }
    }
}

/// A target with an address.
#[derive(Debug)]
pub(super) struct Served {
    /// The page's URL.
    pub(super) url: Url,
    /// The server, to be kept while the page is needed, and what is served.
    pub(super) local: Option<(Server, ServedTarget)>,
    /// Something that the user should know.
    pub(super) note: Option<String>,
}

fn folder(argument: &str, path: PathBuf) -> Result<Target, Failure> {
    if !path.join("index.html").is_file() {
        return Err(Failure::usage(format!("{argument}: the folder has no index.html")));
    }
    Ok(Target::Local { site: site(Site::new(&path))?, path })
}

fn site(site: Result<Site, SiteError>) -> Result<Site, Failure> {
    site.map_err(Failure::usage)
}

/// The page around a script.
fn wrapper(name: &str, extension: &str) -> String {
    let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    // A file's name is no URL: what would end its path has to be encoded.
    let source = escaped.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    let kind = if extension == "mjs" { " type=\"module\"" } else { "" };
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{escaped}</title><script{kind} src=\"/{source}\"></script>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_faults_are_told_apart() {
        assert!(matches!(Target::find("HTTPS://a.example/x"), Ok(Target::Url(_))));
        for (argument, part) in [
            ("ftp://a.example/", "ftp:"),
            ("http://", "http://: "),
            ("/nowhere/at/all", "/nowhere/at/all: no such file or folder"),
            ("/dev/null", "neither a folder"),
            ("", "the target is empty"),
        ] {
            let failure = Target::find(argument).expect_err(argument);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn a_folder_needs_a_page_and_a_script_gets_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().to_str().expect("it is UTF-8");
        let failure = Target::find(path).expect_err("there is no page");
        assert!(failure.message.ends_with("the folder has no index.html"), "{}", failure.message);
        std::fs::write(folder.path().join("a#b&c.js"), "1").expect("a file");
        assert!(matches!(Target::find(&format!("{path}/a#b&c.js")), Ok(Target::Local { .. })));
        assert!(wrapper("a#b&c.js", "js").contains("src=\"/a%23b&amp;c.js\""));
        std::fs::write(folder.path().join("longhaul-serve.json"), "[]").expect("a file");
        std::fs::write(folder.path().join("index.html"), "").expect("a file");
        let failure = Target::find(path).expect_err("the manifest is faulty");
        assert!(failure.message.contains("longhaul-serve.json"), "{}", failure.message);
    }
}
