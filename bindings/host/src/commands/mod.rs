//! The commands of `longhaul`.

mod earlier_folders;
mod fetch;
mod options;
mod profile;
mod run;
mod state;
mod target;
mod user_side;

use std::process::ExitCode;

use clap::Parser as _;

use crate::control::Request;
use crate::exit::{Exit, Failure, complain};
use options::Command;
pub use options::{
    FetchOptions, Grant, NetworkOptions, OneOptions, Options, ProfileOptions, RunOptions, StateOptions,
    StateWord,
};

/// The program: parses the command line, runs the command, gives the exit code.
pub fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
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

/// Ends where the command line is no good, or asks for help alone.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nobody can be told that the stream is closed.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
        }
        _ => {
            complain(&one_line(&error.render().to_string()));
            Exit::Usage.into()
        }
    }
}

/// What is wrong and the tip on it, without the usage that follows.
fn one_line(rendered: &str) -> String {
    let text = rendered.strip_prefix("error:").unwrap_or(rendered);
    let said = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let words: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
    format!("{} (see longhaul --help)", words.join(" ").replace(" tip: ", "; "))
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
        Command::State(options) => state::state(options).await,
        Command::Show(options) => one(options, |id| Request::Show { id }).await,
        Command::Pause(options) => one(options, |id| Request::Pause { id }).await,
        Command::Resume(options) => one(options, |id| Request::Resume { id }).await,
        Command::Abort(options) => one(options, |id| Request::Abort { id }).await,
        Command::Click(options) => one(options, |id| Request::Click { id }).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_usage_is_one_line() {
        for (arguments, line) in [
            (&["run"][..], "the following required arguments were not provided: <TARGET>"),
            (
                &["run", "x", "--timeout", "0"],
                "invalid value '0' for '--timeout <S>': a number of seconds above 0 is expected",
            ),
            (
                &["fetch", "x", "--mode", "y"],
                "invalid value 'y' for '--mode <MODE>' [possible values: cors, no-cors, same-origin, navigate]",
            ),
        ] {
            let error =
                Options::try_parse_from([&["longhaul"], arguments].concat()).expect_err("it is wrong");
            assert_eq!(one_line(&error.render().to_string()), format!("{line} (see longhaul --help)"));
        }
    }
}
