//! Damaged metadata: never a panic, never a wrong row, and what is sound survives.

mod support;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use longhaul_storage::{Location, OpenError, Profile, Row};
use support::{NAMES, Random, TABLES, THINGS, open, put_things, read_all, rounds, thing};

fn original_rows() -> Vec<Row> {
    let mut rows: Vec<_> = (0..400).map(|number| thing("a", number)).collect();
    rows.extend((0..40).map(|number| thing("b", number)));
    rows
}

/// A closed profile with several hundred rows and two finished bodies.
fn fill(folder: &Path) {
    let (profile, _) = open(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    runtime.block_on(async {
        for part in 0..20 {
            put_things(&profile, "a", part * 20..part * 20 + 20).await;
            put_things(&profile, "b", part * 2..part * 2 + 2).await;
        }
        for length in [10, 20] {
            let (_, mut writer) = profile.bodies().create("key").await.expect("a body");
            writer.append(support::pattern(0, length)).await.expect("it is written");
            writer.finish().await.expect("it is finished");
        }
    });
    profile.close();
}

#[test]
fn one_damaged_row_is_named_and_the_others_stay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path());
    let path = folder.path().join("metadata.sqlite");
    let database = rusqlite::Connection::open(&path).expect("SQLite opens");
    database
        .execute("UPDATE things SET text = 'changed' WHERE owner = 'a' AND number = 17", [])
        .expect("it is damaged");
    drop(database);

    let (profile, report) = open(folder.path());
    let lines: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("set aside") && lines[0].contains("metadata.sqlite.damaged-1"), "{lines:?}");
    assert_eq!(lines[1], "table `things`: row (\"a\", 17) is damaged");
    assert!(folder.path().join("metadata.sqlite.damaged-1").exists());
    let mut expected = original_rows();
    expected.retain(|row| row[0].as_text() != Some("a") || row[1].as_integer() != Some(17));
    assert_eq!(profile.rows(&THINGS).expect("rows"), expected);
    drop(profile);
    let (_, report) = open(folder.path());
    assert!(report.findings.is_empty(), "it is in order now");
}

#[test]
fn rows_on_both_sides_of_unreadable_pages_stay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path());
    let path = folder.path().join("metadata.sqlite");
    let mut bytes = fs::read(&path).expect("the metadata");
    // Pages that hold rows 100 and 300, found by their text.
    for text in ["thing 100 of a", "thing 300 of a"] {
        let place =
            bytes.windows(text.len()).position(|window| window == text.as_bytes()).expect("it is there");
        let page = place / 4096 * 4096;
        bytes[page..page + 4096].fill(0);
    }
    fs::write(&path, bytes).expect("it is damaged");
    let (profile, report) = open(folder.path());
    let rows = profile.rows_with_prefix(&THINGS, &["a".into()]).expect("rows");
    for present in [0, 50, 200, 250, 399] {
        assert!(rows.contains(&thing("a", present)), "row {present}");
    }
    assert!(!rows.contains(&thing("a", 100)) && !rows.contains(&thing("a", 300)));
    assert!(rows.len() > 340, "{} rows", rows.len());
    let gaps =
        report.findings.iter().filter(|finding| finding.to_string().contains("could not be read")).count();
    assert_eq!(gaps, 2, "{:?}", report.findings);
}

#[test]
fn what_is_no_database_is_set_aside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path());
    let path = folder.path().join("metadata.sqlite");
    fs::write(&path, "this was never a database, but it is long enough to look like one".repeat(100))
        .expect("a file");
    let (profile, report) = open(folder.path());
    assert!(!report.findings.is_empty());
    assert_eq!(profile.rows(&THINGS).expect("rows"), Vec::<Row>::new());
    drop(profile);
    for _ in 0..12 {
        fs::write(&path, vec![0x55; 5000]).expect("a file");
        assert!(!open(folder.path()).1.findings.is_empty());
    }
    let kept = fs::read_dir(folder.path())
        .expect("a folder")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| name.contains(".damaged-") && !name.ends_with("-wal"))
        .count();
    assert!(kept <= 8, "{kept} damaged files are kept");
}

#[test]
fn a_replacement_that_was_cut_off_is_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path());
    let path = folder.path().join("metadata.sqlite");
    // As after a crash between the two renames, with the damaged file's log still there.
    fs::rename(&path, folder.path().join("metadata.sqlite.new")).expect("it is renamed");
    fs::write(folder.path().join("metadata.sqlite-wal"), [7; 9000]).expect("a log");
    let (profile, report) = open(folder.path());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(profile.rows(&THINGS).expect("rows").len(), 440);
    drop(profile);
    // As after a crash before them.
    fs::write(folder.path().join("metadata.sqlite.new"), "half of it").expect("a file");
    let (profile, report) = open(folder.path());
    assert!(report.findings.is_empty() && !folder.path().join("metadata.sqlite.new").exists());
    assert_eq!(profile.rows(&THINGS).expect("rows").len(), 440);
}

/// How a random test damages the file.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.below(10) {
        0 => {
            let length = random.below(bytes.len());
            bytes.truncate(length);
        }
        1 => {
            // A page that was never written.
            let page = random.below(bytes.len() / 4096) * 4096;
            bytes[page..page + 4096].fill(0);
        }
        2 => {
            // A page in the place of another.
            let from = random.below(bytes.len() / 4096) * 4096;
            let to = random.below(bytes.len() / 4096) * 4096;
            bytes.copy_within(from..from + 4096, to);
        }
        3 => {
            let start = random.below(bytes.len());
            let length = random.below(20_000).min(bytes.len() - start);
            for byte in &mut bytes[start..start + length] {
                *byte = random.below(256) as u8;
            }
        }
        _ => {
            for _ in 0..=random.below(8) {
                let place = random.below(bytes.len());
                bytes[place] ^= 1 << random.below(8);
            }
        }
    }
}

/// `LONGHAUL_DAMAGE_ROUNDS` sets how many files are damaged.
#[test]
fn no_damaged_file_panics_hangs_or_gives_a_wrong_row() {
    let pristine = tempfile::tempdir().expect("a temporary folder");
    fill(pristine.path());
    let original = fs::read(pristine.path().join("metadata.sqlite")).expect("the metadata");
    let rows: HashSet<Row> = original_rows().into_iter().collect();
    let rounds = rounds("LONGHAUL_DAMAGE_ROUNDS", 150);
    let (mut kept, mut refused, mut all_lost) = (0, 0, 0);
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("bodies")).expect("a folder");
        for body in fs::read_dir(pristine.path().join("bodies")).expect("a folder") {
            let body = body.expect("an entry");
            fs::copy(body.path(), folder.path().join("bodies").join(body.file_name())).expect("a copy");
        }
        fs::copy(pristine.path().join("reserve"), folder.path().join("reserve")).expect("a copy");
        let mut bytes = original.clone();
        damage(&mut bytes, &mut random);
        fs::write(folder.path().join("metadata.sqlite"), &bytes).expect("the damaged file");
        let opened = Profile::open(Location::Directory(folder.path().to_owned()), TABLES);
        let (profile, report) = match opened {
            Ok(opened) => opened,
            Err(OpenError::NewerFormat { .. }) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        let found = profile.rows(&THINGS).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for row in &found {
            assert!(rows.contains(row), "seed {seed}: a wrong row");
        }
        for row in found.iter().step_by(23) {
            let again = profile.row(&THINGS, &row[..2]).expect("it can be read");
            assert_eq!(again.as_ref(), Some(row), "seed {seed}: it is found by its key");
        }
        if found.len() < rows.len() {
            assert!(!report.findings.is_empty(), "seed {seed}: a loss nobody was told of");
        }
        kept += found.len();
        all_lost += usize::from(found.is_empty());
        assert_eq!(profile.rows(&NAMES).expect("rows").len(), 0);
        // The profile works again.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
        runtime.block_on(async {
            put_things(&profile, "new", 0..3).await;
            let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
            writer.append(support::pattern(0, 5)).await.expect("it is written");
            writer.finish().await.expect("it is finished");
            let bytes = read_all(profile.bodies().read(id).expect("a reader")).await.expect("bytes");
            assert_eq!(bytes, support::pattern(0, 5));
        });
        drop(profile);
        let (profile, report) = open(folder.path());
        assert!(report.clean && report.findings.is_empty(), "seed {seed}: {:?}", report.findings);
        assert_eq!(profile.rows(&THINGS).expect("rows").len(), found.len() + 3, "seed {seed}");
    }
    let share = kept as f64 / (rounds as usize * rows.len()) as f64;
    println!(
        "{rounds} damaged files: {:.1} % of the rows kept, {refused} refused, {all_lost} lost all",
        share * 100.0
    );
    assert!(share > 0.85, "{:.1} % of the rows were kept", share * 100.0);
}

#[test]
fn a_damaged_log_gives_an_earlier_state_and_no_wrong_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    runtime.block_on(async {
        for number in 0..50 {
            put_things(&profile, "a", number..number + 1).await;
        }
    });
    profile.crash();
    let database = fs::read(folder.path().join("metadata.sqlite")).expect("the metadata");
    let log = fs::read(folder.path().join("metadata.sqlite-wal")).expect("its log");
    assert!(log.len() > 50 * 4096, "the commits are in the log");
    for seed in 0..rounds("LONGHAUL_DAMAGE_ROUNDS", 150) / 6 {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut log = log.clone();
        damage(&mut log, &mut random);
        fs::write(folder.path().join("metadata.sqlite"), &database).expect("the metadata");
        fs::write(folder.path().join("metadata.sqlite-wal"), &log).expect("the log");
        let (profile, _) = open(folder.path());
        let rows = profile.rows(&THINGS).expect("rows");
        for (number, row) in (0..).zip(&rows) {
            assert_eq!(*row, thing("a", number), "seed {seed}: a state that was there once");
        }
    }
}
