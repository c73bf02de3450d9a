//! What happens to a profile's files between two lives.

use std::fs;
use std::path::Path;

use longhaul_storage::Disk;
use rusqlite::{Connection, OpenFlags};

use super::disk::FaultyDisk;
use super::model::{Body, Rows, TABLES};
use crate::choices::Choices;

/// What there is to find in the next life.
#[derive(Debug, Default)]
pub(super) struct Damaged {
    /// A row, a body or the metadata was damaged, so that there is something to report.
    pub(super) findings: bool,
    /// Any bytes of the metadata were changed: whatever it had may be lost.
    pub(super) metadata: bool,
    /// The lock tells nothing of the last end any more.
    pub(super) lock: bool,
}

/// Damages what the choices say. The last life was `closed`, or was killed.
pub(super) fn damage(
    choices: &mut Choices<'_>,
    folder: &Path,
    disk: &FaultyDisk,
    closed: bool,
    rows: &mut Rows,
    bodies: &mut [Body],
) -> Damaged {
    let mut damaged = Damaged::default();
    while choices.once_in(3) {
        match choices.below(8) {
            0 => row(choices, folder, rows, &mut damaged),
            1 => body_row(choices, folder, bodies, &mut damaged),
            2 => body_file(choices, disk, bodies, &mut damaged),
            3 => {
                // Not ours, or ours without a row.
                let name = choices.pick(&["0123456789abcdef0123456789abcdef", "notes", "", "ä"]);
                let _ = disk.simulated.create(name);
            }
            4 => {
                damaged.lock = true;
                fs::write(folder.join("lock"), choices.bytes()).expect("a file of ours");
            }
            // As after a crash between the two renames, with the damaged file's log still there; or before them.
            5 if closed => {
                let (path, fresh) = (folder.join("metadata.sqlite"), folder.join("metadata.sqlite.new"));
                if !path.exists() {
                    continue;
                }
                if choices.once_in(2) {
                    fs::write(fresh, choices.bytes()).expect("a file of ours");
                } else {
                    fs::rename(path, fresh).expect("files of ours");
                    fs::write(folder.join("metadata.sqlite-wal"), choices.bytes()).expect("a file of ours");
                }
            }
            6 => metadata(choices, folder, &mut damaged),
            // What is disposable may be lost without a word.
            7 => {
                let path = folder.join("disposable/cache/metadata.sqlite");
                let Ok(mut bytes) = fs::read(&path) else { continue };
                let at = choices.below(64) * 256 % bytes.len().max(1);
                let damage = choices.bytes();
                let end = (at + damage.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&damage[..end - at]);
                fs::write(path, bytes).expect("a file of ours");
            }
            _ => {}
        }
    }
    damaged
}

/// The metadata, if it is there.
fn connect(folder: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(folder.join("metadata.sqlite"), flags).ok()
}

/// A cell of a row that says something else than its checksum.
fn row(choices: &mut Choices<'_>, folder: &Path, rows: &mut Rows, damaged: &mut Damaged) {
    let table = choices.below(2);
    let column = TABLES[table].columns[choices.below(TABLES[table].columns.len())].name;
    let Some(which) = choices.below(4).checked_rem(rows.now[table].len()) else { return };
    if damaged.metadata {
        return;
    }
    let Some(connection) = connect(folder) else { return };
    // The rows in the order of their keys, as the model has them.
    let keys: Vec<_> = TABLES[table].columns[..TABLES[table].key_columns].iter().map(|c| c.name).collect();
    let value = choices.pick(&["'changed'", "7", "X'00ff'", "NULL", "0.5", "longhaul_checksum"]);
    let sql = format!(
        "UPDATE {name} SET {column} = {value} WHERE rowid = (SELECT rowid FROM {name} ORDER BY {} LIMIT 1 OFFSET {which}) \
         AND {column} IS NOT {value}",
        keys.join(", "),
        name = TABLES[table].name,
    );
    // A key that must not be null, or is taken, stays as it is.
    if connection.execute(&sql, []).is_ok_and(|changed| changed == 1) {
        damaged.findings = true;
        let key = rows.now[table].keys().nth(which).cloned().expect("it is below their number");
        rows.now[table].remove(&key);
    }
}

fn body_row(choices: &mut Choices<'_>, folder: &Path, bodies: &mut [Body], damaged: &mut Damaged) {
    let Some(which) = choices.below(8).checked_rem(bodies.len()) else { return };
    let column = choices.pick(&["durable_length", "complete", "reference_count", "storage_key"]);
    if damaged.metadata {
        return;
    }
    let Some(connection) = connect(folder) else { return };
    let sql = format!("UPDATE longhaul_bodies SET {column} = {column} || '1' WHERE id = ?");
    if connection.execute(&sql, [bodies[which].id.to_string()]).is_ok_and(|changed| changed == 1) {
        damaged.findings = true;
        bodies[which].doubtful = true;
    }
}

/// A file that lost its end, or its name.
fn body_file(choices: &mut Choices<'_>, disk: &FaultyDisk, bodies: &mut [Body], damaged: &mut Damaged) {
    let Some(which) = choices.below(8).checked_rem(bodies.len()) else { return };
    let name = bodies[which].id.to_string();
    let Some(mut content) = disk.simulated.content(&name) else { return };
    // Whether that is worth a line depends on how much was durable, which only the profile knows.
    damaged.findings = true;
    bodies[which].doubtful = true;
    if choices.once_in(4) {
        disk.simulated.remove(&name).expect("it is there");
    } else {
        let half = content.len() * choices.below(256) / 256;
        content.truncate(half);
        disk.simulated.overwrite(&name, content);
    }
}

/// Any bytes of the file.
fn metadata(choices: &mut Choices<'_>, folder: &Path, damaged: &mut Damaged) {
    let path = folder.join("metadata.sqlite");
    let Ok(mut bytes) = fs::read(&path) else { return };
    if bytes.is_empty() {
        return;
    }
    damaged.findings = true;
    damaged.metadata = true;
    let place = |choices: &mut Choices<'_>| {
        let page = choices.below(16) * 4096;
        (page + choices.below(16) * 256 + choices.below(256)) % bytes.len()
    };
    let at = place(choices);
    match choices.below(5) {
        0 => bytes.truncate(at),
        1 => {
            let page = at / 4096 * 4096;
            let end = (page + 4096).min(bytes.len());
            bytes[page..end].fill(0);
        }
        2 => {
            let (from, length) = (place(choices), choices.below(256));
            let end = (from + length).min(bytes.len());
            let to = at.min(bytes.len() - (end - from));
            bytes.copy_within(from..end, to);
        }
        _ => {
            for (place, byte) in bytes[at..].iter_mut().zip(choices.bytes()) {
                *place = *byte;
            }
        }
    }
    fs::write(path, bytes).expect("a file of ours");
}
