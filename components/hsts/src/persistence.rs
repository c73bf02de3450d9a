//! Known hosts as rows of the profile.

use longhaul_storage::{Column, ColumnKind, Row, TableDefinition, Value};

use crate::known_hosts::Entry;

pub(crate) static HSTS: TableDefinition = TableDefinition {
    name: "hsts",
    columns: &[
        Column { name: "partition", kind: ColumnKind::Text },
        Column { name: "host", kind: ColumnKind::Text },
        Column { name: "include_subdomains", kind: ColumnKind::Integer },
        Column { name: "noted", kind: ColumnKind::Integer },
        Column { name: "expires", kind: ColumnKind::Integer },
    ],
    key_columns: 2,
};

pub(crate) fn key(partition: &str, host: &str) -> Vec<Value> {
    vec![partition.into(), host.into()]
}

pub(crate) fn row(partition: &str, host: &str, entry: &Entry) -> Row {
    let mut row = key(partition, host);
    row.extend([entry.include_subdomains.into(), entry.noted.into(), entry.expires.into()]);
    row
}

/// The partition, the host and its entry.
pub(crate) fn from_row(row: &Row) -> Option<(String, String, Entry)> {
    let text = |index: usize| row[index].as_text().map(str::to_owned);
    let entry = Entry {
        include_subdomains: row[2].as_integer()? != 0,
        noted: row[3].as_integer()?,
        expires: row[4].as_integer()?,
    };
    Some((text(0)?, text(1)?, entry))
}
