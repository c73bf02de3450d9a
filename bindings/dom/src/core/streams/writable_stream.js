// https://streams.spec.whatwg.org/#ws-class
const { internal } = core;
const { RangeError, TypeError } = primordials;
const { promises, streams } = internal;

// <https://streams.spec.whatwg.org/#create-writable-stream>
streams.createWritableStream = (startAlgorithm, writeAlgorithm, closeAlgorithm, abortAlgorithm, highWaterMark, sizeAlgorithm) => {
  const stream = streams.createSlots("WritableStream");
  const controller = streams.createSlots("WritableStreamDefaultController");
  streams.setUpWritableStreamDefaultController(
    stream,
    controller,
    startAlgorithm,
    writeAlgorithm,
    closeAlgorithm,
    abortAlgorithm,
    highWaterMark,
    sizeAlgorithm,
  );
  return stream;
};

// <https://streams.spec.whatwg.org/#initialize-writable-stream>
function initializeWritableStream(stream) {
  stream.state = "writable";
  stream.storedError = undefined;
  stream.writer = undefined;
  stream.controller = undefined;
  stream.inFlightWriteRequest = undefined;
  stream.closeRequest = undefined;
  stream.inFlightCloseRequest = undefined;
  stream.pendingAbortRequest = undefined;
  stream.writeRequests = streams.newList();
  stream.backpressure = false;
}

// <https://streams.spec.whatwg.org/#is-writable-stream-locked>
streams.isWritableStreamLocked = (stream) => stream.writer !== undefined;

// <https://streams.spec.whatwg.org/#writable-stream-abort>
streams.writableStreamAbort = (stream, givenReason) => {
  let reason = givenReason;
  // 1. It is over.
  if (stream.state === "closed" || stream.state === "errored") return promises.resolvedWith(undefined);
  // 2. The sink's signal. NOTE: that runs author code.
  internal.signalAbort(stream.controller.signal, reason);
  // 3.–4. It may be over by now.
  const { state } = stream;
  if (state === "closed" || state === "errored") return promises.resolvedWith(undefined);
  // 5. Aborting already.
  if (stream.pendingAbortRequest !== undefined) return stream.pendingAbortRequest.promise;
  // 7.–8. The error that is there stays.
  let wasAlreadyErroring = false;
  if (state === "erroring") {
    wasAlreadyErroring = true;
    reason = undefined;
  }
  // 9.–12. Aborting.
  const promise = promises.pending();
  stream.pendingAbortRequest = { __proto__: null, promise, reason, wasAlreadyErroring };
  if (!wasAlreadyErroring) streams.writableStreamStartErroring(stream, reason);
  return promise;
};

// <https://streams.spec.whatwg.org/#writable-stream-close>
streams.writableStreamClose = (stream) => {
  const { state } = stream;
  // 2. It is over.
  if (state === "closed" || state === "errored") return promises.rejectedWith(new TypeError(`the stream is ${state}`));
  // 5.–6. Closing.
  const promise = promises.pending();
  stream.closeRequest = promise;
  // 7.–8. Nobody need wait for room.
  const { writer } = stream;
  if (writer !== undefined && stream.backpressure && state === "writable") promises.resolve(writer.readyPromise, undefined);
  // 9. The sink comes to it.
  streams.writableStreamDefaultControllerClose(stream.controller);
  return promise;
};

// <https://streams.spec.whatwg.org/#writable-stream-add-write-request>
streams.writableStreamAddWriteRequest = (stream) => {
  const promise = promises.pending();
  streams.append(stream.writeRequests, promise);
  return promise;
};

// <https://streams.spec.whatwg.org/#writable-stream-close-queued-or-in-flight>
streams.writableStreamCloseQueuedOrInFlight = (stream) => stream.closeRequest !== undefined || stream.inFlightCloseRequest !== undefined;

// <https://streams.spec.whatwg.org/#writable-stream-deal-with-rejection>
streams.writableStreamDealWithRejection = (stream, error) => {
  if (stream.state === "writable") {
    streams.writableStreamStartErroring(stream, error);
    return;
  }
  streams.writableStreamFinishErroring(stream);
};

// <https://streams.spec.whatwg.org/#writable-stream-finish-erroring>
streams.writableStreamFinishErroring = (stream) => {
  // 3.–4. Errored.
  stream.state = "errored";
  stream.controller.errorSteps();
  // 5.–7. What waits to be written never will be.
  const { storedError, writeRequests } = stream;
  stream.writeRequests = streams.newList();
  for (let node = writeRequests.first; node !== undefined; node = node.next) promises.reject(node.value, storedError);
  // 8.–10. Nobody asked for it.
  const abortRequest = stream.pendingAbortRequest;
  if (abortRequest === undefined) {
    rejectCloseAndClosedPromiseIfNeeded(stream);
    return;
  }
  stream.pendingAbortRequest = undefined;
  // 11. The error was first.
  if (abortRequest.wasAlreadyErroring) {
    promises.reject(abortRequest.promise, storedError);
    rejectCloseAndClosedPromiseIfNeeded(stream);
    return;
  }
  // 12.–14. The sink aborts.
  promises.upon(
    stream.controller.abortSteps(abortRequest.reason),
    () => {
      promises.resolve(abortRequest.promise, undefined);
      rejectCloseAndClosedPromiseIfNeeded(stream);
    },
    (reason) => {
      promises.reject(abortRequest.promise, reason);
      rejectCloseAndClosedPromiseIfNeeded(stream);
    },
  );
};

// <https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-close>
streams.writableStreamFinishInFlightClose = (stream) => {
  promises.resolve(stream.inFlightCloseRequest, undefined);
  stream.inFlightCloseRequest = undefined;
  // 6. An abort came too late.
  if (stream.state === "erroring") {
    stream.storedError = undefined;
    if (stream.pendingAbortRequest !== undefined) {
      promises.resolve(stream.pendingAbortRequest.promise, undefined);
      stream.pendingAbortRequest = undefined;
    }
  }
  // 7.–9. Closed.
  stream.state = "closed";
  const { writer } = stream;
  if (writer !== undefined) promises.resolve(writer.closedPromise, undefined);
};

// <https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-close-with-error>
streams.writableStreamFinishInFlightCloseWithError = (stream, error) => {
  promises.reject(stream.inFlightCloseRequest, error);
  stream.inFlightCloseRequest = undefined;
  if (stream.pendingAbortRequest !== undefined) {
    promises.reject(stream.pendingAbortRequest.promise, error);
    stream.pendingAbortRequest = undefined;
  }
  streams.writableStreamDealWithRejection(stream, error);
};

// <https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-write>
streams.writableStreamFinishInFlightWrite = (stream) => {
  promises.resolve(stream.inFlightWriteRequest, undefined);
  stream.inFlightWriteRequest = undefined;
};

// <https://streams.spec.whatwg.org/#writable-stream-finish-in-flight-write-with-error>
streams.writableStreamFinishInFlightWriteWithError = (stream, error) => {
  promises.reject(stream.inFlightWriteRequest, error);
  stream.inFlightWriteRequest = undefined;
  streams.writableStreamDealWithRejection(stream, error);
};

// <https://streams.spec.whatwg.org/#writable-stream-mark-close-request-in-flight>
streams.writableStreamMarkCloseRequestInFlight = (stream) => {
  stream.inFlightCloseRequest = stream.closeRequest;
  stream.closeRequest = undefined;
};

// <https://streams.spec.whatwg.org/#writable-stream-mark-first-write-request-in-flight>
streams.writableStreamMarkFirstWriteRequestInFlight = (stream) => {
  stream.inFlightWriteRequest = streams.shift(stream.writeRequests);
};

// <https://streams.spec.whatwg.org/#writable-stream-reject-close-and-closed-promise-if-needed>
function rejectCloseAndClosedPromiseIfNeeded(stream) {
  if (stream.closeRequest !== undefined) {
    promises.reject(stream.closeRequest, stream.storedError);
    stream.closeRequest = undefined;
  }
  const { writer } = stream;
  if (writer !== undefined) {
    promises.setHandled(writer.closedPromise);
    promises.reject(writer.closedPromise, stream.storedError);
  }
}

// <https://streams.spec.whatwg.org/#writable-stream-start-erroring>
streams.writableStreamStartErroring = (stream, reason) => {
  const { controller } = stream;
  // 5.–6. No new writes.
  stream.state = "erroring";
  stream.storedError = reason;
  // 7.–8. The writer knows.
  const { writer } = stream;
  if (writer !== undefined) streams.writableStreamDefaultWriterEnsureReadyPromiseRejected(writer, reason);
  // 9. Errored, unless the sink is at work.
  const inFlight = stream.inFlightWriteRequest !== undefined || stream.inFlightCloseRequest !== undefined;
  if (!inFlight && controller.started) streams.writableStreamFinishErroring(stream);
};

// <https://streams.spec.whatwg.org/#writable-stream-update-backpressure>
streams.writableStreamUpdateBackpressure = (stream, backpressure) => {
  const { writer } = stream;
  if (writer !== undefined && backpressure !== stream.backpressure) {
    if (backpressure) writer.readyPromise = promises.pending();
    else promises.resolve(writer.readyPromise, undefined);
  }
  stream.backpressure = backpressure;
};

core.interface("WritableStream", {
  init(slots) {
    slots.object = this;
    initializeWritableStream(slots);
  },
  // <https://streams.spec.whatwg.org/#ws-constructor>
  construct(stream, underlyingSink, strategy) {
    // 1.–3. The sink's members, read once. `type` is for the future.
    const underlyingSinkDict = native.convert(underlyingSink, "UnderlyingSink");
    if (underlyingSinkDict.type !== undefined) throw new RangeError("a sink has no type");
    // 5.–7. Set up.
    const sizeAlgorithm = streams.extractSizeAlgorithm(strategy);
    const highWaterMark = streams.extractHighWaterMark(strategy, 1);
    streams.setUpWritableStreamDefaultControllerFromUnderlyingSink(stream, underlyingSink, underlyingSinkDict, highWaterMark, sizeAlgorithm);
  },
  "get locked"(stream) {
    return streams.isWritableStreamLocked(stream);
  },
  // <https://streams.spec.whatwg.org/#ws-abort>
  abort(stream, reason) {
    if (streams.isWritableStreamLocked(stream)) throw new TypeError("the stream is locked");
    return promises.exposed(streams.writableStreamAbort(stream, reason));
  },
  // <https://streams.spec.whatwg.org/#ws-close>
  close(stream) {
    if (streams.isWritableStreamLocked(stream)) throw new TypeError("the stream is locked");
    if (streams.writableStreamCloseQueuedOrInFlight(stream)) throw new TypeError("the stream is closing");
    return promises.exposed(streams.writableStreamClose(stream));
  },
  // <https://streams.spec.whatwg.org/#ws-get-writer>
  getWriter(stream) {
    return streams.acquireWritableStreamDefaultWriter(stream).object;
  },
});
