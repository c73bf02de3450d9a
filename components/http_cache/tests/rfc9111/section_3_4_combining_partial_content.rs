use crate::support::{Reply, Rig, URL, get, reply, with};

const ALL: &str = "0123456789";

fn part(first: usize, last: usize, etag: Option<&str>, length: &str) -> Reply {
    let range = format!("bytes {first}-{last}/{length}");
    let mut headers = vec![("Cache-Control", "max-age=60"), ("Content-Range", range.as_str())];
    headers.extend(etag.map(|etag| ("ETag", etag)));
    reply(206, &headers, &ALL[first..=last])
}

async fn ask(rig: &Rig, range: &str, answer: &Reply) -> (bool, u16, String) {
    let came = rig.ask(with(get(URL), &[("Range", range)]), |_| answer.clone()).await;
    (came.is_from_cache(), came.status, came.text())
}

#[tokio::test]
async fn parts_with_the_same_strong_validator_are_combined() {
    let rig = Rig::new();
    ask(&rig, "bytes=0-3", &part(0, 3, Some("\"1\""), "10")).await;
    ask(&rig, "bytes=6-9", &part(6, 9, Some("\"1\""), "10")).await;
    let error = reply(500, &[], "asked");
    assert_eq!(ask(&rig, "bytes=7-", &error).await, (true, 206, "789".to_owned()));
    assert_eq!(ask(&rig, "bytes=-2", &error).await, (true, 206, "89".to_owned()));
    assert!(!ask(&rig, "bytes=2-7", &error).await.0);
    ask(&rig, "bytes=2-7", &part(2, 7, Some("\"1\""), "10")).await;
    assert_eq!(ask(&rig, "bytes=1-8", &error).await, (true, 206, "12345678".to_owned()));
    // All of it is there now.
    let came = rig.ask(get(URL), |_| error.clone()).await;
    assert_eq!((came.is_from_cache(), came.status, came.text().as_str()), (true, 200, ALL));
    assert_eq!((came.header("Content-Range"), came.header("Content-Length").as_deref()), (None, Some("10")));
}

#[tokio::test]
async fn others_take_the_place_of_what_was_there() {
    for (etag, length) in
        [(Some("\"2\""), "10"), (Some("W/\"1\""), "10"), (None, "10"), (Some("\"1\""), "11")]
    {
        let rig = Rig::new();
        ask(&rig, "bytes=0-3", &part(0, 3, Some("\"1\""), "10")).await;
        ask(&rig, "bytes=4-9", &part(4, 9, etag, length)).await;
        let error = reply(500, &[], "asked");
        assert_eq!(ask(&rig, "bytes=4-9", &error).await, (true, 206, "456789".to_owned()));
        assert!(!ask(&rig, "bytes=0-3", &error).await.0, "{etag:?} {length}");
    }
}

#[tokio::test]
async fn a_part_that_says_nothing_of_its_place_is_not_stored() {
    for range in ["bytes 4-2/10", "lines 0-3/10", "bytes 0-3/2", ""] {
        let rig = Rig::new();
        let answer = reply(206, &[("Cache-Control", "max-age=60"), ("Content-Range", range)], "0123");
        ask(&rig, "bytes=0-3", &answer).await;
        assert_eq!(rig.cache.usage(), 0, "{range}");
    }
    // Nor is one that nobody asked for.
    let rig = Rig::new();
    rig.ask(get(URL), |_| part(0, 3, Some("\"1\""), "10")).await;
    assert_eq!(rig.cache.usage(), 0);
}

#[tokio::test]
async fn ranges_are_answered_from_a_whole_response() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60")], ALL).await;
    let error = reply(500, &[], "asked");
    assert_eq!(ask(&rig, "bytes=2-4", &error).await, (true, 206, "234".to_owned()));
    assert_eq!(ask(&rig, "bytes=8-20", &error).await, (true, 206, "89".to_owned()));
    // What lies outside, several ranges, and nonsense are the server's.
    for range in ["bytes=10-", "bytes=0-1,3-4", "bytes=x-y"] {
        let rig = Rig::new();
        rig.store(&[("Cache-Control", "max-age=60")], ALL).await;
        assert!(!ask(&rig, range, &error).await.0, "{range}");
    }
    // Parts of encoded bytes cannot be decoded.
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60"), ("Content-Encoding", "gzip")], ALL).await;
    assert!(!ask(&rig, "bytes=2-4", &error).await.0);
}

#[tokio::test]
async fn conditions_of_the_author_are_the_servers_to_judge() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=0"), ("ETag", "\"1\"")], ALL).await;
    let request = with(get(URL), &[("If-Range", "\"0\""), ("Range", "bytes=0-1")]);
    let came = rig.ask(request, |_| reply(200, &[("ETag", "\"1\"")], ALL)).await;
    assert_eq!((came.sent("If-None-Match"), came.status), (None, 200));
}
