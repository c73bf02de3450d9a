//! What a start makes of the bodies it finds.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::BodyId;
use super::entry::{Bodies, Entry, Presence, Progress, WriterPresence};
use crate::committer::BodyRow;
use crate::table::Row;

/// Takes in the bodies that have rows, cuts each file to what was durable, and removes files without a row.
/// Gives a line for each body that is not as it was left.
pub(crate) fn restore(bodies: &Bodies, rows: &[Row]) -> io::Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut known = HashSet::new();
    let files: HashSet<BodyId> = bodies.disk.list()?.iter().filter_map(|name| name.parse().ok()).collect();
    for row in rows {
        let Some((id, row)) = BodyRow::from_row(row) else {
            findings.push("a row of `longhaul_bodies` makes no sense and is ignored".to_owned());
            continue;
        };
        known.insert(id);
        let shorter = match cut(bodies, id, row.durable_length, files.contains(&id)) {
            Ok(None) => None,
            Ok(Some(found)) => {
                findings.push(format!(
                    "body {id}: its file has {found} bytes, {} had been stored",
                    row.durable_length
                ));
                Some(found)
            }
            Err(error) => {
                findings.push(format!("body {id}: its file cannot be used: {error}"));
                Some(0)
            }
        };
        bodies.quota.add_stored(&row.storage_key, row.durable_length);
        let progress = Progress {
            written: row.durable_length,
            durable: row.durable_length,
            completion: row.completion,
            presence: Presence::Present,
            writer: WriterPresence::None,
            shorter,
        };
        bodies.insert(Arc::new(Entry::new(id, row.storage_key, progress)));
    }
    for id in files.difference(&known) {
        // A crash came between its making and its row, or between the end of its row and its own.
        if let Err(error) = bodies.disk.remove(&id.to_string()) {
            findings.push(format!("body {id}: its file has no row and could not be removed: {error}"));
        }
    }
    Ok(findings)
}

/// Cuts a file to its durable length. Tells how long it is if it is shorter.
fn cut(bodies: &Bodies, id: BodyId, durable: u64, exists: bool) -> io::Result<Option<u64>> {
    if !exists {
        // Of a file with nothing durable not even the name is.
        return Ok(if durable == 0 { None } else { Some(0) });
    }
    let file = bodies.disk.open(&id.to_string())?;
    let found = file.length()?;
    if found > durable {
        file.set_length(durable)?;
    }
    Ok(if found < durable { Some(found) } else { None })
}
