//! Whether the next run begins without a network: what `longhaul offline` leaves behind where no run is alive.

use longhaul::storage::{Column, ColumnKind, Profile, StorageError, TableDefinition, Transaction, Value};

/// One row while it does, none otherwise.
pub(super) static BEGINS_OFFLINE: TableDefinition = TableDefinition {
    name: "host_begins_offline",
    columns: &[Column { name: "one", kind: ColumnKind::Integer }],
    key_columns: 1,
};

/// Whether the next run begins without a network.
pub async fn begins_offline(profile: &Profile) -> Result<bool, StorageError> {
    Ok(!super::served_folders::rows(profile, &BEGINS_OFFLINE).await?.is_empty())
}

/// Has the next run begin with or without a network. Durable once this is `Ok`.
pub async fn set_begins_offline(profile: &Profile, offline: bool) -> Result<(), StorageError> {
    if begins_offline(profile).await? == offline {
        return Ok(());
    }
    let mut transaction = Transaction::new();
    match offline {
        true => transaction.put(&BEGINS_OFFLINE, vec![Value::from(1_i64)]),
        false => transaction.delete_prefix(&BEGINS_OFFLINE, Vec::new()),
    }
    profile.commit(transaction).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use longhaul::storage::Location;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_kept_until_it_is_taken_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || {
            let location = Location::Directory(folder.path().join("p"));
            Profile::open(location, super::super::TABLES).expect("it opens").0
        };
        for (set, kept) in [(None, false), (Some(true), true), (None, true), (Some(false), false)] {
            let profile = open();
            if let Some(offline) = set {
                set_begins_offline(&profile, offline).await.expect("it is written");
            }
            profile.close();
            let profile = open();
            assert_eq!(begins_offline(&profile).await.expect("it is read"), kept);
            profile.close();
        }
    }
}
