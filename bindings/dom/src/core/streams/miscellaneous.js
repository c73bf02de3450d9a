// Supporting abstract operations: https://streams.spec.whatwg.org/#other-stuff
const { internal } = core;
const {
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeTransferToFixedLength,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  RangeError,
  ReflectApply,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  Uint8Array,
} = primordials;
const { streams } = internal;

// <https://streams.spec.whatwg.org/#enqueue-value-with-size>
streams.enqueueValueWithSize = (container, value, size) => {
  // 2.–3. A size is finite and not negative.
  if (!(size >= 0) || size === Infinity) throw new RangeError("the size of a chunk is a finite number that is not negative");
  // 4.–5. It waits.
  streams.append(container.queue, { __proto__: null, value, size });
  container.queueTotalSize += size;
};

// <https://streams.spec.whatwg.org/#dequeue-value>
streams.dequeueValue = (container) => {
  const { value, size } = streams.shift(container.queue);
  container.queueTotalSize -= size;
  // 6. Rounding.
  if (container.queueTotalSize < 0) container.queueTotalSize = 0;
  return value;
};

// <https://streams.spec.whatwg.org/#peek-queue-value>
streams.peekQueueValue = (container) => container.queue.first.value.value;

// <https://streams.spec.whatwg.org/#reset-queue>
streams.resetQueue = (container) => {
  container.queue = streams.newList();
  container.queueTotalSize = 0;
};

// <https://streams.spec.whatwg.org/#validate-and-normalize-high-water-mark>
streams.extractHighWaterMark = (strategy, defaultHWM) => {
  // 1. Not given.
  const { highWaterMark } = strategy;
  if (highWaterMark === undefined) return defaultHWM;
  // 2.–3. Any number that is not negative, infinite too.
  if (!(highWaterMark >= 0)) throw new RangeError("highWaterMark is a number that is not negative");
  return highWaterMark;
};

const countsOne = () => 1;

// <https://streams.spec.whatwg.org/#make-size-algorithm-from-size-function>
streams.extractSizeAlgorithm = (strategy) => {
  const { size } = strategy;
  if (size === undefined) return countsOne;
  return (chunk) => +ReflectApply(size, undefined, [chunk]);
};
streams.countsOne = countsOne;

// What a view of script shows. Its properties are read from the internal slots.
streams.describeView = (view) => {
  const name = TypedArrayPrototypeGetSymbolToStringTag(view);
  if (name !== undefined) {
    return {
      __proto__: null,
      name,
      buffer: TypedArrayPrototypeGetBuffer(view),
      byteOffset: TypedArrayPrototypeGetByteOffset(view),
      byteLength: TypedArrayPrototypeGetByteLength(view),
      length: TypedArrayPrototypeGetLength(view),
    };
  }
  const buffer = DataViewPrototypeGetBuffer(view);
  // NOTE: a DataView of a detached buffer throws when asked for its length.
  if (streams.isDetachedBuffer(buffer)) return { __proto__: null, name: "DataView", buffer, byteOffset: 0, byteLength: 0, length: 0 };
  const byteLength = DataViewPrototypeGetByteLength(view);
  return { __proto__: null, name: "DataView", buffer, byteOffset: DataViewPrototypeGetByteOffset(view), byteLength, length: byteLength };
};

const elementSizes = {
  __proto__: null,
  DataView: 1,
  Int8Array: 1,
  Uint8Array: 1,
  Uint8ClampedArray: 1,
  Int16Array: 2,
  Uint16Array: 2,
  Float16Array: 2,
  Int32Array: 4,
  Uint32Array: 4,
  Float32Array: 4,
  Float64Array: 8,
  BigInt64Array: 8,
  BigUint64Array: 8,
};
streams.elementSize = (name) => elementSizes[name];

// <https://tc39.es/ecma262/#sec-isdetachedbuffer>
streams.isDetachedBuffer = (buffer) => native.isDetached(buffer);

// <https://streams.spec.whatwg.org/#transfer-array-buffer>
streams.transferArrayBuffer = (buffer) => ArrayBufferPrototypeTransferToFixedLength(buffer);

streams.byteLengthOf = (buffer) => ArrayBufferPrototypeGetByteLength(buffer);

// <https://tc39.es/ecma262/#sec-clonearraybuffer>. NOTE: not `slice`, which asks the buffer for its species.
streams.cloneArrayBuffer = (buffer, byteOffset, byteLength) => {
  const clone = new ArrayBuffer(byteLength);
  TypedArrayPrototypeSet(new Uint8Array(clone), new Uint8Array(buffer, byteOffset, byteLength));
  return clone;
};

// <https://streams.spec.whatwg.org/#abstract-opdef-cloneasuint8array>
streams.cloneAsUint8Array = (view) => {
  const { buffer, byteOffset, byteLength } = streams.describeView(view);
  return new Uint8Array(streams.cloneArrayBuffer(buffer, byteOffset, byteLength));
};

// <https://streams.spec.whatwg.org/#abstract-opdef-cancopydatablockbytes>, then <https://tc39.es/ecma262/#sec-copydatablockbytes>
streams.copyDataBlockBytes = (toBuffer, toIndex, fromBuffer, fromIndex, count) => {
  TypedArrayPrototypeSet(new Uint8Array(toBuffer, toIndex, count), new Uint8Array(fromBuffer, fromIndex, count));
};

// <https://streams.spec.whatwg.org/#abstract-opdef-structuredclone>
streams.structuredClone = (value) => internal.structuredDeserialize(internal.structuredSerialize(value, [])).data;
