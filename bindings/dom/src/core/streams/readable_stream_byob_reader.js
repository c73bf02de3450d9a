// Readers that bring their own buffer: https://streams.spec.whatwg.org/#byob-reader-class
const { internal } = core;
const { RangeError, TypeError } = primordials;
const { promises, streams } = internal;

// <https://streams.spec.whatwg.org/#acquire-readable-stream-byob-reader>
streams.acquireReadableStreamBYOBReader = (stream) => {
  const reader = streams.createSlots("ReadableStreamBYOBReader");
  streams.setUpReadableStreamBYOBReader(reader, stream);
  return reader;
};

// <https://streams.spec.whatwg.org/#set-up-readable-stream-byob-reader>
streams.setUpReadableStreamBYOBReader = (reader, stream) => {
  // 1.–2. One reader at a time, and only of bytes.
  if (streams.isReadableStreamLocked(stream)) throw new TypeError("the stream is locked");
  if (!streams.isByteStream(stream)) throw new TypeError("the stream is not one of bytes");
  // 3.–4. Set up.
  reader.isBYOBReader = true;
  streams.readableStreamReaderGenericInitialize(reader, stream);
  reader.readIntoRequests = streams.newList();
};

// <https://streams.spec.whatwg.org/#abstract-opdef-readablestreambyobreadererrorreadintorequests>
streams.readableStreamBYOBReaderErrorReadIntoRequests = (reader, e) => {
  const { readIntoRequests } = reader;
  reader.readIntoRequests = streams.newList();
  for (let node = readIntoRequests.first; node !== undefined; node = node.next) node.value.errorSteps(e);
};

// <https://streams.spec.whatwg.org/#readable-stream-byob-reader-read>
streams.readableStreamBYOBReaderRead = (reader, view, min, readIntoRequest) => {
  const { stream } = reader;
  stream.disturbed = true;
  if (stream.state === "errored") readIntoRequest.errorSteps(stream.storedError);
  else streams.readableByteStreamControllerPullInto(stream.controller, view, min, readIntoRequest);
};

// <https://streams.spec.whatwg.org/#abstract-opdef-readablestreambyobreaderrelease>
streams.readableStreamBYOBReaderRelease = (reader) => {
  streams.readableStreamReaderGenericRelease(reader);
  streams.readableStreamBYOBReaderErrorReadIntoRequests(reader, streams.readerReleased());
};

core.interface("ReadableStreamBYOBReader", {
  init(slots) {
    slots.object = this;
    slots.stream = undefined;
  },
  construct(reader, stream) {
    streams.setUpReadableStreamBYOBReader(reader, native.slots(stream));
  },
  "get closed"(reader) {
    return promises.exposed(reader.closedPromise);
  },
  cancel(reader, reason) {
    if (reader.stream === undefined) throw streams.readerReleased();
    return promises.exposed(streams.readableStreamReaderGenericCancel(reader, reason));
  },
  // <https://streams.spec.whatwg.org/#byob-reader-read>
  read(reader, view, options) {
    const { name, buffer, byteLength, length } = streams.describeView(view);
    const { min } = options;
    // 1.–3. There is room.
    if (byteLength === 0) throw new TypeError("the view is empty");
    if (streams.isDetachedBuffer(buffer)) throw new TypeError("the view's buffer is detached");
    if (streams.byteLengthOf(buffer) === 0) throw new TypeError("the view's buffer is empty");
    // 4.–6. As much as is asked for.
    if (min === 0) throw new TypeError("min is at least 1");
    if (min > (name === "DataView" ? byteLength : length)) throw new RangeError("min is more than fits into the view");
    // 7. Still there.
    if (reader.stream === undefined) throw streams.readerReleased();
    // 8.–11. The read.
    const { promise, resolve, reject } = promises.withResolvers();
    streams.readableStreamBYOBReaderRead(reader, view, min, {
      __proto__: null,
      chunkSteps: (chunk) => resolve({ value: chunk, done: false }),
      closeSteps: (chunk) => resolve({ value: chunk, done: true }),
      errorSteps: reject,
    });
    return promise;
  },
  releaseLock(reader) {
    if (reader.stream === undefined) return;
    streams.readableStreamBYOBReaderRelease(reader);
  },
});
