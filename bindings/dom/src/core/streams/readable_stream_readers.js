// Readers: https://streams.spec.whatwg.org/#generic-reader-mixin, https://streams.spec.whatwg.org/#default-reader-class
const { internal } = core;
const { TypeError } = primordials;
const { promises, streams } = internal;

const released = () => new TypeError("the reader has been released");
streams.readerReleased = released;

// <https://streams.spec.whatwg.org/#readable-stream-reader-generic-cancel>
streams.readableStreamReaderGenericCancel = (reader, reason) => streams.readableStreamCancel(reader.stream, reason);

// <https://streams.spec.whatwg.org/#readable-stream-reader-generic-initialize>
streams.readableStreamReaderGenericInitialize = (reader, stream) => {
  // 1.–2. The two know each other.
  reader.stream = stream;
  stream.reader = reader;
  // 3.–5. `closed` is what the stream is.
  if (stream.state === "readable") {
    reader.closedPromise = promises.pending();
  } else if (stream.state === "closed") {
    reader.closedPromise = promises.resolvedWith(undefined);
  } else {
    reader.closedPromise = promises.rejectedWith(stream.storedError);
    promises.setHandled(reader.closedPromise);
  }
};

// <https://streams.spec.whatwg.org/#readable-stream-reader-generic-release>
streams.readableStreamReaderGenericRelease = (reader) => {
  const { stream } = reader;
  // 4.–6. `closed` rejects, the one a script has or a new one.
  if (stream.state !== "readable") reader.closedPromise = promises.pending();
  promises.setHandled(reader.closedPromise);
  promises.reject(reader.closedPromise, released());
  // 7.–9. They part.
  stream.controller.releaseSteps();
  stream.reader = undefined;
  reader.stream = undefined;
};

// <https://streams.spec.whatwg.org/#acquire-readable-stream-reader>
streams.acquireReadableStreamDefaultReader = (stream) => {
  const reader = streams.createSlots("ReadableStreamDefaultReader");
  streams.setUpReadableStreamDefaultReader(reader, stream);
  return reader;
};

// <https://streams.spec.whatwg.org/#set-up-readable-stream-default-reader>
streams.setUpReadableStreamDefaultReader = (reader, stream) => {
  // 1. One reader at a time.
  if (streams.isReadableStreamLocked(stream)) throw new TypeError("the stream is locked");
  // 2.–3. Set up.
  reader.isBYOBReader = false;
  streams.readableStreamReaderGenericInitialize(reader, stream);
  reader.readRequests = streams.newList();
};

// <https://streams.spec.whatwg.org/#readable-stream-default-reader-read>
streams.readableStreamDefaultReaderRead = (reader, readRequest) => {
  const { stream } = reader;
  // 3. Somebody has been at it.
  stream.disturbed = true;
  // 4.–6. By its state.
  if (stream.state === "closed") readRequest.closeSteps();
  else if (stream.state === "errored") readRequest.errorSteps(stream.storedError);
  else stream.controller.pullSteps(readRequest);
};

// <https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaultreadererrorreadrequests>
streams.readableStreamDefaultReaderErrorReadRequests = (reader, e) => {
  const { readRequests } = reader;
  reader.readRequests = streams.newList();
  for (let node = readRequests.first; node !== undefined; node = node.next) node.value.errorSteps(e);
};

// <https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaultreaderrelease>
streams.readableStreamDefaultReaderRelease = (reader) => {
  streams.readableStreamReaderGenericRelease(reader);
  streams.readableStreamDefaultReaderErrorReadRequests(reader, released());
};

core.interface("ReadableStreamDefaultReader", {
  init(slots) {
    slots.object = this;
    slots.stream = undefined;
  },
  construct(reader, stream) {
    streams.setUpReadableStreamDefaultReader(reader, native.slots(stream));
  },
  "get closed"(reader) {
    return promises.exposed(reader.closedPromise);
  },
  // <https://streams.spec.whatwg.org/#generic-reader-cancel>
  cancel(reader, reason) {
    if (reader.stream === undefined) throw released();
    return promises.exposed(streams.readableStreamReaderGenericCancel(reader, reason));
  },
  // <https://streams.spec.whatwg.org/#default-reader-read>
  read(reader) {
    if (reader.stream === undefined) throw released();
    const { promise, resolve, reject } = promises.withResolvers();
    streams.readableStreamDefaultReaderRead(reader, {
      __proto__: null,
      chunkSteps: (chunk) => resolve({ value: chunk, done: false }),
      closeSteps: () => resolve({ value: undefined, done: true }),
      errorSteps: reject,
    });
    return promise;
  },
  // <https://streams.spec.whatwg.org/#default-reader-release-lock>
  releaseLock(reader) {
    if (reader.stream === undefined) return;
    streams.readableStreamDefaultReaderRelease(reader);
  },
});
