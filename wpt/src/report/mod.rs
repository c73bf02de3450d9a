//! What came of the tests: results, as `wpt run --log-wptreport` writes them.

mod json_log;
mod results;
mod summary;
mod wptreport;

pub use json_log::JsonLog;
pub use results::{Status, SubtestResult, TestResult};
pub use summary::{Counts, folder_of, table};
pub use wptreport::{Report, ReportError, RunInfo};
