//! The rows of the cache, and what is done with them in one go.

use longhaul_storage::{Column, ColumnKind, DisposableRows, Row, StorageError, TableDefinition, Value};

use crate::no_vary_search::SearchVariance;
use crate::stored::{Key, Stored};

/// Each stored response.
static ENTRIES: TableDefinition = TableDefinition {
    name: "http_cache_entries",
    columns: &[
        Column { name: "partition", kind: ColumnKind::Text },
        Column { name: "resource", kind: ColumnKind::Text },
        Column { name: "query", kind: ColumnKind::Text },
        Column { name: "id", kind: ColumnKind::Integer },
        Column { name: "last_used", kind: ColumnKind::Integer },
        Column { name: "response", kind: ColumnKind::Blob },
    ],
    key_columns: 4,
};

/// The same in the order of their last use, with what each takes.
static RECENCY: TableDefinition = TableDefinition {
    name: "http_cache_recency",
    columns: &[
        Column { name: "last_used", kind: ColumnKind::Integer },
        Column { name: "id", kind: ColumnKind::Integer },
        Column { name: "partition", kind: ColumnKind::Text },
        Column { name: "resource", kind: ColumnKind::Text },
        Column { name: "query", kind: ColumnKind::Text },
        Column { name: "bytes", kind: ColumnKind::Integer },
    ],
    key_columns: 2,
};

/// Those that also answer for other queries.
static SEARCH_VARIANCE: TableDefinition = TableDefinition {
    name: "http_cache_search_variance",
    columns: &[
        Column { name: "partition", kind: ColumnKind::Text },
        Column { name: "resource", kind: ColumnKind::Text },
        Column { name: "query", kind: ColumnKind::Text },
        Column { name: "id", kind: ColumnKind::Integer },
    ],
    key_columns: 4,
};

/// The files that entries have, by the two halves of their names: what is not in it is nobody's.
static FILES: TableDefinition = TableDefinition {
    name: "http_cache_files",
    columns: &[
        Column { name: "session", kind: ColumnKind::Integer },
        Column { name: "number", kind: ColumnKind::Integer },
    ],
    key_columns: 2,
};

pub(crate) static TABLES: &[&TableDefinition] = &[&ENTRIES, &RECENCY, &SEARCH_VARIANCE, &FILES];

fn halves(file: u128) -> [Value; 2] {
    // The bits are what counts.
    [((file >> 64) as u64 as i64).into(), (file as u64 as i64).into()]
}

/// A stored response and when it was last used.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) stored: Stored,
    pub(crate) last_used: i64,
}

/// All that the cache does with its rows.
pub(crate) struct Rows<'a>(pub(crate) &'a DisposableRows<'a>);

impl Rows<'_> {
    /// How many entries there are, and what they take.
    pub(crate) fn totals(&self) -> Result<(u64, u64), StorageError> {
        self.0.totals(&RECENCY, "bytes")
    }

    pub(crate) fn varies_by_search(&self) -> Result<bool, StorageError> {
        Ok(!self.0.first_rows(&SEARCH_VARIANCE, 1)?.is_empty())
    }

    /// When an entry was last used, of them all.
    pub(crate) fn latest_use(&self) -> Result<Option<i64>, StorageError> {
        let rows = self.0.last_rows(&RECENCY, 1)?;
        Ok(rows.first().and_then(|row| row[0].as_integer()))
    }

    /// What is stored for a URL, in the order in which it came.
    pub(crate) fn entries(&self, key: &Key) -> Result<Vec<Entry>, StorageError> {
        let rows = self.0.rows(&ENTRIES, &key_values(key))?;
        Ok(rows.iter().filter_map(entry).collect())
    }

    pub(crate) fn entry(&self, key: &Key, id: i64) -> Result<Option<Entry>, StorageError> {
        let mut values = key_values(key);
        values.push(id.into());
        Ok(self.0.rows(&ENTRIES, &values)?.first().and_then(entry))
    }

    /// The other URLs of the same resource whose responses may answer for this one.
    pub(crate) fn search_variants(&self, key: &Key) -> Result<Vec<Key>, StorageError> {
        let prefix = [key.partition.as_str().into(), key.resource.as_str().into()];
        let rows = self.0.rows(&SEARCH_VARIANCE, &prefix)?;
        let queries = rows.iter().filter_map(|row| row[2].as_text());
        Ok(queries
            .filter(|query| *query != key.query)
            .map(|query| Key { query: query.to_owned(), ..key.clone() })
            .collect())
    }

    /// Every entry. For people who look at them.
    pub(crate) fn all(&self) -> Result<Vec<Entry>, StorageError> {
        Ok(self.0.rows(&ENTRIES, &[])?.iter().filter_map(entry).collect())
    }

    pub(crate) fn put(&self, entry: &Entry) -> Result<(), StorageError> {
        let stored = &entry.stored;
        let key = &stored.key;
        let mut values = key_values(key);
        values.extend([stored.id.into(), entry.last_used.into(), stored.encode().into()]);
        self.0.put(&ENTRIES, &values)?;
        self.0.put(
            &RECENCY,
            &[
                entry.last_used.into(),
                stored.id.into(),
                key.partition.as_str().into(),
                key.resource.as_str().into(),
                key.query.as_str().into(),
                i64::try_from(stored.cost()).unwrap_or(i64::MAX).into(),
            ],
        )?;
        if SearchVariance::of(&stored.head.headers).is_some() {
            let mut values = key_values(key);
            values.push(stored.id.into());
            self.0.put(&SEARCH_VARIANCE, &values)?;
        }
        stored.parts.iter().try_for_each(|part| self.0.put(&FILES, &halves(part.file)))
    }

    /// Whether some entry has that file.
    pub(crate) fn is_used(&self, file: u128) -> Result<bool, StorageError> {
        Ok(!self.0.rows(&FILES, &halves(file))?.is_empty())
    }

    pub(crate) fn remove(&self, entry: &Entry) -> Result<(), StorageError> {
        self.0.delete_prefix(&RECENCY, &[entry.last_used.into(), entry.stored.id.into()])?;
        let mut values = key_values(&entry.stored.key);
        values.push(entry.stored.id.into());
        self.0.delete_prefix(&SEARCH_VARIANCE, &values)?;
        for part in &entry.stored.parts {
            self.0.delete_prefix(&FILES, &halves(part.file))?;
        }
        self.0.delete_prefix(&ENTRIES, &values)
    }

    /// Those that were not used for longest, at most so many. What of them cannot be read is removed at once.
    pub(crate) fn oldest(&self, count: usize) -> Result<Vec<Entry>, StorageError> {
        let mut found = Vec::new();
        for row in self.0.first_rows(&RECENCY, count)? {
            let [last_used, id, partition, resource, query, _] = row.as_slice() else { continue };
            let (Some(partition), Some(resource), Some(query)) =
                (partition.as_text(), resource.as_text(), query.as_text())
            else {
                continue;
            };
            let key = Key {
                partition: partition.to_owned(),
                resource: resource.to_owned(),
                query: query.to_owned(),
            };
            let id_number = id.as_integer().unwrap_or_default();
            match self.entry(&key, id_number)? {
                Some(entry) if Some(entry.last_used) == last_used.as_integer() => found.push(entry),
                _ => self.0.delete_prefix(&RECENCY, &[last_used.clone(), id.clone()])?,
            }
        }
        Ok(found)
    }

    pub(crate) fn clear(&self) -> Result<(), StorageError> {
        TABLES.iter().try_for_each(|table| self.0.delete_prefix(table, &[]))
    }
}

fn key_values(key: &Key) -> Vec<Value> {
    vec![key.partition.as_str().into(), key.resource.as_str().into(), key.query.as_str().into()]
}

fn entry(row: &Row) -> Option<Entry> {
    let [partition, resource, query, id, last_used, response] = row.as_slice() else { return None };
    let key = Key {
        partition: partition.as_text()?.to_owned(),
        resource: resource.as_text()?.to_owned(),
        query: query.as_text()?.to_owned(),
    };
    let stored = Stored::decode(id.as_integer()?, key, response.as_blob()?)?;
    Some(Entry { stored, last_used: last_used.as_integer()? })
}
