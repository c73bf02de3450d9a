// https://streams.spec.whatwg.org/#rbs-controller-class
const { internal } = core;
const { ArrayBuffer, MathMin, RangeError, TypeError, Uint8Array } = primordials;
const { promises, streams } = internal;

const invalidated = () => new TypeError("the buffer of a read is detached");

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-call-pull-if-needed>
streams.readableByteStreamControllerCallPullIfNeeded = (controller) => {
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
        streams.readableByteStreamControllerCallPullIfNeeded(controller);
      }
    },
    (e) => streams.readableByteStreamControllerError(controller, e),
  );
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-should-call-pull>
function shouldCallPull(controller) {
  const { stream } = controller;
  if (stream.state !== "readable" || controller.closeRequested || !controller.started) return false;
  if (streams.readableStreamHasDefaultReader(stream) && streams.readableStreamGetNumReadRequests(stream) > 0) return true;
  if (streams.readableStreamHasBYOBReader(stream) && streams.readableStreamGetNumReadIntoRequests(stream) > 0) return true;
  return streams.readableByteStreamControllerGetDesiredSize(controller) > 0;
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-clear-algorithms>
function clearAlgorithms(controller) {
  controller.pullAlgorithm = undefined;
  controller.cancelAlgorithm = undefined;
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-clear-pending-pull-intos>
function clearPendingPullIntos(controller) {
  invalidateBYOBRequest(controller);
  controller.pendingPullIntos = streams.newList();
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-invalidate-byob-request>
function invalidateBYOBRequest(controller) {
  const { byobRequest } = controller;
  if (byobRequest === null) return;
  byobRequest.controller = undefined;
  byobRequest.view = null;
  controller.byobRequest = null;
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-close>
streams.readableByteStreamControllerClose = (controller) => {
  const { stream } = controller;
  if (controller.closeRequested || stream.state !== "readable") return;
  // 3. First what waits is read.
  if (controller.queueTotalSize > 0) {
    controller.closeRequested = true;
    return;
  }
  // 4. Half an element would be lost.
  if (controller.pendingPullIntos.size > 0) {
    const firstPendingPullInto = controller.pendingPullIntos.first.value;
    if (firstPendingPullInto.bytesFilled % firstPendingPullInto.elementSize !== 0) {
      const e = new TypeError("the stream ends in the middle of an element of the view that is read into");
      streams.readableByteStreamControllerError(controller, e);
      throw e;
    }
  }
  // 5.–6. Closed.
  clearAlgorithms(controller);
  streams.readableStreamClose(stream);
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-commit-pull-into-descriptor>
function commitPullIntoDescriptor(stream, pullIntoDescriptor) {
  const done = stream.state === "closed";
  const filledView = convertPullIntoDescriptor(pullIntoDescriptor);
  if (pullIntoDescriptor.readerType === "default") streams.readableStreamFulfillReadRequest(stream, filledView, done);
  else streams.readableStreamFulfillReadIntoRequest(stream, filledView, done);
}

function commitAll(stream, filledPullIntos) {
  for (let node = filledPullIntos.first; node !== undefined; node = node.next) commitPullIntoDescriptor(stream, node.value);
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-convert-pull-into-descriptor>
function convertPullIntoDescriptor(pullIntoDescriptor) {
  const { bytesFilled, elementSize, viewConstructor } = pullIntoDescriptor;
  const buffer = streams.transferArrayBuffer(pullIntoDescriptor.buffer);
  return new viewConstructor(buffer, pullIntoDescriptor.byteOffset, bytesFilled / elementSize);
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-enqueue>
streams.readableByteStreamControllerEnqueue = (controller, chunk) => {
  const { stream } = controller;
  // 2. Too late.
  if (controller.closeRequested || stream.state !== "readable") return;
  // 3.–7. The bytes are the stream's from now on.
  const { buffer, byteOffset, byteLength } = streams.describeView(chunk);
  if (streams.isDetachedBuffer(buffer)) throw new TypeError("the chunk's buffer is detached");
  const transferredBuffer = streams.transferArrayBuffer(buffer);
  // 8. The request that the source has is void.
  if (controller.pendingPullIntos.size > 0) {
    const firstPendingPullInto = controller.pendingPullIntos.first.value;
    if (streams.isDetachedBuffer(firstPendingPullInto.buffer)) throw invalidated();
    invalidateBYOBRequest(controller);
    firstPendingPullInto.buffer = streams.transferArrayBuffer(firstPendingPullInto.buffer);
    if (firstPendingPullInto.readerType === "none") enqueueDetachedPullIntoToQueue(controller, firstPendingPullInto);
  }
  if (streams.readableStreamHasDefaultReader(stream)) {
    // 9. To the first who waits, or into the queue.
    processReadRequestsUsingQueue(controller);
    if (streams.readableStreamGetNumReadRequests(stream) === 0) {
      enqueueChunkToQueue(controller, transferredBuffer, byteOffset, byteLength);
    } else {
      if (controller.pendingPullIntos.size > 0) shiftPendingPullInto(controller);
      const transferredView = new Uint8Array(transferredBuffer, byteOffset, byteLength);
      streams.readableStreamFulfillReadRequest(stream, transferredView, false);
    }
  } else if (streams.readableStreamHasBYOBReader(stream)) {
    // 10. Into the buffers of those who wait.
    enqueueChunkToQueue(controller, transferredBuffer, byteOffset, byteLength);
    commitAll(stream, processPullIntoDescriptorsUsingQueue(controller));
  } else {
    // 11. Nobody waits.
    enqueueChunkToQueue(controller, transferredBuffer, byteOffset, byteLength);
  }
  // 12. More, perhaps.
  streams.readableByteStreamControllerCallPullIfNeeded(controller);
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-enqueue-chunk-to-queue>
function enqueueChunkToQueue(controller, buffer, byteOffset, byteLength) {
  streams.append(controller.queue, { __proto__: null, buffer, byteOffset, byteLength });
  controller.queueTotalSize += byteLength;
}

// <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerenqueueclonedchunktoqueue>
function enqueueClonedChunkToQueue(controller, buffer, byteOffset, byteLength) {
  let clone;
  try {
    clone = streams.cloneArrayBuffer(buffer, byteOffset, byteLength);
  } catch (e) {
    streams.readableByteStreamControllerError(controller, e);
    throw e;
  }
  enqueueChunkToQueue(controller, clone, 0, byteLength);
}

// <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerenqueuedetachedpullintotoqueue>
function enqueueDetachedPullIntoToQueue(controller, pullIntoDescriptor) {
  const { buffer, byteOffset, bytesFilled } = pullIntoDescriptor;
  if (bytesFilled > 0) enqueueClonedChunkToQueue(controller, buffer, byteOffset, bytesFilled);
  shiftPendingPullInto(controller);
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-error>
streams.readableByteStreamControllerError = (controller, e) => {
  const { stream } = controller;
  if (stream.state !== "readable") return;
  clearPendingPullIntos(controller);
  streams.resetQueue(controller);
  clearAlgorithms(controller);
  streams.readableStreamError(stream, e);
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-fill-pull-into-descriptor-from-queue>
function fillPullIntoDescriptorFromQueue(controller, pullIntoDescriptor) {
  const { elementSize, minimumFill } = pullIntoDescriptor;
  // 1.–4. As much as there is and fits.
  const maxBytesToCopy = MathMin(controller.queueTotalSize, pullIntoDescriptor.byteLength - pullIntoDescriptor.bytesFilled);
  const maxBytesFilled = pullIntoDescriptor.bytesFilled + maxBytesToCopy;
  let totalBytesToCopyRemaining = maxBytesToCopy;
  let ready = false;
  // 7.–9. Whole elements, if that is enough for the read.
  const maxAlignedBytes = maxBytesFilled - (maxBytesFilled % elementSize);
  if (maxAlignedBytes >= minimumFill) {
    totalBytesToCopyRemaining = maxAlignedBytes - pullIntoDescriptor.bytesFilled;
    ready = true;
  }
  // 10.–11. From one chunk after the other.
  const { queue } = controller;
  while (totalBytesToCopyRemaining > 0) {
    const headOfQueue = queue.first.value;
    const bytesToCopy = MathMin(totalBytesToCopyRemaining, headOfQueue.byteLength);
    const destStart = pullIntoDescriptor.byteOffset + pullIntoDescriptor.bytesFilled;
    streams.copyDataBlockBytes(pullIntoDescriptor.buffer, destStart, headOfQueue.buffer, headOfQueue.byteOffset, bytesToCopy);
    if (headOfQueue.byteLength === bytesToCopy) {
      streams.shift(queue);
    } else {
      headOfQueue.byteOffset += bytesToCopy;
      headOfQueue.byteLength -= bytesToCopy;
    }
    controller.queueTotalSize -= bytesToCopy;
    pullIntoDescriptor.bytesFilled += bytesToCopy;
    totalBytesToCopyRemaining -= bytesToCopy;
  }
  return ready;
}

// <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerfillreadrequestfromqueue>
function fillReadRequestFromQueue(controller, readRequest) {
  const entry = streams.shift(controller.queue);
  controller.queueTotalSize -= entry.byteLength;
  handleQueueDrain(controller);
  readRequest.chunkSteps(new Uint8Array(entry.buffer, entry.byteOffset, entry.byteLength));
}

// <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollergetbyobrequest>
streams.readableByteStreamControllerGetBYOBRequest = (controller) => {
  if (controller.byobRequest === null && controller.pendingPullIntos.size > 0) {
    const { buffer, byteOffset, bytesFilled, byteLength } = controller.pendingPullIntos.first.value;
    const byobRequest = streams.createSlots("ReadableStreamBYOBRequest");
    byobRequest.controller = controller;
    byobRequest.view = new Uint8Array(buffer, byteOffset + bytesFilled, byteLength - bytesFilled);
    controller.byobRequest = byobRequest;
  }
  return controller.byobRequest;
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-get-desired-size>
streams.readableByteStreamControllerGetDesiredSize = (controller) => {
  const { state } = controller.stream;
  if (state === "errored") return null;
  if (state === "closed") return 0;
  return controller.strategyHWM - controller.queueTotalSize;
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-handle-queue-drain>
function handleQueueDrain(controller) {
  if (controller.queueTotalSize === 0 && controller.closeRequested) {
    clearAlgorithms(controller);
    streams.readableStreamClose(controller.stream);
  } else {
    streams.readableByteStreamControllerCallPullIfNeeded(controller);
  }
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-process-pull-into-descriptors-using-queue>
function processPullIntoDescriptorsUsingQueue(controller) {
  const filledPullIntos = streams.newList();
  while (controller.pendingPullIntos.size > 0 && controller.queueTotalSize > 0) {
    const pullIntoDescriptor = controller.pendingPullIntos.first.value;
    if (!fillPullIntoDescriptorFromQueue(controller, pullIntoDescriptor)) continue;
    shiftPendingPullInto(controller);
    streams.append(filledPullIntos, pullIntoDescriptor);
  }
  return filledPullIntos;
}

// <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontrollerprocessreadrequestsusingqueue>
function processReadRequestsUsingQueue(controller) {
  const { reader } = controller.stream;
  while (reader.readRequests.size > 0 && controller.queueTotalSize > 0) {
    fillReadRequestFromQueue(controller, streams.shift(reader.readRequests));
  }
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-pull-into>
streams.readableByteStreamControllerPullInto = (controller, view, min, readIntoRequest) => {
  const { stream } = controller;
  // 2.–9. What the reader brings.
  const { name, buffer: given, byteOffset, byteLength } = streams.describeView(view);
  const elementSize = streams.elementSize(name);
  const viewConstructor = primordials[name];
  // 10.–12. The buffer is the stream's for now.
  let buffer;
  try {
    buffer = streams.transferArrayBuffer(given);
  } catch (e) {
    readIntoRequest.errorSteps(e);
    return;
  }
  // 13. What there is to fill.
  const pullIntoDescriptor = {
    __proto__: null,
    buffer,
    bufferByteLength: streams.byteLengthOf(buffer),
    byteOffset,
    byteLength,
    bytesFilled: 0,
    minimumFill: min * elementSize,
    elementSize,
    viewConstructor,
    readerType: "byob",
  };
  // 14. Others were first.
  if (controller.pendingPullIntos.size > 0) {
    streams.append(controller.pendingPullIntos, pullIntoDescriptor);
    streams.readableStreamAddReadIntoRequest(stream, readIntoRequest);
    return;
  }
  // 15. Nothing comes any more.
  if (stream.state === "closed") {
    readIntoRequest.closeSteps(new viewConstructor(buffer, byteOffset, 0));
    return;
  }
  // 16. From what waits.
  if (controller.queueTotalSize > 0) {
    if (fillPullIntoDescriptorFromQueue(controller, pullIntoDescriptor)) {
      const filledView = convertPullIntoDescriptor(pullIntoDescriptor);
      handleQueueDrain(controller);
      readIntoRequest.chunkSteps(filledView);
      return;
    }
    if (controller.closeRequested) {
      const e = new TypeError("the stream ends in the middle of an element of the view that is read into");
      streams.readableByteStreamControllerError(controller, e);
      readIntoRequest.errorSteps(e);
      return;
    }
  }
  // 17.–19. The reader waits.
  streams.append(controller.pendingPullIntos, pullIntoDescriptor);
  streams.readableStreamAddReadIntoRequest(stream, readIntoRequest);
  streams.readableByteStreamControllerCallPullIfNeeded(controller);
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond>
streams.readableByteStreamControllerRespond = (controller, bytesWritten) => {
  const firstDescriptor = controller.pendingPullIntos.first.value;
  if (controller.stream.state === "closed") {
    // 4. The end is empty.
    if (bytesWritten !== 0) throw new TypeError("the stream is closed: no bytes can be written");
  } else {
    // 5. Anything else is not, and fits.
    if (bytesWritten === 0) throw new TypeError("no bytes were written, though the stream is not closed");
    if (firstDescriptor.bytesFilled + bytesWritten > firstDescriptor.byteLength) throw new RangeError("more bytes were written than fit");
  }
  // 6.–7. The source has the buffer no more.
  firstDescriptor.buffer = streams.transferArrayBuffer(firstDescriptor.buffer);
  respondInternal(controller, bytesWritten);
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-in-closed-state>
function respondInClosedState(controller, firstDescriptor) {
  // 2. Its reader is gone.
  if (firstDescriptor.readerType === "none") shiftPendingPullInto(controller);
  // 4. Everybody gets the buffer back.
  const { stream } = controller;
  if (streams.readableStreamHasBYOBReader(stream)) {
    const filledPullIntos = streams.newList();
    while (filledPullIntos.size < streams.readableStreamGetNumReadIntoRequests(stream)) {
      streams.append(filledPullIntos, shiftPendingPullInto(controller));
    }
    commitAll(stream, filledPullIntos);
  }
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-in-readable-state>
function respondInReadableState(controller, bytesWritten, pullIntoDescriptor) {
  // 2. Filled so far.
  pullIntoDescriptor.bytesFilled += bytesWritten;
  // 3. Its reader is gone: the bytes are for the next one.
  if (pullIntoDescriptor.readerType === "none") {
    enqueueDetachedPullIntoToQueue(controller, pullIntoDescriptor);
    commitAll(controller.stream, processPullIntoDescriptorsUsingQueue(controller));
    return;
  }
  // 4. Not enough yet.
  if (pullIntoDescriptor.bytesFilled < pullIntoDescriptor.minimumFill) return;
  // 5.–8. Part of an element goes back to the queue.
  shiftPendingPullInto(controller);
  const remainderSize = pullIntoDescriptor.bytesFilled % pullIntoDescriptor.elementSize;
  if (remainderSize > 0) {
    const end = pullIntoDescriptor.byteOffset + pullIntoDescriptor.bytesFilled;
    enqueueClonedChunkToQueue(controller, pullIntoDescriptor.buffer, end - remainderSize, remainderSize);
  }
  pullIntoDescriptor.bytesFilled -= remainderSize;
  // 9.–11. This one and those that the queue has filled.
  const filledPullIntos = processPullIntoDescriptorsUsingQueue(controller);
  commitPullIntoDescriptor(controller.stream, pullIntoDescriptor);
  commitAll(controller.stream, filledPullIntos);
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-internal>
function respondInternal(controller, bytesWritten) {
  const firstDescriptor = controller.pendingPullIntos.first.value;
  invalidateBYOBRequest(controller);
  if (controller.stream.state === "closed") respondInClosedState(controller, firstDescriptor);
  else respondInReadableState(controller, bytesWritten, firstDescriptor);
  streams.readableByteStreamControllerCallPullIfNeeded(controller);
}

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond-with-new-view>
streams.readableByteStreamControllerRespondWithNewView = (controller, view) => {
  const firstDescriptor = controller.pendingPullIntos.first.value;
  const { buffer, byteOffset, byteLength } = streams.describeView(view);
  // 4.–5. Empty at the end, and only there.
  if (controller.stream.state === "closed") {
    if (byteLength !== 0) throw new TypeError("the stream is closed: the view must be empty");
  } else if (byteLength === 0) {
    throw new TypeError("the view is empty, though the stream is not closed");
  }
  // 6.–8. The same place.
  if (firstDescriptor.byteOffset + firstDescriptor.bytesFilled !== byteOffset) throw new RangeError("the view is in another place");
  if (firstDescriptor.bufferByteLength !== streams.byteLengthOf(buffer)) throw new RangeError("the view's buffer has another length");
  if (firstDescriptor.bytesFilled + byteLength > firstDescriptor.byteLength) throw new RangeError("the view is too long");
  // 9.–11. Its buffer from now on.
  firstDescriptor.buffer = streams.transferArrayBuffer(buffer);
  respondInternal(controller, byteLength);
};

// <https://streams.spec.whatwg.org/#readable-byte-stream-controller-shift-pending-pull-into>
function shiftPendingPullInto(controller) {
  return streams.shift(controller.pendingPullIntos);
}

// <https://streams.spec.whatwg.org/#set-up-readable-byte-stream-controller>
streams.setUpReadableByteStreamController = (
  stream,
  controller,
  startAlgorithm,
  pullAlgorithm,
  cancelAlgorithm,
  highWaterMark,
  autoAllocateChunkSize,
) => {
  // 3.–12. Set up.
  controller.stream = stream;
  controller.pullAgain = false;
  controller.pulling = false;
  controller.byobRequest = null;
  streams.resetQueue(controller);
  controller.closeRequested = false;
  controller.started = false;
  controller.strategyHWM = highWaterMark;
  controller.pullAlgorithm = pullAlgorithm;
  controller.cancelAlgorithm = cancelAlgorithm;
  controller.autoAllocateChunkSize = autoAllocateChunkSize;
  controller.pendingPullIntos = streams.newList();
  stream.controller = controller;
  // 13.–17. Started.
  promises.upon(
    startAlgorithm(),
    () => {
      controller.started = true;
      streams.readableByteStreamControllerCallPullIfNeeded(controller);
    },
    (r) => streams.readableByteStreamControllerError(controller, r),
  );
};

// <https://streams.spec.whatwg.org/#set-up-readable-byte-stream-controller-from-underlying-source>
streams.setUpReadableByteStreamControllerFromUnderlyingSource = (stream, source, dictionary, highWaterMark) => {
  const controller = streams.createSlots("ReadableByteStreamController");
  const { start, pull, cancel } = streams.sourceAlgorithms(source, dictionary, controller);
  const { autoAllocateChunkSize } = dictionary;
  if (autoAllocateChunkSize === 0) throw new TypeError("autoAllocateChunkSize is more than 0");
  streams.setUpReadableByteStreamController(stream, controller, start, pull, cancel, highWaterMark, autoAllocateChunkSize);
};

core.interface("ReadableByteStreamController", {
  init(controller) {
    controller.object = this;
    controller.isByteController = true;
    // <https://streams.spec.whatwg.org/#rbs-controller-private-cancel>
    controller.cancelSteps = (reason) => {
      clearPendingPullIntos(controller);
      streams.resetQueue(controller);
      const result = controller.cancelAlgorithm(reason);
      clearAlgorithms(controller);
      return result;
    };
    // <https://streams.spec.whatwg.org/#rbs-controller-private-pull>
    controller.pullSteps = (readRequest) => {
      const { stream, autoAllocateChunkSize } = controller;
      // 3. From what waits.
      if (controller.queueTotalSize > 0) {
        fillReadRequestFromQueue(controller, readRequest);
        return;
      }
      // 4.–5. A buffer for the source to fill.
      if (autoAllocateChunkSize !== undefined) {
        let buffer;
        try {
          buffer = new ArrayBuffer(autoAllocateChunkSize);
        } catch (e) {
          readRequest.errorSteps(e);
          return;
        }
        streams.append(controller.pendingPullIntos, {
          __proto__: null,
          buffer,
          bufferByteLength: autoAllocateChunkSize,
          byteOffset: 0,
          byteLength: autoAllocateChunkSize,
          bytesFilled: 0,
          minimumFill: 1,
          elementSize: 1,
          viewConstructor: Uint8Array,
          readerType: "default",
        });
      }
      // 6.–7. The reader waits.
      streams.readableStreamAddReadRequest(stream, readRequest);
      streams.readableByteStreamControllerCallPullIfNeeded(controller);
    };
    // <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamcontroller-releasesteps>
    controller.releaseSteps = () => {
      if (controller.pendingPullIntos.size === 0) return;
      const firstPendingPullInto = controller.pendingPullIntos.first.value;
      firstPendingPullInto.readerType = "none";
      controller.pendingPullIntos = streams.newList();
      streams.append(controller.pendingPullIntos, firstPendingPullInto);
    };
  },
  "get byobRequest"(controller) {
    const byobRequest = streams.readableByteStreamControllerGetBYOBRequest(controller);
    return byobRequest === null ? null : byobRequest.object;
  },
  "get desiredSize"(controller) {
    return streams.readableByteStreamControllerGetDesiredSize(controller);
  },
  // <https://streams.spec.whatwg.org/#rbs-controller-close>
  close(controller) {
    if (controller.closeRequested) throw new TypeError("the stream is closing");
    if (controller.stream.state !== "readable") throw new TypeError("the stream is closed or errored");
    streams.readableByteStreamControllerClose(controller);
  },
  // <https://streams.spec.whatwg.org/#rbs-controller-enqueue>
  enqueue(controller, chunk) {
    const { buffer, byteLength } = streams.describeView(chunk);
    if (byteLength === 0) throw new TypeError("the chunk is empty");
    if (streams.isDetachedBuffer(buffer) || streams.byteLengthOf(buffer) === 0) throw new TypeError("the chunk's buffer is empty");
    if (controller.closeRequested) throw new TypeError("the stream is closing");
    if (controller.stream.state !== "readable") throw new TypeError("the stream is closed or errored");
    streams.readableByteStreamControllerEnqueue(controller, chunk);
  },
  error(controller, e) {
    streams.readableByteStreamControllerError(controller, e);
  },
});

// https://streams.spec.whatwg.org/#rs-byob-request-class
core.interface("ReadableStreamBYOBRequest", {
  init(slots) {
    slots.object = this;
    slots.controller = undefined;
    slots.view = null;
  },
  "get view"(request) {
    return request.view;
  },
  // <https://streams.spec.whatwg.org/#rs-byob-request-respond>
  respond(request, bytesWritten) {
    if (request.controller === undefined) throw new TypeError("the request has been answered");
    if (streams.isDetachedBuffer(streams.describeView(request.view).buffer)) throw invalidated();
    streams.readableByteStreamControllerRespond(request.controller, bytesWritten);
  },
  // <https://streams.spec.whatwg.org/#rs-byob-request-respond-with-new-view>
  respondWithNewView(request, view) {
    if (request.controller === undefined) throw new TypeError("the request has been answered");
    if (streams.isDetachedBuffer(streams.describeView(view).buffer)) throw new TypeError("the view's buffer is detached");
    streams.readableByteStreamControllerRespondWithNewView(request.controller, view);
  },
});
