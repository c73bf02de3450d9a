//! What a profile promised.

use std::collections::{BTreeMap, HashSet};

use longhaul_storage::{BodyId, Column, ColumnKind, Row, TableDefinition, Value};

/// A key of two columns, and one column of each kind.
pub(super) static THINGS: TableDefinition = TableDefinition {
    name: "things",
    columns: &[
        Column { name: "owner", kind: ColumnKind::Text },
        Column { name: "number", kind: ColumnKind::Integer },
        Column { name: "text", kind: ColumnKind::Text },
        Column { name: "bytes", kind: ColumnKind::Blob },
    ],
    key_columns: 2,
};

/// A second one.
pub(super) static NAMES: TableDefinition = TableDefinition {
    name: "names",
    columns: &[
        Column { name: "name", kind: ColumnKind::Blob },
        Column { name: "place", kind: ColumnKind::Integer },
    ],
    key_columns: 1,
};

/// One that no profile is opened with.
pub(super) static UNKNOWN: TableDefinition = TableDefinition {
    name: "unknown",
    columns: &[Column { name: "name", kind: ColumnKind::Text }],
    key_columns: 1,
};

pub(super) static TABLES: &[&TableDefinition] = &[&THINGS, &NAMES];

/// The rows of both tables by their keys, and all that ever were.
#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) now: [BTreeMap<Row, Row>; 2],
    pub(super) ever: HashSet<(usize, Row)>,
}

impl Rows {
    pub(super) fn put(&mut self, table: usize, row: Row) {
        self.ever.insert((table, row.clone()));
        self.now[table].insert(row[..TABLES[table].key_columns].to_vec(), row);
    }

    pub(super) fn delete(&mut self, table: usize, prefix: &[Value]) {
        self.now[table].retain(|key, _| !key.starts_with(prefix));
    }

    pub(super) fn of(&self, table: usize) -> Vec<Row> {
        self.now[table].values().cloned().collect()
    }
}

/// Whether values fit a table, of which so many columns are given.
pub(super) fn fits(table: &TableDefinition, values: &[Value]) -> bool {
    values.iter().zip(table.columns).enumerate().all(|(index, (value, column))| match value {
        Value::Null => index >= table.key_columns,
        Value::Integer(_) => column.kind == ColumnKind::Integer,
        Value::Text(_) => column.kind == ColumnKind::Text,
        Value::Blob(_) => column.kind == ColumnKind::Blob,
    })
}

/// A body as far as it was promised.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) id: BodyId,
    pub(super) storage_key: &'static str,
    /// At least so many bytes are there.
    pub(super) durable: u64,
    /// And not more than these.
    pub(super) written: u64,
    pub(super) complete: bool,
    pub(super) references: u32,
    /// It may be gone: its row or file was damaged, or nobody heard what became of its end.
    pub(super) doubtful: bool,
}

/// The bytes of all bodies: each says where it is.
pub(super) fn pattern(start: u64, length: usize) -> Vec<u8> {
    (start..).take(length).map(|place| (place ^ (place >> 8) ^ (place >> 16)) as u8).collect()
}
