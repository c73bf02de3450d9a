// https://streams.spec.whatwg.org/#default-writer-class
const { internal } = core;
const { TypeError } = primordials;
const { promises, streams } = internal;

const released = () => new TypeError("the writer has been released");

// <https://streams.spec.whatwg.org/#acquire-writable-stream-default-writer>
streams.acquireWritableStreamDefaultWriter = (stream) => {
  const writer = streams.createSlots("WritableStreamDefaultWriter");
  setUpWritableStreamDefaultWriter(writer, stream);
  return writer;
};

const rejected = (reason) => {
  const promise = promises.rejectedWith(reason);
  promises.setHandled(promise);
  return promise;
};

// <https://streams.spec.whatwg.org/#set-up-writable-stream-default-writer>
function setUpWritableStreamDefaultWriter(writer, stream) {
  // 1. One writer at a time.
  if (streams.isWritableStreamLocked(stream)) throw new TypeError("the stream is locked");
  // 2.–3. The two know each other.
  writer.stream = stream;
  stream.writer = writer;
  // 4.–8. `ready` and `closed` are what the stream is.
  const { state } = stream;
  if (state === "writable") {
    const wait = !streams.writableStreamCloseQueuedOrInFlight(stream) && stream.backpressure;
    writer.readyPromise = wait ? promises.pending() : promises.resolvedWith(undefined);
    writer.closedPromise = promises.pending();
  } else if (state === "erroring") {
    writer.readyPromise = rejected(stream.storedError);
    writer.closedPromise = promises.pending();
  } else if (state === "closed") {
    writer.readyPromise = promises.resolvedWith(undefined);
    writer.closedPromise = promises.resolvedWith(undefined);
  } else {
    writer.readyPromise = rejected(stream.storedError);
    writer.closedPromise = rejected(stream.storedError);
  }
}

// <https://streams.spec.whatwg.org/#writable-stream-default-writer-close-with-error-propagation>
streams.writableStreamDefaultWriterCloseWithErrorPropagation = (writer) => {
  const { stream } = writer;
  const { state } = stream;
  if (streams.writableStreamCloseQueuedOrInFlight(stream) || state === "closed") return promises.resolvedWith(undefined);
  if (state === "errored") return promises.rejectedWith(stream.storedError);
  return streams.writableStreamClose(stream);
};

// <https://streams.spec.whatwg.org/#writable-stream-default-writer-ensure-closed-promise-rejected>
function ensureClosedPromiseRejected(writer, error) {
  if (!promises.isPending(writer.closedPromise)) writer.closedPromise = promises.pending();
  promises.setHandled(writer.closedPromise);
  promises.reject(writer.closedPromise, error);
}

// <https://streams.spec.whatwg.org/#writable-stream-default-writer-ensure-ready-promise-rejected>
streams.writableStreamDefaultWriterEnsureReadyPromiseRejected = (writer, error) => {
  if (!promises.isPending(writer.readyPromise)) writer.readyPromise = promises.pending();
  promises.setHandled(writer.readyPromise);
  promises.reject(writer.readyPromise, error);
};

// <https://streams.spec.whatwg.org/#writable-stream-default-writer-get-desired-size>
streams.writableStreamDefaultWriterGetDesiredSize = (writer) => {
  const { stream } = writer;
  const { state } = stream;
  if (state === "errored" || state === "erroring") return null;
  if (state === "closed") return 0;
  return streams.writableStreamDefaultControllerGetDesiredSize(stream.controller);
};

// <https://streams.spec.whatwg.org/#writable-stream-default-writer-release>
streams.writableStreamDefaultWriterRelease = (writer) => {
  const { stream } = writer;
  const releasedError = released();
  streams.writableStreamDefaultWriterEnsureReadyPromiseRejected(writer, releasedError);
  ensureClosedPromiseRejected(writer, releasedError);
  stream.writer = undefined;
  writer.stream = undefined;
};

// <https://streams.spec.whatwg.org/#writable-stream-default-writer-write>
streams.writableStreamDefaultWriterWrite = (writer, chunk) => {
  const { stream } = writer;
  const { controller } = stream;
  // 4.–5. NOTE: the size is an author's function, which may have released the writer.
  const chunkSize = streams.writableStreamDefaultControllerGetChunkSize(controller, chunk);
  if (stream !== writer.stream) return promises.rejectedWith(released());
  // 6.–9. By the stream's state.
  const { state } = stream;
  if (state === "errored") return promises.rejectedWith(stream.storedError);
  if (streams.writableStreamCloseQueuedOrInFlight(stream) || state === "closed") {
    return promises.rejectedWith(new TypeError("the stream is closing or closed"));
  }
  if (state === "erroring") return promises.rejectedWith(stream.storedError);
  // 11.–13. It waits for the sink.
  const promise = streams.writableStreamAddWriteRequest(stream);
  streams.writableStreamDefaultControllerWrite(controller, chunk, chunkSize);
  return promise;
};

core.interface("WritableStreamDefaultWriter", {
  init(slots) {
    slots.object = this;
    slots.stream = undefined;
  },
  construct(writer, stream) {
    setUpWritableStreamDefaultWriter(writer, native.slots(stream));
  },
  "get closed"(writer) {
    return promises.exposed(writer.closedPromise);
  },
  "get desiredSize"(writer) {
    if (writer.stream === undefined) throw released();
    return streams.writableStreamDefaultWriterGetDesiredSize(writer);
  },
  "get ready"(writer) {
    return promises.exposed(writer.readyPromise);
  },
  abort(writer, reason) {
    if (writer.stream === undefined) throw released();
    return promises.exposed(streams.writableStreamAbort(writer.stream, reason));
  },
  close(writer) {
    const { stream } = writer;
    if (stream === undefined) throw released();
    if (streams.writableStreamCloseQueuedOrInFlight(stream)) throw new TypeError("the stream is closing");
    return promises.exposed(streams.writableStreamClose(stream));
  },
  releaseLock(writer) {
    if (writer.stream === undefined) return;
    streams.writableStreamDefaultWriterRelease(writer);
  },
  write(writer, chunk) {
    if (writer.stream === undefined) throw released();
    return promises.exposed(streams.writableStreamDefaultWriterWrite(writer, chunk));
  },
});
