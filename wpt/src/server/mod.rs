//! The suite's server: the checkout's own where it is there, else our small one, or one that runs already.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::NamedTempFile;
use url::Url;

use crate::checkout::{Checkout, Scheme};
use crate::run::port;

/// The suite's host.
const HOST: &str = "web-platform.test";
/// The suite's other host, which is another site.
const OTHER_HOST: &str = "not-web-platform.test";

/// Our server.
const SCRIPT: &str = include_str!("../../server/serve.py");

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);

/// A server that answers, and ends with this.
#[derive(Debug)]
pub struct Server {
    host: String,
    hosts: Vec<String>,
    http_port: u16,
    cacert: Vec<PathBuf>,
    process: Option<Child>,
    /// Our server ends when this does.
    stdin: Option<ChildStdin>,
    /// The suite's own server reads it.
    config: Option<NamedTempFile>,
}

/// What is needed to start a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The Python that our server runs with; one with wptserve.
    pub python: PathBuf,
    /// Where our server keeps its authority and certificates.
    pub certificates: PathBuf,
    /// More certificates to trust.
    pub cacert: Vec<PathBuf>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Something listens there already.
    #[error(
        "port {0} is taken, by a server of the suite perhaps: name it with --server http://{HOST}:{0} and its authority's \
         certificate with --cacert"
    )]
    PortTaken(u16),
    /// The program could not be started.
    #[error("{program}: {error}")]
    CannotStart {
        /// The program.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// It ended at once.
    #[error(
        "the server ended before it answered. It needs Python 3.9 or later with wptserve, and openssl; \
         `wpt/server/setup` makes such a Python"
    )]
    Ended,
    /// There is no place for its configuration.
    #[error("the server's configuration cannot be written: {0}")]
    Config(io::Error),
    /// It did not answer.
    #[error("the server did not answer in {} s", START.as_secs())]
    Slow,
    /// The URL names no server.
    #[error("{0}: no URL of an HTTP server")]
    BadUrl(String),
}

#[derive(Deserialize)]
struct Ready {
    cacert: PathBuf,
}

impl Server {
    /// A server that runs already.
    pub fn at(url: &str, cacert: Vec<PathBuf>) -> Result<Server, ServerError> {
        let bad = || ServerError::BadUrl(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| bad())?;
        let host = parsed.host_str().filter(|_| parsed.scheme() == "http").ok_or_else(bad)?.to_owned();
        let http_port = parsed.port_or_known_default().ok_or_else(bad)?;
        let hosts = match host.as_str() {
            HOST => vec![HOST.to_owned(), OTHER_HOST.to_owned()],
            _ => vec![host.clone(), HOST.to_owned(), OTHER_HOST.to_owned()],
        };
        Ok(Server { host, hosts, http_port, cacert, process: None, stdin: None, config: None })
    }

    /// Starts the checkout's own server, or ours if it has none, and waits until it answers.
    pub fn start(checkout: &Checkout, options: &ServerOptions) -> Result<Server, ServerError> {
        for scheme in [Scheme::Http, Scheme::Https, Scheme::H2] {
            if connects(port(scheme)) {
                return Err(ServerError::PortTaken(port(scheme)));
            }
        }
        let own = checkout.root().join("wpt");
        let mut server =
            Server::at(&format!("http://{HOST}:{}", port(Scheme::Http)), options.cacert.clone())?;
        let (mut process, cacert) = match own.is_file() {
            true => start_theirs(&own, checkout.root(), server.config.insert(config()?))?,
            false => start_ours(checkout.root(), options)?,
        };
        server.stdin = process.stdin.take();
        server.process = Some(process);
        server.cacert.push(cacert);
        Ok(server)
    }

    /// The page of a test.
    pub fn url(&self, scheme: Scheme, www: bool, id: &str) -> String {
        let (name, port) = match scheme {
            Scheme::Http => ("http", self.http_port),
            scheme => ("https", port(scheme)),
        };
        let www = if www { "www." } else { "" };
        format!("{name}://{www}{}:{port}{id}", self.host)
    }

    /// The hosts that are found on this machine, with all their sub-domains.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The certificates that are trusted.
    pub fn cacert(&self) -> &[PathBuf] {
        &self.cacert
    }

    /// Waits until the server ends by itself, as it does when the terminal interrupts it.
    pub fn wait(&mut self) -> io::Result<()> {
        match &mut self.process {
            Some(process) => process.wait().map(drop),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(process) = &mut self.process else { return };
        // Ours ends by itself once its standard input has ended; the suite's takes its children along when it is asked to.
        drop(self.stdin.take());
        let asked = Command::new("kill").arg(process.id().to_string()).stderr(Stdio::null()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while asked.is_ok() && Instant::now() < deadline {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // It may have ended just now.
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn connects(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

fn start_ours(checkout: &Path, options: &ServerOptions) -> Result<(Child, PathBuf), ServerError> {
    let mut command = Command::new(&options.python);
    command
        .args(["-c", SCRIPT])
        .arg(checkout)
        .arg("--certificates")
        .arg(&options.certificates)
        .arg("--until-eof");
    let mut process = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let (sender, ready) = mpsc::channel();
    if let Some(stdout) = process.stdout.take() {
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Whoever waited may have stopped.
            let _ = sender.send(read.map(|_| line));
        });
    }
    let line = ready.recv_timeout(START);
    match line.as_ref().map(|line| line.as_ref().map(|line| serde_json::from_str::<Ready>(line))) {
        Ok(Ok(Ok(ready))) => Ok((process, ready.cacert)),
        answered => {
            let error = if answered.is_ok() { ServerError::Ended } else { ServerError::Slow };
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
            Err(error)
        }
    }
}

/// What the suite's own server is told: to do without an `/etc/hosts` that knows the suite's names, and the ports that its runner
/// uses, some of which it would choose itself.
fn config() -> Result<NamedTempFile, ServerError> {
    let config = serde_json::json!({
        "check_subdomains": false,
        "server_host": "127.0.0.1",
        "ports": { "http": [8000, 8001], "https": [8443, 8444], "h2": [9000] },
    });
    let written = NamedTempFile::new().and_then(|mut file| {
        file.write_all(config.to_string().as_bytes())?;
        Ok(file)
    });
    written.map_err(ServerError::Config)
}

fn start_theirs(
    program: &Path,
    checkout: &Path,
    config: &NamedTempFile,
) -> Result<(Child, PathBuf), ServerError> {
    let mut command = Command::new(program);
    command
        .arg("serve")
        .arg("--config")
        .arg(config.path())
        .current_dir(checkout)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut process = spawn(&mut command)?;
    let deadline = Instant::now() + START;
    while ![Scheme::Http, Scheme::Https].into_iter().all(|scheme| connects(port(scheme))) {
        let ended = !matches!(process.try_wait(), Ok(None));
        if ended || Instant::now() > deadline {
            let _ = process.kill();
            let _ = process.wait();
            return Err(if ended { ServerError::Ended } else { ServerError::Slow });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok((process, checkout.join("tools/certs/cacert.pem")))
}

fn spawn(command: &mut Command) -> Result<Child, ServerError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| ServerError::CannotStart { program, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_where_its_name_says() {
        let server = Server::at("http://web-platform.test:8000", Vec::new()).expect("a URL");
        assert_eq!(server.url(Scheme::Http, false, "/a.html?b"), "http://web-platform.test:8000/a.html?b");
        assert_eq!(server.url(Scheme::Https, true, "/a.html"), "https://www.web-platform.test:8443/a.html");
        assert_eq!(server.url(Scheme::H2, false, "/a.html"), "https://web-platform.test:9000/a.html");
        assert_eq!(server.hosts(), ["web-platform.test", "not-web-platform.test"]);
    }

    #[test]
    fn only_http_urls_name_a_server() {
        for url in ["web-platform.test", "https://web-platform.test:8443", "data:x"] {
            assert!(matches!(Server::at(url, Vec::new()), Err(ServerError::BadUrl(_))), "{url}");
        }
    }
}
