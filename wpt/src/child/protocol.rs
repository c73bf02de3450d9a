//! What the runner and a test's process say to each other.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::report::{Status, SubtestResult};

/// A test to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The page.
    pub url: String,
    /// The profile's folder, which nobody else uses. It is made if it is not there.
    pub profile: PathBuf,
    /// Whether the page's load is all that is wanted: a crash test.
    pub load_only: bool,
    /// After how many milliseconds to give up, if the page has not done so itself.
    pub limit: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What came of the test.
    pub status: Status,
    /// Why, for people.
    pub message: Option<String>,
    /// Its subtests.
    pub subtests: Vec<SubtestResult>,
    /// What the page printed, and what nobody caught in it.
    #[serde(default)]
    pub console: Vec<String>,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It is over.
    Over,
    /// The page wants to go on in a new process, with the profile as it is once this one has been killed.
    Restart,
}

impl Outcome {
    /// An outcome without subtests.
    pub(crate) fn without_subtests(status: Status, message: impl Into<String>) -> Outcome {
        Outcome {
            ending: Ending::Over,
            status,
            message: Some(message.into()),
            subtests: Vec::new(),
            console: Vec::new(),
        }
    }
}
