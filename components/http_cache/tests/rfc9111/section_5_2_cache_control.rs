use crate::support::{Rig, URL, get, with};

/// Whether a response so old answers a request with these directives.
async fn answers(response: &str, age: u64, request: &str) -> bool {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", response), ("ETag", "\"1\"")], "a").await;
    rig.pass(age);
    rig.hits(with(get(URL), &[("Cache-Control", request)])).await
}

#[tokio::test]
async fn section_5_2_1_requests_narrow_and_widen() {
    for (response, age, request, answered) in [
        ("max-age=60", 10, "max-age=10", true),
        ("max-age=60", 10, "max-age=9", false),
        ("max-age=60", 0, "max-age=0", false),
        ("max-age=60", 10, "min-fresh=50", true),
        ("max-age=60", 10, "min-fresh=51", false),
        ("max-age=60", 70, "max-stale", true),
        ("max-age=60", 70, "max-stale=10", true),
        ("max-age=60", 71, "max-stale=10", false),
        ("max-age=60, must-revalidate", 70, "max-stale", false),
        ("max-age=60", 10, "no-cache", false),
        ("max-age=60", 10, "no-cache=\"x\"", false),
        ("max-age=60", 10, "unknown=5", true),
        ("max-age=60", 10, "max-age=nonsense", false),
    ] {
        assert_eq!(answers(response, age, request).await, answered, "{response} {age} {request}");
    }
}

#[tokio::test]
async fn section_5_2_2_responses_say_how_they_are_used() {
    for (response, age, answered) in [
        ("max-age=60", 59, true),
        ("max-age=60", 60, false),
        ("max-age=60, no-cache", 0, false),
        ("max-age=60, no-cache=\"X\"", 0, false),
        ("max-age=60, must-revalidate", 10, true),
        ("max-age=60, proxy-revalidate, s-maxage=0", 10, true),
        ("max-age=60, no-transform", 10, true),
        ("max-age=60, extension=\"a, no-store\"", 10, true),
        ("max-age=60, max-age=5", 10, true),
    ] {
        assert_eq!(answers(response, age, "").await, answered, "{response} {age}");
    }
}

#[tokio::test]
async fn section_5_4_pragma_counts_without_cache_control_only() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60")], "a").await;
    assert!(!rig.hits(with(get(URL), &[("Pragma", "no-cache")])).await);
    assert!(rig.hits(with(get(URL), &[("Pragma", "no-cache"), ("Cache-Control", "max-age=60")])).await);
    assert!(rig.hits(with(get(URL), &[("Pragma", "unknown")])).await);
}
