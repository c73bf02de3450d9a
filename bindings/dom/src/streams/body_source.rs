//! A native body that a stream of script pulls from.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{AbortHandle, abortable};
use futures::{FutureExt, StreamExt};
use longhaul::fetch::{BodyError, BodyStream};
use longhaul_idl::LonghaulNativeMethods;
use longhaul_idl::runtime::{Buffer, Exception, ObjectRef, Realm, TaskSource, Value};

use crate::fetch::{AbortedWith, body_exception};
use crate::hooks::arguments;
use crate::streams::native;

/// The chunks of a native body, one for each pull. Dropping it, with the wrapper that the stream holds, drops the body.
pub(crate) struct BodySource {
    state: Mutex<State>,
    aborted_with: AbortedWith,
    /// Lives for as long as the body is read.
    kept: Mutex<Option<Kept>>,
}

type Kept = Box<dyn Any + Send + Sync>;

enum State {
    /// What is left of a long chunk, and the chunks behind it.
    Ready { rest: Bytes, stream: BodyStream },
    /// A pull waits for the next chunk.
    Pulling(AbortHandle),
    /// At its end, canceled, or taken.
    Over,
}

longhaul_idl::platform_object!(BodySource => longhaul_idl::longhaul_native);

impl LonghaulNativeMethods for BodySource {}

/// Chunks of bytes in memory are no longer than this.
const CHUNK: usize = 64 << 10;

impl BodySource {
    pub(crate) fn new(stream: BodyStream, aborted_with: AbortedWith, kept: Kept) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Ready { rest: Bytes::new(), stream }),
            aborted_with,
            kept: Mutex::new(Some(kept)),
        })
    }

    fn over(&self) {
        *self.state() = State::Over;
        drop(self.kept.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is left, if no pull is going on.
    pub(crate) fn take(&self) -> Option<BodyStream> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Ready { rest, stream } if rest.is_empty() => Some(stream),
            State::Ready { rest, stream } => {
                Some(BodyStream::new(futures::stream::iter([Ok(rest)]).chain(stream).boxed()))
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// The value of a chunk, or `null` at the end. What follows it is kept.
    fn arrived(
        &self,
        item: Option<Result<Bytes, BodyError>>,
        stream: BodyStream,
    ) -> Result<Value, Exception> {
        match item {
            Some(Ok(mut chunk)) => {
                let rest = if chunk.len() > 2 * CHUNK { chunk.split_off(CHUNK) } else { Bytes::new() };
                *self.state() = State::Ready { rest, stream };
                Ok(Value::Buffer(Buffer::uint8_array(chunk)))
            }
            Some(Err(error)) => {
                self.over();
                Err(body_exception(&error, &self.aborted_with))
            }
            None => {
                self.over();
                Ok(Value::Null)
            }
        }
    }

    fn pull(self: &Arc<Self>, realm: &dyn Realm) -> Result<Value, Exception> {
        let (rest, mut stream) = {
            let mut state = self.state();
            match std::mem::replace(&mut *state, State::Over) {
                State::Ready { rest, stream } => (rest, stream),
                other => {
                    *state = other;
                    return Ok(Value::Null);
                }
            }
        };
        if !rest.is_empty() {
            return self.arrived(Some(Ok(rest)), stream);
        }
        // OPTIMIZATION: what is there already needs no task. Empty chunks are none.
        loop {
            match stream.next().now_or_never() {
                Some(Some(Ok(chunk))) if chunk.is_empty() => {}
                Some(item) => return self.arrived(item, stream),
                None => break,
            }
        }
        let (next, handle) = abortable(async move {
            loop {
                match stream.next().await {
                    Some(Ok(chunk)) if chunk.is_empty() => {}
                    item => return (item, stream),
                }
            }
        });
        *self.state() = State::Pulling(handle);
        // NOTE: who waits for the chunk keeps the source; one that is fetched ahead keeps nobody.
        let source = Arc::downgrade(self);
        let agent = Arc::clone(realm.agent());
        let id = realm.id();
        let queue = Arc::clone(&agent);
        agent.spawn(
            async move {
                let Ok((item, stream)) = next.await else { return };
                let task = move |realm: &dyn Realm| {
                    let Some(source) = source.upgrade() else { return };
                    // Canceled or aborted while this task waited its turn: the stream is let go of.
                    if !source.is_pulling() {
                        return;
                    }
                    let object: ObjectRef = Arc::clone(&source) as ObjectRef;
                    let done = match source.arrived(item, stream) {
                        Ok(chunk) => realm.core("bodySourceChunk", vec![Value::Object(object), chunk]),
                        Err(exception) => realm.exception_value(exception).and_then(|reason| {
                            realm.core("bodySourceError", vec![Value::Object(object), Value::Held(reason)])
                        }),
                    };
                    if let Err(exception) = done {
                        realm.report_exception(exception);
                    }
                };
                queue.queue_task(TaskSource::Networking, id, Box::new(task));
            }
            .boxed(),
        );
        Ok(Value::Undefined)
    }

    /// Whether nothing will come any more, as far as that is known without waiting.
    fn has_ended(&self) -> bool {
        let mut state = self.state();
        let State::Ready { rest, stream } = &mut *state else { return matches!(*state, State::Over) };
        if !rest.is_empty() {
            return false;
        }
        let ended = loop {
            match stream.next().now_or_never() {
                Some(Some(Ok(chunk))) if chunk.is_empty() => {}
                Some(Some(Ok(chunk))) => {
                    *rest = chunk;
                    break false;
                }
                Some(Some(Err(error))) => {
                    let failed = futures::stream::iter([Err(error)]);
                    *stream = BodyStream::new(failed.boxed());
                    break false;
                }
                Some(None) => break true,
                None => break false,
            }
        };
        drop(state);
        if ended {
            self.over();
        }
        ended
    }

    fn is_pulling(&self) -> bool {
        matches!(*self.state(), State::Pulling(_))
    }

    fn cancel(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Over);
        if let State::Pulling(handle) = before {
            handle.abort();
        }
        self.over();
    }

    /// The fetch was aborted: the stream errors at once.
    pub(crate) fn abort(self: &Arc<Self>, realm: &dyn Realm, reason: Value) {
        self.cancel();
        let object: ObjectRef = Arc::clone(self) as ObjectRef;
        if let Err(exception) = realm.core("bodySourceError", vec![Value::Object(object), reason]) {
            realm.report_exception(exception);
        }
    }
}

impl Drop for BodySource {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// A stream of script over bytes in memory.
pub(crate) fn stream_of_bytes(realm: &dyn Realm, bytes: Bytes) -> Result<Value, Exception> {
    let source = BodySource::new(BodyStream::from_bytes(bytes), AbortedWith::default(), Box::new(()));
    realm.core("streamOfSource", vec![Value::Object(source as ObjectRef)])
}

/// The next chunk, `null` at the end, or `undefined` if it comes later.
pub(crate) fn pull_body(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [source] = arguments(args)?;
    native::<BodySource>(&source)?.pull(realm)
}

pub(crate) fn has_body_ended(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [source] = arguments(args)?;
    Ok(Value::Boolean(native::<BodySource>(&source)?.has_ended()))
}

pub(crate) fn cancel_body(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [source] = arguments(args)?;
    native::<BodySource>(&source)?.cancel();
    Ok(Value::Undefined)
}
