//! What the command keeps in a profile of its own, beside what the parts keep there.

mod connectivity;
mod served_folders;

use longhaul::storage::TableDefinition;

pub use connectivity::{begins_offline, set_begins_offline};
pub use served_folders::{ServedTarget, forget, remember, served_targets};

/// The tables that a profile has to be opened with.
pub const TABLES: &[&TableDefinition] = &[&connectivity::BEGINS_OFFLINE, &served_folders::SERVED_FOLDERS];
