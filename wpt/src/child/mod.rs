//! What runs inside a test's process: a user agent with a fresh profile, one page in it, and the hooks that stand in for the
//! suite's reporting and automation.

mod driver;
mod host_names;
mod interception;
mod protocol;
mod session;
mod test_page;

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

pub use protocol::{Ending, Order, Outcome};

/// What holds for every test of a process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Hosts that are on this machine, with all their sub-domains.
    pub hosts: Vec<String>,
    /// Files with certificates that are trusted.
    pub cacert: Vec<PathBuf>,
    /// What the suite's own timeouts are multiplied with.
    pub timeout_multiplier: f64,
}

/// Runs the tests that standard input orders, one JSON object a line, and answers each with a line.
pub fn run(environment: &Environment) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let roots: Result<Vec<_>, _> = environment.cacert.iter().map(std::fs::read).collect();
    let roots = roots?;
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let outcome = runtime.block_on(test_page::run(&order, environment, &roots));
        let mut answer = serde_json::to_vec(&outcome)?;
        answer.push(b'\n');
        let mut output = std::io::stdout().lock();
        output.write_all(&answer)?;
        output.flush()?;
    }
    // A blocking read that never comes back must not keep the process.
    runtime.shutdown_background();
    Ok(())
}
