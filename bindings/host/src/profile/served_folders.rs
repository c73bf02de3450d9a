//! The folders that runs have served, each with its port: an origin's unfinished background fetches need its server in
//! every run, not only in those that name the folder.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use longhaul::storage::{
    Column, ColumnKind, Profile, Row, StorageError, TableDefinition, Transaction, Value,
};

/// One row a port; a port belongs to whom it was given last.
pub(super) static SERVED_FOLDERS: TableDefinition = TableDefinition {
    name: "host_served_folders",
    columns: &[
        Column { name: "port", kind: ColumnKind::Integer },
        // Paths are bytes.
        Column { name: "target", kind: ColumnKind::Blob },
    ],
    key_columns: 1,
};

/// A folder, or a script in its folder, that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedTarget {
    /// On which port of this machine.
    pub port: u16,
    /// The target's path, with every symbolic link on the way to it resolved.
    pub path: PathBuf,
}

/// Every target that is remembered.
pub async fn served_targets(profile: &Profile) -> Result<Vec<ServedTarget>, StorageError> {
    let read = |row: &Row| {
        let [port, path] = row.as_slice() else { return None };
        let port = port.as_integer().and_then(|port| u16::try_from(port).ok())?;
        Some(ServedTarget { port, path: OsString::from_vec(path.as_blob()?.to_vec()).into() })
    };
    Ok(rows(profile, &SERVED_FOLDERS).await?.iter().filter_map(read).collect())
}

/// Remembers a target. Durable once this is `Ok`.
pub async fn remember(profile: &Profile, target: &ServedTarget) -> Result<(), StorageError> {
    let mut transaction = Transaction::new();
    let path = target.path.as_os_str().as_bytes();
    transaction.put(&SERVED_FOLDERS, vec![u32::from(target.port).into(), path.into()]);
    profile.commit(transaction).await
}

/// Forgets the targets of these ports.
pub async fn forget(profile: &Profile, ports: &[u16]) -> Result<(), StorageError> {
    let mut transaction = Transaction::new();
    for port in ports {
        transaction.delete(&SERVED_FOLDERS, vec![Value::from(u32::from(*port))]);
    }
    match transaction.is_empty() {
        true => Ok(()),
        false => profile.commit(transaction).await,
    }
}

/// A table's rows, read where blocking is no harm.
pub(super) async fn rows(
    profile: &Profile,
    table: &'static TableDefinition,
) -> Result<Vec<Row>, StorageError> {
    let profile = profile.clone();
    let reading = tokio::task::spawn_blocking(move || profile.rows(table));
    // It is lost only when the runtime, and so everything, ends.
    reading.await.unwrap_or(Err(StorageError::Closed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use longhaul::storage::Location;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_port_has_its_last_target_until_it_is_forgotten() {
        let (profile, _) = Profile::open(Location::Memory, super::super::TABLES).expect("it opens");
        let target =
            |port, path: &[u8]| ServedTarget { port, path: OsString::from_vec(path.to_vec()).into() };
        for (port, path) in [(20_001, &b"/a"[..]), (20_000, b"/b"), (20_001, b"/not\xffutf-8")] {
            remember(&profile, &target(port, path)).await.expect("it is written");
        }
        let expected = [target(20_000, b"/b"), target(20_001, b"/not\xffutf-8")];
        assert_eq!(served_targets(&profile).await.expect("it is read"), expected);
        forget(&profile, &[20_000]).await.expect("it is written");
        forget(&profile, &[]).await.expect("nothing to do");
        assert_eq!(served_targets(&profile).await.expect("it is read"), expected[1..]);
    }
}
