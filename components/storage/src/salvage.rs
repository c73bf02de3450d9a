//! What is done with a damaged database: it is set aside, and its sound rows go into a new one.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::database::{Database, Fault, Soundness, read_row, selection};
use crate::table::TableDefinition;

/// How many damaged files are kept for people to look at; the last one makes place for the next.
const KEPT: u32 = 8;

/// How many unreadable stretches of one table are stepped over before its rest is given up.
const MOST_GAPS: usize = 256;

/// A header that claims more is damaged itself.
const LONGEST_PADDED: u64 = 1 << 32;

/// No row takes less space in a file.
const SMALLEST_ROW: u64 = 20;

/// Replaces a damaged database by one with its sound rows. Gives a line for each loss.
///
/// At every moment either the damaged file or the complete new one can be found again.
pub(crate) fn replace_damaged(
    path: &Path,
    tables: &[&'static TableDefinition],
    reason: &str,
) -> Result<Vec<String>, SalvageError> {
    let fresh_path = fresh_path(path);
    remove_database(&fresh_path)?;
    create_file(&fresh_path)?;
    let mut losses = Vec::new();
    pad(path)?;
    carry_over(path, &fresh_path, tables, &mut losses)?;
    File::open(&fresh_path)?.sync_all()?;

    let aside = free_name(path)?;
    losses.insert(
        0,
        format!("{} is damaged ({reason}) and was set aside as {}", path.display(), aside.display()),
    );
    fs::rename(path, &aside)?;
    rename_if_there(&with_suffix(path, "-wal"), &with_suffix(&aside, "-wal"))?;
    remove_if_there(&with_suffix(path, "-shm"))?;
    fs::rename(&fresh_path, path)?;
    sync_folder_of(path)?;
    Ok(losses)
}

/// Ends a replacement that was cut off.
pub(crate) fn finish_replacement(path: &Path) -> io::Result<()> {
    let fresh_path = fresh_path(path);
    if path.exists() {
        return remove_database(&fresh_path);
    }
    if fresh_path.exists() {
        // The old file's log must not be applied to the new file.
        remove_if_there(&with_suffix(path, "-wal"))?;
        remove_if_there(&with_suffix(path, "-shm"))?;
        fs::rename(&fresh_path, path)?;
        sync_folder_of(path)?;
    }
    Ok(())
}

/// Why the damaged database could not be replaced. It is still where it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SalvageError {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Makes an empty file that only its owner may read.
pub(crate) fn create_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// SQLite reads nothing of a file that is shorter than its header says, so one that was cut gets its length back,
/// with zeros, which are no rows.
fn pad(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut header = [0; 32];
    if file.read_exact_at(&mut header, 0).is_err() {
        // Not even a header is left.
        return Ok(());
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 1 << 16,
        size => u64::from(size),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    let length = page_size * u64::from(pages);
    if file.metadata()?.len() < length && length <= LONGEST_PADDED {
        file.set_len(length)?;
    }
    Ok(())
}

fn carry_over(
    damaged: &Path,
    fresh: &Path,
    tables: &[&'static TableDefinition],
    losses: &mut Vec<String>,
) -> Result<(), Fault> {
    let target = Database::open(fresh)?;
    target.prepare(tables)?;
    match Database::open_damaged(damaged) {
        Ok(source) => {
            target.connection.execute_batch("BEGIN IMMEDIATE")?;
            // OPTIMIZATION: one look at the source instead of one for each search. If it is refused, it goes without.
            let _ = source.connection.execute_batch("BEGIN");
            for table in tables {
                carry_table(&source, &target, table, losses)?;
            }
            source.roll_back();
            name_unknown_tables(&source, tables, losses);
            target.connection.execute_batch("COMMIT")?;
        }
        Err(fault) => losses.push(format!("nothing could be read from it: {fault}")),
    }
    target.checkpoint()
}

/// Carries over what can be read of a table. Fails only if the new database cannot take it.
fn carry_table(
    source: &Database,
    target: &Database,
    table: &'static TableDefinition,
    losses: &mut Vec<String>,
) -> Result<(), Fault> {
    let columns = match source.stored_columns(table) {
        Ok(0) => return Ok(()),
        Ok(columns) => columns,
        Err(fault) => {
            losses.push(format!("table `{}` could not be read: {fault}", table.name));
            return Ok(());
        }
    };
    let bytes: i64 = source
        .connection
        .query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| {
            row.get(0)
        })
        .unwrap_or(0);
    let walk =
        Walk { source, table, columns, visits_left: Cell::new(1000 + bytes.unsigned_abs() / SMALLEST_ROW) };
    let mut start = i64::MIN;
    for _ in 0..MOST_GAPS {
        let mut written = Ok(());
        let Err((next, fault)) = walk.rows_from(start, |row| match row {
            Soundness::Sound(row) => {
                if written.is_ok() {
                    written = target.put(table, &row);
                }
            }
            Soundness::Damaged(key) => losses.push(format!("table `{}`: row {key} is damaged", table.name)),
        }) else {
            return written;
        };
        written?;
        let (Some(next), Some(resumed)) = (next, next.and_then(|next| walk.first_readable_after(next)))
        else {
            losses.push(format!(
                "table `{}`: rows after number {} could not be read: {fault}",
                table.name,
                next.map_or(start, |next| next.saturating_sub(1))
            ));
            return Ok(());
        };
        losses.push(format!(
            "table `{}`: rows between numbers {} and {resumed} could not be read: {fault}",
            table.name,
            next.saturating_sub(1)
        ));
        start = resumed;
    }
    losses.push(format!("table `{}`: rows from number {start} on were given up", table.name));
    Ok(())
}

/// Reads a damaged table by its row numbers.
struct Walk<'a> {
    source: &'a Database,
    table: &'static TableDefinition,
    columns: usize,
    /// Damaged pages can point at each other in a circle; a sound file has no more rows than this.
    visits_left: Cell<u64>,
}

impl Walk<'_> {
    /// Reads rows in the order of their numbers until the end or until one cannot be read; then tells the number
    /// after the highest one that could.
    fn rows_from(&self, start: i64, mut visit: impl FnMut(Soundness)) -> Result<(), (Option<i64>, Fault)> {
        let mut next = Some(start);
        let mut walk = || -> Result<(), Fault> {
            let sql = format!(
                "SELECT {}, _rowid_ FROM \"{}\" NOT INDEXED WHERE _rowid_ >= ?1 ORDER BY _rowid_",
                selection(self.table, self.columns),
                self.table.name
            );
            let mut statement = self.source.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([start])?;
            while let Some(row) = rows.next()? {
                let left = self.visits_left.get().checked_sub(1);
                self.visits_left
                    .set(left.ok_or_else(|| Fault::Damaged("its rows go in circles".to_owned()))?);
                let number: i64 = row.get(self.columns + 1)?;
                visit(read_row(self.table, row, self.columns));
                next = number.max(next.unwrap_or(number)).checked_add(1);
            }
            Ok(())
        };
        walk().map_err(|fault| (next, fault))
    }

    /// The lowest row number past a stretch which cannot be read, found by doubling steps and then halving.
    fn first_readable_after(&self, unreadable: i64) -> Option<i64> {
        let mut bad = unreadable;
        let mut step = 1_i128;
        let mut good = loop {
            let candidate = i64::try_from(i128::from(unreadable) + step).unwrap_or(i64::MAX);
            match self.probe(candidate) {
                Ok(_) => break candidate,
                Err(_) if candidate == i64::MAX => return None,
                Err(_) => bad = candidate,
            }
            step *= 2;
        };
        while bad.checked_add(1)? < good {
            let middle = bad.midpoint(good);
            match self.probe(middle) {
                Ok(_) => good = middle,
                Err(_) => bad = middle,
            }
        }
        self.probe(good).ok().flatten()
    }

    /// The first row number from here on.
    fn probe(&self, start: i64) -> Result<Option<i64>, Fault> {
        let sql = format!(
            "SELECT {}, _rowid_ FROM \"{}\" NOT INDEXED WHERE _rowid_ >= ?1 ORDER BY _rowid_ LIMIT 1",
            selection(self.table, self.columns),
            self.table.name
        );
        let mut statement = self.source.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([start])?;
        match rows.next()? {
            Some(row) => Ok(Some(row.get(self.columns + 1)?).filter(|number| *number >= start)),
            None => Ok(None),
        }
    }
}

fn name_unknown_tables(source: &Database, tables: &[&'static TableDefinition], losses: &mut Vec<String>) {
    let names = || -> rusqlite::Result<Vec<String>> {
        let mut statement =
            source.connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    // The tables that are known were named above if they could not be read.
    for name in names().unwrap_or_default() {
        if !tables.iter().any(|table| table.name == name) {
            let name: String = name.chars().take(80).collect();
            losses
                .push(format!("table `{}` is not known here and was not carried over", name.escape_debug()));
        }
    }
}

fn fresh_path(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn free_name(path: &Path) -> io::Result<PathBuf> {
    for number in 1..KEPT {
        let name = with_suffix(path, &format!(".damaged-{number}"));
        if !name.exists() {
            return Ok(name);
        }
    }
    let name = with_suffix(path, &format!(".damaged-{KEPT}"));
    remove_if_there(&with_suffix(&name, "-wal"))?;
    Ok(name)
}

fn remove_database(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        remove_if_there(&with_suffix(path, suffix))?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
