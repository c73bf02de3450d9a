// The ReadableStream class: https://streams.spec.whatwg.org/#rs-class
//
// The algorithms deal in slots: `stream` here is what is in the slots of a ReadableStream, `stream.object` the object itself. So
// with controllers, readers and writers.
const { internal } = core;
const { RangeError, TypeError } = primordials;
const { promises, streams } = internal;

// <https://streams.spec.whatwg.org/#initialize-readable-stream>
function initializeReadableStream(stream) {
  stream.state = "readable";
  stream.reader = undefined;
  stream.storedError = undefined;
  stream.disturbed = false;
  stream.controller = undefined;
}

const createSlots = (interfaceName) => native.slots(native.create(interfaceName));
streams.createSlots = createSlots;

// <https://streams.spec.whatwg.org/#create-readable-stream>
streams.createReadableStream = (startAlgorithm, pullAlgorithm, cancelAlgorithm, highWaterMark = 1, sizeAlgorithm = streams.countsOne) => {
  const stream = createSlots("ReadableStream");
  const controller = createSlots("ReadableStreamDefaultController");
  streams.setUpReadableStreamDefaultController(stream, controller, startAlgorithm, pullAlgorithm, cancelAlgorithm, highWaterMark, sizeAlgorithm);
  return stream;
};

// <https://streams.spec.whatwg.org/#abstract-opdef-createreadablebytestream>
streams.createReadableByteStream = (startAlgorithm, pullAlgorithm, cancelAlgorithm, highWaterMark = 0) => {
  const stream = createSlots("ReadableStream");
  const controller = createSlots("ReadableByteStreamController");
  streams.setUpReadableByteStreamController(stream, controller, startAlgorithm, pullAlgorithm, cancelAlgorithm, highWaterMark, undefined);
  return stream;
};

// <https://streams.spec.whatwg.org/#is-readable-stream-locked>
streams.isReadableStreamLocked = (stream) => stream.reader !== undefined;

streams.isByteStream = (stream) => stream.controller.isByteController;

// <https://streams.spec.whatwg.org/#readable-stream-add-read-into-request>
streams.readableStreamAddReadIntoRequest = (stream, readRequest) => streams.append(stream.reader.readIntoRequests, readRequest);

// <https://streams.spec.whatwg.org/#readable-stream-add-read-request>
streams.readableStreamAddReadRequest = (stream, readRequest) => streams.append(stream.reader.readRequests, readRequest);

// <https://streams.spec.whatwg.org/#readable-stream-cancel>
streams.readableStreamCancel = (stream, reason) => {
  // 1. Somebody has been at it.
  stream.disturbed = true;
  // 2.–3. There is nothing left to cancel.
  if (stream.state === "closed") return promises.resolvedWith(undefined);
  if (stream.state === "errored") return promises.rejectedWith(stream.storedError);
  // 4. Closed.
  streams.readableStreamClose(stream);
  // 5.–6. Those that wait for bytes get none.
  const { reader } = stream;
  if (reader !== undefined && reader.isBYOBReader) {
    const { readIntoRequests } = reader;
    reader.readIntoRequests = streams.newList();
    for (let node = readIntoRequests.first; node !== undefined; node = node.next) node.value.closeSteps(undefined);
  }
  // 7.–8. The source hears of it.
  const sourceCancelPromise = stream.controller.cancelSteps(reason);
  return promises.react(sourceCancelPromise, () => undefined);
};

// <https://streams.spec.whatwg.org/#readable-stream-close>
streams.readableStreamClose = (stream) => {
  // 2. Closed.
  stream.state = "closed";
  // 3.–5. The reader knows.
  const { reader } = stream;
  if (reader === undefined) return;
  promises.resolve(reader.closedPromise, undefined);
  // 6. Nothing comes for those that wait.
  if (!reader.isBYOBReader) {
    const { readRequests } = reader;
    reader.readRequests = streams.newList();
    for (let node = readRequests.first; node !== undefined; node = node.next) node.value.closeSteps();
  }
};

// <https://streams.spec.whatwg.org/#readable-stream-error>
streams.readableStreamError = (stream, e) => {
  // 2.–3. Errored.
  stream.state = "errored";
  stream.storedError = e;
  // 4.–7. The reader knows.
  const { reader } = stream;
  if (reader === undefined) return;
  promises.setHandled(reader.closedPromise);
  promises.reject(reader.closedPromise, e);
  // 8.–9. So do those that wait.
  if (reader.isBYOBReader) streams.readableStreamBYOBReaderErrorReadIntoRequests(reader, e);
  else streams.readableStreamDefaultReaderErrorReadRequests(reader, e);
};

// <https://streams.spec.whatwg.org/#readable-stream-fulfill-read-into-request>
streams.readableStreamFulfillReadIntoRequest = (stream, chunk, done) => {
  const readIntoRequest = streams.shift(stream.reader.readIntoRequests);
  if (done) readIntoRequest.closeSteps(chunk);
  else readIntoRequest.chunkSteps(chunk);
};

// <https://streams.spec.whatwg.org/#readable-stream-fulfill-read-request>
streams.readableStreamFulfillReadRequest = (stream, chunk, done) => {
  const readRequest = streams.shift(stream.reader.readRequests);
  if (done) readRequest.closeSteps();
  else readRequest.chunkSteps(chunk);
};

// <https://streams.spec.whatwg.org/#readable-stream-get-num-read-into-requests>
streams.readableStreamGetNumReadIntoRequests = (stream) => stream.reader.readIntoRequests.size;

// <https://streams.spec.whatwg.org/#readable-stream-get-num-read-requests>
streams.readableStreamGetNumReadRequests = (stream) => stream.reader.readRequests.size;

// <https://streams.spec.whatwg.org/#readable-stream-has-byob-reader>
streams.readableStreamHasBYOBReader = (stream) => stream.reader !== undefined && stream.reader.isBYOBReader;

// <https://streams.spec.whatwg.org/#readable-stream-has-default-reader>
streams.readableStreamHasDefaultReader = (stream) => stream.reader !== undefined && !stream.reader.isBYOBReader;

// <https://streams.spec.whatwg.org/#readable-stream-tee>
streams.readableStreamTee = (stream, cloneForBranch2) =>
  streams.isByteStream(stream) ? streams.readableByteStreamTee(stream) : streams.readableStreamDefaultTee(stream, cloneForBranch2);

const locked = () => new TypeError("the stream is locked");

core.interface("ReadableStream", {
  init(slots) {
    slots.object = this;
    initializeReadableStream(slots);
  },
  // <https://streams.spec.whatwg.org/#rs-constructor>
  construct(stream, underlyingSource, strategy) {
    // 1.–2. The source's members, read once.
    const underlyingSourceDict = native.convert(underlyingSource, "UnderlyingSource");
    if (underlyingSourceDict.type === "bytes") {
      // 4. Bytes have their own size.
      if (strategy.size !== undefined) throw new RangeError("a stream of bytes has no size function");
      const highWaterMark = streams.extractHighWaterMark(strategy, 0);
      streams.setUpReadableByteStreamControllerFromUnderlyingSource(stream, underlyingSource, underlyingSourceDict, highWaterMark);
    } else {
      // 5. Any chunks.
      const sizeAlgorithm = streams.extractSizeAlgorithm(strategy);
      const highWaterMark = streams.extractHighWaterMark(strategy, 1);
      streams.setUpReadableStreamDefaultControllerFromUnderlyingSource(stream, underlyingSource, underlyingSourceDict, highWaterMark, sizeAlgorithm);
    }
  },
  // <https://streams.spec.whatwg.org/#rs-from>
  "static from"(asyncIterable) {
    return streams.readableStreamFromIterable(asyncIterable).object;
  },
  "get locked"(stream) {
    return streams.isReadableStreamLocked(stream);
  },
  // <https://streams.spec.whatwg.org/#rs-cancel>
  cancel(stream, reason) {
    if (streams.isReadableStreamLocked(stream)) throw locked();
    return promises.exposed(streams.readableStreamCancel(stream, reason));
  },
  // <https://streams.spec.whatwg.org/#rs-get-reader>
  getReader(stream, options) {
    if (options.mode === undefined) return streams.acquireReadableStreamDefaultReader(stream).object;
    return streams.acquireReadableStreamBYOBReader(stream).object;
  },
  // <https://streams.spec.whatwg.org/#rs-pipe-through>
  pipeThrough(stream, transform, options) {
    const writable = native.slots(transform.writable);
    // 1.–2. Neither end is another's.
    if (streams.isReadableStreamLocked(stream)) throw locked();
    if (streams.isWritableStreamLocked(writable)) throw new TypeError("the writable end is locked");
    // 3.–5. What fails shows at the ends.
    const promise = streams.readableStreamPipeTo(stream, writable, options.preventClose, options.preventAbort, options.preventCancel, options.signal);
    promises.setHandled(promise);
    // 6. The other end.
    return transform.readable;
  },
  // <https://streams.spec.whatwg.org/#rs-pipe-to>
  pipeTo(stream, destination, options) {
    const writable = native.slots(destination);
    if (streams.isReadableStreamLocked(stream)) throw locked();
    if (streams.isWritableStreamLocked(writable)) throw new TypeError("the destination is locked");
    return promises.exposed(
      streams.readableStreamPipeTo(stream, writable, options.preventClose, options.preventAbort, options.preventCancel, options.signal),
    );
  },
  // <https://streams.spec.whatwg.org/#rs-tee>
  tee(stream) {
    const { branch1, branch2 } = streams.readableStreamTee(stream, false);
    return [branch1.object, branch2.object];
  },
  // <https://streams.spec.whatwg.org/#rs-asynciterator>
  asyncIterate(stream, options) {
    const { preventCancel } = native.convert(options, "ReadableStreamIteratorOptions");
    const reader = streams.acquireReadableStreamDefaultReader(stream);
    return {
      __proto__: null,
      next() {
        const { promise, resolve, reject } = promises.withResolvers();
        streams.readableStreamDefaultReaderRead(reader, {
          __proto__: null,
          chunkSteps: (chunk) => resolve({ value: chunk, done: false }),
          closeSteps() {
            streams.readableStreamDefaultReaderRelease(reader);
            resolve({ value: undefined, done: true });
          },
          errorSteps(e) {
            streams.readableStreamDefaultReaderRelease(reader);
            reject(e);
          },
        });
        return promise;
      },
      return(reason) {
        if (!preventCancel) {
          const result = streams.readableStreamReaderGenericCancel(reader, reason);
          streams.readableStreamDefaultReaderRelease(reader);
          return promises.exposed(result);
        }
        streams.readableStreamDefaultReaderRelease(reader);
        return undefined;
      },
    };
  },
});
