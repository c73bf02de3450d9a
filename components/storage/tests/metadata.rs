//! Rows: what is committed stays, in order, and nothing of what is not.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use longhaul_storage::{
    Column, ColumnKind, Location, Misfit, OpenError, Profile, StorageError, TableDefinition, Transaction,
    Value, connect_control_socket,
};
use support::{NAMES, TABLES, THINGS, open, put_things, thing};

#[tokio::test]
async fn commits_last_over_a_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, report) = open(folder.path());
    assert!(report.clean && report.findings.is_empty());
    put_things(&profile, "a", 0..50).await;
    put_things(&profile, "b", 0..3).await;
    let mut transaction = Transaction::new();
    transaction.delete(&THINGS, vec!["a".into(), 7_i64.into()]);
    transaction.put(&THINGS, vec!["a".into(), 8_i64.into(), Value::Null, Value::Null]);
    profile.commit(transaction).await.expect("changes are stored");
    drop(profile);

    let (profile, report) = open(folder.path());
    assert!(report.clean && report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(profile.rows(&THINGS).expect("rows").len(), 52);
    let rows = profile.rows_with_prefix(&THINGS, &["a".into()]).expect("rows");
    let numbers: Vec<_> = rows.iter().filter_map(|row| row[1].as_integer()).collect();
    let expected: Vec<_> = (0..50).filter(|number| *number != 7).collect();
    assert_eq!(numbers, expected, "in the order of their keys");
    assert_eq!(rows[0], thing("a", 0));
    let changed = profile.row(&THINGS, &["a".into(), 8_i64.into()]).expect("a row").expect("it is there");
    assert!(changed[2].is_null());
    assert_eq!(profile.row(&THINGS, &["a".into(), 7_i64.into()]).expect("no failure"), None);

    let mut transaction = Transaction::new();
    transaction.delete_prefix(&THINGS, vec!["a".into()]);
    profile.commit(transaction).await.expect("changes are stored");
    assert_eq!(profile.rows(&THINGS).expect("rows").len(), 3);
}

#[tokio::test]
async fn a_transaction_that_cannot_be_done_leaves_nothing_and_harms_nobody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for location in [Location::Directory(folder.path().to_owned()), Location::Memory] {
        let (profile, _) = Profile::open(location, TABLES).expect("the profile opens");
        let nobody = "0123456789abcdef0123456789abcdef".parse().expect("an id");
        let mut bad = Transaction::new();
        bad.put(&NAMES, vec!["bad".into()]);
        bad.retain_body(nobody);
        let mut good = Transaction::new();
        good.put(&NAMES, vec!["good".into()]);
        good.release_body(nobody);
        let mut misfit = Transaction::new();
        misfit.put(&NAMES, vec!["x".into()]);
        misfit.put(&NAMES, vec![Value::Null]);
        let (bad, good, misfit) =
            tokio::join!(profile.commit(bad), profile.commit(good), profile.commit(misfit));
        assert!(matches!(bad, Err(StorageError::NoSuchBody(id)) if id == nobody));
        assert!(good.is_ok(), "{good:?}");
        assert!(matches!(misfit, Err(StorageError::Misfit { misfit: Misfit::NullKey { .. }, .. })));
        assert_eq!(profile.rows(&NAMES).expect("rows"), [vec![Value::from("good")]]);
    }
}

#[tokio::test]
async fn many_commits_at_once_are_all_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let commits = (0..1000).map(|number| {
        let mut transaction = Transaction::new();
        transaction.put(&THINGS, thing("a", number));
        profile.commit(transaction)
    });
    for result in futures::future::join_all(commits).await {
        result.expect("a row is stored");
    }
    drop(profile);
    assert_eq!(open(folder.path()).0.rows(&THINGS).expect("rows").len(), 1000);
}

#[tokio::test]
async fn a_memory_profile_does_the_same() {
    let (profile, report) = Profile::open(Location::Memory, TABLES).expect("the profile opens");
    assert!(report.clean && profile.directory().is_none());
    put_things(&profile, "a", 0..10).await;
    assert_eq!(profile.rows_with_prefix(&THINGS, &["a".into()]).expect("rows").len(), 10);
    assert!(matches!(profile.bind_control_socket(), Err(StorageError::NoDirectory)));
    profile.close();
    assert!(matches!(profile.rows(&THINGS), Err(StorageError::Closed)));
    assert!(matches!(profile.commit(Transaction::new()).await, Err(StorageError::Closed)));
}

#[test]
fn the_second_is_told_who_has_the_profile() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    match Profile::open(Location::Directory(folder.path().to_owned()), TABLES) {
        Err(error @ OpenError::InUse { holder: Some(holder), .. }) => {
            assert_eq!(holder, std::process::id());
            assert!(error.to_string().contains(&format!("is in use by process {holder}")), "{error}");
        }
        other => panic!("{other:?}"),
    }
    profile.close();
    open(folder.path());
}

#[tokio::test]
async fn after_its_close_a_profile_refuses() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    profile.close();
    profile.close();
    let mut transaction = Transaction::new();
    transaction.put(&NAMES, vec!["late".into()]);
    assert!(matches!(profile.commit(transaction).await, Err(StorageError::Closed)));
    assert!(matches!(profile.row(&NAMES, &["late".into()]), Err(StorageError::Closed)));
    assert!(matches!(profile.bind_control_socket(), Err(StorageError::Closed)));
    assert!(profile.bodies().create("a").await.is_err());
}

#[test]
fn a_newer_format_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path()));
    let path = folder.path().join("metadata.sqlite");
    let database = rusqlite::Connection::open(&path).expect("SQLite opens");
    database.pragma_update(None, "user_version", 99).expect("the version is set");
    drop(database);
    match Profile::open(Location::Directory(folder.path().to_owned()), TABLES) {
        Err(OpenError::NewerFormat { found: 99, supported: 1 }) => {}
        other => panic!("{other:?}"),
    }
    let database = rusqlite::Connection::open(&path).expect("SQLite opens");
    let version: i64 =
        database.pragma_query_value(None, "user_version", |row| row.get(0)).expect("it has a version");
    assert_eq!(version, 99);
}

#[tokio::test]
async fn only_the_owner_may_look() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join("deep/profile");
    let (profile, _) = open(&folder);
    put_things(&profile, "a", 0..5).await;
    let (_, mut writer) = profile.bodies().create("a").await.expect("a body");
    writer.append(b"x"[..].into()).await.expect("it is written");
    let _socket = profile.bind_control_socket().expect("a socket");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files = 0;
    for entry in
        fs::read_dir(&folder).expect("a folder").chain(fs::read_dir(folder.join("bodies")).expect("a folder"))
    {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
        } else if !path.ends_with("control.sock") {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 5, "lock, reserve, metadata and its log, a body");
}

#[tokio::test]
async fn people_can_look_with_the_shell() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    put_things(&profile, "a", 1..2).await;
    let shell = rusqlite::Connection::open(folder.path().join("metadata.sqlite")).expect("SQLite opens");
    let (text, number): (String, i64) = shell
        .query_row("SELECT text, number FROM things WHERE owner = 'a'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("the row is there");
    assert_eq!((text.as_str(), number), ("thing 1 of a", 1));
}

#[tokio::test]
async fn full_metadata_is_an_error_and_no_loss() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    put_things(&profile, "before", 0..20).await;
    profile.limit_metadata_pages(Some(1));
    let large = |owner: &str| vec![owner.into(), 1_i64.into(), "x".repeat(100_000).into(), Value::Null];
    let mut transaction = Transaction::new();
    transaction.put(&THINGS, large("too much"));
    let mut small = Transaction::new();
    small.delete(&THINGS, vec!["before".into(), 3_i64.into()]);
    let (full, fits) = tokio::join!(profile.commit(transaction.clone()), profile.commit(small));
    assert!(matches!(full, Err(StorageError::DiskFull)), "{full:?}");
    assert!(fits.is_ok(), "what fits is stored although it was in the same group: {fits:?}");
    assert_eq!(profile.rows(&THINGS).expect("rows").len(), 19);
    let reserve = folder.path().join("reserve");
    assert!(!reserve.exists(), "the space kept for metadata was given up");
    let (id, _) = profile.bodies().create("key").await.expect("a body");
    let mut removal = Transaction::new();
    removal.release_body(id);
    profile.commit(removal).await.expect("it is removed");
    // Commits come one after the other, so by this one's end all that the last one brought is done.
    profile.commit(Transaction::new()).await.expect("nothing to do");
    assert!(reserve.exists(), "the space is taken again when a file went");
    profile.limit_metadata_pages(None);
    profile.commit(transaction).await.expect("there is room again");
    drop(profile);
    let (profile, report) = open(folder.path());
    assert!(report.findings.is_empty());
    assert_eq!(profile.rows(&THINGS).expect("rows").len(), 20);
}

#[test]
fn tables_are_checked() {
    static NAMELESS: TableDefinition = TableDefinition {
        name: "",
        columns: &[Column { name: "a", kind: ColumnKind::Text }],
        key_columns: 1,
    };
    static KEYLESS: TableDefinition = TableDefinition {
        name: "a",
        columns: &[Column { name: "a", kind: ColumnKind::Text }],
        key_columns: 0,
    };
    let open = |tables: &[&'static TableDefinition]| Profile::open(Location::Memory, tables).map(|_| ());
    assert!(matches!(open(&[&NAMELESS]), Err(OpenError::InvalidTable { table: "" })));
    assert!(matches!(open(&[&KEYLESS]), Err(OpenError::InvalidTable { .. })));
    assert!(matches!(open(&[&NAMES, &NAMES]), Err(OpenError::InvalidTable { .. })));
    let (profile, _) = Profile::open(Location::Memory, &[&NAMES]).expect("the profile opens");
    assert!(matches!(
        profile.rows(&THINGS),
        Err(StorageError::Misfit { table: "things", misfit: Misfit::UndeclaredTable })
    ));
}

#[test]
fn the_control_socket_connects_and_a_stale_one_is_nobody() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    for folder in [parent.path().join("short"), parent.path().join("long".repeat(40))] {
        assert!(connect_control_socket(&folder).expect("no failure").is_none(), "no folder");
        let (profile, _) = open(&folder);
        assert!(connect_control_socket(&folder).expect("no failure").is_none(), "no socket");
        let listener = profile.bind_control_socket().expect("a socket");
        let mut client = connect_control_socket(&folder).expect("no failure").expect("somebody listens");
        let (mut server, _) = listener.accept().expect("a connection");
        client.write_all(b"hello").expect("it is sent");
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).expect("it arrives");
        assert_eq!(text, "hello");
        drop(listener);
        assert!(connect_control_socket(&folder).expect("no failure").is_none(), "a dead one's socket");
        profile.bind_control_socket().expect("the dead one's socket is replaced");
        profile.close();
        assert!(!folder.join("control.sock").exists());
    }
}

#[test]
fn what_is_no_folder_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    fs::write(&path, "not a folder").expect("a file");
    match Profile::open(Location::Directory(path.join("profile")), TABLES) {
        Err(error @ OpenError::Io { .. }) => assert!(error.to_string().contains("file/profile"), "{error}"),
        other => panic!("{other:?}"),
    }
}
