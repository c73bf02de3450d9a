//! The socket through which another process speaks to the one that has the profile.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const NAME: &str = "control.sock";

/// The longest path a Unix socket's address can hold, on every system we know.
const LONGEST_PATH: usize = 103;

/// Connects to the process that has the profile in this folder; `None` if nobody listens there.
pub fn connect_control_socket(directory: &Path) -> Result<Option<UnixStream>, io::Error> {
    let address = match Address::of(directory) {
        Ok(address) => address,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match UnixStream::connect(&address.path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}

/// Listens in this folder. Only for the one who holds its lock: a socket that is there already is a dead one's.
pub(crate) fn bind(directory: &Path) -> io::Result<UnixListener> {
    remove(directory)?;
    let address = Address::of(directory)?;
    UnixListener::bind(&address.path)
}

/// Takes the socket's name away.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A path to the socket which fits into an address.
struct Address {
    path: PathBuf,
    /// Keeps the short path below meaningful.
    _folder: Option<File>,
}

impl Address {
    fn of(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, _folder: None });
        }
        // The kernel's own short name for a folder that this process has open.
        let folder = File::open(directory)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        if !short.exists() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the path {} is too long for a socket", path.display()),
            ));
        }
        Ok(Self { path: short.join(NAME), _folder: Some(folder) })
    }
}
