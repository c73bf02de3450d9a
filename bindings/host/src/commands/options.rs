//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use longhaul::background_fetch::PermissionState;

use crate::display::ProgressForm;

/// Background fetches that outlive the page and the process.
#[derive(Debug, Parser)]
#[command(name = "longhaul", version, max_term_width = 100)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a page, run its scripts and service workers, and end when nothing is left to do
    #[command(args_override_self = true)]
    Run(RunOptions),
    /// List the profile's background fetches
    List(ProfileOptions),
    /// Show one background fetch
    Show(OneOptions),
    /// Pause a background fetch
    Pause(OneOptions),
    /// Let a background fetch go on, or allow one that waits for permission
    Resume(OneOptions),
    /// Abort a background fetch
    Abort(OneOptions),
    /// Click a background fetch: its service worker gets the event
    Click(OneOptions),
    /// Tell the run on the profile that there is a network; without one, the next run begins so
    Online(ProfileOptions),
    /// Tell the run on the profile that there is no network; without one, the next run begins so
    Offline(ProfileOptions),
    /// Fetch one URL through the Fetch layer
    Fetch(FetchOptions),
    /// Show or clear what the profile remembers of sites
    State(StateOptions),
}

/// `longhaul run`
#[derive(Debug, Args)]
pub struct RunOptions {
    /// A folder with an index.html, an http(s) URL, or a .js file
    pub target: String,
    /// Where to keep what has to outlive the process; longhaul/profile in the user's data directory if not given
    #[arg(long, value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = ProgressForm::Auto)]
    pub progress: ProgressForm,
    /// Limit all downloads together to this many bytes per second
    #[arg(long, value_name = "BYTES_PER_S", value_parser = clap::value_parser!(u64).range(1..))]
    pub throttle: Option<u64>,
    /// Begin without a network: background fetches wait until `longhaul online`
    #[arg(long)]
    pub offline: bool,
    /// Decide about a permission: background-fetch=granted (the default), denied or prompt
    #[arg(long, value_name = "NAME=STATE", value_parser = grant)]
    pub grant: Vec<Grant>,
    /// End with exit code 4 after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Serve the target on this port, instead of the one that its path gives
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// How the network is reached
    #[command(flatten)]
    pub network: NetworkOptions,
}

/// Options of commands about a profile.
#[derive(Debug, Args)]
pub struct ProfileOptions {
    /// The profile
    #[arg(long, value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of commands about one background fetch.
#[derive(Debug, Args)]
pub struct OneOptions {
    /// A unique key of `longhaul list`, or a registration's id
    pub id: String,
    /// The profile
    #[command(flatten)]
    pub profile: ProfileOptions,
}

/// `longhaul state`
#[derive(Debug, Args)]
pub struct StateOptions {
    /// Of which kind (of each, if none is named), and whether to list or to clear it
    #[arg(value_enum, value_name = "KIND|ACTION", num_args = 0..=2)]
    pub words: Vec<StateWord>,
    /// Of this origin alone.
    #[arg(long, value_name = "ORIGIN", help = "Of this origin alone, such as https://example.com")]
    pub origin: Option<String>,
    /// The profile
    #[command(flatten)]
    pub profile: ProfileOptions,
}

/// What `longhaul state` is about, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateWord {
    /// Cookies
    Cookies,
    /// Responses in the HTTP cache
    Cache,
    /// Hosts that are reached over TLS alone
    Hsts,
    /// Decisions about powerful features
    Permissions,
    /// Show it, which is what happens if nothing is said
    List,
    /// Forget it
    Clear,
}

/// `longhaul fetch`
#[derive(Debug, Args)]
pub struct FetchOptions {
    /// What to fetch
    pub url: String,
    /// The method; GET, or POST with --data
    #[arg(long, value_name = "M")]
    pub method: Option<String>,
    /// A header; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// The request's body, or @FILE for a file's content
    #[arg(long, value_name = "DATA|@FILE")]
    pub data: Option<String>,
    /// The mode
    #[arg(long, default_value = "cors", value_parser = ["cors", "no-cors", "same-origin", "navigate"])]
    pub mode: String,
    /// The origin that asks; the URL's own if not given
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// When credentials go along
    #[arg(long, default_value = "same-origin", value_parser = ["omit", "same-origin", "include"])]
    pub credentials: String,
    /// The cache mode
    #[arg(long, default_value = "default",
          value_parser = ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"])]
    pub cache: String,
    /// What a redirect does
    #[arg(long, default_value = "follow", value_parser = ["follow", "error", "manual"])]
    pub redirect: String,
    /// Write the body there instead of to standard output
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Describe the response as one line of JSON on standard output; the body goes to --output alone
    #[arg(long)]
    pub json: bool,
    /// How the network is reached
    #[command(flatten)]
    pub network: NetworkOptions,
}

/// How the network is reached.
#[derive(Clone, Debug, Default, Args)]
pub struct NetworkOptions {
    /// Also trust the certificates of this file in PEM
    #[arg(long, value_name = "FILE")]
    pub cacert: Vec<PathBuf>,
    /// Refuse the certificates that this file, in PEM or DER, lists as revoked
    #[arg(long, value_name = "FILE")]
    pub crl: Vec<PathBuf>,
    /// Use this proxy for everything (http://, https://, socks5:// or socks5h://), or `env` for what HTTP_PROXY, HTTPS_PROXY,
    /// ALL_PROXY and NO_PROXY say
    #[arg(long, value_name = "URL|env")]
    pub proxy: Option<String>,
    /// Connect to ADDRESS, optionally with a port, for HOST; for tests
    #[arg(long, value_name = "HOST=ADDRESS", hide = true, value_parser = host_rule)]
    pub host_rule: Vec<(String, SocketAddr)>,
}

/// One `--grant`.
pub type Grant = (String, PermissionState);

/// The permissions there are.
const PERMISSIONS: [&str; 1] = [longhaul::BACKGROUND_FETCH];

fn grant(text: &str) -> Result<Grant, String> {
    let (name, state) = text.split_once('=').ok_or("NAME=granted, NAME=denied or NAME=prompt is expected")?;
    if !PERMISSIONS.contains(&name) {
        return Err(format!("there is no permission of this name; there is {}", PERMISSIONS.join(", ")));
    }
    let state = match state {
        "granted" => PermissionState::Granted,
        "denied" => PermissionState::Denied,
        "prompt" => PermissionState::Prompt,
        _ => return Err("the state is granted, denied or prompt".to_owned()),
    };
    Ok((name.to_owned(), state))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is expected")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a number of seconds above 0 is expected".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("NAME: VALUE is expected")?;
    let value = value.trim_matches([' ', '\t']);
    if !longhaul::fetch::is_header_name(name.as_bytes()) {
        return Err("the name is no header's name".to_owned());
    }
    if !longhaul::fetch::is_header_value(value.as_bytes()) {
        return Err("the value is no header's value".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn host_rule(text: &str) -> Result<(String, SocketAddr), String> {
    let (host, address) = text.split_once('=').ok_or("HOST=ADDRESS is expected")?;
    let address = match (address.parse::<SocketAddr>(), address.parse::<IpAddr>()) {
        (Ok(address), _) => address,
        // Port 0 stands for the one that is asked for.
        (_, Ok(address)) => SocketAddr::new(address, 0),
        _ => return Err("an IP address is expected, with or without a port".to_owned()),
    };
    Ok((host.to_owned(), address))
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
    fn run_takes_what_the_manual_says() {
        let options = Options::try_parse_from([
            "longhaul",
            "run",
            "folder",
            "--profile",
            "p",
            "--progress",
            "json",
            "--throttle",
            "1000",
            "--offline",
            "--grant",
            "background-fetch=prompt",
            "--timeout",
            "1.5",
            "--port",
            "20000",
        ]);
        let Command::Run(run) = options.expect("it parses").command else { panic!("it is run") };
        assert_eq!(run.grant, [("background-fetch".to_owned(), PermissionState::Prompt)]);
        assert_eq!(run.timeout, Some(Duration::from_millis(1500)));
        assert_eq!((run.progress, run.throttle, run.port), (ProgressForm::Json, Some(1000), Some(20_000)));
    }

    #[test]
    fn bad_values_are_bad_usage() {
        for arguments in [
            &["run"][..],
            &["run", "x", "--grant", "camera=granted"],
            &["run", "x", "--grant", "background-fetch=maybe"],
            &["run", "x", "--timeout", "-1"],
            &["run", "x", "--timeout", "0"],
            &["run", "x", "--timeout", "inf"],
            &["run", "x", "--throttle", "0"],
            &["run", "x", "--port", "70000"],
            &["run", "x", "--progress", "loud"],
            &["show"],
            &["fetch", "x", "-H", "no colon"],
            &["fetch", "x", "-H", "bad name: x"],
            &["fetch", "x", "--mode", "websocket"],
        ] {
            let arguments = [&["longhaul"], arguments].concat();
            let error = Options::try_parse_from(&arguments).expect_err("it is wrong");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
