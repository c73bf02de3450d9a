//! What is kept in memory: stored responses that were used of late, and their bodies where these are small.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::stored::{Key, Stored};

/// A body up to this size is kept.
pub(crate) const SMALL: u64 = 64 << 10;

/// A stored response in memory.
#[derive(Debug)]
pub(crate) struct Hot {
    pub(crate) stored: Arc<Stored>,
    /// All of its body, if it is small and was read.
    pub(crate) bytes: OnceLock<Bytes>,
    /// Its files were looked at in this session, or written in it.
    pub(crate) verified: AtomicBool,
}

impl Hot {
    pub(crate) fn new(stored: Stored) -> Hot {
        Hot { stored: Arc::new(stored), bytes: OnceLock::new(), verified: AtomicBool::new(false) }
    }

    fn size(&self) -> usize {
        let body = if self.stored.is_complete() { self.stored.length.unwrap_or(0) } else { 0 };
        // NOTE: counted whether it was read yet or not.
        self.stored.overhead() + if body <= SMALL { body as usize } else { 0 }
    }
}

/// Everything stored for one key.
struct Slot {
    entries: Vec<Arc<Hot>>,
    tick: u64,
    size: usize,
}

/// Keys and all of what is stored for them, bounded by bytes.
pub(crate) struct Memory {
    slots: HashMap<Key, Slot>,
    order: BTreeMap<u64, Key>,
    tick: u64,
    size: usize,
    capacity: usize,
}

impl Memory {
    pub(crate) fn new(capacity: usize) -> Memory {
        Memory { slots: HashMap::new(), order: BTreeMap::new(), tick: 0, size: 0, capacity }
    }

    pub(crate) fn get(&mut self, key: &Key) -> Option<Vec<Arc<Hot>>> {
        let slot = self.slots.get_mut(key)?;
        self.tick += 1;
        if let Some(key) = self.order.remove(&slot.tick) {
            self.order.insert(self.tick, key);
        }
        slot.tick = self.tick;
        Some(slot.entries.clone())
    }

    /// Puts what is stored for a key in the place of what was. What is known of the same files stays known.
    pub(crate) fn set(&mut self, key: &Key, entries: Vec<Arc<Hot>>) -> Vec<Arc<Hot>> {
        let before = self.remove(key);
        for entry in &entries {
            let files = |hot: &Hot| hot.stored.parts.iter().map(|part| part.file).collect::<Vec<_>>();
            let same = before.iter().find(|known| {
                known.stored.id == entry.stored.id && files(known) == files(entry) && !files(entry).is_empty()
            });
            if let Some(same) = same {
                if let Some(bytes) = same.bytes.get() {
                    // It is as new as the entry, so nobody has set it.
                    let _ = entry.bytes.set(bytes.clone());
                }
                entry.verified.fetch_or(same.verified.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        if entries.is_empty() {
            return entries;
        }
        let size = entries.iter().map(|entry| entry.size()).sum();
        if size > self.capacity {
            return entries;
        }
        self.tick += 1;
        self.size += size;
        self.order.insert(self.tick, key.clone());
        self.slots.insert(key.clone(), Slot { entries: entries.clone(), tick: self.tick, size });
        while self.size > self.capacity
            && let Some((_, oldest)) = self.order.first_key_value()
        {
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
        entries
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Vec<Arc<Hot>> {
        let Some(slot) = self.slots.remove(key) else { return Vec::new() };
        self.order.remove(&slot.tick);
        self.size -= slot.size;
        slot.entries
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.order.clear();
        self.size = 0;
    }
}
