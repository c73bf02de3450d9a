// https://streams.spec.whatwg.org/#ts-class
const { internal } = core;
const { RangeError, ReflectApply, TypeError } = primordials;
const { promises, streams } = internal;

// <https://streams.spec.whatwg.org/#initialize-transform-stream>
streams.initializeTransformStream = (
  stream,
  startPromise,
  writableHighWaterMark,
  writableSizeAlgorithm,
  readableHighWaterMark,
  readableSizeAlgorithm,
) => {
  // NOTE: either end waits for a promise that is resolved with this one, which takes longer.
  const startAlgorithm = () => {
    const promise = promises.pending();
    promises.resolveWith(promise, startPromise);
    return promise;
  };
  // 2.–5. The writable end.
  stream.writable = streams.createWritableStream(
    startAlgorithm,
    (chunk) => sinkWriteAlgorithm(stream, chunk),
    () => sinkCloseAlgorithm(stream),
    (reason) => sinkAbortAlgorithm(stream, reason),
    writableHighWaterMark,
    writableSizeAlgorithm,
  );
  // 6.–8. The readable end.
  stream.readable = streams.createReadableStream(
    startAlgorithm,
    () => sourcePullAlgorithm(stream),
    (reason) => sourceCancelAlgorithm(stream, reason),
    readableHighWaterMark,
    readableSizeAlgorithm,
  );
  // 9.–11. Nothing is wanted yet.
  stream.backpressure = undefined;
  stream.backpressureChangePromise = undefined;
  setBackpressure(stream, true);
  stream.controller = undefined;
};

// <https://streams.spec.whatwg.org/#transform-stream-error>
function transformStreamError(stream, e) {
  streams.readableStreamDefaultControllerError(stream.readable.controller, e);
  errorWritableAndUnblockWrite(stream, e);
}

// <https://streams.spec.whatwg.org/#transform-stream-error-writable-and-unblock-write>
function errorWritableAndUnblockWrite(stream, e) {
  clearAlgorithms(stream.controller);
  streams.writableStreamDefaultControllerErrorIfNeeded(stream.writable.controller, e);
  unblockWrite(stream);
}

// <https://streams.spec.whatwg.org/#transform-stream-set-backpressure>
function setBackpressure(stream, backpressure) {
  if (stream.backpressureChangePromise !== undefined) promises.resolve(stream.backpressureChangePromise, undefined);
  stream.backpressureChangePromise = promises.pending();
  stream.backpressure = backpressure;
}

// <https://streams.spec.whatwg.org/#transformstreamunblockwrite>
function unblockWrite(stream) {
  if (stream.backpressure) setBackpressure(stream, false);
}

// <https://streams.spec.whatwg.org/#set-up-transform-stream-default-controller>
streams.setUpTransformStreamDefaultController = (stream, controller, transformAlgorithm, flushAlgorithm, cancelAlgorithm) => {
  controller.stream = stream;
  stream.controller = controller;
  controller.transformAlgorithm = transformAlgorithm;
  controller.flushAlgorithm = flushAlgorithm;
  controller.cancelAlgorithm = cancelAlgorithm;
  controller.finishPromise = undefined;
};

// <https://streams.spec.whatwg.org/#transformstream-set-up>: a transform of the core's own. What an algorithm throws rejects; one
// may give a promise.
streams.setUpTransformStream = (stream, transform, flush = () => undefined, cancel = () => undefined) => {
  const wrapped = (algorithm) => (argument) => {
    try {
      const result = algorithm(argument);
      return result === undefined ? promises.resolvedWith(undefined) : result;
    } catch (e) {
      return promises.rejectedWith(e);
    }
  };
  streams.initializeTransformStream(stream, promises.resolvedWith(undefined), 1, streams.countsOne, 0, streams.countsOne);
  const controller = streams.createSlots("TransformStreamDefaultController");
  streams.setUpTransformStreamDefaultController(stream, controller, wrapped(transform), wrapped(flush), wrapped(cancel));
};

// <https://streams.spec.whatwg.org/#set-up-transform-stream-default-controller-from-transformer>
function setUpTransformStreamDefaultControllerFromTransformer(stream, transformer, dictionary) {
  const controller = streams.createSlots("TransformStreamDefaultController");
  const { transform, flush, cancel } = dictionary;
  const identity = (chunk) => {
    try {
      streams.transformStreamDefaultControllerEnqueue(controller, chunk);
    } catch (e) {
      return promises.rejectedWith(e);
    }
    return promises.resolvedWith(undefined);
  };
  streams.setUpTransformStreamDefaultController(
    stream,
    controller,
    transform === undefined ? identity : (chunk) => promises.invoke(transform, transformer, [chunk, controller.object]),
    flush === undefined ? streams.nothing : () => promises.invoke(flush, transformer, [controller.object]),
    cancel === undefined ? streams.nothing : (reason) => promises.invoke(cancel, transformer, [reason]),
  );
}

// <https://streams.spec.whatwg.org/#transform-stream-default-controller-clear-algorithms>
function clearAlgorithms(controller) {
  controller.transformAlgorithm = undefined;
  controller.flushAlgorithm = undefined;
  controller.cancelAlgorithm = undefined;
}

// <https://streams.spec.whatwg.org/#transform-stream-default-controller-enqueue>
streams.transformStreamDefaultControllerEnqueue = (controller, chunk) => {
  const { stream } = controller;
  const readableController = stream.readable.controller;
  // 3. Nobody can read it.
  if (!streams.readableStreamDefaultControllerCanCloseOrEnqueue(readableController)) {
    throw new TypeError("the readable end is closed, closing or errored");
  }
  // 4.–5. Enqueued.
  try {
    streams.readableStreamDefaultControllerEnqueue(readableController, chunk);
  } catch (e) {
    errorWritableAndUnblockWrite(stream, e);
    throw stream.readable.storedError;
  }
  // 6.–7. Enough for now.
  const backpressure = streams.readableStreamDefaultControllerHasBackpressure(readableController);
  if (backpressure !== stream.backpressure) setBackpressure(stream, true);
};

// <https://streams.spec.whatwg.org/#transform-stream-default-controller-perform-transform>
function performTransform(controller, chunk) {
  return promises.react(
    controller.transformAlgorithm(chunk),
    () => undefined,
    (r) => {
      transformStreamError(controller.stream, r);
      throw r;
    },
  );
}

// <https://streams.spec.whatwg.org/#transform-stream-default-controller-terminate>
streams.transformStreamDefaultControllerTerminate = (controller) => {
  const { stream } = controller;
  streams.readableStreamDefaultControllerClose(stream.readable.controller);
  errorWritableAndUnblockWrite(stream, new TypeError("the transform has been terminated"));
};

// <https://streams.spec.whatwg.org/#transform-stream-default-sink-write-algorithm>
function sinkWriteAlgorithm(stream, chunk) {
  const { controller } = stream;
  if (!stream.backpressure) return performTransform(controller, chunk);
  // 3. First somebody has to want it.
  return promises.react(stream.backpressureChangePromise, () => {
    const { writable } = stream;
    if (writable.state === "erroring") throw writable.storedError;
    return performTransform(controller, chunk);
  });
}

// What the two ends do when one of them is told to finish: once, and with the algorithm of the transformer.
function finish(stream, algorithm, fulfilled, rejected) {
  const { controller } = stream;
  if (controller.finishPromise !== undefined) return controller.finishPromise;
  const finishPromise = promises.pending();
  controller.finishPromise = finishPromise;
  const promise = algorithm();
  clearAlgorithms(controller);
  promises.upon(
    promise,
    () => fulfilled(finishPromise),
    (r) => {
      rejected(r);
      promises.reject(finishPromise, r);
    },
  );
  return finishPromise;
}

// <https://streams.spec.whatwg.org/#transform-stream-default-sink-abort-algorithm>
function sinkAbortAlgorithm(stream, reason) {
  const { controller, readable } = stream;
  return finish(
    stream,
    () => controller.cancelAlgorithm(reason),
    (finishPromise) => {
      if (readable.state === "errored") {
        promises.reject(finishPromise, readable.storedError);
      } else {
        streams.readableStreamDefaultControllerError(readable.controller, reason);
        promises.resolve(finishPromise, undefined);
      }
    },
    (r) => streams.readableStreamDefaultControllerError(readable.controller, r),
  );
}

// <https://streams.spec.whatwg.org/#transform-stream-default-sink-close-algorithm>
function sinkCloseAlgorithm(stream) {
  const { controller, readable } = stream;
  return finish(
    stream,
    () => controller.flushAlgorithm(),
    (finishPromise) => {
      if (readable.state === "errored") {
        promises.reject(finishPromise, readable.storedError);
      } else {
        streams.readableStreamDefaultControllerClose(readable.controller);
        promises.resolve(finishPromise, undefined);
      }
    },
    (r) => streams.readableStreamDefaultControllerError(readable.controller, r),
  );
}

// <https://streams.spec.whatwg.org/#transform-stream-default-source-cancel>
function sourceCancelAlgorithm(stream, reason) {
  const { controller, writable } = stream;
  return finish(
    stream,
    () => controller.cancelAlgorithm(reason),
    (finishPromise) => {
      if (writable.state === "errored") {
        promises.reject(finishPromise, writable.storedError);
      } else {
        streams.writableStreamDefaultControllerErrorIfNeeded(writable.controller, reason);
        unblockWrite(stream);
        promises.resolve(finishPromise, undefined);
      }
    },
    (r) => {
      streams.writableStreamDefaultControllerErrorIfNeeded(writable.controller, r);
      unblockWrite(stream);
    },
  );
}

// <https://streams.spec.whatwg.org/#transform-stream-default-source-pull-algorithm>
function sourcePullAlgorithm(stream) {
  setBackpressure(stream, false);
  return stream.backpressureChangePromise;
}

core.interface("TransformStream", {
  init(slots) {
    slots.object = this;
    slots.controller = undefined;
  },
  // <https://streams.spec.whatwg.org/#ts-constructor>
  construct(stream, transformer, writableStrategy, readableStrategy) {
    // 1.–4. The transformer's members, read once. The types are for the future.
    const dictionary = native.convert(transformer, "Transformer");
    if (dictionary.readableType !== undefined) throw new RangeError("a transformer has no readableType");
    if (dictionary.writableType !== undefined) throw new RangeError("a transformer has no writableType");
    // 5.–8. The strategies.
    const readableHighWaterMark = streams.extractHighWaterMark(readableStrategy, 0);
    const readableSizeAlgorithm = streams.extractSizeAlgorithm(readableStrategy);
    const writableHighWaterMark = streams.extractHighWaterMark(writableStrategy, 1);
    const writableSizeAlgorithm = streams.extractSizeAlgorithm(writableStrategy);
    // 9.–11. Set up.
    const startPromise = promises.pending();
    streams.initializeTransformStream(
      stream,
      startPromise,
      writableHighWaterMark,
      writableSizeAlgorithm,
      readableHighWaterMark,
      readableSizeAlgorithm,
    );
    setUpTransformStreamDefaultControllerFromTransformer(stream, transformer, dictionary);
    // 12.–13. Started.
    const { start } = dictionary;
    if (start === undefined) {
      promises.resolve(startPromise, undefined);
      return;
    }
    const started = promises.from(ReflectApply(start, transformer, [stream.controller.object]));
    promises.upon(
      started,
      () => promises.resolve(startPromise, undefined),
      (reason) => promises.reject(startPromise, reason),
    );
  },
  "get readable"(stream) {
    return stream.readable.object;
  },
  "get writable"(stream) {
    return stream.writable.object;
  },
});

// https://streams.spec.whatwg.org/#ts-default-controller-class
core.interface("TransformStreamDefaultController", {
  init(slots) {
    slots.object = this;
    slots.stream = undefined;
  },
  "get desiredSize"(controller) {
    return streams.readableStreamDefaultControllerGetDesiredSize(controller.stream.readable.controller);
  },
  enqueue(controller, chunk) {
    streams.transformStreamDefaultControllerEnqueue(controller, chunk);
  },
  error(controller, reason) {
    transformStreamError(controller.stream, reason);
  },
  terminate(controller) {
    streams.transformStreamDefaultControllerTerminate(controller);
  },
});
