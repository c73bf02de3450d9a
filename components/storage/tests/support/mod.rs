//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;

use bytes::Bytes;
use futures::StreamExt;
use longhaul_storage::{
    BodyError, BodyReader, Column, ColumnKind, Location, OpenReport, Profile, TableDefinition, Transaction,
};

/// A table with a key of two columns and one column of each kind.
pub(crate) static THINGS: TableDefinition = TableDefinition {
    name: "things",
    columns: &[
        Column { name: "owner", kind: ColumnKind::Text },
        Column { name: "number", kind: ColumnKind::Integer },
        Column { name: "text", kind: ColumnKind::Text },
        Column { name: "bytes", kind: ColumnKind::Blob },
    ],
    key_columns: 2,
};

/// A second table.
pub(crate) static NAMES: TableDefinition = TableDefinition {
    name: "names",
    columns: &[Column { name: "name", kind: ColumnKind::Text }],
    key_columns: 1,
};

pub(crate) static TABLES: &[&TableDefinition] = &[&THINGS, &NAMES];

pub(crate) fn open(directory: &Path) -> (Profile, OpenReport) {
    Profile::open(Location::Directory(directory.to_owned()), TABLES).expect("the profile opens")
}

/// A row of [`THINGS`] that is the same whenever it is asked for, of varying size.
pub(crate) fn thing(owner: &str, number: i64) -> longhaul_storage::Row {
    let size = usize::try_from(number * 37 % 900).expect("numbers are not negative");
    vec![
        owner.into(),
        number.into(),
        format!("thing {number} of {owner}").into(),
        vec![number as u8; size].into(),
    ]
}

pub(crate) async fn put_things(profile: &Profile, owner: &str, numbers: std::ops::Range<i64>) {
    let mut transaction = Transaction::new();
    for number in numbers {
        transaction.put(&THINGS, thing(owner, number));
    }
    profile.commit(transaction).await.expect("rows are stored");
}

/// The bytes of all test bodies: each says where it is.
pub(crate) fn pattern(start: u64, length: usize) -> Bytes {
    (start..).take(length).map(|place| (place ^ (place >> 8) ^ (place >> 16)) as u8).collect()
}

pub(crate) async fn read_all(mut reader: BodyReader) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await {
        let chunk = chunk?;
        assert!(!chunk.is_empty() && chunk.len() <= 64 << 10);
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Small random numbers with a seed that can be printed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound.max(1) as u64) as usize
    }
}

/// How often a randomised test runs: the default, or as the environment variable says.
pub(crate) fn rounds(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
