//! The `wptreport` format.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::TestResult;

/// What was run, where.
pub type RunInfo = BTreeMap<String, serde_json::Value>;

/// A report of any browser.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// What was run, where.
    #[serde(default)]
    pub run_info: RunInfo,
    /// When it began, in milliseconds since 1970.
    #[serde(default)]
    pub time_start: u64,
    /// What came of each test.
    pub results: Vec<TestResult>,
    /// When it ended.
    #[serde(default)]
    pub time_end: u64,
}

/// Why a report could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file system said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no report.
    #[error("{}: no wptreport: {error}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
}

impl Report {
    /// A report that begins now.
    pub fn begin(product: &str, version: &str) -> Report {
        let mut run_info = RunInfo::new();
        run_info.insert("product".to_owned(), product.into());
        run_info.insert("browser_version".to_owned(), version.into());
        run_info.insert("os".to_owned(), std::env::consts::OS.into());
        run_info.insert("processor".to_owned(), std::env::consts::ARCH.into());
        run_info.insert("debug".to_owned(), cfg!(debug_assertions).into());
        Report { run_info, time_start: now(), ..Report::default() }
    }

    /// It ends now.
    pub fn end(&mut self) {
        self.time_end = now();
    }

    /// The product's name and version, for people.
    pub fn name(&self) -> String {
        let text = |key: &str| self.run_info.get(key).and_then(serde_json::Value::as_str);
        let words = [text("product"), text("browser_version")];
        let name = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        if name.is_empty() { "unknown".to_owned() } else { name }
    }

    /// Reads a report.
    pub fn read(path: &Path) -> Result<Report, ReportError> {
        let file = File::open(path).map_err(|error| ReportError::Io { path: path.to_owned(), error })?;
        serde_json::from_reader(BufReader::new(file))
            .map_err(|error| ReportError::Format { path: path.to_owned(), error })
    }

    /// Writes the report.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let failed = |error| ReportError::Io { path: path.to_owned(), error };
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        serde_json::to_writer(&mut file, self).map_err(|error| failed(error.into()))?;
        file.write_all(b"\n").and_then(|()| file.flush()).map_err(failed)
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Status;

    #[test]
    fn it_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.json");
        let mut report = Report::begin("longhaul", "1");
        report.results.push(TestResult::without_subtests("/a.html", Status::Crash, Some("gone".to_owned())));
        report.end();
        report.write(&path).expect("it is written");
        let read = Report::read(&path).expect("it is read");
        assert_eq!(read.results, report.results);
        assert_eq!((read.name().as_str(), read.time_end), ("longhaul 1", report.time_end));
    }

    #[test]
    fn other_runners_reports_are_read() {
        let text = r#"{"run_info":{"product":"chromium"},"results":[{"test":"/a.html","status":"OK","duration":3.0e1,
            "subtests":[{"name":"x","status":"PASS","message":null,"known_intermittent":[]}],"subsuite":"","screenshots":{}}]}"#;
        // Durations come as whole numbers in every runner that is known.
        let text = text.replace("3.0e1", "30");
        let report: Report = serde_json::from_str(&text).expect("it is read");
        assert_eq!(report.results[0].subtests[0].status, Status::Pass);
        assert_eq!(report.name(), "chromium");
    }
}
