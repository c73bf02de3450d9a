//! A body byte counts only once it is synced: no durable length may reach the disk before the bytes that it stands for.
//!
//! A kill leaves the page cache as it was, so it cannot show this. Here `strace` notes each write and each sync of the
//! process; the metadata is rebuilt from its writes as a power cut after each sync would leave it, and what it claims is
//! compared with what had been synced by then.

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use support::run::{Run, worker_reports};
use support::server::{Connection, Request, Server};
use support::site;

const SIZE: u64 = 24 * 1024 * 1024;

#[test]
fn a_body_is_synced_before_its_durable_length_is_committed() {
    let traced = Command::new("strace").arg("-V").output();
    assert!(traced.is_ok(), "this test needs strace (Debian's package of that name)");

    let script = "await swReg.backgroundFetch.fetch('it', 'file');";
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        if let Some(done) = site::answer(request, connection, script) {
            return done;
        }
        connection.head(&["HTTP/1.1 200 OK", &format!("Content-Length: {SIZE}"), "ETag: \"a\""])?;
        (0..SIZE / 65536).try_for_each(|n| connection.body(&site::bytes(n * 65536..(n + 1) * 65536)))
    });
    let folder = tempfile::tempdir().unwrap();
    let (profile, trace) = (folder.path().join("profile"), folder.path().join("trace"));
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-xx", "-s", "8192", "-e", "signal=none"]);
    command.args(["-e", "trace=write,pwrite64,fdatasync,fsync,ftruncate", "-o"]).arg(&trace);
    command.arg(env!("CARGO_BIN_EXE_longhaul")).args([
        "run",
        &server.origin(),
        "--progress",
        "json",
        "--profile",
    ]);
    command.arg(&profile);
    let (status, events, stderr) = Run::spawn(command).finish();
    assert!(status.success(), "{stderr}");
    assert_eq!(worker_reports(&events, "success", "it")[0]["downloaded"], SIZE);

    let mut replay = Replay::default();
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        replay.line(line, folder.path());
    }
    println!("{} commits, the durable lengths went through {:?}", replay.commits, replay.seen);
    assert!(replay.commits > 5, "{} commits were seen", replay.commits);
    assert!(replay.seen.len() > 2, "checkpoints were taken on the way: {:?}", replay.seen);
    assert!(replay.seen.contains(&SIZE), "the whole body became durable: {:?}", replay.seen);
}

/// A system call that has begun: its name, its file, and for writes the data and the offset.
struct Call {
    name: String,
    path: String,
    data: Vec<u8>,
    offset: Option<u64>,
    /// How much of the file had been written when the call began: what a sync that succeeds makes durable.
    written: u64,
}

#[derive(Default)]
struct Replay {
    /// Calls that other threads interrupted, by thread.
    unfinished: HashMap<String, Call>,
    /// Each file as its completed writes made it (bodies: nothing but their length).
    files: HashMap<String, Vec<u8>>,
    body_written: HashMap<String, u64>,
    body_synced: HashMap<String, u64>,
    /// What was synced of the bodies when the metadata's first write after its last sync began.
    promised: Option<HashMap<String, u64>>,
    commits: usize,
    seen: Vec<u64>,
}

impl Replay {
    fn line(&mut self, line: &str, scratch: &Path) {
        let (thread, rest) = line.split_once(' ').expect("each line begins with its thread");
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some(call) = self.unfinished.remove(thread) else { return };
            if resumed.contains("= ") && !resumed.contains("= -1") {
                self.completed(call, scratch);
            }
            return;
        }
        let Some(mut call) = parse(rest) else { return };
        call.written = self.body_written.get(&call.path).copied().unwrap_or(0);
        if is_metadata(&call.path) && call.name.contains("write") && self.promised.is_none() {
            self.promised = Some(self.body_synced.clone());
        }
        if rest.ends_with("<unfinished ...>") {
            self.unfinished.insert(thread.to_owned(), call);
        } else if !rest.contains(" = -1 ") {
            self.completed(call, scratch);
        }
    }

    fn completed(&mut self, call: Call, scratch: &Path) {
        let body = is_body(&call.path);
        match call.name.as_str() {
            "write" | "pwrite64" if body => {
                let end = self.body_written.entry(call.path).or_default();
                *end = call.offset.unwrap_or(*end).max(*end) + call.data.len() as u64;
            }
            "fdatasync" | "fsync" if body => {
                let synced = self.body_synced.entry(call.path).or_default();
                *synced = call.written.max(*synced);
            }
            "pwrite64" if is_metadata(&call.path) => {
                let file = self.files.entry(call.path).or_default();
                let start = call.offset.expect("pwrite64 has an offset") as usize;
                file.resize(file.len().max(start + call.data.len()), 0);
                file[start..start + call.data.len()].copy_from_slice(&call.data);
            }
            "ftruncate" if is_metadata(&call.path) => {
                let length = call.offset.expect("ftruncate has a length") as usize;
                self.files.entry(call.path).or_default().resize(length, 0);
            }
            "fdatasync" | "fsync" if is_metadata(&call.path) => {
                if let Some(promised) = self.promised.take() {
                    self.commits += 1;
                    self.check(&promised, scratch);
                }
            }
            _ => {}
        }
    }

    /// Opens the metadata as it stands on disk now.
    fn check(&mut self, synced: &HashMap<String, u64>, scratch: &Path) {
        let folder = scratch.join("power-cut");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let mut database = None;
        for (path, bytes) in &self.files {
            let name = path.rsplit('/').next().unwrap();
            std::fs::write(folder.join(name), bytes).unwrap();
            if !name.ends_with("-wal") {
                database = Some(folder.join(name));
            }
        }
        let Some(database) = database else { return };
        let Ok(connection) = rusqlite::Connection::open(database) else { return };
        let Ok(mut statement) = connection.prepare(DURABLE_LENGTHS) else { return };
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
        for (id, durable) in rows.unwrap().map_while(Result::ok) {
            let synced = synced.iter().find(|(path, _)| path.ends_with(&id)).map_or(0, |(_, length)| *length);
            assert!(
                durable as u64 <= synced,
                "{id}: the metadata says {durable}, but {synced} bytes were synced"
            );
            if self.seen.last() != Some(&(durable as u64)) {
                self.seen.push(durable as u64);
            }
        }
    }
}

const DURABLE_LENGTHS: &str = "SELECT id, durable_length FROM longhaul_bodies";

/// NOTE: what may be lost at any time has tables of its own, which are not what is looked at here.
fn is_metadata(path: &str) -> bool {
    if path.contains("/disposable/") {
        return false;
    }
    path.ends_with("/metadata.sqlite") || path.ends_with("/metadata.sqlite-wal")
}

fn is_body(path: &str) -> bool {
    path.contains("/bodies/")
}

/// `name(fd<path>, "data", count, offset…`; paths and data are in hexadecimal escapes.
fn parse(text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (_, rest) = rest.split_once('<')?;
    let (path, rest) = rest.split_once('>')?;
    let path = String::from_utf8(unescape(path)).ok()?;
    let (data, rest) = match rest.split_once('"') {
        Some((_, rest)) => {
            let (data, rest) = rest.split_once('"')?;
            (unescape(data), rest)
        }
        None => (Vec::new(), rest),
    };
    let arguments = rest.split(')').next()?;
    let numbers: Vec<u64> = arguments.split([',', ' ', '.']).filter_map(|word| word.parse().ok()).collect();
    let (data, offset) = match name {
        // A body's data is cut off in the trace; its length is not.
        "write" => (lengthened(data, *numbers.first()?), None),
        "pwrite64" => (lengthened(data, *numbers.first()?), numbers.get(1).copied()),
        "ftruncate" => (data, numbers.first().copied()),
        _ => (data, None),
    };
    Some(Call { name: name.to_owned(), path, data, offset, written: 0 })
}

fn lengthened(mut data: Vec<u8>, length: u64) -> Vec<u8> {
    data.resize(length as usize, 0);
    data
}

fn unescape(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).filter_map(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok()).collect()
}
