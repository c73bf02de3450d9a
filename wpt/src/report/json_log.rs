//! A log of the run as it goes, one JSON object a line, as mozlog's raw format has them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::TestResult;
use super::wptreport::now;

/// The log, written as things happen.
#[derive(Debug)]
pub struct JsonLog {
    file: File,
}

impl JsonLog {
    /// Begins a log in a file.
    pub fn create(path: &Path, tests: &[&str]) -> io::Result<JsonLog> {
        let mut log = JsonLog { file: File::create(path)? };
        log.line(
            json!({ "action": "suite_start", "name": "web-platform-test", "tests": { "default": tests } }),
        )?;
        Ok(log)
    }

    /// A test is over.
    pub fn test(&mut self, result: &TestResult) -> io::Result<()> {
        self.line(json!({ "action": "test_start", "test": result.test }))?;
        for subtest in &result.subtests {
            let mut line = json!({
                "action": "test_status", "test": result.test, "subtest": subtest.name, "status": subtest.status,
                "message": subtest.message,
            });
            expected(&mut line, subtest.expected.map(crate::report::Status::name));
            self.line(line)?;
        }
        let mut line = json!({
            "action": "test_end", "test": result.test, "status": result.status, "message": result.message,
            "extra": { "duration": result.duration, "console": result.console },
        });
        expected(&mut line, result.expected.map(crate::report::Status::name));
        self.line(line)
    }

    /// The run is over.
    pub fn end(&mut self) -> io::Result<()> {
        self.line(json!({ "action": "suite_end" }))
    }

    fn line(&mut self, mut line: Value) -> io::Result<()> {
        line["time"] = now().into();
        line["source"] = "longhaul-wpt".into();
        line["pid"] = std::process::id().into();
        let mut text = line.to_string();
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }
}

fn expected(line: &mut Value, expected: Option<&str>) {
    if let Some(expected) = expected {
        line["expected"] = expected.into();
    }
}
