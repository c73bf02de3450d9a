// Streams between realms: https://streams.spec.whatwg.org/#transferrable-streams
const { internal } = core;
const { promises, streams } = internal;

const cloneError = (message) => native.domException("DataCloneError", message);

// <https://streams.spec.whatwg.org/#abstract-opdef-packandpostmessage>
const packAndPostMessage = (port, type, value) => native.hook("postToPort", port, { __proto__: null, type, value });

// <https://streams.spec.whatwg.org/#abstract-opdef-crossrealmtransformsenderror>
const crossRealmTransformSendError = (port, error) => {
  try {
    packAndPostMessage(port, "error", error);
  } catch {
    // The other side learns nothing more.
  }
};

// <https://streams.spec.whatwg.org/#abstract-opdef-packandpostmessagehandlingerror>: `undefined`, or a promise rejected with why not.
const packAndPostMessageHandlingError = (port, type, value) => {
  try {
    packAndPostMessage(port, type, value);
  } catch (error) {
    crossRealmTransformSendError(port, error);
    return promises.rejectedWith(error);
  }
  return undefined;
};

const disentangle = (port) => native.hook("closePort", port);

// Handles a port's messages in the place of its events. What cannot be read is `undefined`.
const listen = (port, handle, fail) => {
  native.slots(port).messageHandler = (message) => {
    const data = message === undefined ? undefined : message.data;
    // NOTE: the other side is not trusted.
    if (typeof data === "object" && data !== null) {
      handle(data.type, data.value);
      return;
    }
    const error = cloneError("what the other end of the stream sent cannot be read here");
    crossRealmTransformSendError(port, error);
    fail(error);
    disentangle(port);
  };
  native.hook("startPort", port);
};

// <https://streams.spec.whatwg.org/#abstract-opdef-setupcrossrealmtransformreadable>
const setUpCrossRealmTransformReadable = (stream, port) => {
  const controller = streams.createSlots("ReadableStreamDefaultController");
  const fail = (error) => streams.readableStreamDefaultControllerError(controller, error);
  streams.setUpReadableStreamDefaultController(
    stream,
    controller,
    streams.nothing,
    () => {
      packAndPostMessage(port, "pull", undefined);
      return promises.resolvedWith(undefined);
    },
    (reason) => {
      const result = packAndPostMessageHandlingError(port, "error", reason);
      disentangle(port);
      return result === undefined ? promises.resolvedWith(undefined) : result;
    },
    0,
    streams.countsOne,
  );
  listen(
    port,
    (type, value) => {
      if (type === "chunk") {
        streams.readableStreamDefaultControllerEnqueue(controller, value);
      } else if (type === "close") {
        streams.readableStreamDefaultControllerClose(controller);
        disentangle(port);
      } else if (type === "error") {
        fail(value);
        disentangle(port);
      }
    },
    fail,
  );
};

// <https://streams.spec.whatwg.org/#abstract-opdef-setupcrossrealmtransformwritable>
const setUpCrossRealmTransformWritable = (stream, port) => {
  const controller = streams.createSlots("WritableStreamDefaultController");
  let backpressurePromise = promises.pending();
  const wanted = () => {
    if (backpressurePromise === undefined) return;
    promises.resolve(backpressurePromise, undefined);
    backpressurePromise = undefined;
  };
  const fail = (error) => {
    streams.writableStreamDefaultControllerErrorIfNeeded(controller, error);
    wanted();
  };
  const abortOrFail = (reason) => {
    const result = packAndPostMessageHandlingError(port, "error", reason);
    disentangle(port);
    return result === undefined ? promises.resolvedWith(undefined) : result;
  };
  streams.setUpWritableStreamDefaultController(
    stream,
    controller,
    streams.nothing,
    (chunk) => {
      if (backpressurePromise === undefined) backpressurePromise = promises.resolvedWith(undefined);
      return promises.react(backpressurePromise, () => {
        backpressurePromise = promises.pending();
        const result = packAndPostMessageHandlingError(port, "chunk", chunk);
        if (result !== undefined) disentangle(port);
        return result;
      });
    },
    () => {
      packAndPostMessage(port, "close", undefined);
      disentangle(port);
      return promises.resolvedWith(undefined);
    },
    abortOrFail,
    1,
    streams.countsOne,
  );
  listen(
    port,
    (type, value) => {
      if (type === "pull") wanted();
      else if (type === "error") fail(value);
    },
    fail,
  );
};

const notLocked = (stream, isLocked) => {
  if (isLocked(stream)) throw cloneError("a locked stream cannot be transferred");
};

// <https://streams.spec.whatwg.org/#rs-transfer>
const transferReadable = (stream) => {
  notLocked(stream, streams.isReadableStreamLocked);
  stream.detached = true;
  const { port1, port2 } = internal.newMessageChannel();
  const writable = streams.createSlots("WritableStream");
  setUpCrossRealmTransformWritable(writable, port1);
  promises.setHandled(streams.readableStreamPipeTo(stream, writable, false, false, false));
  return internal.transferPort(port2);
};
const receiveReadable = (field) => {
  const stream = streams.createSlots("ReadableStream");
  setUpCrossRealmTransformReadable(stream, internal.receivePort(field));
  return stream;
};

// <https://streams.spec.whatwg.org/#ws-transfer>
const transferWritable = (stream) => {
  notLocked(stream, streams.isWritableStreamLocked);
  stream.detached = true;
  const { port1, port2 } = internal.newMessageChannel();
  const readable = streams.createSlots("ReadableStream");
  setUpCrossRealmTransformReadable(readable, port1);
  promises.setHandled(streams.readableStreamPipeTo(readable, stream, false, false, false));
  return internal.transferPort(port2);
};
const receiveWritable = (field) => {
  const stream = streams.createSlots("WritableStream");
  setUpCrossRealmTransformWritable(stream, internal.receivePort(field));
  return stream;
};

internal.registerTransferable("ReadableStream", {
  __proto__: null,
  isDetached: (stream) => native.slots(stream).detached === true,
  transfer: (stream) => [transferReadable(native.slots(stream))],
  receive: (fields) => receiveReadable(fields[0]).object,
});

internal.registerTransferable("WritableStream", {
  __proto__: null,
  isDetached: (stream) => native.slots(stream).detached === true,
  transfer: (stream) => [transferWritable(native.slots(stream))],
  receive: (fields) => receiveWritable(fields[0]).object,
});

// <https://streams.spec.whatwg.org/#ts-transfer>
internal.registerTransferable("TransformStream", {
  __proto__: null,
  isDetached: (stream) => native.slots(stream).detached === true,
  transfer(stream) {
    const slots = native.slots(stream);
    const { readable, writable } = slots;
    notLocked(readable, streams.isReadableStreamLocked);
    notLocked(writable, streams.isWritableStreamLocked);
    slots.detached = true;
    return [transferReadable(readable), transferWritable(writable)];
  },
  receive(fields) {
    const stream = streams.createSlots("TransformStream");
    stream.readable = receiveReadable(fields[0]);
    stream.writable = receiveWritable(fields[1]);
    return stream.object;
  },
});
