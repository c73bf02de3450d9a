//! Which request gets which connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use longhaul_net::{Error, PoolKey, RequestBody, Reuse};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, mpsc};

use crate::support::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_connection_is_used_again_only_inside_its_key() {
    let server = Server::http(|number, _| async move { full(number.to_string()) }).await;
    let network = network();
    let keys = [
        server.key(),
        server.key(),
        PoolKey { network_partition_key: "other".into(), ..server.key() },
        PoolKey { credentials: true, ..server.key() },
        PoolKey { tls_configuration: 7, ..server.key() },
        server.key(),
        PoolKey { network_partition_key: "other".into(), ..server.key() },
    ];
    let mut used = Vec::new();
    for key in keys {
        let response = network.send(server.request("GET", "/"), key).await.expect("the server answers");
        used.push(String::from_utf8(read(response.body).await.expect("a sound body")).expect("a number"));
    }
    assert_eq!(used, ["1", "1", "2", "3", "4", "1", "2"]);
}

#[tokio::test]
async fn no_more_than_the_limit_at_once_and_first_come_first_served() {
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = Server::http({
        let (gate, most) = (gate.clone(), most.clone());
        move |_, request| {
            let (arrivals, gate, now, most) = (arrivals.clone(), gate.clone(), now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                arrivals.send(request.uri().path().to_owned()).expect("the test still listens");
                gate.acquire().await.expect("the gate stays").forget();
                now.fetch_sub(1, Ordering::SeqCst);
                full("x")
            }
        }
    })
    .await;
    let network = network_with(|config| config.max_per_key = 2);
    let mut sends = Vec::new();
    for n in 0..6 {
        let send = network.send(server.request("GET", &format!("/{n}")), server.key());
        sends.push(tokio::spawn(async move { read(send.await?.body).await }));
        // Each is in the queue before the next one comes.
        tokio::task::yield_now().await;
    }
    let mut order = vec![arrived.recv().await.expect("a request"), arrived.recv().await.expect("a request")];
    order.sort();
    for _ in 0..4 {
        gate.add_permits(1);
        order.push(arrived.recv().await.expect("a request"));
    }
    gate.add_permits(2);
    for send in sends {
        assert_eq!(send.await.expect("no panic").expect("the server answers"), b"x");
    }
    assert_eq!(order, ["/0", "/1", "/2", "/3", "/4", "/5"]);
    assert_eq!((most.load(Ordering::SeqCst), server.connections()), (2, 2));
}

/// Answers one request on the first connection, then reads another and closes instead of answering; later connections are sound.
async fn server_whose_first_connection_dies() -> Server {
    Server::raw(|number, mut stream| async move {
        let mut answered = 0;
        while read_head(&mut stream).await.is_some() {
            if number == 1 && answered == 1 {
                return;
            }
            stream.write_all(ANSWER).await.expect("the client reads");
            answered += 1;
        }
    })
    .await
}

#[tokio::test]
async fn a_dead_pooled_connection_loses_no_idempotent_request() {
    let server = server_whose_first_connection_dies().await;
    let network = network();
    read(server.get(&network).await.expect("the server answers").body).await.expect("a sound body");
    let second = server.get(&network).await.expect("the request is sent again");
    assert_eq!(second.timing.reuse, Reuse::Fresh);
    assert_eq!(read(second.body).await.expect("a sound body"), b"ok");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_post_that_may_have_arrived_is_not_sent_again() {
    let server = server_whose_first_connection_dies().await;
    let network = network();
    read(server.get(&network).await.expect("the server answers").body).await.expect("a sound body");
    let error =
        network.send(server.request("POST", "/"), server.key()).await.expect_err("nobody may repeat it");
    assert!(matches!(error, Error::ClosedBeforeResponse { .. } | Error::Reset { .. }), "{error:?}");
    assert!(error.request_may_have_been_sent());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_sent_again_is_counted_once() {
    let server = Server::raw(|number, mut stream| async move {
        let mut answered = 0;
        while let Some(head) = read_head(&mut stream).await {
            if head.starts_with(b"PUT") {
                if number == 1 && answered == 1 {
                    return;
                }
                let mut body = vec![0; 200_000];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body).await.expect("all of the body");
            }
            stream.write_all(ANSWER).await.expect("the client reads");
            answered += 1;
        }
    })
    .await;
    let network = network();
    read(server.get(&network).await.expect("the server answers").body).await.expect("a sound body");
    let counted = Arc::new(AtomicUsize::new(0));
    let mut request = server.request("PUT", "/");
    request.body = RequestBody::Bytes(Bytes::from(vec![7; 200_000]));
    let count = counted.clone();
    request.on_body_chunk = Some(Box::new(move |bytes| {
        count.fetch_add(bytes as usize, Ordering::SeqCst);
    }));
    let response = network.send(request, server.key()).await.expect("the request is sent again");
    assert_eq!(response.timing.reuse, Reuse::Fresh);
    assert_eq!(counted.load(Ordering::SeqCst), 200_000);
}

#[tokio::test]
async fn bytes_after_a_response_close_the_idle_connection() {
    let (closes, mut closed) = mpsc::unbounded_channel();
    let server = Server::raw(move |number, mut stream| {
        let closes = closes.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(ANSWER).await.expect("the client reads");
            if number == 1 {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                    .await
                    .expect("the client reads");
                read_to_end(&mut stream).await;
                closes.send(()).expect("the test still listens");
            } else {
                read_to_end(&mut stream).await;
            }
        }
    })
    .await;
    let network = network();
    assert_eq!(read(server.get(&network).await.expect("an answer").body).await.expect("a sound body"), b"ok");
    closed.recv().await.expect("the client closes");
    assert_eq!(read(server.get(&network).await.expect("an answer").body).await.expect("a sound body"), b"ok");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn dropping_a_body_closes_the_connection_and_frees_its_place() {
    let (closes, mut closed) = mpsc::unbounded_channel();
    let server = Server::raw(move |number, mut stream| {
        let closes = closes.clone();
        async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst")
                .await
                .expect("the client reads");
            read_to_end(&mut stream).await;
            closes.send(number).expect("the test still listens");
        }
    })
    .await;
    let network = network_with(|config| config.max_per_key = 1);
    let mut first = server.get(&network).await.expect("the server answers");
    first.body.next().await.expect("a piece").expect("a sound piece");
    let second = tokio::spawn({
        let send = network.send(server.request("GET", "/"), server.key());
        async move { send.await.map(|response| response.status) }
    });
    tokio::task::yield_now().await;
    assert_eq!(server.connections(), 1);
    drop(first);
    assert_eq!(closed.recv().await, Some(1));
    assert_eq!(second.await.expect("no panic").expect("the server answers"), 200);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn dropping_a_request_before_its_response_closes_the_connection() {
    let (heads, mut head) = mpsc::unbounded_channel();
    let server = Server::raw(move |_, mut stream| {
        let heads = heads.clone();
        async move {
            read_head(&mut stream).await;
            heads.send("head").expect("the test still listens");
            read_to_end(&mut stream).await;
            heads.send("closed").expect("the test still listens");
        }
    })
    .await;
    let network = network();
    let send = tokio::spawn(network.send(server.request("GET", "/"), server.key()));
    assert_eq!(head.recv().await, Some("head"));
    send.abort();
    assert_eq!(head.recv().await, Some("closed"));
}

#[tokio::test]
async fn idle_connections_are_closed_in_time_or_on_demand() {
    for (idle_timeout, on_demand) in [(Duration::from_millis(20), false), (Duration::from_secs(3600), true)] {
        let (closes, mut closed) = mpsc::unbounded_channel();
        let server = Server::raw(move |_, mut stream| {
            let closes = closes.clone();
            async move {
                read_head(&mut stream).await;
                stream.write_all(ANSWER).await.expect("the client reads");
                read_to_end(&mut stream).await;
                closes.send(()).expect("the test still listens");
            }
        })
        .await;
        let network = network_with(|config| config.idle_timeout = idle_timeout);
        read(server.get(&network).await.expect("the server answers").body).await.expect("a sound body");
        // The connection becomes idle a moment after its body's end.
        while closed.try_recv().is_err() {
            if on_demand {
                network.close_idle();
            }
            tokio::task::yield_now().await;
        }
    }
}

/// The client has a runtime of its own, so that its tasks can be counted.
#[test]
fn nothing_runs_on_when_the_network_and_its_bodies_are_gone() {
    let servers = tokio::runtime::Runtime::new().expect("a runtime");
    let authority = Authority::new();
    let plain = servers.block_on(Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello"));
    let silent = servers.block_on(Server::saying(""));
    let tls = servers.block_on(Server::https(authority.localhost(), |_, request| async move {
        let (sender, response) = channel_response();
        if request.uri().path() == "/endless" {
            tokio::spawn(
                async move { while sender.send(Ok(Bytes::from_static(&[0; 1000]))).await.is_ok() {} },
            );
        }
        response
    }));
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    client.block_on(async {
        let network = authority.network(|_| {});
        let mut kept = Vec::new();
        for _ in 0..3 {
            kept.push(plain.get(&network).await.expect("the server answers"));
            kept.push(
                network
                    .send(tls.request("GET", "/endless"), tls.tls_key())
                    .await
                    .expect("the server answers"),
            );
        }
        read(tls.get_tls(&network).await.expect("the server answers").body).await.expect("an empty body");
        let waiting = tokio::spawn(network.send(silent.request("GET", "/"), silent.key()));
        while silent.connections() == 0 {
            tokio::task::yield_now().await;
        }
        drop(network);
        // Bodies work on without the network that made them.
        kept[1].body.next().await.expect("a piece").expect("a sound piece");
        waiting.abort();
        drop(waiting);
        drop(kept);
        let metrics = tokio::runtime::Handle::current().metrics();
        while metrics.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    });
    // A body dropped outside any runtime, after the network, harms nobody.
    let network = authority.network(|_| {});
    let response = client.block_on(plain.get(&network)).expect("the server answers");
    drop(network);
    drop(response);
    let metrics = client.metrics();
    while metrics.num_alive_tasks() > 0 {
        client.block_on(tokio::task::yield_now());
    }
}

#[tokio::test]
async fn the_total_limit_holds_across_keys_and_idle_connections_make_room() {
    let server = Server::http(|number, _| async move { full(number.to_string()) }).await;
    let network = network_with(|config| config.max_total = 1);
    for partition in ["a", "b", "a"] {
        let key = PoolKey { network_partition_key: partition.into(), ..server.key() };
        let response = network.send(server.request("GET", "/"), key).await.expect("room is made");
        read(response.body).await.expect("a sound body");
    }
    assert_eq!(server.connections(), 3);
}

/// Many requests at once under tight limits, a third of them given up somewhere on the way: the others all succeed, and no place
/// in the pool is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_given_up_anywhere_take_nothing_from_the_others() {
    const REQUESTS: usize = 300;
    let authority = Authority::new();
    let serve = |_, _| async {
        let (sender, response) = channel_response();
        tokio::spawn(async move {
            for _ in 0..3 {
                if sender.send(Ok(Bytes::from_static(&[0; 10_000]))).await.is_err() {
                    return;
                }
            }
        });
        response
    };
    let plain = Arc::new(Server::http(serve).await);
    let tls = Arc::new(Server::https(authority.localhost(), serve).await);
    let network = authority.network(|config| {
        config.max_per_key = 2;
        config.max_total = 5;
    });
    let mut sends = tokio::task::JoinSet::new();
    let mut given_up = Vec::new();
    for n in 0..REQUESTS {
        let (server, mut key) =
            if n % 2 == 0 { (plain.clone(), plain.key()) } else { (tls.clone(), tls.tls_key()) };
        key.network_partition_key = (n % 3).to_string().into();
        let send = network.send(server.request("GET", "/"), key);
        let handle = sends.spawn(async move {
            let body = read(send.await.expect("the server answers").body).await.expect("a sound body");
            assert_eq!(body.len(), 30_000);
        });
        if n % 3 == 1 {
            given_up.push(handle);
        }
    }
    for (n, handle) in given_up.into_iter().enumerate() {
        // Each is given up when the system is in another state.
        for _ in 0..n % 20 {
            tokio::task::yield_now().await;
        }
        handle.abort();
    }
    let mut whole = 0;
    while let Some(ended) = sends.join_next().await {
        match ended {
            Ok(()) => whole += 1,
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    assert!(whole >= REQUESTS - REQUESTS / 3);
    for partition in ["0", "1", "2"] {
        for key in [plain.key(), tls.tls_key()] {
            let key = PoolKey { network_partition_key: partition.into(), ..key };
            let responses = futures::future::join_all(
                (0..2).map(|_| network.send(plain.request("GET", "/"), key.clone())),
            );
            for response in responses.await {
                read(response.expect("there is still a place").body).await.expect("a sound body");
            }
        }
    }
}
