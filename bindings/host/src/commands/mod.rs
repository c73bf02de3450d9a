//! The commands of `longhaul`.

mod fetch;
mod options;
mod profile;
mod run;
mod target;
mod user_side;

use std::process::ExitCode;

use clap::Parser as _;

use crate::control::Request;
use crate::exit::{Exit, Failure, complain};
use options::Command;
pub use options::{FetchOptions, Grant, NetworkOptions, OneOptions, Options, ProfileOptions, RunOptions};

/// The program: parses the command line, runs the command, gives the exit code.
pub fn main() -> ExitCode {
    // Bad usage ends here, with exit code 2.
    let options = Options::parse();
    // Two at least: one may wait for a terminal that does not keep up.
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                complain(&format!("no threads: {error}"));
                return Exit::Failure.into();
            }
        };
    let result = runtime.block_on(execute(options.command));
    // A blocking read that never comes back must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure.message);
            failure.exit.into()
        }
    }
}

async fn execute(command: Command) -> Result<Exit, Failure> {
    let one = |options: OneOptions, request: fn(String) -> Request| {
        user_side::user_side(options.profile, request(options.id))
    };
    match command {
        Command::Run(options) => run::run(options).await,
        Command::Fetch(options) => fetch::fetch(options).await,
        Command::List(options) => user_side::user_side(options, Request::List).await,
        Command::Online(options) => user_side::user_side(options, Request::Online).await,
        Command::Offline(options) => user_side::user_side(options, Request::Offline).await,
        Command::Show(options) => one(options, |id| Request::Show { id }).await,
        Command::Pause(options) => one(options, |id| Request::Pause { id }).await,
        Command::Resume(options) => one(options, |id| Request::Resume { id }).await,
        Command::Abort(options) => one(options, |id| Request::Abort { id }).await,
        Command::Click(options) => one(options, |id| Request::Click { id }).await,
    }
}
