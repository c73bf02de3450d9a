use crate::support::{Rig, URL, get, reply};

/// After how many seconds the response is asked for again; it has the date of its coming.
async fn lifetime(status: u16, headers: &[(&str, &str)]) -> u64 {
    let rig = Rig::new();
    let date = rig.date(0);
    let mut all = vec![("Date", date.as_str())];
    all.extend(headers);
    rig.ask(get(URL), |_| reply(status, &all, "a")).await;
    for second in 0..200 {
        if !rig.hits(get(URL)).await {
            return second;
        }
        rig.pass(1);
    }
    200
}

#[tokio::test]
async fn max_age_comes_before_expires_and_that_before_a_guess() {
    let rig = Rig::new();
    let (soon, later, long_ago) = (rig.date(30), rig.date(60), rig.date(-500));
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=20"), ("Expires", &later)]).await, 20);
    assert_eq!(lifetime(200, &[("Expires", &soon), ("Last-Modified", &long_ago)]).await, 30);
    assert_eq!(lifetime(200, &[("Last-Modified", &long_ago)]).await, 50);
    assert_eq!(lifetime(200, &[("Cache-Control", "MAX-AGE=\"20\"")]).await, 20);
    assert_eq!(lifetime(200, &[]).await, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_stale() {
    let rig = Rig::new();
    let (later, long_ago) = (rig.date(60), rig.date(-500));
    assert_eq!(lifetime(200, &[("Expires", "0"), ("Last-Modified", &long_ago)]).await, 0);
    assert_eq!(lifetime(200, &[("Expires", &long_ago), ("Last-Modified", &long_ago)]).await, 0);
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=x"), ("Expires", &later)]).await, 0);
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=-1"), ("Expires", &later)]).await, 0);
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=99999999999999999999999")]).await, 200);
}

#[tokio::test]
async fn the_three_forms_of_a_date_are_read() {
    for expires in
        ["Tue, 14 Nov 2023 22:13:50 GMT", "Tuesday, 14-Nov-23 22:13:50 GMT", "Tue Nov 14 22:13:50 2023"]
    {
        assert_eq!(lifetime(200, &[("Expires", expires)]).await, 30, "{expires}");
    }
}

#[tokio::test]
async fn a_guess_needs_a_status_or_permission() {
    let long_ago = Rig::new().date(-500);
    assert_eq!(lifetime(404, &[("Last-Modified", &long_ago)]).await, 50);
    assert_eq!(lifetime(599, &[("Last-Modified", &long_ago)]).await, 0);
    assert_eq!(lifetime(599, &[("Last-Modified", &long_ago), ("Cache-Control", "public")]).await, 50);
}

#[tokio::test]
async fn age_counts_from_where_it_was_made() {
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=20"), ("Age", "15")]).await, 5);
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=20"), ("Age", "x")]).await, 20);
    assert_eq!(lifetime(200, &[("Cache-Control", "max-age=20"), ("Age", "20")]).await, 0);
    // Its date was ten seconds ago.
    let rig = Rig::new();
    let date = rig.date(-10);
    rig.store(&[("Cache-Control", "max-age=20"), ("Date", &date)], "a").await;
    rig.pass(9);
    assert!(rig.hits(get(URL)).await);
    rig.pass(1);
    assert!(!rig.hits(get(URL)).await);
    // A date to come makes nothing younger.
    let rig = Rig::new();
    let date = rig.date(1000);
    rig.store(&[("Cache-Control", "max-age=20"), ("Date", &date)], "a").await;
    rig.pass(20);
    assert!(!rig.hits(get(URL)).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_panic() {
    use longhaul_storage::Clock as _;
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=20")], "a").await;
    rig.clock.set_wall_clock(rig.clock.now() - std::time::Duration::from_secs(100_000));
    assert!(rig.hits(get(URL)).await);
}
