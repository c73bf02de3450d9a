//! Persistent cookies as rows of the profile.

use longhaul_storage::{Column, ColumnKind, Profile, Row, StorageError, TableDefinition, Value, WriteBehind};

use crate::same_site::SameSite;
use crate::site::{CookieKey, Fields};

pub(crate) static COOKIES: TableDefinition = TableDefinition {
    name: "cookies",
    columns: &[
        Column { name: "partition", kind: ColumnKind::Text },
        Column { name: "domain", kind: ColumnKind::Text },
        Column { name: "host_only", kind: ColumnKind::Integer },
        Column { name: "path", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "value", kind: ColumnKind::Text },
        Column { name: "secure", kind: ColumnKind::Integer },
        Column { name: "http_only", kind: ColumnKind::Integer },
        Column { name: "same_site", kind: ColumnKind::Text },
        Column { name: "creation", kind: ColumnKind::Integer },
        Column { name: "last_access", kind: ColumnKind::Integer },
        Column { name: "expires", kind: ColumnKind::Integer },
    ],
    key_columns: 5,
};

/// A cookie as it is stored. The partition is empty for an unpartitioned one.
pub(crate) struct StoredCookie {
    pub(crate) partition: String,
    pub(crate) key: CookieKey,
    pub(crate) value: String,
    pub(crate) fields: Fields,
}

impl StoredCookie {
    pub(crate) fn from_row(row: &Row) -> Option<Self> {
        let text = |index: usize| row[index].as_text().map(str::to_owned);
        let flag = |index: usize| row[index].as_integer().map(|number| number != 0);
        Some(Self {
            partition: text(0)?,
            key: CookieKey { domain: text(1)?, host_only: flag(2)?, path: text(3)?, name: text(4)? },
            value: text(5)?,
            fields: Fields {
                secure: flag(6)?,
                http_only: flag(7)?,
                same_site: SameSite::from_name(row[8].as_text()?)?,
                creation: row[9].as_integer()?,
                last_access: row[10].as_integer()?,
                stored_access: row[10].as_integer()?,
                expires: Some(row[11].as_integer()?),
            },
        })
    }
}

/// Writes cookies as they change.
pub(crate) struct Writer(WriteBehind);

impl Writer {
    pub(crate) fn start(profile: Profile) -> std::io::Result<Self> {
        Ok(Self(WriteBehind::start(profile, &COOKIES)?))
    }

    pub(crate) fn put(&self, partition: &str, key: &CookieKey, value: &str, fields: &Fields) {
        let mut row = row_key(partition, key);
        row.extend([
            Value::from(value),
            fields.secure.into(),
            fields.http_only.into(),
            fields.same_site.as_str().into(),
            fields.creation.into(),
            fields.last_access.into(),
            fields.expires.into(),
        ]);
        self.0.put(row);
    }

    pub(crate) fn delete(&self, partition: &str, key: &CookieKey) {
        self.0.delete(row_key(partition, key));
    }

    /// Resolves once everything changed so far is durable.
    pub(crate) async fn flush(&self) -> Result<(), StorageError> {
        self.0.flush().await
    }
}

fn row_key(partition: &str, key: &CookieKey) -> Vec<Value> {
    vec![
        partition.into(),
        key.domain.as_str().into(),
        key.host_only.into(),
        key.path.as_str().into(),
        key.name.as_str().into(),
    ]
}
