//! The fetch algorithm.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures::stream::Stream as _;
use longhaul_fetch::{BodyError, BodyStream, FetchController, FetchOptions, Response, Services, fetch};

use super::answer::Timed;
use super::page_request::PageRequest;
use super::rules::Rules;
use super::seams::{Cookies, Hsts, User, Wire};
use crate::choices::Choices;
use crate::runtime;

/// What a page or its user does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Nothing,
    Abort,
    Terminate,
    Drop,
}

/// Nothing here takes as many steps unless it waits for ever.
const PATIENCE: usize = 3000;

/// The fetch algorithm: any request that a page can make, any sequence of servers' answers, an end at any point where something is
/// waited for. Input: choices.
///
/// Asserts, at each request that leaves: no credentials, cookies or keys of the author's where they must not be, the connection's key,
/// `Origin` and `Referer` as the standards have them, a preflight before whatever needs one, no mixed content, no bad port, no more
/// than 20 redirects, the body whole or not at all. Of what the page gets: that another origin's response is never the page's own,
/// that an opaque one shows nothing, that CORS shares what it shares, that integrity holds. And that a fetch that was ended ends at
/// once and sends nothing more.
pub fn fetch_algorithm(data: &[u8]) {
    let mut choices = Choices::new(data);
    let ending = match choices.below(8) {
        5 => Ending::Abort,
        6 => Ending::Terminate,
        7 => Ending::Drop,
        _ => Ending::Nothing,
    };
    let at = if ending == Ending::Nothing { PATIENCE } else { choices.below(48) };
    let asked = PageRequest::new(&mut choices);
    let checks_local_network = !choices.once_in(4);
    let blocks_opaque = !choices.once_in(4);
    let mut answers = VecDeque::new();
    while !choices.is_empty() && answers.len() < 64 {
        answers.push_back(Timed::new(&mut choices));
    }
    let wire = Wire::new(answers, Rules::new(&asked));
    runtime::fresh().block_on(async {
        let services = Services::new(Arc::new(wire.clone()))
            .with_cookies(Arc::new(Cookies(wire.clone())))
            .with_hsts(Arc::new(Hsts))
            .with_credential_prompt(Arc::new(User))
            .with_local_network_access_checks(checks_local_network)
            .with_opaque_response_blocking(blocks_opaque);
        let mut run = Run {
            wire,
            ending,
            at,
            steps: 0,
            keepalive: asked.keepalive,
            controller: FetchController::new(),
        };
        let controller = run.controller.clone();
        let fetching =
            fetch(&services, asked.request, FetchOptions { controller, ..FetchOptions::default() });
        if let Some(response) = run.drive(fetching).await {
            run.judge(response).await;
        }
    });
}

struct Run {
    wire: Wire,
    ending: Ending,
    at: usize,
    steps: usize,
    keepalive: bool,
    controller: FetchController,
}

/// What one step came to.
enum Step {
    Goes,
    /// The fetch was ended; it has to end now.
    Ended,
    Dropped,
}

impl Run {
    /// One step further, which may be the one at which something happens.
    fn step(&mut self) -> Step {
        self.steps += 1;
        if self.steps > PATIENCE {
            // Some server is silent for ever.
            self.ending = Ending::Terminate;
            self.at = self.steps;
        }
        if self.steps != self.at {
            return Step::Goes;
        }
        match self.ending {
            Ending::Nothing => Step::Goes,
            Ending::Abort => {
                self.controller.abort(None);
                self.wire.end();
                Step::Ended
            }
            Ending::Terminate => {
                self.controller.terminate();
                self.wire.end();
                Step::Ended
            }
            Ending::Drop => {
                if !self.keepalive {
                    self.wire.end();
                }
                Step::Dropped
            }
        }
    }

    async fn drive(
        &mut self,
        mut fetching: Pin<Box<dyn Future<Output = Response> + Send>>,
    ) -> Option<Response> {
        loop {
            let step = self.step();
            if let Step::Dropped = step {
                drop(fetching);
                for _ in 0..32 {
                    tokio::task::yield_now().await;
                }
                return None;
            }
            let mut polled = futures::poll!(&mut fetching);
            if let (Step::Ended, Poll::Pending) = (&step, &polled) {
                // One that goes on by itself is told by way of its task.
                for _ in 0..if self.keepalive { 4 } else { 0 } {
                    tokio::task::yield_now().await;
                }
                polled = futures::poll!(&mut fetching);
                assert!(polled.is_ready(), "a fetch that was ended goes on");
            }
            match polled {
                Poll::Ready(response) => {
                    self.wire.end();
                    // NOTE: one that goes on by itself may have been over already.
                    if let (Step::Ended, false) = (&step, self.keepalive) {
                        assert!(response.is_network_error(), "a fetch that was ended gives a response");
                        assert_eq!(response.aborted, self.ending == Ending::Abort);
                    }
                    return Some(response);
                }
                Poll::Pending => tokio::task::yield_now().await,
            }
        }
    }

    async fn judge(&mut self, response: Response) {
        self.wire.rules(|rules| rules.response_is_given(&response));
        let Some(body) = response.body else { return };
        if let Some(Ok(bytes)) = self.read(body.into_stream()).await {
            self.wire.rules(|rules| rules.body_is_read(&bytes));
        }
    }

    /// Reads it all; nothing if the page lost interest.
    async fn read(&mut self, mut stream: BodyStream) -> Option<Result<Vec<u8>, BodyError>> {
        let mut bytes = Vec::new();
        loop {
            let step = self.step();
            if let Step::Dropped = step {
                return None;
            }
            let polled =
                std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_next(context))).await;
            match polled {
                Poll::Ready(None) => return Some(Ok(bytes)),
                Poll::Ready(Some(Ok(chunk))) => {
                    assert!(!matches!(step, Step::Ended), "a body goes on behind the fetch's end");
                    bytes.extend_from_slice(&chunk);
                    assert!(bytes.len() <= 64 << 20, "a body without end");
                }
                Poll::Ready(Some(Err(error))) => return Some(Err(error)),
                Poll::Pending => {
                    assert!(!matches!(step, Step::Ended), "a body waits behind the fetch's end");
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}
