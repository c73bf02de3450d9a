//! The suite's server: the checkout's own where it is there, else our small one, or one that runs already.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::NamedTempFile;
use url::Url;

use crate::checkout::{Checkout, Scheme};

/// The suite's host.
const HOST: &str = "web-platform.test";
/// The suite's other host, which is another site.
const OTHER_HOST: &str = "not-web-platform.test";

/// Our server.
const SCRIPT: &str = include_str!("../../server/serve.py");

/// Runs a program until it ends or standard input does, which has the program asked to end; it takes its children along.
const UNTIL_EOF: &str = r#"
exec 3<&0
"$@" < /dev/null 3<&- & server=$!
(cat <&3 > /dev/null; kill "$server") 2> /dev/null & watch=$!
exec 3<&-
wait "$server"; code=$?
kill "$watch" 2> /dev/null
exit "$code""#;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);

/// How long a server may take to end.
const END: Duration = Duration::from_secs(5);

/// A server that answers, and ends with this.
#[derive(Debug)]
pub struct Server {
    host: String,
    hosts: Vec<String>,
    ports: Ports,
    cacert: Vec<PathBuf>,
    process: Option<Child>,
    /// The server ends when this does, and so with our process, however that ends.
    stdin: Option<ChildStdin>,
}

/// The ports of a server that tests are reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// HTTP/1.1 without TLS.
    pub http: u16,
    /// HTTP/1.1 with TLS.
    pub https: u16,
    /// HTTP/2.
    pub h2: u16,
}

impl Default for Ports {
    /// Those of the suite's own runner.
    fn default() -> Ports {
        Ports { http: 8000, https: 8443, h2: 9000 }
    }
}

impl Ports {
    fn of(self, scheme: Scheme) -> u16 {
        match scheme {
            Scheme::Http => self.http,
            Scheme::Https => self.https,
            Scheme::H2 => self.h2,
        }
    }
}

/// What is needed to start a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where it is to listen.
    pub ports: Ports,
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
    /// The checkout's own server ended at once.
    #[error("the checkout's `./wpt serve` ended before it answered")]
    OwnEnded,
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
        let http = parsed.port_or_known_default().ok_or_else(bad)?;
        let hosts = match host.as_str() {
            HOST => vec![HOST.to_owned(), OTHER_HOST.to_owned()],
            _ => vec![host.clone(), HOST.to_owned(), OTHER_HOST.to_owned()],
        };
        let ports = Ports { http, ..Ports::default() };
        Ok(Server { host, hosts, ports, cacert, process: None, stdin: None })
    }

    /// Starts the checkout's own server, or ours if it has none, and waits until it answers.
    pub fn start(checkout: &Checkout, options: &ServerOptions) -> Result<Server, ServerError> {
        let ports = options.ports;
        for port in [ports.http, ports.https, ports.h2] {
            if connects(port) {
                return Err(ServerError::PortTaken(port));
            }
        }
        let own = checkout.root().join("wpt");
        let mut server = Server::at(&format!("http://{HOST}:{}", ports.http), options.cacert.clone())?;
        server.ports = ports;
        // Whatever goes wrong from here on, the process ends with `server`.
        let cacert = match own.is_file() {
            true => server.start_theirs(&own, checkout.root())?,
            false => server.start_ours(checkout.root(), options)?,
        };
        server.cacert.push(cacert);
        Ok(server)
    }

    /// The page of a test.
    pub fn url(&self, scheme: Scheme, www: bool, id: &str) -> String {
        let port = self.ports.of(scheme);
        let name = if scheme == Scheme::Http { "http" } else { "https" };
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
        drop(self.stdin.take());
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // With all that it has started, which is its process group. It may have ended just now.
        let group = format!("-{}", process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn connects(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

impl Server {
    /// Starts a process that ends when its standard input does.
    fn spawn(&mut self, command: &mut Command) -> Result<&mut Child, ServerError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).process_group(0);
        let mut process = command.spawn().map_err(|error| ServerError::CannotStart { program, error })?;
        self.stdin = process.stdin.take();
        Ok(self.process.insert(process))
    }

    fn start_ours(&mut self, checkout: &Path, options: &ServerOptions) -> Result<PathBuf, ServerError> {
        let Ports { http, https, h2 } = options.ports;
        let mut command = Command::new(&options.python);
        command
            .args(["-c", SCRIPT])
            .arg(checkout)
            .arg("--certificates")
            .arg(&options.certificates)
            .arg("--ports")
            .args([http, https, h2].map(|port| port.to_string()))
            .arg("--until-eof");
        let process = self.spawn(command.stdout(Stdio::piped()))?;
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
            Ok(Ok(Ok(ready))) => Ok(ready.cacert),
            Ok(_) => Err(ServerError::Ended),
            Err(_) => Err(ServerError::Slow),
        }
    }

    fn start_theirs(&mut self, program: &Path, checkout: &Path) -> Result<PathBuf, ServerError> {
        let ports = self.ports;
        // It is read by the time that the server answers, and gone from then on, however the run ends.
        let config = config(ports)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", UNTIL_EOF, "sh"])
            .arg(program)
            .args(["serve", "--config"])
            .arg(config.path())
            .current_dir(checkout)
            .stdout(Stdio::null());
        let process = self.spawn(&mut command)?;
        let deadline = Instant::now() + START;
        while ![ports.http, ports.https].into_iter().all(connects) {
            if !matches!(process.try_wait(), Ok(None)) {
                return Err(ServerError::OwnEnded);
            }
            if Instant::now() > deadline {
                return Err(ServerError::Slow);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(checkout.join("tools/certs/cacert.pem"))
    }
}

/// What the suite's own server is told: to do without an `/etc/hosts` that knows the suite's names, and the ports that its runner
/// uses, some of which it would choose itself.
fn config(ports: Ports) -> Result<NamedTempFile, ServerError> {
    let config = serde_json::json!({
        "check_subdomains": false,
        "server_host": "127.0.0.1",
        "ports": { "http": [ports.http, 8001], "https": [ports.https, 8444], "h2": [ports.h2] },
    });
    let written = NamedTempFile::new().and_then(|mut file| {
        file.write_all(config.to_string().as_bytes())?;
        Ok(file)
    });
    written.map_err(ServerError::Config)
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
