//! `run` and `update-expectations`.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use super::options::{RunOptions, UpdateOptions, own_expectations};
use super::{Failure, selected, server_of};
use crate::checkout::{Checkout, Kind, Test};
use crate::expectations::Expectations;
use crate::report::{Counts, JsonLog, Report, Status, TestResult, table};
use crate::run::{RunOptions as HowToRun, differences, run as run_all};

/// How many lines of what a page printed are shown with a test that brought surprises.
const CONSOLE_LINES: usize = 5;

/// The best that a test itself can come to.
fn best(test: &Test) -> Status {
    match test.kind {
        Kind::Testharness => Status::Ok,
        Kind::Crash => Status::Pass,
    }
}

/// Runs the command.
pub(super) fn run(options: &RunOptions) -> Result<ExitCode, Failure> {
    let (checkout, tests) = selected(&options.select)?;
    let expectations = match options.expectations.as_deref() {
        Some("none") => Expectations::default(),
        Some(folder) => Expectations::read(folder.as_ref())?,
        None => Expectations::read(&own_expectations())?,
    };
    let server = server_of(options, &checkout)?;
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let how = HowToRun {
        jobs: options.jobs.map_or(2 * processors, usize::from),
        timeout_multiplier: options.timeout_multiplier,
        program: std::env::current_exe()?,
    };
    let names: Vec<&str> = tests.iter().map(|test| test.id.as_str()).collect();
    let mut log = options.log_json.as_deref().map(|path| JsonLog::create(path, &names)).transpose()?;
    let mut report = Report::begin("longhaul", env!("CARGO_PKG_VERSION"));
    let mut surprises = 0;
    let mut runs = Vec::new();
    let began = Instant::now();
    let mut log_failure = None;
    for number in 1..=options.rerun {
        let mut ended = 0;
        let results = run_all(&tests, &server, &how, |index, result| {
            ended += 1;
            let mut judged = result.clone();
            let found = expectations.judge(&mut judged, best(&tests[index]));
            surprises += found.len();
            show(&judged, &found, options.verbose, (ended, tests.len()));
            if let Some(Err(error)) = log.as_mut().map(|log| log.test(&judged)) {
                log_failure = Some(error);
            }
        })?;
        if options.rerun > 1 {
            println!("run {number} of {}: {}", options.rerun, Counts::of(&results));
        }
        runs.push(results);
    }
    if let Some(error) = log_failure {
        return Err(error.into());
    }
    if let Some(log) = &mut log {
        log.end()?;
    }
    let unstable = differences(&runs);
    for (test, subtest, statuses) in &unstable {
        let statuses: Vec<_> = statuses.iter().map(|status| status.map_or("nothing", Status::name)).collect();
        println!(
            "not the same each time: {}: {test} | {}",
            statuses.join(", "),
            subtest.as_deref().unwrap_or("the test itself")
        );
    }
    // The last run is the one that is reported.
    report.results = runs.pop().unwrap_or_default();
    for (result, test) in report.results.iter_mut().zip(&tests) {
        expectations.judge(result, best(test));
    }
    report.end();
    if let Some(path) = &options.log_wptreport {
        report.write(path)?;
    }
    let selected: HashMap<&str, ()> = names.iter().map(|name| (*name, ())).collect();
    let without_reason: Vec<_> = expectations
        .without_reason()
        .into_iter()
        .filter(|test| selected.contains_key(test.as_str()))
        .collect();
    for test in &without_reason {
        println!("an expectation without a reason: {test}");
    }
    println!("\n{}", table(&report.results));
    println!("{}", Counts::of(&report.results));
    println!(
        "{} tests in {:.1} s, {} at a time; {surprises} unexpected results",
        report.results.len(),
        began.elapsed().as_secs_f64(),
        how.jobs
    );
    let as_expected = surprises == 0 && unstable.is_empty() && without_reason.is_empty();
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells of a test that is over, if there is something to tell.
fn show(
    result: &TestResult,
    surprises: &[crate::expectations::Surprise],
    verbose: bool,
    (ended, all): (usize, usize),
) {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if verbose {
        let counts = Counts::of([result]);
        line(format!("[{ended}/{all}] {} {}/{} {}", result.status, counts.passed, counts.all, result.test));
        if let Some(message) = &result.message {
            line(format!("    {}", message.escape_debug()));
        }
        for subtest in result.subtests.iter().filter(|subtest| subtest.status != Status::Pass) {
            let message = subtest.message.as_deref().unwrap_or_default();
            line(format!(
                "    {} {} :: {}",
                subtest.status,
                subtest.name.escape_debug(),
                message.escape_debug()
            ));
        }
        for printed in &result.console {
            line(format!("    | {}", printed.escape_debug()));
        }
    } else if !surprises.is_empty() {
        for surprise in surprises {
            line(format!("{}", surprise.to_string().escape_debug()));
            if let Some(message) = &surprise.message {
                line(format!("    {}", message.escape_debug()));
            }
        }
        for printed in result.console.iter().take(CONSOLE_LINES) {
            line(format!("    | {}", printed.escape_debug()));
        }
    }
    // A reader that has seen enough is no fault.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Writes expectations from a report.
pub(super) fn update_expectations(options: &UpdateOptions) -> Result<ExitCode, Failure> {
    let checkout = Checkout::open(&options.wpt)?;
    let folder = options.expectations.clone().unwrap_or_else(own_expectations);
    let report = Report::read(&options.report)?;
    let mut expectations = Expectations::read(&folder)?;
    expectations.update(&report.results);
    let tests = checkout.tests(&[])?;
    let known: HashMap<&str, &Test> = tests.iter().map(|test| (test.id.as_str(), test)).collect();
    let mut sources: Vec<&str> = Vec::new();
    for result in &report.results {
        match known.get(result.test.as_str()) {
            Some(test) => sources.push(&test.source),
            None => {
                return Err(format!("{}: no such test in {}", result.test, checkout.root().display()).into());
            }
        }
    }
    sources.sort_unstable();
    sources.dedup();
    let written: Vec<Test> =
        tests.iter().filter(|test| sources.binary_search(&test.source.as_str()).is_ok()).cloned().collect();
    expectations.write(&folder, &written)?;
    let without_reason = expectations.without_reason();
    for test in &without_reason {
        println!("say why: {test}");
    }
    println!("{} tests want a reason", without_reason.len());
    Ok(ExitCode::SUCCESS)
}
