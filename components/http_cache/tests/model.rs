//! The cache against a small model of it.
//!
//! `LONGHAUL_CACHE_OPERATIONS` sets how many random operations are tried (100,000 is the full count; a default run does
//! 3,000), `LONGHAUL_SEED` from which number they are made.

#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;

use std::collections::HashMap;

use longhaul_http_cache::{CacheMode, Config, Headers, Lookup};
use longhaul_storage::Location;

use support::{Reply, Rig, get, header, method, mode, reply, with};

/// A number of an environment variable, or another.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// <https://prng.di.unimi.it/splitmix64.c>, in our own words: a number, and the next one.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What the server has at a URL.
#[derive(Clone)]
struct Resource {
    version: u64,
    max_age: u64,
    varies: bool,
    storable: bool,
    has_etag: bool,
    length: usize,
}

impl Resource {
    fn random(version: u64, random: &mut Random) -> Resource {
        Resource {
            version,
            max_age: random.below(40),
            varies: random.below(3) == 0,
            storable: random.below(5) != 0,
            has_etag: random.below(2) == 0,
            length: random.below(300) as usize + 10,
        }
    }

    fn body(&self, variant: &str) -> String {
        let variant = if self.varies { variant } else { "" };
        let line = format!("version {} for {variant};", self.version);
        line.chars().cycle().take(self.length).collect()
    }

    fn etag(&self, variant: &str) -> String {
        format!("\"{}{}\"", self.version, if self.varies { variant } else { "" })
    }

    fn answer(&self, sent: &Headers, variant: &str) -> Reply {
        let control = format!("{}max-age={}", if self.storable { "" } else { "no-store, " }, self.max_age);
        let etag = self.etag(variant);
        let mut headers = vec![("Cache-Control", control.as_str())];
        if self.varies {
            headers.push(("Vary", "Variant"));
        }
        if self.has_etag {
            headers.push(("ETag", etag.as_str()));
        }
        if self.has_etag && header(sent, "If-None-Match").as_deref() == Some(etag.as_str()) {
            return reply(304, &headers, "");
        }
        reply(200, &headers, &self.body(variant))
    }
}

/// What the model knows to be stored.
struct Entry {
    /// None where the response answers all variants.
    variant: Option<String>,
    resource: Resource,
    answered: String,
    stored_at: u64,
    sequence: u64,
}

#[derive(Default)]
struct Model {
    entries: HashMap<(String, String), Vec<Entry>>,
    sequence: u64,
}

impl Model {
    fn selected(&self, key: &(String, String), variant: &str) -> Option<&Entry> {
        let matching = self.entries.get(key)?.iter();
        matching
            .filter(|entry| entry.variant.as_deref().is_none_or(|known| known == variant))
            .max_by_key(|entry| (entry.stored_at, entry.sequence))
    }

    fn remove_matching(&mut self, key: &(String, String), variant: &str) {
        if let Some(entries) = self.entries.get_mut(key) {
            entries.retain(|entry| entry.variant.as_deref().is_some_and(|known| known != variant));
        }
    }

    fn store(&mut self, key: &(String, String), variant: &str, resource: &Resource, now: u64) {
        self.remove_matching(key, variant);
        self.sequence += 1;
        let entry = Entry {
            variant: resource.varies.then(|| variant.to_owned()),
            resource: resource.clone(),
            answered: resource.body(variant),
            stored_at: now,
            sequence: self.sequence,
        };
        self.entries.entry(key.clone()).or_default().push(entry);
    }
}

#[tokio::test]
async fn the_cache_does_what_a_small_model_of_it_does() {
    let seed = setting("LONGHAUL_SEED", 1);
    let operations = setting("LONGHAUL_CACHE_OPERATIONS", 3_000);
    println!("seed {seed}, {operations} operations");
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::at(Location::Directory(folder.path().join("profile")), Config::default());
    let mut model = Model::default();
    let mut resources: HashMap<String, Resource> = HashMap::new();
    let (mut now, mut version, mut hits, mut validated) = (0, 0, 0_u64, 0_u64);
    for operation in 0..operations {
        let url = format!("https://{}.example/{}", ["a", "b"][random.below(2) as usize], random.below(12));
        let partition = ["p", "q"][random.below(2) as usize].to_owned();
        let key = (partition.clone(), url.clone());
        let variant = ["1", "2"][random.below(2) as usize];
        let context = format!("seed {seed}, operation {operation}: {key:?} {variant}");
        let resource = resources
            .entry(url.clone())
            .or_insert_with(|| {
                version += 1;
                Resource::random(version, &mut random)
            })
            .clone();
        let mut request = with(get(&url), &[("Variant", variant)]);
        request.partition = partition;
        match random.below(20) {
            0 => {
                version += 1;
                resources.insert(url.clone(), Resource::random(version, &mut random));
            }
            1 => {
                rig.pass(5);
                now += 5;
            }
            2 => {
                rig.ask(method(request, "POST"), |_| reply(200, &[], "")).await;
                model.entries.remove(&key);
            }
            3 if random.below(20) == 0 => {
                let origin = request.url.origin();
                rig.cache.clear(Some(&origin)).await.unwrap();
                let host = request.url.host_str().unwrap().to_owned();
                model.entries.retain(|(_, url), _| !url.contains(&format!("//{host}/")));
            }
            4 => {
                let selected = model.selected(&key, variant).map(|entry| entry.answered.clone());
                match rig.cache.lookup(mode(request, CacheMode::OnlyIfCached)).await {
                    Lookup::Stored(answer) => {
                        let body = support::read(answer.body).await.unwrap();
                        assert_eq!(Some(String::from_utf8_lossy(&body).into_owned()), selected, "{context}");
                    }
                    _ => assert_eq!(None, selected, "{context}"),
                }
            }
            5 => {
                // A part of what is there, or of what is not.
                let selected = model
                    .selected(&key, variant)
                    .filter(|entry| entry.stored_at + entry.resource.max_age > now)
                    .map(|entry| entry.answered[2..6].to_owned());
                let came = rig.ask(with(request, &[("Range", "bytes=2-5")]), |_| reply(500, &[], "")).await;
                assert_eq!(came.is_from_cache(), selected.is_some(), "{context}");
                if let Some(selected) = selected {
                    assert_eq!((came.status, came.text()), (206, selected), "{context}");
                }
            }
            6 => rig.cache.flush().await.unwrap(),
            kind => {
                let chosen = match kind {
                    7 => CacheMode::NoCache,
                    8 => CacheMode::Reload,
                    9 => CacheMode::NoStore,
                    10 | 11 => CacheMode::ForceCache,
                    _ => CacheMode::Default,
                };
                let came = rig.ask(mode(request, chosen), |sent| resource.answer(sent, variant)).await;
                let selected = model
                    .selected(&key, variant)
                    .filter(|_| !matches!(chosen, CacheMode::Reload | CacheMode::NoStore));
                let fresh = selected.filter(|entry| {
                    chosen == CacheMode::ForceCache
                        || chosen == CacheMode::Default && entry.stored_at + entry.resource.max_age > now
                });
                if let Some(entry) = fresh {
                    hits += 1;
                    assert!(came.is_from_cache(), "{context}");
                    assert_eq!(came.text(), entry.answered, "{context}");
                    continue;
                }
                assert!(!came.is_from_cache(), "{context}");
                let validates = selected
                    .filter(|entry| entry.resource.has_etag)
                    .map(|entry| entry.resource.etag(entry.variant.as_deref().unwrap_or(variant)));
                assert_eq!(came.sent("If-None-Match"), validates, "{context}");
                assert_eq!(came.text(), resource.body(variant), "{context}");
                if chosen == CacheMode::NoStore {
                    continue;
                }
                if resource.has_etag && validates == Some(resource.etag(variant)) {
                    // What is stored is what it was, with the new headers.
                    validated += 1;
                    let sequence = selected.map(|entry| entry.sequence);
                    let entries = model.entries.entry(key).or_default();
                    if let Some(entry) = entries.iter_mut().find(|entry| Some(entry.sequence) == sequence) {
                        entry.stored_at = now;
                    }
                } else if resource.storable {
                    model.store(&key, variant, &resource, now);
                } else {
                    model.remove_matching(&key, variant);
                }
            }
        }
        // Now and then what is in memory is forgotten.
        if operation % 2000 == 1999 {
            let count: usize = model.entries.values().map(Vec::len).sum();
            assert_eq!(rig.cache.list(None).await.unwrap().len(), count, "{context}");
            rig = rig.reopened();
        }
    }
    println!("{hits} hits, {validated} validated");
    assert!(hits > operations / 20 && validated > operations / 200);
}
