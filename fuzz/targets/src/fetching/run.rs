//! A fetch, step by step.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::stream::Stream as _;
use longhaul_fetch::{BodyError, BodyStream, FetchController, FetchOptions, Response, Services, fetch};

use super::page_request::PageRequest;
use super::rules::Judge;
use crate::choices::Choices;

/// What a page or its user does meanwhile, and at which step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    what: What,
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Nothing,
    Abort,
    Terminate,
    Drop,
}

impl Ending {
    pub(crate) fn new(choices: &mut Choices<'_>) -> Ending {
        let what = match choices.below(8) {
            5 => What::Abort,
            6 => What::Terminate,
            7 => What::Drop,
            _ => What::Nothing,
        };
        Ending { what, at: if what == What::Nothing { usize::MAX } else { choices.below(48) } }
    }
}

/// Nothing here takes as many steps unless it waits for ever.
const PATIENCE: usize = 500;

/// What nobody has woken for so many steps, the last ones of which took days, waits for ever.
const STILL: u32 = 32;

/// Of these the first take no time.
const NOT_YET: u32 = 4;

/// What the page got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did not wait for it.
    Nothing,
    /// A response, and its body as far as it was whole.
    Response { status: u16, body: Option<Vec<u8>> },
    /// A network error, and why.
    Failure(String),
}

/// Fetches and reads what comes, unless it is ended before.
pub(crate) async fn run(services: &Services, asked: PageRequest, judge: Judge, ending: Ending) -> Outcome {
    let controller = FetchController::new();
    let woken = Arc::<Woken>::default();
    let mut run = Run {
        judge,
        ending,
        steps: 0,
        waker: Waker::from(Arc::clone(&woken)),
        woken,
        still: 0,
        keepalive: asked.keepalive,
        controller: controller.clone(),
    };
    let fetching = fetch(services, asked.request, FetchOptions { controller, ..FetchOptions::default() });
    match run.drive(fetching).await {
        Some(response) => run.receive(response).await,
        None => Outcome::Nothing,
    }
}

/// Whether what is driven was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Run {
    judge: Judge,
    ending: Ending,
    steps: usize,
    woken: Arc<Woken>,
    waker: Waker,
    /// For so many steps nobody has woken it.
    still: u32,
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
    /// Lets others go on, and if that leads to nothing, time pass: ever more of it, so that whatever waits for a time comes to it.
    async fn pause(&mut self) {
        if self.woken.0.swap(false, Ordering::Relaxed) {
            self.still = 0;
        }
        match self.still.checked_sub(NOT_YET) {
            None => tokio::task::yield_now().await,
            Some(over) => tokio::time::sleep(Duration::from_millis(1 << over)).await,
        }
        self.still += 1;
    }

    /// One step further, which may be the one at which something happens.
    fn step(&mut self) -> Step {
        self.steps += 1;
        if self.steps > PATIENCE || self.still > STILL {
            // Some server is silent for ever.
            self.ending = Ending { what: What::Terminate, at: self.steps };
        }
        if self.steps != self.ending.at {
            return Step::Goes;
        }
        match self.ending.what {
            What::Nothing => Step::Goes,
            What::Abort => {
                self.controller.abort(None);
                self.judge.end();
                Step::Ended
            }
            What::Terminate => {
                self.controller.terminate();
                self.judge.end();
                Step::Ended
            }
            What::Drop => {
                if !self.keepalive {
                    self.judge.end();
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
            let waker = self.waker.clone();
            let mut context = Context::from_waker(&waker);
            let mut polled = fetching.as_mut().poll(&mut context);
            if let (Step::Ended, Poll::Pending) = (&step, &polled) {
                // One that goes on by itself is told by way of its task.
                for _ in 0..if self.keepalive { 4 } else { 0 } {
                    tokio::task::yield_now().await;
                }
                polled = fetching.as_mut().poll(&mut context);
                assert!(polled.is_ready(), "a fetch that was ended goes on");
            }
            match polled {
                Poll::Ready(response) => {
                    self.judge.end();
                    // NOTE: one that goes on by itself may have been over already.
                    if let (Step::Ended, false) = (&step, self.keepalive) {
                        assert!(response.is_network_error(), "a fetch that was ended gives a response");
                        assert_eq!(response.aborted, self.ending.what == What::Abort);
                    }
                    return Some(response);
                }
                Poll::Pending => self.pause().await,
            }
        }
    }

    async fn receive(&mut self, response: Response) -> Outcome {
        self.judge.rules(|rules| rules.response_is_given(&response));
        if let Some(reason) = response.reason() {
            return Outcome::Failure(reason.to_string());
        }
        let status = response.status;
        let mut whole = None;
        if let Some(body) = response.body
            && let Some(Ok(bytes)) = self.read(body.into_stream()).await
        {
            self.judge.rules(|rules| rules.body_is_read(&bytes));
            whole = Some(bytes);
        }
        Outcome::Response { status, body: whole }
    }

    /// Reads it all; nothing if the page lost interest.
    async fn read(&mut self, mut stream: BodyStream) -> Option<Result<Vec<u8>, BodyError>> {
        let mut bytes = Vec::new();
        loop {
            let step = self.step();
            if let Step::Dropped = step {
                return None;
            }
            match Pin::new(&mut stream).poll_next(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(None) => return Some(Ok(bytes)),
                Poll::Ready(Some(Ok(chunk))) => {
                    assert!(!matches!(step, Step::Ended), "a body goes on behind the fetch's end");
                    bytes.extend_from_slice(&chunk);
                    // A few bytes can stand for very many; nobody wants them all here.
                    if bytes.len() > 1 << 20 {
                        return None;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Some(Err(error)),
                Poll::Pending => {
                    assert!(!matches!(step, Step::Ended), "a body waits behind the fetch's end");
                    self.pause().await;
                }
            }
        }
    }
}
