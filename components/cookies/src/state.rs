//! The cookies of a jar, by partition and site.

use std::collections::HashMap;

use crate::config::Limits;
use crate::cookie::{Cookie, CookieChange};
use crate::domain::{domain_matches, site_of};
use crate::eviction::{PreferSecure, in_order_of_eviction};
use crate::path::path_matches;
use crate::persistence::Writer;
use crate::site::{CookieKey, Fields, Site};

#[derive(Default)]
pub(crate) struct State {
    /// The unpartitioned cookies are those of the empty key.
    pub(crate) partitions: HashMap<String, Partition>,
    pub(crate) total: usize,
    pub(crate) last_creation: i64,
    /// What changed, if somebody wants to know.
    pub(crate) changes: Option<Vec<CookieChange>>,
}

/// The sites of a partition by registrable domain.
pub(crate) type Partition = HashMap<String, Site>;

pub(crate) const UNPARTITIONED: &str = "";

impl State {
    pub(crate) fn site(&self, partition: &str, domain: &str) -> Option<&Site> {
        self.partitions.get(partition)?.get(site_of(domain))
    }

    pub(crate) fn site_mut(&mut self, partition: &str, domain: &str) -> &mut Site {
        let sites = self.partitions.entry(partition.to_owned()).or_default();
        sites.entry(site_of(domain).to_owned()).or_default()
    }

    /// Whether a secure cookie of this name would be hidden by a new one of this key.
    pub(crate) fn hides_secure_cookie(&self, partition: &str, new: &CookieKey, now: i64) -> bool {
        let cookies = self.site(partition, &new.domain).into_iter().flat_map(Site::iter);
        cookies.filter(|(_, fields)| fields.secure && !fields.is_expired(now)).any(|(key, _)| {
            key.name == new.name
                && (domain_matches(&key.domain, &new.domain) || domain_matches(&new.domain, &key.domain))
                && path_matches(&new.path, &key.path)
        })
    }

    /// Every cookie: its partition, its key, its value and its fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &CookieKey, &str, &Fields)> {
        self.partitions.iter().flat_map(|(partition, sites)| {
            sites.values().flat_map(move |site| {
                let cookies = site.iter();
                cookies.map(move |(key, fields)| {
                    (partition.as_str(), key, site.value(key).unwrap_or_default(), fields)
                })
            })
        })
    }

    /// Removes a cookie, and gives it back as it is shown if somebody watches.
    pub(crate) fn remove(
        &mut self,
        partition: &str,
        key: &CookieKey,
        writer: Option<&Writer>,
    ) -> Option<Cookie> {
        let sites = self.partitions.get_mut(partition)?;
        let site_name = site_of(&key.domain);
        let site = sites.get_mut(site_name)?;
        let value = self.changes.is_some().then(|| site.value(key).unwrap_or_default().to_owned());
        let removed = site.remove(key)?;
        self.total -= 1;
        if site.is_empty() {
            sites.remove(site_name);
        }
        if sites.is_empty() {
            self.partitions.remove(partition);
        }
        if let Some(writer) = writer.filter(|_| removed.expires.is_some()) {
            writer.delete(partition, key);
        }
        value.map(|value| Cookie::new(partition, key, &value, &removed))
    }

    /// Notes a change for those who watch.
    pub(crate) fn note(&mut self, change: CookieChange) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    fn evict_one(&mut self, partition: &str, key: &CookieKey, writer: Option<&Writer>) {
        if let Some(evicted) = self.remove(partition, key, writer) {
            self.note(CookieChange::Evicted(evicted));
        }
    }

    /// Removes what is more than the limits allow.
    pub(crate) fn evict(
        &mut self,
        partition: &str,
        domain: &str,
        now: i64,
        limits: Limits,
        writer: Option<&Writer>,
    ) {
        // Among the cookies of the domain that has just got one.
        let site = self.site(partition, domain).filter(|site| site.len() > limits.per_domain);
        if let Some(site) = site {
            let sharing: Vec<_> = site.iter().filter(|(key, _)| key.domain == domain).collect();
            let excess = sharing.len().saturating_sub(limits.per_domain);
            let sharing = sharing.into_iter().map(|(key, fields)| ((), key, fields));
            let victims = in_order_of_eviction(sharing, now, PreferSecure::Yes);
            for ((), key) in victims.into_iter().take(excess) {
                self.evict_one(partition, &key, writer);
            }
        }
        // Among all, some more than needed, so that not every new cookie looks at all others.
        if self.total > limits.total {
            let excess = self.total - limits.total + limits.total / 20;
            let all = self.partitions.iter().flat_map(|(partition, sites)| {
                sites.values().flat_map(Site::iter).map(move |(key, fields)| (partition.clone(), key, fields))
            });
            let victims = in_order_of_eviction(all, now, PreferSecure::No);
            for (partition, key) in victims.into_iter().take(excess) {
                self.evict_one(&partition, &key, writer);
            }
        }
    }
}
