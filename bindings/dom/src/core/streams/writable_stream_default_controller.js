// https://streams.spec.whatwg.org/#ws-default-controller-class
const { internal } = core;
const { ReflectApply } = primordials;
const { promises, streams } = internal;

// What stands in the queue for the end.
const closeSentinel = { __proto__: null };

// <https://streams.spec.whatwg.org/#set-up-writable-stream-default-controller>
streams.setUpWritableStreamDefaultController = (
  stream,
  controller,
  startAlgorithm,
  writeAlgorithm,
  closeAlgorithm,
  abortAlgorithm,
  highWaterMark,
  sizeAlgorithm,
) => {
  // 3.–12. Set up.
  controller.stream = stream;
  stream.controller = controller;
  streams.resetQueue(controller);
  controller.signal = native.create("AbortSignal");
  controller.started = false;
  controller.strategySizeAlgorithm = sizeAlgorithm;
  controller.strategyHWM = highWaterMark;
  controller.writeAlgorithm = writeAlgorithm;
  controller.closeAlgorithm = closeAlgorithm;
  controller.abortAlgorithm = abortAlgorithm;
  // 13.–14. Whether there is room.
  streams.writableStreamUpdateBackpressure(stream, getBackpressure(controller));
  // 15.–18. Started.
  promises.upon(
    startAlgorithm(),
    () => {
      controller.started = true;
      advanceQueueIfNeeded(controller);
    },
    (r) => {
      controller.started = true;
      streams.writableStreamDealWithRejection(stream, r);
    },
  );
};

const nothing = () => promises.resolvedWith(undefined);

// <https://streams.spec.whatwg.org/#set-up-writable-stream-default-controller-from-underlying-sink>
streams.setUpWritableStreamDefaultControllerFromUnderlyingSink = (stream, sink, dictionary, highWaterMark, sizeAlgorithm) => {
  const controller = streams.createSlots("WritableStreamDefaultController");
  const { start, write, close, abort } = dictionary;
  streams.setUpWritableStreamDefaultController(
    stream,
    controller,
    start === undefined ? nothing : () => promises.from(ReflectApply(start, sink, [controller.object])),
    write === undefined ? nothing : (chunk) => promises.invoke(write, sink, [chunk, controller.object]),
    close === undefined ? nothing : () => promises.invoke(close, sink, []),
    abort === undefined ? nothing : (reason) => promises.invoke(abort, sink, [reason]),
    highWaterMark,
    sizeAlgorithm,
  );
};

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-advance-queue-if-needed>
function advanceQueueIfNeeded(controller) {
  const { stream } = controller;
  // 2.–3. The sink is at work.
  if (!controller.started) return;
  if (stream.inFlightWriteRequest !== undefined) return;
  // 6. No more writes.
  if (stream.state === "erroring") {
    streams.writableStreamFinishErroring(stream);
    return;
  }
  // 7.–10. The next.
  if (controller.queue.size === 0) return;
  const value = streams.peekQueueValue(controller);
  if (value === closeSentinel) processClose(controller);
  else processWrite(controller, value);
}

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-clear-algorithms>
function clearAlgorithms(controller) {
  controller.writeAlgorithm = undefined;
  controller.closeAlgorithm = undefined;
  controller.abortAlgorithm = undefined;
  controller.strategySizeAlgorithm = undefined;
}

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-close>
streams.writableStreamDefaultControllerClose = (controller) => {
  streams.enqueueValueWithSize(controller, closeSentinel, 0);
  advanceQueueIfNeeded(controller);
};

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-error>
function controllerError(controller, error) {
  clearAlgorithms(controller);
  streams.writableStreamStartErroring(controller.stream, error);
}

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-error-if-needed>
streams.writableStreamDefaultControllerErrorIfNeeded = (controller, error) => {
  if (controller.stream.state === "writable") controllerError(controller, error);
};

function getBackpressure(controller) {
  return streams.writableStreamDefaultControllerGetDesiredSize(controller) <= 0;
}

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-get-chunk-size>
streams.writableStreamDefaultControllerGetChunkSize = (controller, chunk) => {
  // 1. It is over; the size does not matter.
  if (controller.strategySizeAlgorithm === undefined) return 1;
  // 2.–4. What it throws errors the stream.
  try {
    return controller.strategySizeAlgorithm(chunk);
  } catch (e) {
    streams.writableStreamDefaultControllerErrorIfNeeded(controller, e);
    return 1;
  }
};

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-get-desired-size>
streams.writableStreamDefaultControllerGetDesiredSize = (controller) => controller.strategyHWM - controller.queueTotalSize;

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-process-close>
function processClose(controller) {
  const { stream } = controller;
  streams.writableStreamMarkCloseRequestInFlight(stream);
  streams.dequeueValue(controller);
  const sinkClosePromise = controller.closeAlgorithm();
  clearAlgorithms(controller);
  promises.upon(
    sinkClosePromise,
    () => streams.writableStreamFinishInFlightClose(stream),
    (reason) => streams.writableStreamFinishInFlightCloseWithError(stream, reason),
  );
}

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-process-write>
function processWrite(controller, chunk) {
  const { stream } = controller;
  streams.writableStreamMarkFirstWriteRequestInFlight(stream);
  promises.upon(
    controller.writeAlgorithm(chunk),
    () => {
      streams.writableStreamFinishInFlightWrite(stream);
      streams.dequeueValue(controller);
      if (!streams.writableStreamCloseQueuedOrInFlight(stream) && stream.state === "writable") {
        streams.writableStreamUpdateBackpressure(stream, getBackpressure(controller));
      }
      advanceQueueIfNeeded(controller);
    },
    (reason) => {
      if (stream.state === "writable") clearAlgorithms(controller);
      streams.writableStreamFinishInFlightWriteWithError(stream, reason);
    },
  );
}

// <https://streams.spec.whatwg.org/#writable-stream-default-controller-write>
streams.writableStreamDefaultControllerWrite = (controller, chunk, chunkSize) => {
  try {
    streams.enqueueValueWithSize(controller, chunk, chunkSize);
  } catch (e) {
    streams.writableStreamDefaultControllerErrorIfNeeded(controller, e);
    return;
  }
  const { stream } = controller;
  if (!streams.writableStreamCloseQueuedOrInFlight(stream) && stream.state === "writable") {
    streams.writableStreamUpdateBackpressure(stream, getBackpressure(controller));
  }
  advanceQueueIfNeeded(controller);
};

core.interface("WritableStreamDefaultController", {
  init(controller) {
    controller.object = this;
    // <https://streams.spec.whatwg.org/#ws-default-controller-private-abort>
    controller.abortSteps = (reason) => {
      const result = controller.abortAlgorithm(reason);
      clearAlgorithms(controller);
      return result;
    };
    // <https://streams.spec.whatwg.org/#ws-default-controller-private-error>
    controller.errorSteps = () => streams.resetQueue(controller);
  },
  "get signal"(controller) {
    return controller.signal;
  },
  // <https://streams.spec.whatwg.org/#ws-default-controller-error>
  error(controller, e) {
    if (controller.stream.state !== "writable") return;
    controllerError(controller, e);
  },
});
