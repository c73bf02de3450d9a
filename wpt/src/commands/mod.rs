//! The command line.

mod options;
mod run_tests;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use options::{Command, ListOptions, Options, RunOptions, SelectOptions, ServeOptions};

use crate::checkout::{Checkout, Scheme, Test};
use crate::child;
use crate::compare::compare;
use crate::report::Report;
use crate::run::chunk;
use crate::server::Server;

/// What ended a command early, for people.
type Failure = Box<dyn std::error::Error>;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let result = match Options::parse().command {
        Command::Run(options) => run_tests::run(&options),
        Command::UpdateExpectations(options) => run_tests::update_expectations(&options),
        Command::List(options) => list(&options),
        Command::Compare { first, second, scripts } => show_comparison(&first, &second, scripts),
        Command::Serve(options) => serve(&options),
        Command::Child { host, cacert, timeout_multiplier } => {
            let environment = child::Environment { hosts: host, cacert, timeout_multiplier };
            child::run(&environment).map(|()| ExitCode::SUCCESS).map_err(Failure::from)
        }
    };
    result.unwrap_or_else(|failure| {
        // Nobody can be told that standard error is closed.
        let _ = writeln!(std::io::stderr(), "longhaul-wpt: {failure}");
        ExitCode::from(2)
    })
}

fn selected(options: &SelectOptions) -> Result<(Checkout, Vec<Test>), Failure> {
    let checkout = Checkout::open(&options.wpt)?;
    let mut tests = checkout.tests(&options.paths)?;
    if options.scripts {
        tests.retain(Test::is_script);
    }
    if let (Some(this), Some(total)) = (options.this_chunk, options.total_chunks) {
        if this == 0 || this > total {
            return Err(format!("there is no chunk {this} of {total}").into());
        }
        tests = chunk(tests, this, total);
    }
    Ok((checkout, tests))
}

fn list(options: &ListOptions) -> Result<ExitCode, Failure> {
    let (_, tests) = selected(&options.select)?;
    let mut output = std::io::stdout().lock();
    for test in &tests {
        let line = match options.json {
            false => test.id.clone(),
            true => serde_json::json!({
                "test": test.id,
                "source": test.source,
                "url": Server::at("http://web-platform.test:8000", Vec::new())?.url(test.scheme, test.www, &test.id),
                "timeout": test.timeout.seconds(),
                "crash": test.kind == crate::checkout::Kind::Crash,
            })
            .to_string(),
        };
        if writeln!(output, "{line}").is_err() {
            // The reader has seen enough.
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_comparison(first: &Path, second: &Path, scripts: bool) -> Result<ExitCode, Failure> {
    let (first, second) = (Report::read(first)?, Report::read(second)?);
    let comparison = compare(&first, &second, |test| !scripts || is_script(test));
    // A reader that has seen enough is no fault.
    let _ = write!(std::io::stdout(), "{}", comparison.text(&first.name(), &second.name()));
    Ok(ExitCode::SUCCESS)
}

/// Whether a test's name is that of a page made for a script.
fn is_script(test: &str) -> bool {
    let path = test.split(['?', '#']).next().unwrap_or_default();
    path.contains(".any.") || path.ends_with(".window.html") || path.ends_with(".worker.html")
}

fn serve(options: &ServeOptions) -> Result<ExitCode, Failure> {
    let checkout = Checkout::open(&options.wpt)?;
    let mut server = Server::start(&checkout, &options.server_options())?;
    let url = server.url(Scheme::Http, false, "");
    for file in server.cacert() {
        println!("{url}/ serves {}", checkout.root().display());
        println!("run with: --server {url} --cacert {}", file.display());
    }
    if std::io::stdout().is_terminal() {
        println!("Ctrl-C ends it.");
    }
    server.wait()?;
    Ok(ExitCode::SUCCESS)
}

fn server_of(options: &RunOptions, checkout: &Checkout) -> Result<Server, Failure> {
    Ok(match options.server.as_str() {
        "auto" => Server::start(checkout, &options.serving.server_options(&options.cacert))?,
        url => Server::at(url, options.cacert.clone())?,
    })
}
