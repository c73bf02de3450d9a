//! A profile on disk: its lock, its metadata, its body files and its quota.
//!
//! Nothing here knows what the bytes mean. The crates above declare tables and get rows back exactly as they
//! stored them or not at all; bodies are files that are written in order, read while they grow, and counted by
//! references. No other crate opens a file of a profile.
//!
//! ```
//! use longhaul_storage::{Column, ColumnKind, Location, Profile, TableDefinition, Transaction};
//!
//! static NOTES: TableDefinition = TableDefinition {
//!     name: "notes",
//!     columns: &[
//!         Column { name: "title", kind: ColumnKind::Text },
//!         Column { name: "text", kind: ColumnKind::Text },
//!     ],
//!     key_columns: 1,
//! };
//!
//! # futures::executor::block_on(async {
//! let (profile, report) = Profile::open(Location::Memory, &[&NOTES])?;
//! assert!(report.findings.is_empty());
//! let mut transaction = Transaction::new();
//! transaction.put(&NOTES, vec!["monday".into(), "water the plants".into()]);
//! profile.commit(transaction).await?;
//! let row = profile.row(&NOTES, &["monday".into()])?.expect("it was just stored");
//! assert_eq!(row[1].as_text(), Some("water the plants"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
#![forbid(unsafe_code)]

mod body;
pub mod clock;
mod committer;
mod control_socket;
mod database;
pub mod disk;
mod disposable;
mod error;
mod lock;
mod profile;
mod quota;
mod reserve;
mod salvage;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod write_behind;

pub use body::{BodyId, BodyReader, BodyState, BodyStore, BodyWriter, InvalidBodyId};
pub use clock::{Clock, ManualClock, SystemClock};
pub use control_socket::connect_control_socket;
pub use disk::{Disk, DiskFile};
pub use disposable::{Disposable, DisposableRows};
pub use error::{BodyError, OpenError, StorageError};
pub use profile::{Finding, Location, OpenReport, Profile};
pub use quota::{Quota, QuotaExceeded, Reservation};
pub use table::{Column, ColumnKind, Misfit, Row, TableDefinition, Value};
pub use transaction::Transaction;
pub use write_behind::WriteBehind;
