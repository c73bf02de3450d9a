//! Requests on their way: of several for the same, one goes to the network, and the others wait for what it brings.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::growing::Growing;
use crate::stored::{Key, Stored};

/// A response that is being written.
#[derive(Debug)]
pub(crate) struct Live {
    /// Without parts.
    pub(crate) stored: Arc<Stored>,
    pub(crate) growing: Arc<Growing>,
}

/// What became of a request on its way.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It is not known yet.
    Pending,
    /// Its response may be read along.
    Live(Arc<Live>),
    /// Its response is for nobody else.
    NotShared,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    outcome: watch::Receiver<Outcome>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Those that others wait for.
    flights: HashMap<Key, Flight>,
    /// All whose responses may be stored.
    tickets: HashMap<u64, (Key, Arc<AtomicBool>)>,
}

/// Whether somebody is on the way for a key already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// To be waited for, if nobody is.
    IfFree,
    /// Nobody waits for this one.
    Never,
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one for that key, to wait for.
    pub(crate) fn get(&self, key: &Key) -> Option<watch::Receiver<Outcome>> {
        self.lock().flights.get(key).map(|flight| flight.outcome.clone())
    }

    /// Goes on the way for that key.
    pub(crate) fn join(&self, key: &Key, lead: Lead) -> Ticket {
        let mut table = self.lock();
        table.next += 1;
        let number = table.next;
        let doomed = Arc::<AtomicBool>::default();
        table.tickets.insert(number, (key.clone(), Arc::clone(&doomed)));
        let sender = (lead == Lead::IfFree && !table.flights.contains_key(key)).then(|| {
            let (sender, outcome) = watch::channel(Outcome::Pending);
            table.flights.insert(key.clone(), Flight { number, outcome });
            sender
        });
        Ticket { flights: self.clone(), key: key.clone(), number, sender, doomed }
    }

    /// What is on its way for those keys is not to be stored any more, nor waited for.
    pub(crate) fn doom(&self, is_meant: impl Fn(&Key) -> bool) {
        let mut table = self.lock();
        for (key, doomed) in table.tickets.values() {
            if is_meant(key) {
                doomed.store(true, Ordering::Release);
            }
        }
        table.flights.retain(|key, _| !is_meant(key));
    }
}

/// A request on its way. Where others wait for it, dropping it tells them that nothing came of it.
#[derive(Debug)]
pub(crate) struct Ticket {
    flights: Flights,
    key: Key,
    number: u64,
    sender: Option<watch::Sender<Outcome>>,
    doomed: Arc<AtomicBool>,
}

impl Ticket {
    /// Whether others wait for it.
    pub(crate) fn leads(&self) -> bool {
        self.sender.is_some()
    }

    pub(crate) fn tell(&self, outcome: Outcome) {
        if let Some(sender) = &self.sender {
            sender.send_replace(outcome);
        }
    }

    /// Whether what it brings was made invalid before it came.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Acquire)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.flights.lock();
        table.tickets.remove(&self.number);
        if table.flights.get(&self.key).is_some_and(|flight| flight.number == self.number) {
            table.flights.remove(&self.key);
        }
    }
}
