// Bodies of script, between streams and the native side: https://fetch.spec.whatwg.org/#body-mixin
//
// A native body is given to script as a stream of bytes that pulls (`bodyStream`); a stream of script is given to the native side
// as a body that asks for each chunk (`drainBody`), or is read to its end here (`consumeBody`). The stream of a body is in the slots
// of its request or response.
const { internal } = core;
const {
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  Set,
  SetPrototypeAdd,
  SetPrototypeDelete,
  TypeError,
  TypedArrayPrototypeGetSymbolToStringTag,
} = primordials;
const { promises, streams } = internal;

// Sources that the native side is pulling for: their streams live, whoever still has them.
const pulling = new Set();

// <https://fetch.spec.whatwg.org/#concept-body-stream>: a stream of what a native source gives.
const streamOfSource = (source) => {
  const slots = native.slots(source);
  const stream = streams.createReadableByteStream(
    streams.nothing,
    () => {
      const { ahead } = slots;
      slots.ahead = undefined;
      const chunk = ahead === undefined && !slots.looksAhead ? native.hook("pullBody", source) : ahead;
      if (chunk !== undefined) {
        deliver(slots, chunk);
        lookAhead(source, slots);
        return promises.resolvedWith(undefined);
      }
      SetPrototypeAdd(pulling, source);
      slots.pulled = promises.pending();
      return slots.pulled;
    },
    (reason) => {
      native.hook("cancelBody", source);
      pulledFor(source, slots);
      return promises.resolvedWith(undefined);
    },
  );
  slots.stream = stream;
  stream.source = source;
  // What has ended already is closed from the beginning.
  if (native.hook("hasBodyEnded", source)) streams.readableByteStreamControllerClose(stream.controller);
  return stream;
};

// The stream hears of the body's end or failure when it happens, and not when it asks for another chunk: one chunk is fetched before
// it is asked for.
const lookAhead = (source, slots) => {
  if (slots.looksAhead || slots.ahead !== undefined || slots.stream.state !== "readable") return;
  let chunk;
  try {
    chunk = native.hook("pullBody", source);
  } catch (e) {
    streams.readableByteStreamControllerError(slots.stream.controller, e);
    return;
  }
  if (chunk === undefined) slots.looksAhead = true;
  else if (chunk === null) deliver(slots, null);
  else slots.ahead = chunk;
};

const pulledFor = (source, slots) => {
  SetPrototypeDelete(pulling, source);
  const { pulled } = slots;
  slots.pulled = undefined;
  if (pulled !== undefined) promises.resolve(pulled, undefined);
};

// A chunk, or `null` for the end.
const deliver = (slots, chunk) => {
  const { stream } = slots;
  if (chunk !== null) {
    streams.readableByteStreamControllerEnqueue(stream.controller, chunk);
    return;
  }
  // <https://streams.spec.whatwg.org/#readablestream-close>
  if (stream.state !== "readable") return;
  const { controller } = stream;
  try {
    streams.readableByteStreamControllerClose(controller);
  } catch {
    // It errored: the last bytes did not fill an element of the reader's view.
    return;
  }
  if (controller.pendingPullIntos.size > 0) streams.readableByteStreamControllerRespond(controller, 0);
};

core.export("bodySourceChunk", (source, chunk) => {
  const slots = native.slots(source);
  slots.looksAhead = false;
  if (slots.stream?.state !== "readable") return pulledFor(source, slots);
  if (chunk !== null && slots.pulled === undefined) {
    slots.ahead = chunk;
    return;
  }
  deliver(slots, chunk);
  if (chunk !== null) lookAhead(source, slots);
  pulledFor(source, slots);
});

core.export("bodySourceError", (source, reason) => {
  const slots = native.slots(source);
  slots.looksAhead = false;
  slots.ahead = undefined;
  if (slots.stream !== undefined) streams.readableByteStreamControllerError(slots.stream.controller, reason);
  pulledFor(source, slots);
});

// A new stream of a source, which the body of the object is from now on.
core.export("bodyStreamOfSource", (object, source) => {
  const stream = streamOfSource(source);
  native.slots(object).bodyStream = stream;
  return stream.object;
});

// A stream of a source that is nobody's body.
core.export("streamOfSource", (source) => streamOfSource(source).object);

core.export("bodyStream", (object) => native.slots(object).bodyStream.object);

// The stream of a body that the native side has read: locked, disturbed and at its end.
core.export("spentBodyStream", (object) => {
  const slots = native.slots(object);
  if (slots.bodyStream === undefined) {
    const stream = streams.createReadableByteStream(streams.nothing, streams.nothing, streams.nothing);
    streams.readableByteStreamControllerClose(stream.controller);
    streams.acquireReadableStreamDefaultReader(stream);
    stream.disturbed = true;
    slots.bodyStream = stream;
  }
  return slots.bodyStream.object;
});

core.export("disturbBody", (object) => {
  native.slots(object).bodyStream.disturbed = true;
});

const isUnusable = (stream) => stream.disturbed || streams.isReadableStreamLocked(stream);
const unusable = () => new TypeError("the body is disturbed or locked");

core.export("isBodyDisturbed", (object) => native.slots(object).bodyStream.disturbed);
core.export("isBodyUnusable", (object) => isUnusable(native.slots(object).bodyStream));

// <https://fetch.spec.whatwg.org/#concept-bodyinit-extract>, of a stream.
core.export("checkBodyStream", (given) => {
  if (isUnusable(native.slots(given))) throw unusable();
});
core.export("setBodyStream", (object, given) => {
  native.slots(object).bodyStream = native.slots(given);
});

// The native source behind a stream that nobody has touched, which is locked then: its bytes need not go through script.
const takeSource = (stream) => {
  const { source } = stream;
  if (source === undefined || stream.state !== "readable" || stream.controller.pulling) return undefined;
  streams.acquireReadableStreamDefaultReader(stream);
  stream.disturbed = true;
  return source;
};
core.export("takeBodySource", (object) => {
  const stream = native.slots(object).bodyStream;
  if (isUnusable(stream)) throw unusable();
  return takeSource(stream);
});

const isUint8Array = (chunk) =>
  typeof chunk === "object" && chunk !== null && TypedArrayPrototypeGetSymbolToStringTag(chunk) === "Uint8Array";
const notBytes = () => new TypeError("a chunk of a body is a Uint8Array");

// <https://fetch.spec.whatwg.org/#body-fully-read>: a promise of what the native side makes of all bytes.
core.export("consumeBody", (object, collector) => {
  const stream = native.slots(object).bodyStream;
  if (isUnusable(stream)) throw unusable();
  const { promise, resolve, reject } = promises.withResolvers();
  const reader = streams.acquireReadableStreamDefaultReader(stream);
  const fail = (e) => {
    reject(e);
  };
  const readAll = () => {
    // NOTE: a stream that has all its chunks must not be read by recursion.
    let again;
    let inside;
    const request = {
      __proto__: null,
      chunkSteps(chunk) {
        if (!isUint8Array(chunk)) {
          fail(notBytes());
          return;
        }
        try {
          native.hook("collectBody", collector, chunk);
        } catch (e) {
          fail(e);
          return;
        }
        if (inside) again = true;
        else readAll();
      },
      closeSteps() {
        let value;
        try {
          value = native.hook("packageBody", collector);
        } catch (e) {
          fail(e);
          return;
        }
        resolve(value);
      },
      errorSteps: fail,
    };
    do {
      again = false;
      inside = true;
      streams.readableStreamDefaultReaderRead(reader, request);
      inside = false;
    } while (again);
  };
  readAll();
  return promise;
});

// Streams that the native side drains, by number.
const drained = new Map();

// <https://fetch.spec.whatwg.org/#incrementally-read-loop>, a chunk each time the native side asks.
core.export("drainBody", (object, sink, number) => {
  const stream = native.slots(object).bodyStream;
  if (isUnusable(stream)) throw unusable();
  const reader = streams.acquireReadableStreamDefaultReader(stream);
  stream.disturbed = true;
  MapPrototypeSet(drained, number, { __proto__: null, reader, sink });
});

core.export("drainMore", (number) => {
  const found = MapPrototypeGet(drained, number);
  if (found === undefined) return;
  const { reader, sink } = found;
  const fail = (e) => {
    MapPrototypeDelete(drained, number);
    native.hook("sinkError", sink, e);
  };
  const request = {
    __proto__: null,
    chunkSteps(chunk) {
      if (!MapPrototypeGet(drained, number)) return;
      if (isUint8Array(chunk)) {
        native.hook("sinkChunk", sink, chunk);
        return;
      }
      const e = notBytes();
      fail(e);
      streams.readableStreamReaderGenericCancel(reader, e);
    },
    closeSteps() {
      MapPrototypeDelete(drained, number);
      native.hook("sinkEnd", sink);
    },
    errorSteps: fail,
  };
  streams.readableStreamDefaultReaderRead(reader, request);
});

// The native side wants no more.
core.export("drainCanceled", (number, reason) => {
  const found = MapPrototypeGet(drained, number);
  if (found === undefined) return;
  MapPrototypeDelete(drained, number);
  const why = reason === undefined ? native.domException("AbortError", "nobody reads the body any more") : reason;
  promises.setHandled(streams.readableStreamReaderGenericCancel(found.reader, why));
});

// <https://fetch.spec.whatwg.org/#concept-body-clone>: the object keeps one branch; the other is given.
core.export("teeBody", (object) => {
  const slots = native.slots(object);
  if (isUnusable(slots.bodyStream)) throw unusable();
  const { branch1, branch2 } = streams.readableStreamTee(slots.bodyStream, true);
  slots.bodyStream = branch1;
  return branch2.object;
});

// <https://streams.spec.whatwg.org/#readablestream-create-a-proxy>
core.export("proxyBody", (object) => {
  const { bodyStream } = native.slots(object);
  if (isUnusable(bodyStream)) throw unusable();
  const identity = streams.createSlots("TransformStream");
  streams.setUpTransformStream(identity, (chunk) => streams.transformStreamDefaultControllerEnqueue(identity.controller, chunk));
  promises.setHandled(streams.readableStreamPipeTo(bodyStream, identity.writable, false, false, false));
  return identity.readable.object;
});

// <https://fetch.spec.whatwg.org/#dom-body-textstream>, of a stream or of nothing.
core.export("textStream", (given) => {
  if (given !== null) {
    const stream = native.slots(given);
    if (isUnusable(stream)) throw unusable();
    return streams.pipeThroughUtf8Decoder(stream);
  }
  const empty = streams.createReadableStream(streams.nothing, streams.nothing, streams.nothing);
  streams.readableStreamDefaultControllerClose(empty.controller);
  return empty.object;
});
