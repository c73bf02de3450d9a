//! What is to be changed together.

use std::sync::Arc;

use crate::body::{BodyId, Entry};
use crate::table::{Row, TableDefinition, Value};

/// Changes that become durable together or not at all; given to [`Profile::commit`](crate::Profile::commit).
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub(crate) changes: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(&'static TableDefinition, Row),
    DeletePrefix(&'static TableDefinition, Vec<Value>),
    /// Like a prefix, but every column of the key must be given.
    Delete(&'static TableDefinition, Vec<Value>),
    RetainBody(BodyId),
    ReleaseBody(BodyId),
    CreateBody(Arc<Entry>),
    BodyLength(BodyId, u64, Completion),
    RemoveBody(BodyId),
}

/// Whether all of a body is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    Incomplete,
    Complete,
}

impl Transaction {
    /// A transaction that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Stores a row, in place of the one with the same key if there is one.
    pub fn put(&mut self, table: &'static TableDefinition, row: Row) {
        self.changes.push(Change::Put(table, row));
    }

    /// Removes the row with this key, if there is one.
    pub fn delete(&mut self, table: &'static TableDefinition, key: Vec<Value>) {
        self.changes.push(Change::Delete(table, key));
    }

    /// Removes all rows whose key starts with these values; with none given, all rows of the table.
    pub fn delete_prefix(&mut self, table: &'static TableDefinition, key_prefix: Vec<Value>) {
        self.changes.push(Change::DeletePrefix(table, key_prefix));
    }

    /// Adds a reference to a body.
    pub fn retain_body(&mut self, id: BodyId) {
        self.changes.push(Change::RetainBody(id));
    }

    /// Takes a reference from a body. Without any left, its file goes after the commit; open readers keep theirs.
    pub fn release_body(&mut self, id: BodyId) {
        self.changes.push(Change::ReleaseBody(id));
    }
}
