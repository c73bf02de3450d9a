"use strict";

const readAll = async (stream) => {
  const chunks = [];
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return chunks;
    chunks.push(value);
  }
};
const streamOf = (...chunks) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

test("ReadableStream: pull, back-pressure, closing", async () => {
  const log = [];
  let count = 0;
  const stream = new ReadableStream(
    {
      start(controller) {
        log.push(`start ${controller.desiredSize}`);
      },
      pull(controller) {
        count += 1;
        log.push(`pull ${controller.desiredSize}`);
        controller.enqueue(count);
        if (count === 4) controller.close();
      },
    },
    { highWaterMark: 2 },
  );
  await 0;
  await 0;
  await 0;
  deepEqual(log, ["start 2", "pull 2", "pull 1"]);
  equal(stream.locked, false);
  deepEqual(await readAll(stream), [1, 2, 3, 4]);
  equal(stream.locked, true);
  throws(TypeError, () => stream.getReader());
  await rejects(TypeError, stream.cancel());
});

test("ReadableStream: errors, cancel, release", async () => {
  const reason = { why: 1 };
  const errored = new ReadableStream({ pull: () => Promise.reject(reason) });
  const reader = errored.getReader();
  await rejects(reason, reader.read());
  await rejects(reason, reader.closed);
  let canceled;
  const other = new ReadableStream({ cancel: (given) => { canceled = given; } });
  equal(await other.cancel(reason), undefined);
  equal(canceled, reason);
  const pending = new ReadableStream();
  const first = pending.getReader();
  const read = first.read();
  first.releaseLock();
  await rejects(TypeError, read);
  await rejects(TypeError, first.closed);
  equal(pending.locked, false);
  throws(RangeError, () => new ReadableStream({}, { highWaterMark: -1 }));
  throws(RangeError, () => new ReadableStream({ type: "bytes" }, { size: () => 1 }));
  throws(TypeError, () => new ReadableStream({ type: "other" }));
  throws(TypeError, () => new ReadableStreamDefaultController());
});

test("ReadableStream.from, async iteration, tee", async () => {
  deepEqual(await readAll(ReadableStream.from([1, Promise.resolve(2)])), [1, 2]);
  async function* generate() {
    try {
      yield "a";
      yield "b";
    } finally {
      ended = true;
    }
  }
  let ended = false;
  const seen = [];
  for await (const chunk of ReadableStream.from(generate())) {
    seen.push(chunk);
    break;
  }
  deepEqual(seen, ["a"]);
  equal(ended, true);
  throws(TypeError, () => ReadableStream.from({}));
  const [left, right] = streamOf(1, 2).tee();
  deepEqual([await readAll(left), await readAll(right)], [[1, 2], [1, 2]]);
  const stream = streamOf(1, 2);
  const iterator = stream.values({ preventCancel: true });
  await iterator.next();
  await iterator.return();
  deepEqual(await readAll(stream), [2]);
});

test("byte streams: BYOB readers, min, respond, auto-allocation", async () => {
  let pulls = 0;
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      pulls += 1;
      const { byobRequest } = controller;
      if (byobRequest === null) {
        controller.enqueue(new Uint8Array([9, 9, 9]));
        return;
      }
      byobRequest.view[0] = pulls;
      byobRequest.respond(1);
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  const given = new Uint8Array(8);
  const { value, done } = await reader.read(given, { min: 3 });
  deepEqual([[...value], done, given.byteLength], [[1, 2, 3], false, 0]);
  const words = await reader.read(new Uint16Array(2));
  equal(words.value.constructor, Uint16Array);
  equal(words.value.length, 1);
  await rejects(TypeError, reader.read(new Uint8Array(0)));
  await rejects(RangeError, reader.read(new Uint8Array(1), { min: 2 }));
  await rejects(TypeError, reader.read(given));
  reader.releaseLock();
  const plain = stream.getReader();
  deepEqual([...(await plain.read()).value], [9, 9, 9]);
  const allocated = new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 4,
    pull(controller) {
      equal(controller.byobRequest.view.byteLength, 4);
      controller.byobRequest.respondWithNewView(new Uint8Array(controller.byobRequest.view.buffer, 0, 2));
    },
  });
  equal((await allocated.getReader().read()).value.byteLength, 2);
  const [left, right] = new ReadableStream({
    type: "bytes",
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2]));
      controller.close();
    },
  }).tee();
  const a = (await readAll(left))[0];
  const b = (await right.getReader({ mode: "byob" }).read(new Uint8Array(4))).value;
  a[0] = 7;
  deepEqual([...b], [1, 2]);
});

test("WritableStream: order, back-pressure, abort", async () => {
  const log = [];
  let signal;
  const stream = new WritableStream(
    {
      start(controller) {
        signal = controller.signal;
      },
      async write(chunk) {
        log.push(chunk);
      },
      close() {
        log.push("closed");
      },
    },
    new CountQueuingStrategy({ highWaterMark: 2 }),
  );
  const writer = stream.getWriter();
  equal(writer.desiredSize, 2);
  writer.write(1);
  writer.write(2);
  equal(writer.desiredSize, 0);
  await writer.ready;
  await writer.close();
  await writer.closed;
  deepEqual(log, [1, 2, "closed"]);
  equal(signal.aborted, false);
  const reason = new Error("enough");
  let aborted;
  const other = new WritableStream({ start(controller) { signal = controller.signal; }, abort(why) { aborted = why; } });
  await other.abort(reason);
  equal(aborted, reason);
  equal(signal.reason, reason);
  await rejects(reason, other.getWriter().closed);
});

test("piping: transforms, signals, prevent options", async () => {
  const doubled = streamOf(1, 2, 3).pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk * 2);
      },
      flush(controller) {
        controller.enqueue("end");
      },
    }),
  );
  deepEqual(await readAll(doubled), [2, 4, 6, "end"]);
  const controller = new AbortController();
  const stop = { stop: 1 };
  let canceled;
  const endless = new ReadableStream({ pull: (c) => c.enqueue(1), cancel: (why) => { canceled = why; } });
  let written = 0;
  const sink = new WritableStream({
    write() {
      written += 1;
      if (written === 5) controller.abort(stop);
    },
  });
  await rejects(stop, endless.pipeTo(sink, { signal: controller.signal }));
  equal(canceled, stop);
  equal(written, 5);
  const kept = new WritableStream();
  await streamOf(1).pipeTo(kept, { preventClose: true });
  await kept.getWriter().write(2);
  await rejects(TypeError, streamOf(1).pipeTo(1));
  const terminated = new TransformStream({ start: (c) => c.terminate() });
  deepEqual(await readAll(terminated.readable), []);
  await rejects(TypeError, terminated.writable.getWriter().write(1));
});

test("text and compression streams", async () => {
  const bytes = streamOf("\ud83d", "\ude00 caf", "é", "\ud83d").pipeThrough(new TextEncoderStream());
  equal((await readAll(bytes.pipeThrough(new TextDecoderStream()))).join(""), "😀 café\uFFFD");
  const latin = streamOf(new Uint8Array([0xe9]).buffer).pipeThrough(new TextDecoderStream("latin1"));
  deepEqual(await readAll(latin), ["é"]);
  const fatal = streamOf(new Uint8Array([0xff])).pipeThrough(new TextDecoderStream("utf-8", { fatal: true }));
  await rejects(TypeError, readAll(fatal));
  throws(RangeError, () => new TextDecoderStream("no such"));
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    const text = "long and longer ".repeat(10_000);
    const packed = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream(format))).bytes();
    check(packed.length < 2_000, `${format} is ${packed.length} bytes`);
    const pieces = ReadableStream.from([packed.slice(0, 1), packed.slice(1, 7), packed.slice(7)]);
    equal(await new Response(pieces.pipeThrough(new DecompressionStream(format))).text(), text);
    const cut = ReadableStream.from([packed.slice(0, -1)]).pipeThrough(new DecompressionStream(format));
    await rejects(TypeError, new Response(cut).text(), `${format}, cut`);
    const more = ReadableStream.from([packed, new Uint8Array(1)]).pipeThrough(new DecompressionStream(format));
    await rejects(TypeError, new Response(more).text(), `${format}, with more behind it`);
    const broken = packed.slice();
    broken[broken.length >> 1] ^= 0xff;
    broken[0] ^= 0xff;
    await rejects(TypeError, new Response(ReadableStream.from([broken]).pipeThrough(new DecompressionStream(format))).text(), `${format}, broken`);
  }
  throws(TypeError, () => new CompressionStream("brotli-ish"));
});

test("hostile: patched prototypes are not asked", async () => {
  const patches = [];
  const patch = (object, key, value) => {
    const before = Object.getOwnPropertyDescriptor(object, key);
    Object.defineProperty(object, key, { configurable: true, ...value });
    patches.push(() => (before === undefined ? delete object[key] : Object.defineProperty(object, key, before)));
  };
  let calls = "";
  const trap = (name) => ({ value() { calls += name; throw new Error(name); }, writable: true });
  const source = streamOf(new Uint8Array([1]), new Uint8Array([2]));
  const transform = new TransformStream();
  const bytes = new ReadableStream({ type: "bytes", start(c) { c.enqueue(new Uint8Array([1, 2])); c.close(); } });
  const byob = bytes.getReader({ mode: "byob" });
  const { then } = Promise.prototype;
  patch(Promise.prototype, "then", trap("then"));
  patch(Promise.prototype, "constructor", { get() { calls += "constructor"; return Object; } });
  patch(Promise, Symbol.species, { get() { calls += "species"; return Object; } });
  patch(Array.prototype, 0, { set() { calls += "setter"; }, get: () => undefined });
  patch(Array.prototype, Symbol.iterator, trap("iterator"));
  patch(ReadableStream.prototype, "getReader", trap("getReader"));
  patch(ReadableStreamDefaultReader.prototype, "read", trap("read"));
  patch(WritableStreamDefaultWriter.prototype, "write", trap("write"));
  patch(Uint8Array.prototype, "byteLength", { get() { calls += "byteLength"; return 77; } });
  patch(ArrayBuffer.prototype, "transferToFixedLength", trap("transfer"));
  let text;
  let view;
  try {
    const piped = source.pipeThrough(transform);
    const branches = piped.tee();
    branches[1].cancel();
    text = new Response(branches[0]).arrayBuffer();
    view = byob.read(new Uint8Array(2));
  } finally {
    // NOTE: what goes on later goes on with the patches, but for those that the harness itself needs.
    for (let index = patches.length - 1; index >= 0; index -= 1) patches[index]();
  }
  equal(Promise.prototype.then, then);
  equal((await text).byteLength, 2);
  deepEqual([...(await view).value], [1, 2]);
  equal(calls, "");
});

test("hostile: thenables, getters and sizes that act", async () => {
  let controller;
  const reader = new ReadableStream(
    { start(c) { controller = c; } },
    {
      get highWaterMark() { return { valueOf: () => 3 }; },
      size(chunk) {
        if (chunk === "again") controller.enqueue("inner");
        if (chunk === "bad") return -1;
        return { valueOf: () => 1 };
      },
    },
  ).getReader();
  equal(controller.desiredSize, 3);
  controller.enqueue("again");
  deepEqual([(await reader.read()).value, (await reader.read()).value], ["inner", "again"]);
  throws(RangeError, () => controller.enqueue("bad"));
  await rejects(RangeError, reader.read());
  const thrown = { thrown: 1 };
  const source = {
    pull: () => ({ get then() { throw thrown; } }),
  };
  await rejects(thrown, new ReadableStream(source).getReader().read());
  const writer = new WritableStream({}, { size() { writer.releaseLock(); return 1; } }).getWriter();
  await rejects(TypeError, writer.write(1));
  for (const misuse of [
    () => ReadableStream.prototype.getReader.call({}),
    () => new ReadableStreamDefaultReader({}),
    () => ReadableStream(),
    () => new ReadableStream(1),
    () => new ReadableStream({ pull: 1 }),
    () => new WritableStream({ write: {} }),
    () => new TransformStream(null),
    () => new ByteLengthQueuingStrategy(),
  ]) {
    throws(TypeError, misuse, String(misuse));
  }
  throws(RangeError, () => new WritableStream({ type: "bytes" }));
  await rejects(TypeError, ReadableStream.prototype.cancel.call({}));
});

test("hostile: detached buffers", async () => {
  let controller;
  const stream = new ReadableStream({ type: "bytes", start(c) { controller = c; } });
  const gone = new Uint8Array(4);
  gone.buffer.transfer();
  throws(TypeError, () => controller.enqueue(gone));
  const reader = stream.getReader({ mode: "byob" });
  await rejects(TypeError, reader.read(gone));
  const read = reader.read(new Uint8Array(4));
  const { view } = controller.byobRequest;
  const request = controller.byobRequest;
  view.buffer.transfer();
  throws(TypeError, () => request.respond(1));
  throws(TypeError, () => controller.enqueue(new Uint8Array([1])));
  const over = { over: 1 };
  controller.error(over);
  await rejects(over, read);
});

test("transfer through structuredClone and ports", async () => {
  const stream = streamOf("a", { b: 1 });
  const clone = structuredClone(stream, { transfer: [stream] });
  equal(stream.locked, true);
  deepEqual(await readAll(clone), ["a", { b: 1 }]);
  throws("DataCloneError", () => structuredClone(stream, { transfer: [stream] }));
  throws("DataCloneError", () => structuredClone(new ReadableStream()));
  const { port1, port2 } = new MessageChannel();
  const got = new Promise((resolve) => { port2.onmessage = ({ data }) => resolve(data); });
  const upper = new TransformStream({ transform: (chunk, c) => c.enqueue(chunk.toUpperCase()) });
  port1.postMessage(upper, [upper]);
  deepEqual(await readAll(streamOf("x", "y").pipeThrough(await got)), ["X", "Y"]);
  const reason = { why: 1 };
  let canceled;
  const endless = new ReadableStream({ pull: (c) => c.enqueue(1), cancel: (why) => { canceled = why; } });
  const far = structuredClone(endless, { transfer: [endless] }).getReader();
  equal((await far.read()).value, 1);
  await far.cancel(reason);
  while (canceled === undefined) await new Promise((resolve) => setTimeout(resolve));
  deepEqual(canceled, reason);
  const failing = new ReadableStream({ pull: (c) => c.enqueue(() => {}) });
  await rejects("DataCloneError", readAll(structuredClone(failing, { transfer: [failing] })));
  port1.close();
});

run();
