//! Tables as the crates above declare them, and the values in their rows.

/// A table of the profile. The crate that owns the rows declares it once, as a `static`.
///
/// Its columns become columns of SQLite under the same names, so people can look at them with the `sqlite3`
/// shell. Columns may be added at the end later; any other change needs a new table name.
#[derive(Debug)]
pub struct TableDefinition {
    /// The table's name: ASCII letters, digits and `_`, not starting with a digit, `sqlite_` or `longhaul_`,
    /// and not one of SQLite's names for a row's number.
    pub name: &'static str,
    /// All columns, those of the primary key first.
    pub columns: &'static [Column],
    /// How many leading columns are the primary key; at least one. They are never null.
    pub key_columns: usize,
}

/// One column of a [`TableDefinition`].
#[derive(Debug)]
pub struct Column {
    /// The column's name, under the same rules as a table's.
    pub name: &'static str,
    /// What its values are, where they are not null.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A signed 64-bit number.
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

impl ColumnKind {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }
}

/// The values of one row, in the order of its table's columns.
pub type Row = Vec<Value>;

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// The number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if it holds bytes.
    pub fn as_blob(&self) -> Option<&[u8]> {
        match self {
            Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether it holds nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    fn fits(&self, kind: ColumnKind) -> bool {
        match self {
            Self::Null => true,
            Self::Integer(_) => kind == ColumnKind::Integer,
            Self::Text(_) => kind == ColumnKind::Text,
            Self::Blob(_) => kind == ColumnKind::Blob,
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// How a row or a key does not fit its table. A mistake of the caller, never of the disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// The table was not in the list given to [`Profile::open`](crate::Profile::open).
    #[error("the table was not declared when the profile was opened")]
    UndeclaredTable,
    /// A row has another number of values than its table has columns, or a key more than its table's key.
    #[error("{found} values were given, {expected} are expected")]
    ValueCount {
        /// How many are expected.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// A value is of another kind than its column.
    #[error("the value for `{column}` is of another kind than the column")]
    ValueKind {
        /// The column's name.
        column: &'static str,
    },
    /// A column of the key is null.
    #[error("`{column}` is part of the key and must not be null")]
    NullKey {
        /// The column's name.
        column: &'static str,
    },
}

impl TableDefinition {
    /// Whether SQL can be made from the names without quoting surprises, and the key is sensible.
    pub(crate) fn is_well_formed(&self) -> bool {
        let mut names: Vec<_> = self.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        is_name(self.name)
            && self.columns.iter().all(|column| is_name(column.name))
            && names.len() == self.columns.len()
            && (1..=self.columns.len()).contains(&self.key_columns)
    }

    pub(crate) fn check_row(&self, row: &[Value]) -> Result<(), Misfit> {
        if row.len() != self.columns.len() {
            return Err(Misfit::ValueCount { expected: self.columns.len(), found: row.len() });
        }
        self.check_kinds(row)
    }

    pub(crate) fn check_key(&self, key: &[Value]) -> Result<(), Misfit> {
        if key.len() != self.key_columns {
            return Err(Misfit::ValueCount { expected: self.key_columns, found: key.len() });
        }
        self.check_kinds(key)
    }

    pub(crate) fn check_key_prefix(&self, prefix: &[Value]) -> Result<(), Misfit> {
        if prefix.len() > self.key_columns {
            return Err(Misfit::ValueCount { expected: self.key_columns, found: prefix.len() });
        }
        self.check_kinds(prefix)
    }

    fn check_kinds(&self, values: &[Value]) -> Result<(), Misfit> {
        for (index, (value, column)) in values.iter().zip(self.columns).enumerate() {
            if !value.fits(column.kind) {
                return Err(Misfit::ValueKind { column: column.name });
            }
            if index < self.key_columns && value.is_null() {
                return Err(Misfit::NullKey { column: column.name });
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let reserved = ["sqlite_", "longhaul_"]
        .iter()
        .any(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
    let row_number = ["rowid", "_rowid_", "oid"].iter().any(|known| name.eq_ignore_ascii_case(known));
    !reserved
        && !row_number
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    static FRUIT: TableDefinition = TableDefinition {
        name: "fruit",
        columns: &[
            Column { name: "name", kind: ColumnKind::Text },
            Column { name: "weight", kind: ColumnKind::Integer },
        ],
        key_columns: 1,
    };

    #[test]
    fn rows_that_do_not_fit_are_named() {
        assert_eq!(FRUIT.check_row(&["apple".into(), 3_i64.into()]), Ok(()));
        assert_eq!(FRUIT.check_row(&["apple".into(), Value::Null]), Ok(()));
        assert_eq!(FRUIT.check_row(&["apple".into()]), Err(Misfit::ValueCount { expected: 2, found: 1 }));
        assert_eq!(FRUIT.check_row(&["a".into(), "b".into()]), Err(Misfit::ValueKind { column: "weight" }));
        assert_eq!(FRUIT.check_key(&[Value::Null]), Err(Misfit::NullKey { column: "name" }));
    }

    #[test]
    fn names_that_could_surprise_sql_are_refused() {
        for name in ["", "1a", "a b", "a\"", "sqlite_master", "Longhaul_bodies", "ä", "RowID"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name("background_fetches"));
    }
}
