//! A real process, killed with SIGKILL at random moments: what it was told is durable is there afterwards.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use longhaul_storage::{BodyId, Location, OpenError, Profile, Transaction};
use support::{NAMES, Random, TABLES, THINGS, open, pattern, read_all, rounds, thing};

const FOLDER: &str = "LONGHAUL_TEST_CHILD_FOLDER";

/// What the killed process does. Run as a test of its own it does nothing.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        // The parent may have stopped listening just before it kills us.
        let _ = writeln!(out, "\nchild: {line}").and_then(|()| out.flush());
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().expect("tokio");
    runtime.block_on(async {
        let (profile, report) = open(&folder);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        let rows = profile.rows_with_prefix(&THINGS, &["a".into()]).expect("rows");
        let first = rows.iter().filter_map(|row| row[1].as_integer()).max().map_or(0, |last| last + 1);
        let body = profile
            .rows(&NAMES)
            .expect("rows")
            .first()
            .and_then(|row| row[0].as_text()?.parse::<BodyId>().ok());
        let mut writer = match body {
            Some(id) => profile.bodies().reopen(id).await.expect("it goes on"),
            None => {
                let (id, writer) = profile.bodies().create("key").await.expect("a body");
                let mut transaction = Transaction::new();
                transaction.put(&NAMES, vec![id.to_string().into()]);
                profile.commit(transaction).await.expect("it is named");
                writer
            }
        };
        say("ready".to_owned());
        let writing = tokio::spawn(async move {
            loop {
                for _ in 0..10 {
                    writer.append(pattern(writer.written(), 50_000)).await.expect("it is written");
                }
                let durable = writer.checkpoint().await.expect("it is durable");
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "\nchild: durable {durable}").and_then(|()| out.flush());
            }
        });
        for number in first.. {
            let mut transaction = Transaction::new();
            transaction.put(&THINGS, thing("a", number));
            profile.commit(transaction).await.expect("a row is stored");
            say(format!("row {number}"));
            assert!(!writing.is_finished());
        }
    });
}

fn start_child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test's path"))
        .args(["child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the child starts")
}

/// What a process said before it was killed.
#[derive(Default)]
struct Heard {
    lines: usize,
    durable: bool,
}

/// `LONGHAUL_KILL_ROUNDS` sets how many processes are killed.
#[test]
fn nothing_that_was_promised_is_lost() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random::new(std::process::id().into());
    let (mut last_row, mut durable) = (-1, 0);
    for round in 0..rounds("LONGHAUL_KILL_ROUNDS", 12) {
        let mut process = start_child(folder.path());
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let mut heard = Heard::default();
        let mut take_note = |line: &str, heard: &mut Heard| {
            let Some(news) = line.strip_prefix("child: ") else { return };
            heard.lines += 1;
            match news.split_once(' ') {
                Some(("row", number)) => last_row = number.parse::<i64>().expect("a number"),
                Some(("durable", length)) => {
                    durable = length.parse::<u64>().expect("a number");
                    heard.durable = true;
                }
                _ => {}
            }
        };
        // Every other process lives at least until a part of the body is durable.
        let patience = 1 + random.below(40);
        while heard.lines < patience || (round % 2 == 1 && !heard.durable) {
            let line = lines.next().expect("the child goes on until it is killed").expect("text");
            take_note(&line, &mut heard);
        }
        if round == 0 {
            let refused = Profile::open(Location::Directory(folder.path().to_owned()), TABLES);
            assert!(
                matches!(&refused, Err(OpenError::InUse { holder: Some(pid), .. }) if *pid == process.id()),
                "{refused:?}"
            );
        }
        process.kill().expect("it is killed");
        process.wait().expect("it is dead");
        // What it said before its death counts as well, except for a line that was cut off.
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        let whole = rest.len().saturating_sub(1);
        for line in rest.into_iter().take(whole) {
            take_note(&line, &mut heard);
        }

        let (profile, report) = open(folder.path());
        assert!(!report.clean && report.findings.is_empty(), "{:?}", report.findings);
        let rows = profile.rows(&THINGS).expect("rows");
        assert!(rows.len() as i64 > last_row, "round {round}: {} rows, {last_row} was promised", rows.len());
        for (number, row) in (0..).zip(&rows) {
            assert_eq!(*row, thing("a", number), "round {round}");
        }
        let names = profile.rows(&NAMES).expect("rows");
        let Some(name) = names.first() else {
            assert_eq!(durable, 0);
            continue;
        };
        let id: BodyId = name[0].as_text().expect("text").parse().expect("an id");
        let state = profile.bodies().state(id).expect("the body is there");
        assert!(state.durable_length >= durable, "round {round}: {state:?}, {durable} was promised");
        let part = profile.bodies().read_range(id, 0..state.durable_length).expect("a reader");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
        let bytes = runtime.block_on(read_all(part)).expect("bytes");
        assert!(
            bytes == pattern(0, bytes.len()) && bytes.len() as u64 == state.durable_length,
            "round {round}"
        );
    }
    assert!(last_row > 0 && durable > 0, "the children did something");
}
