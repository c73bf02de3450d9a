//! What `longhaul run` shows: bars, plain lines, JSON lines or nothing.
//!
//! Everything is written by one thread of its own, so that a terminal or a pipe that does not keep up holds back no
//! download: progress that waits to be written is replaced by newer progress of the same background fetch, what else happens
//! to background fetches waits in the queue, and only a script that writes to its console faster than that is made to wait.

mod bars;
mod plain;
mod report;

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use indicatif::MultiProgress;

use bars::Bars;
use plain::{Plain, Stream, side_line};
pub use report::{Event, FetchReport};

/// How many events may wait to be written before consoles have to wait.
const QUEUE: usize = 4096;

/// The form of `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressForm {
    /// Bars on a terminal, plain lines elsewhere.
    Auto,
    /// One bar a background fetch.
    Bars,
    /// Lines of text.
    Plain,
    /// Lines of JSON on standard output.
    Json,
    /// No progress; consoles and errors only.
    None,
}

/// The thread that writes, and the way to it.
#[derive(Debug)]
pub struct Display {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// The queue has something, or is closed.
    filled: Condvar,
    /// The queue has room.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    closed: bool,
}

impl Display {
    /// Starts the display.
    pub fn start(form: ProgressForm) -> std::io::Result<Display> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let mut writer = Writer::new(form);
        let thread =
            std::thread::Builder::new().name("display".into()).spawn(move || writer.run(&of_thread))?;
        Ok(Display { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Shows an event. Only what a script writes to its console ever waits for room.
    pub fn show(&self, event: Event) {
        let mut queue = self.shared.lock();
        if matches!(event, Event::Console { .. }) {
            while queue.events.len() >= QUEUE && !queue.closed {
                queue = self.shared.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if !queue.closed {
            queue.push(event);
            self.shared.filled.notify_one();
        }
    }

    /// A line for people.
    pub fn line(&self, text: impl Into<String>) {
        self.show(Event::Line(text.into()));
    }

    /// Waits until everything has been written. Further events are not shown.
    pub fn finish(&self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
        self.shared.drained.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the writer has been printed by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next event; none once the queue is closed and empty.
    fn next(&self) -> Option<Event> {
        let mut queue = self.lock();
        loop {
            if let Some(event) = queue.events.pop_front() {
                self.drained.notify_one();
                return Some(event);
            }
            if queue.closed {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn push(&mut self, event: Event) {
        // Newer progress says all that the waiting one would, as long as nothing of that fetch stands between the two.
        if let Event::Progress(report) = &event {
            let last = self.events.iter_mut().rev().find(|waiting| waiting.key() == Some(&report.key));
            if let Some(waiting @ Event::Progress(_)) = last {
                *waiting = event;
                return;
            }
        }
        self.events.push_back(event);
    }
}

enum Writer {
    Bars(Bars),
    Plain(Plain, Instant),
    Json,
    None,
}

impl Writer {
    fn new(form: ProgressForm) -> Writer {
        match form {
            ProgressForm::Auto if std::io::stderr().is_terminal() => {
                Writer::Bars(Bars::new(MultiProgress::new()))
            }
            ProgressForm::Bars => Writer::Bars(Bars::new(MultiProgress::new())),
            ProgressForm::Auto | ProgressForm::Plain => Writer::Plain(Plain::default(), Instant::now()),
            ProgressForm::Json => Writer::Json,
            ProgressForm::None => Writer::None,
        }
    }

    fn run(&mut self, events: &Shared) {
        while let Some(event) = events.next() {
            match self {
                Writer::Bars(bars) => bars.show(&event),
                Writer::Plain(plain, start) => write(plain.line(&event, start.elapsed())),
                Writer::Json => match event.to_json() {
                    Some(line) => write(Some((Stream::Output, line))),
                    None => write(people(&event)),
                },
                Writer::None => write(people(&event)),
            }
        }
        if let Writer::Bars(bars) = self {
            bars.finish();
        }
    }
}

/// What people are told where no progress is shown: what goes to standard error.
fn people(event: &Event) -> Option<(Stream, String)> {
    side_line(event).filter(|(stream, _)| *stream == Stream::Error)
}

/// A reader that went away takes its lines with it; the downloads go on.
fn write(line: Option<(Stream, String)>) {
    let _ = match line {
        Some((Stream::Output, line)) => {
            let mut output = std::io::stdout().lock();
            writeln!(output, "{line}").and_then(|()| output.flush())
        }
        Some((Stream::Error, line)) => writeln!(std::io::stderr().lock(), "{line}"),
        None => Ok(()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_progress_is_replaced_but_never_moved_past_another_event() {
        let progress = |key: &str, downloaded| {
            Event::Progress(FetchReport { key: key.into(), downloaded, ..FetchReport::default() })
        };
        let mut queue = Queue::default();
        let paused = Event::Paused(FetchReport { key: "a".into(), ..FetchReport::default() });
        let events = [
            progress("a", 1),
            progress("b", 1),
            progress("a", 2),
            paused.clone(),
            progress("a", 3),
            progress("b", 2),
        ];
        for event in events {
            queue.push(event);
        }
        assert_eq!(Vec::from(queue.events), [progress("a", 2), progress("b", 2), paused, progress("a", 3)]);
    }
}
