//! Which profile, how the network is reached, and why a profile cannot be opened.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use longhaul::BuildError;
use longhaul::net::{ConfigError, NetworkConfig, Proxy, ProxyParseError, ProxyRules, StaticResolver};
use longhaul::storage::OpenError;

use super::options::NetworkOptions;
use crate::exit::{Exit, Failure};

/// Either tells a profile: each is made when it is opened first, and stays.
const PROFILE_FILES: [&str; 2] = ["lock", "metadata.sqlite"];

/// The profile's folder: the one that was named, or `longhaul/profile` in the user's data directory.
///
/// <https://specifications.freedesktop.org/basedir-spec/latest/>
pub(super) fn profile_directory(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let directory = match named {
        Some(directory) => directory,
        None => default_directory()?,
    };
    check(&directory)?;
    Ok(directory)
}

/// A profile keeps others out of its folder and fills it: that must not happen to a folder that is something else.
fn check(directory: &Path) -> Result<(), Failure> {
    let named = |what: String| Failure::usage(format!("{}: {what}", directory.display()));
    let mut entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(named("a profile is a folder, and this is none".to_owned()));
        }
        Err(error) => return Err(named(format!("the profile cannot be read: {error}"))),
    };
    let is_profile = PROFILE_FILES.iter().any(|name| directory.join(name).exists());
    match is_profile || entries.next().is_none() {
        true => Ok(()),
        false => {
            Err(named("the folder has other files in it and no profile; name one of its own".to_owned()))
        }
    }
}

fn default_directory() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    match (absolute("XDG_DATA_HOME"), absolute("HOME")) {
        (Some(data), _) => Ok(data.join("longhaul/profile")),
        (None, Some(home)) => Ok(home.join(".local/share/longhaul/profile")),
        (None, None) => {
            Err(Failure::usage("neither XDG_DATA_HOME nor HOME is set: name a profile with --profile"))
        }
    }
}

/// The network as the options ask for it.
pub(super) fn network(options: &NetworkOptions, throttle: Option<u64>) -> Result<NetworkConfig, Failure> {
    let mut config = NetworkConfig::new().with_throttle(throttle);
    for path in &options.cacert {
        match std::fs::read(path) {
            Ok(pem) => config = config.with_extra_roots_pem(pem),
            Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
        }
    }
    for path in &options.crl {
        match std::fs::read(path) {
            Ok(list) => config = config.with_revocation_list(list),
            Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
        }
    }
    if let Some(proxy) = &options.proxy {
        let usage = |error: ProxyParseError| Failure::usage(error.to_string());
        config = match proxy.as_str() {
            "env" => config.with_proxies(Arc::new(ProxyRules::from_environment().map_err(usage)?)),
            url => config.with_proxies(Arc::new(Proxy::parse(url).map_err(usage)?)),
        };
    }
    if !options.host_rule.is_empty() {
        let mut resolver = StaticResolver::new();
        for (host, address) in &options.host_rule {
            resolver = resolver.with(host, [*address]);
        }
        config = config.with_resolver(Arc::new(resolver));
    }
    Ok(config)
}

/// The line and the exit code for a user agent that could not be built on the profile in `directory`, with the certificates
/// of the options' files.
pub(super) fn cannot_build(error: BuildError, directory: Option<&Path>, options: &NetworkOptions) -> Failure {
    if let BuildError::Network(ConfigError::BadRoots { index, reason }) = &error
        && let Some(path) = options.cacert.get(*index)
    {
        return Failure::usage(format!("{}: no certificates in PEM: {reason}", path.display()));
    }
    if let BuildError::Network(ConfigError::BadRevocationList { index, reason }) = &error
        && let Some(path) = options.crl.get(*index)
    {
        return Failure::usage(format!("{}: no list of revoked certificates: {reason}", path.display()));
    }
    let exit = match &error {
        BuildError::Profile(OpenError::InUse { .. }) => Exit::ProfileInUse,
        BuildError::Network(_) => Exit::Usage,
        _ => Exit::Failure,
    };
    // Those that name a path themselves name the better one.
    let named = matches!(
        error,
        BuildError::Network(_) | BuildError::Profile(OpenError::InUse { .. } | OpenError::Io { .. })
    );
    let message = match directory {
        Some(_) if matches!(error, BuildError::Profile(OpenError::Io { .. })) => {
            format!("the profile cannot be opened: {error}")
        }
        Some(directory) if !named => format!("{}: {error}", directory.display()),
        _ => error.to_string(),
    };
    Failure { exit, message }
}
