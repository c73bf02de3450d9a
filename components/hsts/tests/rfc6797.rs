//! The rules of RFC 6797 by their sections, each beside what it leaves alone.
//!
//! <https://www.rfc-editor.org/rfc/rfc6797>

use std::sync::Arc;
use std::time::Duration;

use longhaul_hsts::{KnownHosts, Limits, Policy, Preload};
use longhaul_storage::ManualClock;

const HERE: &str = "https://example.com";
const ELSEWHERE: &str = "https://top.example";

fn hosts() -> (KnownHosts, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (KnownHosts::new(clock.clone()), clock)
}

fn policy(seconds: u64, include_subdomains: bool) -> Policy {
    Policy { max_age: Duration::from_secs(seconds), include_subdomains }
}

#[test]
fn section_8_1_a_host_is_noted_for_its_maximum_age() {
    let (hosts, clock) = hosts();
    assert!(!hosts.is_known(HERE, "example.com"));
    hosts.note(HERE, "example.com", policy(10, false));
    clock.advance(Duration::from_secs(9));
    assert!(hosts.is_known(HERE, "example.com"));
    clock.advance(Duration::from_secs(1));
    assert!(!hosts.is_known(HERE, "example.com"));
    assert!(hosts.hosts().is_empty());
}

#[test]
fn section_8_1_what_is_said_later_replaces_what_was_said() {
    let (hosts, clock) = hosts();
    hosts.note(HERE, "example.com", policy(10, true));
    assert!(hosts.is_known(HERE, "a.example.com"));
    clock.advance(Duration::from_secs(5));
    hosts.note(HERE, "example.com", policy(10, false));
    assert!(!hosts.is_known(HERE, "a.example.com"));
    clock.advance(Duration::from_secs(9));
    assert!(hosts.is_known(HERE, "example.com"));
}

#[test]
fn section_6_1_1_a_maximum_age_of_nothing_forgets_the_host_alone() {
    let (hosts, _) = hosts();
    hosts.note(HERE, "example.com", policy(10, true));
    hosts.note(HERE, "a.example.com", policy(10, false));
    hosts.note(HERE, "a.example.com", policy(0, false));
    // The one above still speaks for it.
    assert!(hosts.is_known(HERE, "a.example.com"));
    hosts.note(HERE, "example.com", policy(0, true));
    assert!(!hosts.is_known(HERE, "a.example.com"));
    assert!(!hosts.is_known(HERE, "example.com"));
}

#[test]
fn section_8_1_1_addresses_have_no_policy() {
    let (hosts, _) = hosts();
    for address in ["127.0.0.1", "[::1]"] {
        hosts.note(HERE, address, policy(10, true));
        assert!(!hosts.is_known(HERE, address), "{address}");
    }
    assert!(hosts.hosts().is_empty());
}

#[test]
fn section_8_2_names_match_whole_and_by_their_labels() {
    let (hosts, _) = hosts();
    hosts.note(HERE, "Example.COM", policy(10, true));
    hosts.note(HERE, "alone.test", policy(10, false));
    for (host, known) in [
        ("example.com", true),
        ("EXAMPLE.com.", true),
        ("a.b.example.com", true),
        ("badexample.com", false),
        ("com", false),
        ("alone.test", true),
        ("a.alone.test", false),
        ("", false),
    ] {
        assert_eq!(hosts.is_known(HERE, host), known, "{host}");
    }
}

#[test]
fn section_8_2_an_expired_superdomain_says_nothing() {
    let (hosts, clock) = hosts();
    hosts.note(HERE, "example.com", policy(5, true));
    hosts.note(HERE, "b.example.com", policy(10, true));
    clock.advance(Duration::from_secs(5));
    assert!(!hosts.is_known(HERE, "a.example.com"));
    assert!(hosts.is_known(HERE, "a.b.example.com"));
}

/// What an embedded site has learned tells nobody else who the user is.
#[test]
fn section_14_9_what_is_learned_in_a_partition_stays_there() {
    let (hosts, _) = hosts();
    hosts.note(ELSEWHERE, "bit1.tracker.example", policy(10, true));
    assert!(hosts.is_known(ELSEWHERE, "bit1.tracker.example"));
    assert!(!hosts.is_known(HERE, "bit1.tracker.example"));
    assert!(!hosts.is_known("https://tracker.example", "bit1.tracker.example"));
    // Forgetting is as partitioned as noting.
    hosts.note(HERE, "bit1.tracker.example", policy(0, false));
    assert!(hosts.is_known(ELSEWHERE, "bit1.tracker.example"));
}

#[test]
fn section_12_3_a_preload_list_holds_everywhere_and_always() {
    let (hosts, clock) = hosts();
    let hosts = hosts.with_preload(Preload::parse("bank.example include-subdomains\n").unwrap());
    clock.advance(Duration::from_secs(1 << 40));
    for partition in [HERE, ELSEWHERE] {
        assert!(hosts.is_known(partition, "www.bank.example"));
        assert!(!hosts.is_known(partition, "shop.example"));
    }
    // No header takes it back, and it is nothing that was learned.
    hosts.note(HERE, "bank.example", policy(0, false));
    assert!(hosts.is_known(HERE, "bank.example"));
    assert!(hosts.hosts().is_empty());
}

#[test]
fn a_partition_keeps_its_limit_and_all_do() {
    let (hosts, _) = hosts();
    let hosts = hosts.with_limits(Limits { per_partition: 3, total: 5 });
    for number in 0..4 {
        hosts.note(HERE, &format!("h{number}.example"), policy(1_000 - number, false));
    }
    let names = |hosts: &KnownHosts| hosts.hosts().into_iter().map(|host| host.host).collect::<Vec<_>>();
    assert_eq!(names(&hosts), ["h1.example", "h2.example", "h3.example"]);
    for number in 4..7 {
        hosts.note(ELSEWHERE, &format!("h{number}.example"), policy(10, false));
    }
    assert_eq!(names(&hosts), ["h2.example", "h3.example", "h4.example", "h5.example", "h6.example"]);
    // Saying it again makes it young.
    hosts.note(HERE, "h2.example", policy(10, false));
    hosts.note(HERE, "h7.example", policy(10, false));
    assert_eq!(names(&hosts), ["h2.example", "h7.example", "h4.example", "h5.example", "h6.example"]);
}

#[test]
fn hosts_are_shown_and_forgotten() {
    let (hosts, _) = hosts();
    hosts.note(HERE, "example.com", policy(10, true));
    hosts.note(ELSEWHERE, "example.com", policy(20, false));
    hosts.note(ELSEWHERE, "other.example", policy(30, false));
    let shown = hosts.hosts();
    assert_eq!(shown.len(), 3);
    assert!(shown[0].include_subdomains && shown[0].partition == HERE);
    assert_eq!(shown[2].expires.duration_since(shown[0].expires).unwrap().as_secs(), 20);
    assert_eq!(hosts.remove_where(|host| host.host == "example.com"), 2);
    assert!(!hosts.is_known(HERE, "example.com"));
    assert!(hosts.is_known(ELSEWHERE, "other.example"));
    hosts.clear();
    assert!(hosts.hosts().is_empty());
}
