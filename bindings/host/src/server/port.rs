//! Which port a folder is served on.
//!
//! The port is part of a page's origin, and the origin owns its registrations and unfinished downloads: a folder must be
//! served on the same port in every run. So the port is computed from the folder's path, outside the range that systems
//! give to outgoing connections. When somebody else is there, the next candidate of the same sequence is taken, which is
//! another origin; the command says so. A port that the user named is taken or the run fails.

use std::path::Path;

/// Where computed ports start; those below are other programs' well-known ones.
const FIRST: u64 = 20_000;
/// Where they end: systems give outgoing connections ports from 32,768 on.
const END: u64 = 32_000;
/// How many are tried.
const TRIES: u64 = 8;

/// The ports to try, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortChoice(Vec<u16>);

impl PortChoice {
    /// This port or none; 0 lets the system choose.
    pub fn exactly(port: u16) -> PortChoice {
        PortChoice(vec![port])
    }

    /// The ports computed from a target's path.
    pub fn for_target(target: &Path) -> PortChoice {
        PortChoice(candidates(target))
    }

    /// Whether a port is one of those that are computed.
    pub fn may_be_computed(port: u16) -> bool {
        (FIRST..END).contains(&u64::from(port))
    }

    /// The ports, first choice first.
    pub fn ports(&self) -> &[u16] {
        &self.0
    }
}

/// The ports that belong to a path, different from one another, the same in every run.
fn candidates(target: &Path) -> Vec<u16> {
    use std::os::unix::ffi::OsStrExt as _;
    // FNV-1a: it must give the same value in every version of this program, which the standard library's hasher does not
    // promise.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in target.as_os_str().as_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let span = END - FIRST;
    // An odd step below the span's size, so that the first candidates differ.
    let step = (hash >> 32) % 997 + 1;
    (0..TRIES).map(|attempt| (FIRST + (hash % span + attempt * step) % span) as u16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_ports() {
        let ports = candidates(Path::new("/srv/podcast"));
        assert_eq!(ports, candidates(Path::new("/srv/podcast")));
        assert_ne!(ports, candidates(Path::new("/srv/podcasts")));
        let mut different = ports.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), ports.len());
        assert!(ports.iter().all(|port| (20_000..32_000).contains(port)));
    }
}
