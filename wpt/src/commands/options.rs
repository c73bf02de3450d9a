//! What the command line says.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::server::{Ports, ServerOptions};

/// Runs web-platform-tests in Longhaul's headless host.
#[derive(Debug, Parser)]
#[command(name = "longhaul-wpt", version, max_term_width = 100)]
pub(super) struct Options {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run tests, and tell what did not come as it was expected
    Run(RunOptions),
    /// Name the tests
    List(ListOptions),
    /// Write down what a report says as what is expected from now on
    UpdateExpectations(UpdateOptions),
    /// Show two reports side by side: a table by folder, and what only one of them passes
    Compare {
        /// A wptreport of any browser
        first: PathBuf,
        /// Another one
        second: PathBuf,
        /// Only .any.js, .window.js and .worker.js tests
        #[arg(long)]
        scripts: bool,
    },
    /// Serve a checkout until interrupted
    Serve(ServeOptions),
    /// What runs a test; started by `run`
    #[command(hide = true)]
    Child {
        #[arg(long)]
        host: Vec<String>,
        #[arg(long)]
        cacert: Vec<PathBuf>,
        #[arg(long, default_value_t = 1.0)]
        timeout_multiplier: f64,
    },
}

/// Which tests.
#[derive(Debug, Args)]
pub(super) struct SelectOptions {
    /// The checkout of web-platform-tests
    #[arg(long, value_name = "DIR")]
    pub(super) wpt: PathBuf,
    /// Only .any.js, .window.js and .worker.js tests
    #[arg(long)]
    pub(super) scripts: bool,
    /// Only this part of the tests, counted from 1
    #[arg(long, value_name = "I", requires = "total_chunks")]
    pub(super) this_chunk: Option<usize>,
    /// How many parts there are
    #[arg(long, value_name = "N", requires = "this_chunk")]
    pub(super) total_chunks: Option<usize>,
    /// Folders, files and names of tests; all there are if none is given
    pub(super) paths: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    pub(super) select: SelectOptions,
    /// Say more, as one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// How our own server is started.
#[derive(Debug, Args)]
pub(super) struct ServingOptions {
    /// A Python with wptserve; the one that wpt/server/setup has made, or python3, if not given
    #[arg(long, value_name = "FILE")]
    pub(super) python: Option<PathBuf>,
    /// Where our server keeps its authority and certificates
    #[arg(long, value_name = "DIR")]
    pub(super) certificates: Option<PathBuf>,
    /// Other ports than the suite's, for HTTP, HTTPS and HTTP/2. They are in the names of subtests
    #[arg(long, num_args = 3, value_names = ["HTTP", "HTTPS", "H2"])]
    pub(super) ports: Option<Vec<u16>>,
}

impl ServingOptions {
    pub(super) fn server_options(&self, cacert: &[PathBuf]) -> ServerOptions {
        let made = folder().join("server/.venv/bin/python");
        let python = self.python.clone().unwrap_or_else(|| match made.is_file() {
            true => made,
            false => "python3".into(),
        });
        let certificates = self.certificates.clone().unwrap_or_else(|| folder().join("server/.certificates"));
        let ports = match self.ports.as_deref() {
            Some(&[http, https, h2]) => Ports { http, https, h2 },
            _ => Ports::default(),
        };
        ServerOptions { ports, python, certificates, cacert: cacert.to_vec() }
    }
}

#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    /// The checkout of web-platform-tests
    #[arg(long, value_name = "DIR")]
    pub(super) wpt: PathBuf,
    #[command(flatten)]
    serving: ServingOptions,
}

impl ServeOptions {
    pub(super) fn server_options(&self) -> ServerOptions {
        self.serving.server_options(&[])
    }
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) select: SelectOptions,
    /// `auto` starts the checkout's own server, or ours if it has none; a URL names one that runs
    #[arg(long, value_name = "auto|URL", default_value = "auto")]
    pub(super) server: String,
    /// Also trust the certificates in this PEM file
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) serving: ServingOptions,
    /// How many tests at a time; twice the number of processors if not given, as tests mostly wait
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// Write a wptreport
    #[arg(long, value_name = "FILE")]
    pub(super) log_wptreport: Option<PathBuf>,
    /// Write a log as the run goes, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(super) log_json: Option<PathBuf>,
    /// What is expected: a folder, or `none` for everything to pass; the adapter's own folder if not given
    #[arg(long, value_name = "DIR|none")]
    pub(super) expectations: Option<String>,
    /// Multiply the suite's timeouts (10 s, and 60 s for long tests)
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = factor)]
    pub(super) timeout_multiplier: f64,
    /// Run everything this often, and tell what differs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) rerun: u16,
    /// Also tell of every subtest that does not pass, with its message, and what the pages print
    #[arg(long, short)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct UpdateOptions {
    /// The checkout that the report's tests are from
    #[arg(long, value_name = "DIR")]
    pub(super) wpt: PathBuf,
    /// Where the expectations are; the adapter's own folder if not given
    #[arg(long, value_name = "DIR")]
    pub(super) expectations: Option<PathBuf>,
    /// A wptreport of `run`
    pub(super) report: PathBuf,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if factor > 0.0 && factor <= 1000.0 => Ok(factor),
        _ => Err("a number above 0, up to 1000, is expected".to_owned()),
    }
}

/// The adapter's own folder in the project.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The adapter's own expectations.
pub(super) fn own_expectations() -> PathBuf {
    folder().join("expectations")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn bad_values_are_bad_usage() {
        for arguments in [
            &["run"][..],
            &["run", "--wpt", ".", "--jobs", "0"],
            &["run", "--wpt", ".", "--this-chunk", "1"],
            &["run", "--wpt", ".", "--timeout-multiplier", "0"],
            &["run", "--wpt", ".", "--rerun", "0"],
            &["compare", "a.json"],
        ] {
            let error =
                Options::try_parse_from([&["longhaul-wpt"], arguments].concat()).expect_err("it is wrong");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
