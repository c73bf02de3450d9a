//! What no script caught, as one line for people: where, and what was thrown.

use std::sync::{Arc, Mutex, PoisonError};

use longhaul_quickjs::{ScriptError, ScriptErrorKind};

/// The script that runs, or else the page or worker: where something was thrown that does not know it itself, as `throw null`
/// does not. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Place(Arc<Mutex<String>>);

impl Place {
    pub(super) fn new(url: impl Into<String>) -> Place {
        Place(Arc::new(Mutex::new(url.into())))
    }

    /// Puts another one in its place.
    pub(super) fn set(&self, url: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = url.into();
    }

    fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells of uncaught exceptions, each as one line: file, line and what was thrown.
pub(super) fn error_reporter(
    place: Place,
    on_error: Arc<dyn Fn(String) + Send + Sync>,
) -> Box<dyn Fn(ScriptError)> {
    Box::new(move |error| {
        // Whoever ended the agent knows, and its end says why.
        if error.kind != ScriptErrorKind::Interrupted {
            on_error(line(&place, error));
        }
    })
}

fn line(place: &Place, error: ScriptError) -> String {
    let ScriptError { message, file, line, .. } = error;
    match (file.as_str(), line) {
        ("", _) if message.starts_with("unhandled rejection:") => format!("{}: {message}", place.get()),
        ("", _) => format!("{}: uncaught {message}", place.get()),
        (file, 0) => format!("{file}: {message}"),
        (file, line) => format!("{file}:{line}: {message}"),
    }
}
