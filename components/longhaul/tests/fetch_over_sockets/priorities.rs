//! What is more urgent goes first.

use std::sync::Arc;

use longhaul::fetch::{Destination, FetchEvent, FetchId, FetchOptions, Mode, RequestObserver};
use tokio::sync::{Semaphore, mpsc};

use crate::support::over::Over;
use crate::support::{reply, request};

/// Tells when a request has been handed to the network.
struct Sent(mpsc::UnboundedSender<()>);

impl RequestObserver for Sent {
    fn observe(&self, _: FetchId, event: FetchEvent<'_>) {
        if matches!(event, FetchEvent::RequestSent { .. }) {
            self.0.send(()).unwrap();
        }
    }
}

// On one thread: once the test hears that a request was handed over, it stands in its queue.
#[tokio::test]
async fn of_those_that_wait_for_a_connection_the_most_urgent_is_first() {
    for over in [Over::Http1, Over::Http1Tls] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let answers = Arc::new(Semaphore::new(0));
        let server = {
            let answers = answers.clone();
            over.streaming(move |request| {
                tell.send(request.uri().path().to_owned()).unwrap();
                let answers = answers.clone();
                async move {
                    answers.acquire().await.unwrap().forget();
                    reply(200, &[("Cache-Control", "no-store")], "")
                }
            })
            .await
        };
        let mut network = over.network();
        network.max_per_key = 1;
        let (sent, mut is_sent) = mpsc::unbounded_channel();
        let builder = longhaul::UserAgent::builder().network(network).observer(Arc::new(Sent(sent)));
        let user_agent = builder.build().await.unwrap();
        let mut fetches = Vec::new();
        for (target, destination) in
            [("/first", Destination::None), ("/image", Destination::Image), ("/style", Destination::Style)]
        {
            let mut request = request(&server.origin(), target);
            (request.mode, request.destination) = (Mode::NoCors, destination);
            fetches.push(tokio::spawn(user_agent.fetch(request, FetchOptions::default())));
            is_sent.recv().await.unwrap();
        }
        assert_eq!(told.recv().await.unwrap(), "/first");
        answers.add_permits(3);
        assert_eq!([told.recv().await.unwrap(), told.recv().await.unwrap()], ["/style", "/image"]);
        for fetch in fetches {
            assert_eq!(fetch.await.unwrap().reason(), None);
        }
        assert_eq!(server.accepted(), 1);
    }
}
