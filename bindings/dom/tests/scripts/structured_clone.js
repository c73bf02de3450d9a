"use strict";

const view = (buffer) => Array.from(new Uint8Array(buffer)).join();

test("primitives and their objects", () => {
  for (const value of [undefined, null, true, false, 0, -0, 1.5, NaN, Infinity, "", "text", "a\uD800b", "😀", 0n, -12345678901234567890n]) {
    equal(structuredClone(value), value, show(value));
  }
  for (const value of [false, true, 0, -0, "x", "a\uDC00", 5n]) {
    const clone = structuredClone(Object(value));
    equal(Object.getPrototypeOf(clone), Object.getPrototypeOf(Object(value)));
    equal(clone.valueOf(), value);
  }
  equal(structuredClone(new Date(-0)).getTime(), 0);
  check(Number.isNaN(structuredClone(new Date(NaN)).getTime()), "an invalid date");
});

test("regular expressions", () => {
  const original = /a(.)\/b/dgimsuy;
  original.lastIndex = 3;
  Object.defineProperty(original, "flags", { value: "nonsense" });
  const clone = structuredClone(original);
  equal(clone.source, "a(.)\\/b");
  equal(clone.flags, "dgimsuy");
  equal(clone.lastIndex, 0);
  equal(structuredClone(/x/v).flags, "v");
});

test("maps and sets, cycles and identity", () => {
  const map = new Map([[{ k: 1 }, "v"]]);
  map.set("self", map);
  map.extra = 1;
  const set = new Set([map, 1, 1, NaN]);
  const { a, b, list } = structuredClone({ a: map, b: set, list: [map, set, map] });
  equal(a.get("self"), a);
  equal([...a.keys()][0].k, 1);
  equal(a.extra, undefined);
  check(b.has(a) && b.has(NaN) && b.size === 3, "the set's items");
  check(list[0] === a && list[1] === b && list[2] === a, "identity");
  const cyclic = [];
  cyclic.push(cyclic);
  const copy = structuredClone(cyclic);
  check(copy[0] === copy && copy !== cyclic, "a cycle");
});

test("arrays and objects", () => {
  const array = [1, , "three"];
  array.named = { deep: true };
  array[-1] = "minus";
  const clone = structuredClone(array);
  equal(clone.length, 3);
  check(!(1 in clone) && Array.isArray(clone), "the hole");
  equal(clone.named.deep, true);
  equal(clone[-1], "minus");
  equal(structuredClone(new Array(5)).length, 5);
  class Point { #secret = 1; constructor() { this.x = 1; } get y() { return 2; } }
  const point = structuredClone(new Point());
  equal(Object.getPrototypeOf(point), Object.prototype);
  deepEqual(Object.keys(point), ["x"]);
  const odd = JSON.parse('{"__proto__": {"bad": 1}, "b": 1, "2": 0, "1": 0}');
  const back = structuredClone(odd);
  deepEqual(Object.keys(back), ["1", "2", "__proto__", "b"]);
  equal(back.bad, undefined);
  const hidden = structuredClone(Object.defineProperty({ [Symbol("s")]: 1 }, "no", { value: 1 }));
  equal(Reflect.ownKeys(hidden).length, 0);
});

test("getters run in order, and what they throw passes", () => {
  const order = [];
  const object = {
    get a() { order.push("a"); delete this.c; return { get inner() { order.push("inner"); return 1; } }; },
    get b() { order.push("b"); return 2; },
    get c() { order.push("c"); return 3; },
  };
  deepEqual(structuredClone(object), { a: { inner: 1 }, b: 2 });
  equal(order.join(), "a,inner,b");
  const thrown = new Error("mine");
  throws(thrown, () => structuredClone([1, { get x() { throw thrown; } }]), "a getter");
});

test("errors", () => {
  const original = new RangeError("far", { cause: { why: 1 } });
  original.extra = 1;
  const clone = structuredClone(original);
  equal(Object.getPrototypeOf(clone), RangeError.prototype);
  equal(clone.message, "far");
  equal(clone.cause.why, 1);
  equal(clone.stack, original.stack);
  equal(clone.extra, undefined);
  check(!Object.keys(clone).length, "nothing enumerable");
  check(!Object.hasOwn(structuredClone(new Error()), "message"), "no message");
  equal(structuredClone(Object.assign(new Error(), { name: "TypeError" })).constructor, TypeError);
  equal(structuredClone(Object.assign(new TypeError(), { name: "Other" })).constructor, Error);
  const dom = structuredClone(new DOMException("m", "AbortError"));
  check(dom instanceof DOMException && dom.name === "AbortError" && dom.message === "m" && dom.code === 20, "DOMException");
  const quota = structuredClone(new QuotaExceededError("q", { quota: 1, requested: 2 }));
  check(quota instanceof QuotaExceededError && quota.quota === 1 && quota.requested === 2, "QuotaExceededError");
});

test("buffers and views", () => {
  const buffer = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer;
  const sent = { part: new Uint8Array(buffer, 2, 3), data: new DataView(buffer, 1), buffer, wide: new Uint32Array(buffer) };
  const got = structuredClone(sent);
  equal(view(got.buffer), "1,2,3,4,5,6,7,8");
  check(got.part.buffer === got.buffer && got.data.buffer === got.buffer && got.wide.buffer === got.buffer, "one buffer");
  equal(got.part.join(), "3,4,5");
  equal(got.data.byteOffset, 1);
  equal(got.data.byteLength, 7);
  equal(structuredClone(new ArrayBuffer(0)).byteLength, 0);
  equal(structuredClone(new BigInt64Array([1n, -1n])).join(), "1,-1");
  got.part[0] = 9;
  equal(sent.part[0], 3);
});

test("what a getter does to a buffer that is serialized already", () => {
  const buffer = Uint8Array.of(1, 2).buffer;
  const got = structuredClone({ buffer, get then() { new Uint8Array(buffer)[0] = 9; return 0; } });
  equal(view(got.buffer), "1,2");
});

test("resizable buffers", () => {
  for (const [length, most] of [[8, 16], [8, 8], [0, 8]]) {
    const buffer = new ArrayBuffer(length, { maxByteLength: most });
    new Uint8Array(buffer).fill(7);
    const sent = [buffer, new Uint8Array(buffer), length > 0 ? new Uint8Array(buffer, 0, length) : 0, new DataView(buffer)];
    const [clone, tracking, fixed, data] = structuredClone(sent);
    check(clone.resizable && clone.maxByteLength === most && clone.byteLength === length, "the buffer");
    equal(view(clone), view(buffer));
    if (length === 0) clone.resize(4); else clone.resize(2);
    equal(tracking.length, length === 0 ? 4 : 2, `tracking of ${length}/${most}`);
    if (length > 0) equal(fixed.length, 0, "a fixed view that no longer fits");
    equal(data.byteLength, length === 0 ? 4 : 2);
    equal(buffer.byteLength, length, "the original is as it was");
  }
});

test("transfer detaches", () => {
  const buffer = Uint8Array.of(1, 2, 3).buffer;
  const [array, same] = structuredClone([new Uint8Array(buffer, 1), buffer], { transfer: [buffer] });
  check(buffer.detached && array.buffer === same, "detached");
  equal(array.join(), "2,3");
  throws("DataCloneError", () => structuredClone(buffer), "a detached buffer");
  throws("DataCloneError", () => structuredClone(1, { transfer: [buffer] }), "in the list");
  const other = new ArrayBuffer(1);
  throws("DataCloneError", () => structuredClone(1, { transfer: [other, other] }), "twice");
  throws("DataCloneError", () => structuredClone(1, { transfer: [other, {}] }), "not transferable");
  throws("DataCloneError", () => structuredClone(() => 1, { transfer: [other] }), "a function");
  equal(other.detached, false, "a failure takes nothing");
  throws(TypeError, () => structuredClone(1, { transfer: [1] }), "no object");
  throws(TypeError, () => structuredClone(), "no argument");
});

test("blobs and files", async () => {
  const file = new File(["text"], "name", { type: "a/b", lastModified: 5 });
  const [clone, again, blob] = structuredClone([file, file, new Blob(["x"])]);
  check(clone instanceof File && clone === again && clone !== file, "a file");
  equal(clone.name, "name");
  equal(clone.lastModified, 5);
  equal(await clone.text(), "text");
  check(blob instanceof Blob && !(blob instanceof File), "a blob");
});

test("what cannot be cloned", () => {
  const never = {
    function: () => 1, symbol: Symbol(), object: Object(Symbol()), promise: Promise.resolve(), weak: new WeakMap(), reference: new WeakRef({}),
    proxy: new Proxy({}, {}), array: new Proxy([], {}), target: new EventTarget(), headers: new Headers(), global: globalThis,
    generator: (function* () {})(), iterator: [][Symbol.iterator](),
  };
  for (const [name, value] of Object.entries(never)) {
    throws("DataCloneError", () => structuredClone(value), name);
    throws("DataCloneError", () => structuredClone({ deep: [value] }), name);
  }
});

test("an author's prototypes do not take part", () => {
  const { push, map } = Array.prototype;
  const { get, set } = Map.prototype;
  const original = { list: [1, { a: [2] }], map: new Map([[1, 2]]) };
  Object.defineProperty(Object.prototype, "0", { configurable: true, get() { throw new Error("seen"); }, set() { throw new Error("seen"); } });
  Array.prototype[Symbol.iterator] = undefined;
  Map.prototype.get = Map.prototype.set = () => { throw new Error("seen"); };
  try {
    const clone = structuredClone(original, { transfer: undefined });
    equal(clone.list[1].a[0], 2);
  } finally {
    delete Object.prototype[0];
    Array.prototype[Symbol.iterator] = Array.prototype.values;
    Object.assign(Map.prototype, { get, set });
  }
});

test("depth and breadth", () => {
  let deep = {};
  for (let index = 0; index < 20000; index += 1) deep = { deep };
  let copy = structuredClone(deep);
  let depth = 0;
  while (copy.deep) { copy = copy.deep; depth += 1; }
  equal(depth, 20000);
  const wide = Array.from({ length: 20000 }, (_, index) => (index % 2 ? index : `s${index}`));
  deepEqual(structuredClone(wide), wide);
});

run();
