//! What goes over the control socket: one line of JSON each way.

use serde::{Deserialize, Serialize};

use super::state::{StateAction, StateKind, StateReport};
use crate::display::FetchReport;

/// The longest line that is read. An id may have a megabyte, which JSON may spell in six.
pub(super) const LINE_LIMIT: u64 = 16 << 20;

/// What the user's side asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
pub enum Request {
    /// Every background fetch.
    List,
    /// One of them, with its records.
    Show {
        /// A unique key or an id.
        id: String,
    },
    /// Pause it.
    Pause {
        /// A unique key or an id.
        id: String,
    },
    /// Let it go on.
    Resume {
        /// A unique key or an id.
        id: String,
    },
    /// End it.
    Abort {
        /// A unique key or an id.
        id: String,
    },
    /// The user clicked it.
    Click {
        /// A unique key or an id.
        id: String,
    },
    /// There is a network.
    Online,
    /// There is none.
    Offline,
    /// What the profile remembers of sites.
    State {
        /// Of which kind; of each if none is named.
        kind: Option<StateKind>,
        /// What to do with it.
        action: StateAction,
        /// Of which origin; of each if none is named.
        origin: Option<String>,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// It was done; the text says what.
    Done(String),
    /// The background fetches, for [`Request::List`].
    List(Vec<FetchReport>),
    /// One of them, for [`Request::Show`].
    Show(Box<FetchDetails>),
    /// What is remembered, for [`Request::State`].
    State(Box<StateReport>),
    /// It could not be done; the text says why.
    Refused(String),
}

/// A background fetch with its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchDetails {
    /// The fetch itself.
    #[serde(flatten)]
    pub report: FetchReport,
    /// The scope of the service worker it belongs to.
    pub scope: String,
    /// Whether the user may pause it.
    pub pausable: bool,
    /// Its icons' addresses.
    pub icons: Vec<String>,
    /// Method and URL of each request, in order.
    pub requests: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_protocol_stay_what_they_are() {
        let line = serde_json::to_string(&Request::Pause { id: "my-fetch".into() }).expect("it serializes");
        assert_eq!(line, r#"{"command":"pause","id":"my-fetch"}"#);
        assert_eq!(
            serde_json::from_str::<Request>(r#"{"command":"list"}"#).expect("it parses"),
            Request::List
        );
        for bad in [r#"{"command":"format"}"#, r#"{"command":"pause"}"#, "[]", ""] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
        let reply = Reply::Refused("no".into());
        let line = serde_json::to_string(&reply).expect("it serializes");
        assert_eq!(serde_json::from_str::<Reply>(&line).expect("it parses"), reply);
    }

    #[test]
    fn details_go_there_and_back() {
        let details = FetchDetails {
            report: FetchReport { key: "1".into(), id: "a".into(), ..FetchReport::default() },
            scope: "http://localhost/".into(),
            pausable: true,
            icons: vec![],
            requests: vec!["GET http://localhost/a".into()],
        };
        let reply = Reply::Show(Box::new(details));
        let line = serde_json::to_string(&reply).expect("it serializes");
        assert_eq!(serde_json::from_str::<Reply>(&line).expect("it parses"), reply);
    }
}
