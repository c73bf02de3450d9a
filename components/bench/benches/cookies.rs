//! What the cookies of one request cost among 10,000, beside a map from hosts to what they have.

#![allow(missing_docs)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use longhaul_cookies::{CookieJar, RetrievalContext};
use longhaul_storage::SystemClock;
use url::Url;

const SITES: usize = 500;
const EACH: usize = 20;
const ROUNDS: usize = 20_000;

fn main() {
    let jar = CookieJar::new(Arc::new(SystemClock::new()));
    let context = RetrievalContext::default();
    let mut map: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let urls: Vec<Url> = (0..SITES)
        .map(|site| format!("https://www.site-{site}.example/a/page").parse().expect("it is a URL"))
        .collect();
    for url in &urls {
        for number in 0..EACH {
            let (name, value) = (format!("name{number}"), format!("value-{number}-0123456789"));
            let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; Max-Age=86400");
            jar.set_cookie(url, cookie.as_bytes(), &context).expect("it may be set");
            map.entry(url.host_str().unwrap_or_default().to_owned()).or_default().push((name, value));
        }
    }
    assert_eq!(jar.len(), SITES * EACH);

    let start = Instant::now();
    for round in 0..ROUNDS {
        black_box(jar.cookie_header(&urls[round % SITES], &context).expect("there are some"));
    }
    let ours = start.elapsed() / ROUNDS as u32;
    let start = Instant::now();
    for round in 0..ROUNDS {
        let cookies = &map[urls[round % SITES].host_str().unwrap_or_default()];
        let header: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        black_box(header.join("; "));
    }
    let theirs = start.elapsed() / ROUNDS as u32;
    println!(
        "{EACH} cookies of one host among {}: {ours:.2?}, from a map {theirs:.2?}, ratio {:.2}",
        SITES * EACH,
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}
