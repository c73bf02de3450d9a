//! What the display shows: one description of a background fetch, and the things that happen.

use serde::{Deserialize, Serialize};

/// A background fetch as the user sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchReport {
    /// The unique key in the profile.
    pub key: String,
    /// The registration's id, which the page chose.
    pub id: String,
    /// Whose it is.
    pub origin: String,
    /// The title that the page gave it.
    pub title: String,
    /// Bytes received.
    pub downloaded: u64,
    /// Bytes that the page said there would be; 0 if it did not say.
    pub download_total: u64,
    /// Bytes sent.
    pub uploaded: u64,
    /// Bytes to send.
    pub upload_total: u64,
    /// Empty, `success` or `failure`.
    pub result: String,
    /// Empty, or why it failed.
    pub failure_reason: String,
    /// Whether it is paused.
    pub paused: bool,
}

impl FetchReport {
    /// How it stands, in a word or two.
    pub fn state(&self) -> String {
        match (self.result.as_str(), self.failure_reason.as_str()) {
            ("", _) if self.paused => "paused".to_owned(),
            ("", _) => "active".to_owned(),
            (result, "") => result.to_owned(),
            (result, reason) => format!("{result} ({reason})"),
        }
    }
}

/// Something that the display shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A background fetch began, or was restored from the profile.
    Registered(FetchReport),
    /// Bytes moved, or its title changed.
    Progress(FetchReport),
    /// The user paused it, or it waits for permission.
    Paused(FetchReport),
    /// It goes on.
    Resumed(FetchReport),
    /// It is over.
    Settled(FetchReport),
    /// Its worker gave it another title.
    Retitled(FetchReport),
    /// Nothing is left of it.
    Removed(FetchReport),
    /// An event was dispatched to a service worker.
    WorkerEvent {
        /// The background fetch it is about, if it is about one.
        fetch: Option<FetchReport>,
        /// The event's type.
        kind: String,
        /// What became of it: `delivered`, `rejected`, ….
        outcome: String,
        /// More on the outcome, if there is more.
        detail: String,
    },
    /// A script wrote to its console.
    Console {
        /// `window` or `service-worker`.
        agent: &'static str,
        /// `log`, `warn`, `error`, ….
        level: String,
        /// The text.
        message: String,
    },
    /// A line for people, already complete.
    Line(String),
}

#[derive(Serialize)]
struct FetchLine<'a> {
    event: &'static str,
    #[serde(flatten)]
    report: &'a FetchReport,
}

#[derive(Serialize)]
struct WorkerEventLine<'a> {
    event: &'static str,
    key: &'a str,
    id: &'a str,
    origin: &'a str,
    r#type: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

#[derive(Serialize)]
struct ConsoleLine<'a> {
    event: &'static str,
    agent: &'a str,
    level: &'a str,
    message: &'a str,
}

impl Event {
    /// The key of the background fetch that it tells of.
    pub(super) fn key(&self) -> Option<&String> {
        match self {
            Event::Registered(report)
            | Event::Progress(report)
            | Event::Paused(report)
            | Event::Resumed(report)
            | Event::Settled(report)
            | Event::Retitled(report)
            | Event::Removed(report) => Some(&report.key),
            Event::WorkerEvent { fetch, .. } => fetch.as_ref().map(|report| &report.key),
            Event::Console { .. } | Event::Line(_) => None,
        }
    }

    /// The event's line of JSON, where there is one.
    pub fn to_json(&self) -> Option<String> {
        let fetch = |event, report| crate::escape::json_line(&FetchLine { event, report });
        let line = match self {
            Event::Registered(report) => fetch("registered", report),
            Event::Progress(report) => fetch("progress", report),
            Event::Paused(report) => fetch("paused", report),
            Event::Resumed(report) => fetch("resumed", report),
            Event::Settled(report) => fetch("settled", report),
            Event::WorkerEvent { fetch, kind, outcome, detail } => {
                let (key, id, origin) = match fetch {
                    Some(report) => (report.key.as_str(), report.id.as_str(), report.origin.as_str()),
                    None => ("", "", ""),
                };
                let line =
                    WorkerEventLine { event: "worker-event", key, id, origin, r#type: kind, outcome, detail };
                crate::escape::json_line(&line)
            }
            Event::Console { agent, level, message } => {
                crate::escape::json_line(&ConsoleLine { event: "console", agent, level, message })
            }
            Event::Retitled(_) | Event::Removed(_) | Event::Line(_) => return None,
        };
        // Plain structures of strings and numbers always serialize.
        line.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_names_that_the_manual_gives() {
        let report = FetchReport {
            key: "7".into(),
            id: "my\u{1b}fetch".into(),
            failure_reason: "aborted".into(),
            result: "failure".into(),
            downloaded: 3,
            ..FetchReport::default()
        };
        let line = Event::Settled(report).to_json().expect("it has a line");
        assert!(!line.contains('\u{1b}'));
        let value: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(value["event"], "settled");
        assert_eq!(value["id"], "my\u{1b}fetch");
        assert_eq!(value["downloaded"], 3);
        for name in ["downloadTotal", "uploaded", "uploadTotal", "origin", "title", "key"] {
            assert!(value.get(name).is_some(), "{name}");
        }
        assert_eq!((&value["result"], &value["failureReason"]), (&"failure".into(), &"aborted".into()));
    }

    #[test]
    fn console_text_is_kept_exactly() {
        let event = Event::Console { agent: "window", level: "log".into(), message: "a\nb\u{9b}".into() };
        let line = event.to_json().expect("it has a line");
        let value: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(value["message"], "a\nb\u{9b}");
        assert!(!line.chars().any(char::is_control));
    }
}
