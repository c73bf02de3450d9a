// https://streams.spec.whatwg.org/#rs-default-controller-class
const { internal } = core;
const { ReflectApply, TypeError } = primordials;
const { promises, streams } = internal;

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-call-pull-if-needed>
streams.readableStreamDefaultControllerCallPullIfNeeded = (controller) => {
  // 1.–2. Not now.
  if (!shouldCallPull(controller)) return;
  // 3. Once more, when it is done.
  if (controller.pulling) {
    controller.pullAgain = true;
    return;
  }
  // 5.–8. Pull.
  controller.pulling = true;
  promises.upon(
    controller.pullAlgorithm(),
    () => {
      controller.pulling = false;
      if (controller.pullAgain) {
        controller.pullAgain = false;
        streams.readableStreamDefaultControllerCallPullIfNeeded(controller);
      }
    },
    (e) => streams.readableStreamDefaultControllerError(controller, e),
  );
};

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-should-call-pull>
function shouldCallPull(controller) {
  const { stream } = controller;
  if (!streams.readableStreamDefaultControllerCanCloseOrEnqueue(controller)) return false;
  if (!controller.started) return false;
  if (streams.isReadableStreamLocked(stream) && streams.readableStreamGetNumReadRequests(stream) > 0) return true;
  return streams.readableStreamDefaultControllerGetDesiredSize(controller) > 0;
}

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-clear-algorithms>
function clearAlgorithms(controller) {
  controller.pullAlgorithm = undefined;
  controller.cancelAlgorithm = undefined;
  controller.strategySizeAlgorithm = undefined;
}

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-close>
streams.readableStreamDefaultControllerClose = (controller) => {
  if (!streams.readableStreamDefaultControllerCanCloseOrEnqueue(controller)) return;
  controller.closeRequested = true;
  // 4. At once, if nothing waits.
  if (controller.queue.size === 0) {
    clearAlgorithms(controller);
    streams.readableStreamClose(controller.stream);
  }
};

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-enqueue>
streams.readableStreamDefaultControllerEnqueue = (controller, chunk) => {
  if (!streams.readableStreamDefaultControllerCanCloseOrEnqueue(controller)) return;
  const { stream } = controller;
  if (streams.isReadableStreamLocked(stream) && streams.readableStreamGetNumReadRequests(stream) > 0) {
    // 3. Somebody waits for it.
    streams.readableStreamFulfillReadRequest(stream, chunk, false);
  } else {
    // 4. It waits; what its size throws errors the stream.
    try {
      const chunkSize = controller.strategySizeAlgorithm(chunk);
      streams.enqueueValueWithSize(controller, chunk, chunkSize);
    } catch (e) {
      streams.readableStreamDefaultControllerError(controller, e);
      throw e;
    }
  }
  // 5. More, perhaps.
  streams.readableStreamDefaultControllerCallPullIfNeeded(controller);
};

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-error>
streams.readableStreamDefaultControllerError = (controller, e) => {
  const { stream } = controller;
  if (stream.state !== "readable") return;
  streams.resetQueue(controller);
  clearAlgorithms(controller);
  streams.readableStreamError(stream, e);
};

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-get-desired-size>
streams.readableStreamDefaultControllerGetDesiredSize = (controller) => {
  const { state } = controller.stream;
  if (state === "errored") return null;
  if (state === "closed") return 0;
  return controller.strategyHWM - controller.queueTotalSize;
};

// <https://streams.spec.whatwg.org/#rs-default-controller-has-backpressure>
streams.readableStreamDefaultControllerHasBackpressure = (controller) => !shouldCallPull(controller);

// <https://streams.spec.whatwg.org/#readable-stream-default-controller-can-close-or-enqueue>
streams.readableStreamDefaultControllerCanCloseOrEnqueue = (controller) =>
  !controller.closeRequested && controller.stream.state === "readable";

// <https://streams.spec.whatwg.org/#set-up-readable-stream-default-controller>
streams.setUpReadableStreamDefaultController = (
  stream,
  controller,
  startAlgorithm,
  pullAlgorithm,
  cancelAlgorithm,
  highWaterMark,
  sizeAlgorithm,
) => {
  // 2.–8. Set up.
  controller.stream = stream;
  streams.resetQueue(controller);
  controller.started = false;
  controller.closeRequested = false;
  controller.pullAgain = false;
  controller.pulling = false;
  controller.strategySizeAlgorithm = sizeAlgorithm;
  controller.strategyHWM = highWaterMark;
  controller.pullAlgorithm = pullAlgorithm;
  controller.cancelAlgorithm = cancelAlgorithm;
  stream.controller = controller;
  // 9.–12. Started. NOTE: start algorithms give a promise here; what an author's throws comes out.
  promises.upon(
    startAlgorithm(),
    () => {
      controller.started = true;
      streams.readableStreamDefaultControllerCallPullIfNeeded(controller);
    },
    (r) => streams.readableStreamDefaultControllerError(controller, r),
  );
};

const nothing = () => promises.resolvedWith(undefined);
streams.nothing = nothing;

// The algorithms of an underlying source, sink or transformer's members.
streams.sourceAlgorithms = (source, dictionary, controller) => {
  const { start, pull, cancel } = dictionary;
  return {
    __proto__: null,
    start: start === undefined ? nothing : () => promises.from(ReflectApply(start, source, [controller.object])),
    pull: pull === undefined ? nothing : () => promises.invoke(pull, source, [controller.object]),
    cancel: cancel === undefined ? nothing : (reason) => promises.invoke(cancel, source, [reason]),
  };
};

// <https://streams.spec.whatwg.org/#set-up-readable-stream-default-controller-from-underlying-source>
streams.setUpReadableStreamDefaultControllerFromUnderlyingSource = (stream, source, dictionary, highWaterMark, sizeAlgorithm) => {
  const controller = streams.createSlots("ReadableStreamDefaultController");
  const { start, pull, cancel } = streams.sourceAlgorithms(source, dictionary, controller);
  streams.setUpReadableStreamDefaultController(stream, controller, start, pull, cancel, highWaterMark, sizeAlgorithm);
};

core.interface("ReadableStreamDefaultController", {
  init(controller) {
    controller.object = this;
    controller.isByteController = false;
    // <https://streams.spec.whatwg.org/#rs-default-controller-private-cancel>
    controller.cancelSteps = (reason) => {
      streams.resetQueue(controller);
      const result = controller.cancelAlgorithm(reason);
      clearAlgorithms(controller);
      return result;
    };
    // <https://streams.spec.whatwg.org/#rs-default-controller-private-pull>
    controller.pullSteps = (readRequest) => {
      const { stream } = controller;
      if (controller.queue.size > 0) {
        // 2. Something waits.
        const chunk = streams.dequeueValue(controller);
        if (controller.closeRequested && controller.queue.size === 0) {
          clearAlgorithms(controller);
          streams.readableStreamClose(stream);
        } else {
          streams.readableStreamDefaultControllerCallPullIfNeeded(controller);
        }
        readRequest.chunkSteps(chunk);
      } else {
        // 3. The reader waits.
        streams.readableStreamAddReadRequest(stream, readRequest);
        streams.readableStreamDefaultControllerCallPullIfNeeded(controller);
      }
    };
    controller.releaseSteps = () => {};
  },
  "get desiredSize"(controller) {
    return streams.readableStreamDefaultControllerGetDesiredSize(controller);
  },
  close(controller) {
    if (!streams.readableStreamDefaultControllerCanCloseOrEnqueue(controller)) {
      throw new TypeError("the stream is closed, closing or errored");
    }
    streams.readableStreamDefaultControllerClose(controller);
  },
  enqueue(controller, chunk) {
    if (!streams.readableStreamDefaultControllerCanCloseOrEnqueue(controller)) {
      throw new TypeError("the stream is closed, closing or errored");
    }
    streams.readableStreamDefaultControllerEnqueue(controller, chunk);
  },
  error(controller, e) {
    streams.readableStreamDefaultControllerError(controller, e);
  },
});
