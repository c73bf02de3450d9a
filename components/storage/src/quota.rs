//! How many bytes of bodies each storage key may have.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a storage key would need more than it may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the quota of {limit} bytes is exceeded: {usage} are stored or reserved, {requested} more are needed"
)]
pub struct QuotaExceeded {
    /// What the storage key may have.
    pub limit: u64,
    /// What it has, reservations included.
    pub usage: u64,
    /// What was asked for on top.
    pub requested: u64,
}

/// The accounts of all storage keys.
#[derive(Clone)]
pub struct Quota {
    accounts: Arc<Mutex<Accounts>>,
}

struct Accounts {
    default_limit: u64,
    by_key: HashMap<String, Account>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    limit: Option<u64>,
    stored: u64,
    reserved: u64,
}

impl Quota {
    pub(crate) fn new(default_limit: u64) -> Self {
        Self { accounts: Arc::new(Mutex::new(Accounts { default_limit, by_key: HashMap::new() })) }
    }

    /// Sets what a storage key may have; `None` gives it the default again. What it already has stays.
    pub fn set_limit(&self, storage_key: &str, bytes: Option<u64>) {
        self.lock().change(storage_key, |account| account.limit = bytes);
    }

    /// How many bytes of bodies a storage key has, without reservations.
    pub fn usage(&self, storage_key: &str) -> u64 {
        self.lock().account(storage_key).stored
    }

    /// How many bytes are reserved for a storage key and not stored yet.
    pub fn reserved(&self, storage_key: &str) -> u64 {
        self.lock().account(storage_key).reserved
    }

    /// How many bytes a storage key may have: its own limit, or the default (a share of the disk).
    pub fn limit(&self, storage_key: &str) -> u64 {
        let accounts = self.lock();
        accounts.account(storage_key).limit.unwrap_or(accounts.default_limit)
    }

    /// Sets bytes aside for bodies to come, so that nobody else can take them.
    pub fn reserve(&self, storage_key: &str, bytes: u64) -> Result<Reservation, QuotaExceeded> {
        let mut accounts = self.lock();
        accounts.check(storage_key, bytes)?;
        accounts.change(storage_key, |account| account.reserved += bytes);
        drop(accounts);
        Ok(Reservation { quota: self.clone(), storage_key: storage_key.to_owned(), left: Mutex::new(bytes) })
    }

    /// Counts bytes that are about to be stored, first against the reservation.
    pub(crate) fn charge(
        &self,
        storage_key: &str,
        bytes: u64,
        reservation: Option<&Reservation>,
    ) -> Result<(), QuotaExceeded> {
        let mut left = reservation.map(|reservation| reservation.lock_left());
        let from_reservation = left.as_deref().map_or(0, |left| bytes.min(*left));
        let mut accounts = self.lock();
        accounts.check(storage_key, bytes - from_reservation)?;
        accounts.change(storage_key, |account| {
            account.reserved = account.reserved.saturating_sub(from_reservation);
            account.stored = account.stored.saturating_add(bytes);
        });
        if let Some(left) = left.as_deref_mut() {
            *left -= from_reservation;
        }
        Ok(())
    }

    /// Counts bytes that are stored already, whatever the limit.
    pub(crate) fn add_stored(&self, storage_key: &str, bytes: u64) {
        self.lock().change(storage_key, |account| account.stored = account.stored.saturating_add(bytes));
    }

    pub(crate) fn remove_stored(&self, storage_key: &str, bytes: u64) {
        self.lock().change(storage_key, |account| account.stored = account.stored.saturating_sub(bytes));
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    fn account(&self, storage_key: &str) -> Account {
        self.by_key.get(storage_key).copied().unwrap_or_default()
    }

    /// Changes an account; one in which nothing is left is forgotten.
    fn change(&mut self, storage_key: &str, change: impl FnOnce(&mut Account)) {
        let mut account = self.account(storage_key);
        change(&mut account);
        if account == Account::default() {
            self.by_key.remove(storage_key);
        } else if let Some(existing) = self.by_key.get_mut(storage_key) {
            *existing = account;
        } else {
            self.by_key.insert(storage_key.to_owned(), account);
        }
    }

    fn check(&self, storage_key: &str, requested: u64) -> Result<(), QuotaExceeded> {
        let account = self.account(storage_key);
        let limit = account.limit.unwrap_or(self.default_limit);
        let usage = account.stored.saturating_add(account.reserved);
        match usage.checked_add(requested) {
            Some(sum) if sum <= limit => Ok(()),
            // Nothing more is asked for: a limit lowered below the usage takes nothing away.
            _ if requested == 0 => Ok(()),
            _ => Err(QuotaExceeded { limit, usage, requested }),
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.lock().by_key.iter()).finish()
    }
}

/// Bytes set aside for a storage key. What is left of it is given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    quota: Quota,
    storage_key: String,
    left: Mutex<u64>,
}

impl Reservation {
    /// Gives back `bytes` of it, because as many are being stored. Call it before the bytes are appended; a
    /// writer that was [given the reservation](crate::BodyWriter::set_reservation) does it by itself.
    pub fn consume(&self, bytes: u64) {
        let mut left = self.lock_left();
        let consumed = bytes.min(*left);
        *left -= consumed;
        self.quota.lock().change(&self.storage_key, |account| {
            account.reserved = account.reserved.saturating_sub(consumed)
        });
    }

    /// Sets `bytes` more aside, for all who hold the reservation. If there is no room for all of them, none are.
    pub fn extend(&self, bytes: u64) -> Result<(), QuotaExceeded> {
        let mut left = self.lock_left();
        let mut accounts = self.quota.lock();
        accounts.check(&self.storage_key, bytes)?;
        accounts
            .change(&self.storage_key, |account| account.reserved = account.reserved.saturating_add(bytes));
        *left = left.saturating_add(bytes);
        Ok(())
    }

    /// How much of it is left.
    pub fn remaining(&self) -> u64 {
        *self.lock_left()
    }

    /// The storage key it is for.
    pub fn storage_key(&self) -> &str {
        &self.storage_key
    }

    fn lock_left(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.consume(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_keeps_others_out_and_is_given_back() {
        let quota = Quota::new(100);
        let reservation = quota.reserve("a", 60).expect("there is room");
        assert_eq!(
            quota.reserve("a", 41).map(|_| ()),
            Err(QuotaExceeded { limit: 100, usage: 60, requested: 41 })
        );
        assert!(quota.reserve("b", 100).is_ok(), "each key has its own account");
        quota.charge("a", 50, Some(&reservation)).expect("it was reserved");
        assert_eq!((quota.usage("a"), quota.reserved("a")), (50, 10));
        quota.charge("a", 45, Some(&reservation)).expect("10 reserved, 35 free");
        assert_eq!((quota.usage("a"), quota.reserved("a")), (95, 0));
        assert!(quota.charge("a", 6, Some(&reservation)).is_err());
        drop(reservation);
        quota.remove_stored("a", 95);
        assert!(quota.lock().by_key.is_empty(), "an empty account is forgotten");
    }

    #[test]
    fn a_limit_below_the_usage_takes_nothing_away() {
        let quota = Quota::new(100);
        quota.add_stored("a", 80);
        quota.set_limit("a", Some(10));
        assert_eq!(quota.usage("a"), 80);
        assert!(quota.charge("a", 0, None).is_ok());
        assert!(quota.charge("a", 1, None).is_err());
        quota.set_limit("a", None);
        assert!(quota.charge("a", 20, None).is_ok());
    }

    #[test]
    fn an_extended_reservation_is_one_reservation() {
        let quota = Quota::new(100);
        let reservation = quota.reserve("a", 40).expect("there is room");
        quota.charge("a", 30, Some(&reservation)).expect("it was reserved");
        reservation.extend(50).expect("30 stored, 10 reserved, 60 free");
        assert_eq!((quota.usage("a"), quota.reserved("a"), reservation.remaining()), (30, 60, 60));
        assert_eq!(reservation.extend(11), Err(QuotaExceeded { limit: 100, usage: 90, requested: 11 }));
        assert_eq!(reservation.remaining(), 60);
        drop(reservation);
        assert_eq!((quota.usage("a"), quota.reserved("a")), (30, 0));
    }

    #[test]
    fn sums_do_not_overflow() {
        let quota = Quota::new(u64::MAX);
        quota.add_stored("a", u64::MAX - 1);
        assert!(quota.reserve("a", 2).is_err());
        assert!(quota.reserve("a", 1).is_ok());
    }
}
