//! The checkout's own server, `./wpt serve`: how it is started, and that it ends. A program of ours stands in for it.

#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod support;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::suite_server::SuiteServer;

/// How long a test waits for what must come before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What stands in for the suite's server: a program that is this test binary, told what to do by its environment. It says what it was
/// told in `told`, beside the checkout, and runs until it is killed.
#[test]
#[ignore = "a server that the other tests start"]
fn stands_in_for_the_suites_server() {
    let root = PathBuf::from(std::env::var_os("CHECKOUT").expect("a test starts it"));
    let arguments = std::env::var("ARGUMENTS").expect("a test starts it");
    let config = arguments.strip_prefix("serve --config ").expect("that is how it is started");
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(config).expect("a file")).expect("it is JSON");
    let port = |scheme: &str| -> u16 {
        config["ports"][scheme][0].as_u64().and_then(|port| port.try_into().ok()).expect("a port")
    };
    let told = format!("{} {}", std::process::id(), config["check_subdomains"]);
    std::fs::write(root.join("../told"), told).expect("a file");
    let _others = [port("https"), port("h2")].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    SuiteServer::start_at(&root, port("http"));
    loop {
        std::thread::park();
    }
}

/// A checkout with a server of its own.
struct Suite {
    folder: tempfile::TempDir,
    ports: [u16; 3],
}

impl Suite {
    /// Its server runs these lines of a shell.
    fn new(server: &str) -> Suite {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = [
            ("resources/testharness.js", include_str!("checkout/testharness.js").to_owned()),
            ("tools/certs/cacert.pem", authority()),
            ("a/passes.window.js", "promise_test(async () => {}, 'passes');".to_owned()),
            ("b/busy.window.js", "for (;;);".to_owned()),
            ("wpt", format!("#!/bin/sh\n{server}\n")),
        ];
        for (path, text) in files {
            let path = folder.path().join("suite").join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let program = folder.path().join("suite/wpt");
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let free = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let ports = free.each_ref().map(|free| free.local_addr().expect("it is bound").port());
        Suite { folder, ports }
    }

    /// Its server is this binary.
    fn served() -> Suite {
        let binary = std::env::current_exe().expect("it is known");
        let suite = Suite::new(&format!(
            "CHECKOUT=\"$PWD\" ARGUMENTS=\"$*\" exec '{}' --ignored --exact stands_in_for_the_suites_server",
            binary.display()
        ));
        assert!(!suite.is_served());
        suite
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul-wpt"));
        command.args(["run", "--expectations", "none", "--wpt"]).arg(self.folder.path().join("suite"));
        command.arg("--ports").args(self.ports.map(|port| port.to_string())).args(arguments);
        // What a run that is killed leaves lies there too.
        command.env("TMPDIR", self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("told")).unwrap_or_default()
    }

    fn is_served(&self) -> bool {
        self.ports.iter().any(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
    }

    /// The server has run, and is gone.
    fn expect_ended(&self) {
        let told = self.told();
        let (process, check_subdomains) = told.split_once(' ').expect("it has run");
        assert_eq!(check_subdomains, "false");
        until("the server to end", || !Path::new("/proc").join(process).exists() && !self.is_served());
    }
}

/// A certificate that nobody uses.
fn authority() -> String {
    let params = rcgen::CertificateParams::new(vec!["web-platform.test".to_owned()]).expect("a name");
    let key = rcgen::KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").pem()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::yield_now();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Ends with what it holds.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_checkouts_own_server_is_used_and_ends_with_the_run() {
    let suite = Suite::served();
    let run = suite.run(&["a"]);
    assert_eq!(run.status.code(), Some(0), "{}", said(&run));
    assert!(said(&run).contains("subtests: 1 passed, 0 failed"), "{}", said(&run));
    suite.expect_ended();
}

#[test]
fn it_ends_with_a_run_that_fails() {
    let suite = Suite::served();
    let run = suite.run(&["a", "--log-json", "/nowhere/log.json"]);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    suite.expect_ended();
}

#[test]
fn it_ends_with_a_run_that_is_killed() {
    let suite = Suite::served();
    let mut command = suite.command(&["b"]);
    let mut run = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
    until("the server", || suite.is_served());
    run.0.kill().expect("it runs");
    suite.expect_ended();
}

#[test]
fn a_server_that_ends_at_once_is_an_error() {
    let run = Suite::new("exit 1").run(&["a"]);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(said(&run).contains("`./wpt serve` ended before it answered"), "{}", said(&run));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let suite = Suite::served();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, suite.ports[1])).expect("it was free");
    let run = suite.run(&["a"]);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(said(&run).contains(&format!("port {} is taken", suite.ports[1])), "{}", said(&run));
    assert_eq!(suite.told(), "");
}
