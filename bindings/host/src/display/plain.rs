//! Progress as lines of text.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::BinaryBytes;

use super::report::{Event, FetchReport};
use crate::escape::{printable, shortened};

/// How often one background fetch gets a progress line.
const EVERY: Duration = Duration::from_secs(1);

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Makes the lines; it writes nothing.
#[derive(Debug, Default)]
pub(super) struct Plain {
    /// For each key: when its last line was made, and at which byte that line stood.
    last: HashMap<String, (Duration, u64)>,
}

impl Plain {
    /// The line for an event at `now`, a monotonic time; none if it comes too soon after the last.
    pub(super) fn line(&mut self, event: &Event, now: Duration) -> Option<(Stream, String)> {
        match event {
            Event::Registered(report) => {
                self.last.insert(report.key.clone(), (now, moved(report)));
                let begun = if moved(report) > 0 { "goes on" } else { "begins" };
                Some((Stream::Output, format!("{}: {begun}, {}", name(report), amount(report))))
            }
            Event::Progress(report) => {
                let moved = moved(report);
                let (then, before) = self.last.get(&report.key).copied().unwrap_or_default();
                let passed = now.saturating_sub(then);
                if passed < EVERY || moved == before {
                    return None;
                }
                self.last.insert(report.key.clone(), (now, moved));
                let rate = moved.saturating_sub(before) as f64 / passed.as_secs_f64();
                let mut line =
                    format!("{}: {}, {}/s", name(report), amount(report), BinaryBytes(rate as u64));
                let left = total(report).saturating_sub(moved);
                if left > 0 && rate >= 1.0 {
                    line.push_str(&format!(", {} s left", (left as f64 / rate).ceil() as u64));
                }
                Some((Stream::Output, line))
            }
            Event::Paused(report) => {
                Some((Stream::Output, format!("{}: paused, {}", name(report), amount(report))))
            }
            Event::Resumed(report) => {
                Some((Stream::Output, format!("{}: resumed, {}", name(report), amount(report))))
            }
            Event::Settled(report) => {
                self.last.remove(&report.key);
                Some((Stream::Output, format!("{}: {}, {}", name(report), report.state(), amount(report))))
            }
            Event::Removed(report) => {
                let told = !report.result.is_empty() || self.last.remove(&report.key).is_none();
                (!told).then(|| (Stream::Output, format!("{}: removed", name(report))))
            }
            other => side_line(other),
        }
    }
}

/// Lines that look the same beside bars and beside plain lines.
pub(super) fn side_line(event: &Event) -> Option<(Stream, String)> {
    match event {
        Event::WorkerEvent { fetch, kind, outcome, detail } => {
            let whose = fetch.as_ref().map(|report| format!("{}: ", name(report))).unwrap_or_default();
            let detail = if detail.is_empty() { String::new() } else { format!(": {}", printable(detail)) };
            Some((Stream::Output, format!("{whose}event {} {}{detail}", printable(kind), printable(outcome))))
        }
        Event::Retitled(report) => Some((Stream::Output, format!("{}: has a new title", name(report)))),
        Event::Console { agent, level, message } => {
            let level = if level == "log" { String::new() } else { format!(" {}", printable(level)) };
            Some((Stream::Error, format!("[{agent}{level}] {}", printable(message))))
        }
        Event::Line(line) => Some((Stream::Error, format!("longhaul: {}", printable(line)))),
        _ => None,
    }
}

/// Origin and title (or id, of a fetch without a title), each short enough for a line.
pub(super) fn name(report: &FetchReport) -> String {
    let title = if report.title.is_empty() { &report.id } else { &report.title };
    format!("{} “{}”", shortened(&report.origin, 60), shortened(title, 60))
}

/// Bytes moved both ways: the bar and the rate count uploads too.
pub(super) fn moved(report: &FetchReport) -> u64 {
    report.downloaded.saturating_add(report.uploaded)
}

/// What will have moved; 0 when the page did not say.
pub(super) fn total(report: &FetchReport) -> u64 {
    match report.download_total {
        0 => 0,
        total => total.saturating_add(report.upload_total),
    }
}

fn amount(report: &FetchReport) -> String {
    match total(report) {
        0 => format!("{}", BinaryBytes(moved(report))),
        total => format!("{} of {}", BinaryBytes(moved(report)), BinaryBytes(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(downloaded: u64) -> FetchReport {
        FetchReport {
            key: "1".into(),
            id: "a".into(),
            origin: "http://localhost:1".into(),
            title: "T\u{1b}[2J".into(),
            download_total: 4 * 1024 * 1024,
            downloaded,
            ..FetchReport::default()
        }
    }

    #[test]
    fn a_line_a_second_with_rate_and_rest() {
        let mut plain = Plain::default();
        let second = Duration::from_secs(1);
        let first = plain.line(&Event::Registered(report(0)), Duration::ZERO).expect("it is told").1;
        assert_eq!(first, "http://localhost:1 “T\\u{1b}[2J”: begins, 0 B of 4.00 MiB");
        assert_eq!(plain.line(&Event::Progress(report(1024)), second / 2), None);
        let line = plain.line(&Event::Progress(report(1024 * 1024)), second).expect("a second has gone").1;
        assert_eq!(line, "http://localhost:1 “T\\u{1b}[2J”: 1.00 MiB of 4.00 MiB, 1.00 MiB/s, 3 s left");
        assert_eq!(plain.line(&Event::Progress(report(1024 * 1024)), second * 3), None, "nothing moved");
        let settled = FetchReport { result: "failure".into(), failure_reason: "aborted".into(), ..report(5) };
        let line = plain.line(&Event::Settled(settled), second * 3).expect("the end is always told").1;
        assert!(line.ends_with("failure (aborted), 5 B of 4.00 MiB"), "{line}");
    }

    #[test]
    fn console_text_goes_to_the_error_stream_escaped() {
        let event = Event::Console { agent: "window", level: "warn".into(), message: "a\n\u{1b}c".into() };
        let line = Plain::default().line(&event, Duration::ZERO);
        assert_eq!(line, Some((Stream::Error, "[window warn] a\\n\\u{1b}c".into())));
    }
}
