// Streams from iterables: https://streams.spec.whatwg.org/#readable-stream-from-iterable
const { internal } = core;
const { ReflectApply, SymbolAsyncIterator, SymbolIterator, TypeError } = primordials;
const { promises, streams } = internal;

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

// <https://tc39.es/ecma262/#sec-getmethod>
function getMethod(object, key) {
  const method = object[key];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== "function") throw new TypeError("the iterator's method is not a function");
  return method;
}

// <https://webidl.spec.whatwg.org/#js-async-iterable>: an async sequence, opened. What a step gives is a promise of its result.
//
// DEVIATION: a string is a sequence, too, as the tests have it.
function openAsyncSequence(value) {
  if (!isObject(value) && typeof value !== "string") throw new TypeError("the value is not iterable");
  let method = getMethod(value, SymbolAsyncIterator);
  const isAsync = method !== undefined;
  if (!isAsync) method = getMethod(value, SymbolIterator);
  if (method === undefined) throw new TypeError("the value is not iterable");
  const iterator = ReflectApply(method, value, []);
  if (!isObject(iterator)) throw new TypeError("the iterator is not an object");
  return { __proto__: null, iterator, next: iterator.next, isAsync };
}

// The result of a step: an object whose `done` is read now, and for an iterator that is not async its value is waited for.
// <https://tc39.es/ecma262/#sec-asyncfromsynciteratorcontinuation>
const step = (sequence, call, use) => {
  const { isAsync, iterator } = sequence;
  const read = (result) => {
    if (!isObject(result)) throw new TypeError("the iterator's result is not an object");
    const done = !!result.done;
    return use(done, result, isAsync);
  };
  if (isAsync) return promises.react(promises.from(call()), read);
  const result = call();
  if (!isObject(result)) throw new TypeError("the iterator's result is not an object");
  const done = !!result.done;
  const value = promises.from(result.value);
  return promises.react(
    value,
    (waited) => use(done, { __proto__: null, value: waited }, true),
    (reason) => {
      // A value that rejects ends the iteration.
      if (!done && call.mayClose) {
        try {
          const close = getMethod(iterator, "return");
          if (close !== undefined) ReflectApply(close, iterator, []);
        } catch {
          // What it throws is less than the reason.
        }
      }
      throw reason;
    },
  );
};

// <https://streams.spec.whatwg.org/#readable-stream-from-iterable>
streams.readableStreamFromIterable = (asyncIterable) => {
  // 2. Opened.
  const sequence = openAsyncSequence(asyncIterable);
  const { iterator, next } = sequence;
  let stream;
  // 4. One step a pull.
  const pullAlgorithm = () => {
    const call = () => ReflectApply(next, iterator, []);
    call.mayClose = true;
    try {
      return step(sequence, call, (done, result) => {
        if (done) streams.readableStreamDefaultControllerClose(stream.controller);
        else streams.readableStreamDefaultControllerEnqueue(stream.controller, result.value);
      });
    } catch (e) {
      return promises.rejectedWith(e);
    }
  };
  // 5. Closed. NOTE: what `return()` gives must be an object.
  const cancelAlgorithm = (reason) => {
    try {
      const close = getMethod(iterator, "return");
      if (close === undefined) return promises.resolvedWith(undefined);
      const call = () => ReflectApply(close, iterator, [reason]);
      return step(sequence, call, () => undefined);
    } catch (e) {
      return promises.rejectedWith(e);
    }
  };
  // 6.–7. The stream.
  stream = streams.createReadableStream(streams.nothing, pullAlgorithm, cancelAlgorithm, 0);
  return stream;
};
