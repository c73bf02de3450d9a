//! A stream of script that is drained into a native body.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{Stream, StreamExt};
use longhaul::fetch::{Body, BodyError, BodySource};
use longhaul_idl::LonghaulNativeMethods;
use longhaul_idl::runtime::{AgentHandle, Exception, Held, ObjectRef, Realm, RealmId, TaskSource, Value};

use crate::hooks::{arguments, held};
use crate::streams::native;

/// What a stream of script failed with, beside the error that the native body gives.
#[derive(Clone, Default)]
pub(crate) struct BodyFailure(Arc<Mutex<Option<Held>>>);

impl BodyFailure {
    fn set(&self, reason: Held) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// The value that the stream was errored with, if it was.
    pub(crate) fn reason(&self) -> Option<Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The end in script: what the core has read goes in here. Once it is dropped (with its realm, at the latest) the body breaks off.
pub(crate) struct BodySink {
    sender: Mutex<Option<UnboundedSender<Message>>>,
    failure: BodyFailure,
}

enum Message {
    Chunk(Bytes),
    End,
    Failed,
}

longhaul_idl::platform_object!(BodySink => longhaul_idl::longhaul_native);

impl LonghaulNativeMethods for BodySink {}

impl BodySink {
    fn send(&self, message: Message) {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let more = matches!(message, Message::Chunk(_));
        if let Some(open) = &*sender {
            // It fails when nobody reads any more, who has said so by himself.
            let _ = open.unbounded_send(message);
        }
        if !more {
            *sender = None;
        }
    }
}

/// The native end. It asks for one chunk at a time; dropped before the end, it cancels the stream of script.
struct Drained {
    receiver: UnboundedReceiver<Message>,
    /// Whether the core is reading for it.
    asked: bool,
    over: bool,
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    number: u64,
}

impl Drained {
    fn tell(&self, export: &'static str) {
        let number = self.number as f64;
        let task = move |realm: &dyn Realm| {
            if let Err(exception) = realm.core(export, vec![Value::Number(number)]) {
                realm.report_exception(exception);
            }
        };
        self.agent.queue_task(TaskSource::Networking, self.realm, Box::new(task));
    }
}

impl Stream for Drained {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            match self.receiver.poll_next_unpin(context) {
                Poll::Ready(Some(Message::Chunk(chunk))) => {
                    self.asked = false;
                    if !chunk.is_empty() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Poll::Ready(Some(Message::End)) => self.over = true,
                Poll::Ready(Some(Message::Failed)) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(BodyError::Source("the stream was errored".to_owned()))));
                }
                Poll::Ready(None) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(BodyError::Source(
                        "the stream's agent is gone".to_owned(),
                    ))));
                }
                Poll::Pending => {
                    if !self.asked {
                        self.asked = true;
                        self.tell("drainMore");
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        if !self.over {
            self.tell("drainCanceled");
        }
    }
}

/// Locks the stream that is the body of a wrapper, and gives it as a native body with the number that `drainCanceled` knows it by.
///
/// # Errors
/// A `TypeError` if the stream is disturbed or locked.
pub(crate) fn drain(
    realm: &dyn Realm,
    object: ObjectRef,
    source: Option<BodySource>,
    length: Option<u64>,
) -> Result<(Body, BodyFailure, u64), Exception> {
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let (sender, receiver) = unbounded();
    let failure = BodyFailure::default();
    let sink = Arc::new(BodySink { sender: Mutex::new(Some(sender)), failure: failure.clone() });
    let args = vec![Value::Object(object), Value::Object(sink as ObjectRef), Value::Number(number as f64)];
    realm.core("drainBody", args)?;
    let agent = Arc::clone(realm.agent());
    let drained = Drained { receiver, asked: false, over: false, agent, realm: realm.id(), number };
    Ok((Body::from_stream(drained.boxed(), source, length), failure, number))
}

pub(crate) fn sink_chunk(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [sink, chunk] = arguments(args)?;
    let Value::Buffer(buffer) = chunk else {
        return Err(Exception::type_error("the hook takes a Uint8Array"));
    };
    native::<BodySink>(&sink)?.send(Message::Chunk(buffer.bytes));
    Ok(Value::Undefined)
}

pub(crate) fn sink_end(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [sink] = arguments(args)?;
    native::<BodySink>(&sink)?.send(Message::End);
    Ok(Value::Undefined)
}

pub(crate) fn sink_error(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [sink, reason] = arguments(args)?;
    let sink = native::<BodySink>(&sink)?;
    sink.failure.set(held(realm, reason)?);
    sink.send(Message::Failed);
    Ok(Value::Undefined)
}
