// Structured cloning: https://html.spec.whatwg.org/#safe-passing-of-structured-data
//
// A value becomes a tape: a flat list of primitives and native objects that Rust keeps and that any realm can play. Neither
// direction recurses, so that the depth of a value is bounded by memory and not by the stack.
const { internal } = core;
const {
  ArrayBuffer, ArrayBufferPrototypeGetByteLength, ArrayBufferPrototypeGetMaxByteLength,
  ArrayBufferPrototypeGetResizable, ArrayBufferPrototypeResize, BigInt, BigIntPrototypeToString, BigIntPrototypeValueOf,
  Boolean, BooleanPrototypeValueOf, DataView, DataViewPrototypeGetBuffer, DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset, Date, DatePrototypeGetTime, Error, ErrorPrototypeGetStack, Map, MapPrototypeForEach, MapPrototypeGet,
  MapPrototypeHas, MapPrototypeSet, Number, NumberPrototypeValueOf, Object, ObjectHasOwn, ObjectKeys,
  ReflectApply, ReflectDefineProperty, ReflectGetOwnPropertyDescriptor, ReflectSetPrototypeOf, RegExp,
  RegExpPrototypeGetSource, Set, SetPrototypeAdd, SetPrototypeForEach, String, StringPrototypeSlice,
  StringPrototypeValueOf, Symbol, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeGetLength, TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeKeys, TypedArrayPrototypeSet, Uint8Array,
} = primordials;

// What may stand on a tape in the place of a value. `undefined`, `null`, booleans and strings stand for themselves.
const NUMBER = 0;
const BIG_INT = 1;
const REFERENCE = 2;
const BOOLEAN_OBJECT = 3;
const NUMBER_OBJECT = 4;
const STRING_OBJECT = 5;
const BIG_INT_OBJECT = 6;
const DATE = 7;
const REG_EXP = 8;
const ARRAY_BUFFER = 9;
const VIEW = 10;
const MAP = 11;
const SET = 12;
const ERROR = 13;
const ARRAY = 14;
const OBJECT = 15;
const PLATFORM = 16;
// Ends the properties of an object, where a key would stand.
const END = undefined;

// How many items go to Rust at once: an engine takes only so many arguments.
const CHUNK = 4096;

// <https://html.spec.whatwg.org/#serializable-objects> and <https://html.spec.whatwg.org/#transferable-objects>, by name.
const serializable = { __proto__: null };
const transferable = { __proto__: null };
internal.registerSerializable = (name, steps) => {
  serializable[name] = steps;
};
internal.registerTransferable = (name, steps) => {
  transferable[name] = steps;
};

// An array that no prototype reaches into.
function newStack() {
  const stack = [];
  ReflectSetPrototypeOf(stack, null);
  return stack;
}

function cloneError(what) {
  return native.domException("DataCloneError", `${what} cannot be cloned`);
}

// What the engine's own kinds of objects are, told by one of each.
const kinds = newStack();
const knownKinds = [
  [BOOLEAN_OBJECT, new Boolean(false)],
  [NUMBER_OBJECT, new Number(0)],
  [STRING_OBJECT, new String("")],
  [BIG_INT_OBJECT, Object(BigInt(0))],
  [DATE, new Date(0)],
  [REG_EXP, /x/],
  [ARRAY_BUFFER, new ArrayBuffer(0)],
  [VIEW, new DataView(new ArrayBuffer(0))],
  [MAP, new Map()],
  [SET, new Set()],
  [ERROR, new Error()],
  [ARRAY, []],
  [OBJECT, {}],
];
for (let index = 0; index < knownKinds.length; index += 1) {
  kinds[native.kindOf(knownKinds[index][1])] = knownKinds[index][0];
}
const viewNames = [
  "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "BigInt64Array",
  "BigUint64Array", "Float16Array", "Float32Array", "Float64Array",
];
for (let index = 0; index < viewNames.length; index += 1) {
  const View = primordials[viewNames[index]];
  if (View !== undefined) kinds[native.kindOf(new View(0))] = VIEW;
}
const errorNames = {
  __proto__: null, EvalError: true, RangeError: true, ReferenceError: true, SyntaxError: true, TypeError: true, URIError: true,
};

const flagGetters = ["HasIndices", "Global", "IgnoreCase", "Multiline", "DotAll", "Unicode", "UnicodeSets", "Sticky"];
const flagLetters = ["d", "g", "i", "m", "s", "u", "v", "y"];

// The flags that a regular expression was made with, whatever an author says of it.
function flagsOf(value) {
  let flags = "";
  for (let index = 0; index < flagGetters.length; index += 1) {
    const get = primordials[`RegExpPrototypeGet${flagGetters[index]}`];
    if (get !== undefined && get(value)) flags += flagLetters[index];
  }
  return flags;
}

function isResizable(buffer) {
  return ArrayBufferPrototypeGetResizable !== undefined && ArrayBufferPrototypeGetResizable(buffer);
}

// Whether a view follows the length of its resizable buffer: nothing says so but what it does.
function tracksLength(view, lengthOf, elementSize, buffer) {
  if (!isResizable(buffer)) return false;
  const before = lengthOf(view);
  const length = ArrayBufferPrototypeGetByteLength(buffer);
  if (length + elementSize <= ArrayBufferPrototypeGetMaxByteLength(buffer)) {
    ArrayBufferPrototypeResize(buffer, length + elementSize);
    const tracks = lengthOf(view) !== before;
    ArrayBufferPrototypeResize(buffer, length);
    return tracks;
  }
  if (length < elementSize || before === 0) return false;
  const last = new Uint8Array(elementSize);
  TypedArrayPrototypeSet(last, new Uint8Array(buffer, length - elementSize, elementSize));
  ArrayBufferPrototypeResize(buffer, length - elementSize);
  let tracks;
  try {
    tracks = lengthOf(view) === before - elementSize && before > 0;
    // NOTE: a fixed view that no longer fits has no length at all.
    if (before === elementSize && tracks) tracks = !isOutOfBounds(view);
  } catch {
    tracks = false;
  }
  ArrayBufferPrototypeResize(buffer, length);
  TypedArrayPrototypeSet(new Uint8Array(buffer, length - elementSize, elementSize), last);
  return tracks;
}

function isOutOfBounds(view) {
  if (TypedArrayPrototypeGetSymbolToStringTag(view) === undefined) {
    try {
      DataViewPrototypeGetByteLength(view);
      return false;
    } catch {
      return true;
    }
  }
  try {
    // NOTE: an engine's own check, which a length of zero does not tell.
    TypedArrayPrototypeKeys(view);
    return false;
  } catch {
    return true;
  }
}

// The writing side: a tape, of which full pieces are with Rust already.
function Tape() {
  return { __proto__: null, handle: 0, items: newStack(), length: 0 };
}

function put(tape, item) {
  tape.items[tape.length] = item;
  tape.length += 1;
  if (tape.length === CHUNK) flush(tape);
}

function flush(tape) {
  const args = newStack();
  args[0] = "cloneAppend";
  args[1] = tape.handle;
  for (let index = 0; index < tape.length; index += 1) args[index + 2] = tape.items[index];
  tape.items = newStack();
  tape.length = 0;
  tape.handle = ReflectApply(native.hook, undefined, args);
}

// <https://html.spec.whatwg.org/#structuredserializeinternal>: puts one value on the tape, and gives what is left to do for it.
function begin(tape, value, memory) {
  // 4. Primitives but symbols. 5. Symbols.
  switch (typeof value) {
    case "undefined":
    case "boolean":
    case "string":
      put(tape, value);
      return undefined;
    case "number":
      put(tape, NUMBER);
      put(tape, value);
      return undefined;
    case "bigint":
      put(tape, BIG_INT);
      put(tape, BigIntPrototypeToString(value, 16));
      return undefined;
    case "symbol":
      throw cloneError("a symbol");
  }
  if (value === null) {
    put(tape, null);
    return undefined;
  }
  // 2. What has been seen is the same object.
  const known = MapPrototypeGet(memory.map, value);
  if (known !== undefined) {
    put(tape, REFERENCE);
    put(tape, known);
    return undefined;
  }
  // 20.–21. Platform objects.
  const name = native.interfaceName(value);
  if (name !== undefined) {
    const steps = serializable[name];
    if (steps === undefined) throw cloneError(`the ${name} object`);
    remember(memory, value);
    const { fields, values } = steps.serialize(value);
    put(tape, PLATFORM);
    put(tape, name);
    put(tape, fields.length);
    for (let index = 0; index < fields.length; index += 1) put(tape, fields[index]);
    put(tape, values.length);
    return { __proto__: null, list: values, keys: undefined, source: undefined, index: 0 };
  }
  // 22. Functions.
  if (typeof value === "function") throw cloneError("a function");
  const kind = kinds[native.kindOf(value)];
  switch (kind) {
    // 7.–12.
    case BOOLEAN_OBJECT:
      return putLeaf(tape, memory, value, kind, BooleanPrototypeValueOf(value));
    case NUMBER_OBJECT:
      return putLeaf(tape, memory, value, kind, NumberPrototypeValueOf(value));
    case BIG_INT_OBJECT:
      return putLeaf(tape, memory, value, kind, BigIntPrototypeToString(BigIntPrototypeValueOf(value), 16));
    case STRING_OBJECT:
      return putLeaf(tape, memory, value, kind, StringPrototypeValueOf(value));
    case DATE:
      return putLeaf(tape, memory, value, kind, DatePrototypeGetTime(value));
    case REG_EXP:
      putLeaf(tape, memory, value, kind, RegExpPrototypeGetSource(value));
      put(tape, flagsOf(value));
      return undefined;
    // 13. NOTE: shared memory does not leave its agent here, and no global is allowed to share any: it is of no known kind.
    case ARRAY_BUFFER: {
      if (native.isDetached(value)) throw cloneError("a detached ArrayBuffer");
      putLeaf(tape, memory, value, kind, isResizable(value) ? ArrayBufferPrototypeGetMaxByteLength(value) : null);
      put(tape, value);
      // NOTE: Rust copies the bytes, and does it before any script can change them.
      flush(tape);
      return undefined;
    }
    // 14. Views.
    case VIEW: {
      const type = TypedArrayPrototypeGetSymbolToStringTag(value);
      const buffer = type === undefined ? DataViewPrototypeGetBuffer(value) : TypedArrayPrototypeGetBuffer(value);
      if (native.isDetached(buffer) || isOutOfBounds(value)) throw cloneError("a view without its buffer");
      putLeaf(tape, memory, value, kind, type === undefined ? "DataView" : type);
      if (type === undefined) {
        put(tape, DataViewPrototypeGetByteOffset(value));
        const tracks = tracksLength(value, DataViewPrototypeGetByteLength, 1, buffer);
        put(tape, tracks ? null : DataViewPrototypeGetByteLength(value));
      } else {
        put(tape, TypedArrayPrototypeGetByteOffset(value));
        const elementSize = primordials[type].BYTES_PER_ELEMENT;
        const tracks = tracksLength(value, TypedArrayPrototypeGetByteLength, elementSize, buffer);
        put(tape, tracks ? null : TypedArrayPrototypeGetLength(value));
      }
      return { __proto__: null, list: [buffer], keys: undefined, source: undefined, index: 0 };
    }
    // 15. and 26.1.: a copy of the entries, before any of them is looked at.
    case MAP: {
      const list = newStack();
      let length = 0;
      MapPrototypeForEach(value, (item, key) => {
        list[length] = key;
        list[length + 1] = item;
        length += 2;
      });
      putLeaf(tape, memory, value, kind, length);
      return { __proto__: null, list, keys: undefined, source: undefined, index: 0 };
    }
    // 16. and 26.2.
    case SET: {
      const list = newStack();
      let length = 0;
      SetPrototypeForEach(value, (item) => {
        list[length] = item;
        length += 1;
      });
      putLeaf(tape, memory, value, kind, length);
      return { __proto__: null, list, keys: undefined, source: undefined, index: 0 };
    }
    // 17. Errors.
    case ERROR: {
      // 17.1.–17.2. The name, if it is one of ECMAScript's.
      let errorName = value.name;
      if (typeof errorName !== "string" || errorNames[errorName] === undefined) errorName = "Error";
      // 17.3.–17.4. The message, if it is data.
      const message = ownData(value, "message");
      const text = message === undefined ? null : `${message.value}`;
      // 17.6. What else is of interest: the stack and the cause.
      const stack = stackOf(value);
      const cause = ownData(value, "cause");
      putLeaf(tape, memory, value, kind, errorName);
      put(tape, text);
      put(tape, stack);
      put(tape, cause !== undefined);
      return cause === undefined
        ? undefined
        : { __proto__: null, list: [cause.value], keys: undefined, source: undefined, index: 0 };
    }
    // 18. Arrays. 24. Everything else that is nothing but its properties.
    case ARRAY:
    case OBJECT:
      putLeaf(tape, memory, value, kind, kind === ARRAY ? value.length : 0);
      return { __proto__: null, list: undefined, keys: ObjectKeys(value), source: value, index: 0 };
    // 23. Everything that is more.
    default:
      throw cloneError("such an object");
  }
}

function ownData(object, key) {
  const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
  return descriptor !== undefined && ObjectHasOwn(descriptor, "value") ? descriptor : undefined;
}

// NOTE: where the stack is an accessor of Error.prototype, an author may still have put data in front of it.
function stackOf(error) {
  const own = ownData(error, "stack");
  if (own !== undefined) return typeof own.value === "string" ? own.value : null;
  const stack = ErrorPrototypeGetStack === undefined ? undefined : ErrorPrototypeGetStack(error);
  return typeof stack === "string" ? stack : null;
}

function remember(memory, value) {
  MapPrototypeSet(memory.map, value, memory.size);
  memory.size += 1;
}

function putLeaf(tape, memory, value, kind, data) {
  remember(memory, value);
  put(tape, kind);
  put(tape, data);
  return undefined;
}

function serialize(tape, value, memory) {
  const frames = newStack();
  let depth = 0;
  const first = begin(tape, value, memory);
  if (first !== undefined) {
    frames[0] = first;
    depth = 1;
  }
  while (depth > 0) {
    const frame = frames[depth - 1];
    const { list, keys, index } = frame;
    frame.index += 1;
    let next;
    if (list !== undefined) {
      if (index >= list.length) {
        depth -= 1;
        continue;
      }
      next = begin(tape, list[index], memory);
    } else {
      // 26.4. Each own enumerable property that is still there.
      if (index >= keys.length) {
        put(tape, END);
        depth -= 1;
        continue;
      }
      const key = keys[index];
      if (!ObjectHasOwn(frame.source, key)) continue;
      const input = frame.source[key];
      put(tape, key);
      next = begin(tape, input, memory);
    }
    if (next !== undefined) {
      frames[depth] = next;
      depth += 1;
    }
  }
}

// <https://html.spec.whatwg.org/#structuredserializewithtransfer>: gives the number under which Rust has the result.
internal.structuredSerialize = (value, transfer) => {
  const memory = { __proto__: null, map: new Map(), size: 0 };
  // 2. What is transferred: once each, and nothing that cannot be.
  for (let index = 0; index < transfer.length; index += 1) {
    const item = transfer[index];
    const name = native.interfaceName(item);
    const can = name === undefined ? kinds[native.kindOf(item)] === ARRAY_BUFFER : transferable[name] !== undefined;
    if (!can) throw native.domException("DataCloneError", "an object of the transfer list cannot be transferred");
    if (MapPrototypeHas(memory.map, item)) {
      throw native.domException("DataCloneError", "an object is in the transfer list twice");
    }
    remember(memory, item);
  }
  const tape = Tape();
  try {
    // 3. The value.
    serialize(tape, value, memory);
    flush(tape);
    // 5. The transfers. NOTE: what is detached is seen before anything is taken from anybody.
    for (let index = 0; index < transfer.length; index += 1) {
      const item = transfer[index];
      const name = native.interfaceName(item);
      const detached = name === undefined ? native.isDetached(item) : transferable[name].isDetached(item);
      if (detached) throw native.domException("DataCloneError", "an object of the transfer list is detached already");
    }
    const count = transfer.length;
    for (let index = 0; index < count; index += 1) {
      const item = transfer[index];
      const name = native.interfaceName(item);
      if (name === undefined) {
        const maximum = isResizable(item) ? ArrayBufferPrototypeGetMaxByteLength(item) : null;
        native.hook("cloneTransfer", tape.handle, "ArrayBuffer", maximum, native.transferBuffer(item));
      } else {
        const fields = transferable[name].transfer(item);
        const args = newStack();
        args[0] = "cloneTransfer";
        args[1] = tape.handle;
        args[2] = name;
        for (let at = 0; at < fields.length; at += 1) args[at + 3] = fields[at];
        ReflectApply(native.hook, undefined, args);
      }
    }
    return tape.handle;
  } catch (exception) {
    if (tape.handle !== 0) native.hook("cloneDrop", tape.handle);
    throw exception;
  }
};

function define(object, key, value) {
  ReflectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

function defineHidden(object, key, value) {
  ReflectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
}

function bigInt(text) {
  return text[0] === "-" ? -BigInt(`0x${StringPrototypeSlice(text, 1)}`) : BigInt(`0x${text}`);
}

function arrayBuffer(buffer, maximum) {
  if (maximum === null) return buffer;
  const made = new ArrayBuffer(ArrayBufferPrototypeGetByteLength(buffer), { __proto__: null, maxByteLength: maximum });
  TypedArrayPrototypeSet(new Uint8Array(made), new Uint8Array(buffer));
  return made;
}

// The reading side: the tape comes in pieces.
function read(tape) {
  if (tape.at === tape.items.length) {
    tape.items = native.hook("cloneRead", tape.handle);
    tape.at = 0;
  }
  const item = tape.items[tape.at];
  tape.at += 1;
  return item;
}

// What a value is that is not there before what it is made of.
const PENDING = Symbol();

function made(memory, value) {
  memory.values[memory.size] = value;
  memory.size += 1;
  return value;
}

// <https://html.spec.whatwg.org/#structureddeserialize>: the next value of the tape; what it holds comes with its frame.
function take(tape, memory, frames) {
  const item = read(tape);
  if (typeof item !== "number") return item;
  const open = (kind, target, left) => {
    frames.list[frames.depth] = { __proto__: null, kind, target, left, key: undefined, hasKey: false, number: 0, data: undefined };
    frames.depth += 1;
  };
  switch (item) {
    case NUMBER:
      return read(tape);
    case BIG_INT:
      return bigInt(read(tape));
    case REFERENCE:
      return memory.values[read(tape)];
    case BOOLEAN_OBJECT:
    case NUMBER_OBJECT:
    case STRING_OBJECT:
      return made(memory, Object(read(tape)));
    case BIG_INT_OBJECT:
      return made(memory, Object(bigInt(read(tape))));
    case DATE:
      return made(memory, new Date(read(tape)));
    case REG_EXP:
      return made(memory, new RegExp(read(tape), read(tape)));
    case ARRAY_BUFFER: {
      const maximum = read(tape);
      return made(memory, arrayBuffer(read(tape), maximum));
    }
    case VIEW: {
      made(memory, undefined);
      const data = { __proto__: null, type: read(tape), offset: read(tape), length: read(tape), buffer: undefined };
      open(VIEW, undefined, 1);
      frames.list[frames.depth - 1].number = memory.size - 1;
      frames.list[frames.depth - 1].data = data;
      return PENDING;
    }
    case MAP: {
      const target = made(memory, new Map());
      open(MAP, target, read(tape));
      return target;
    }
    case SET: {
      const target = made(memory, new Set());
      open(SET, target, read(tape));
      return target;
    }
    case ERROR: {
      const target = made(memory, new primordials[read(tape)]());
      const message = read(tape);
      if (message !== null) defineHidden(target, "message", message);
      const stack = read(tape);
      defineHidden(target, "stack", stack === null ? "" : stack);
      if (read(tape)) open(ERROR, target, 1);
      return target;
    }
    case ARRAY: {
      const target = made(memory, []);
      target.length = read(tape);
      open(OBJECT, target, 0);
      return target;
    }
    case OBJECT: {
      read(tape);
      const target = made(memory, {});
      open(OBJECT, target, 0);
      return target;
    }
    case PLATFORM: {
      made(memory, undefined);
      const data = { __proto__: null, name: read(tape), fields: newStack(), values: newStack(), received: 0 };
      const count = read(tape);
      for (let index = 0; index < count; index += 1) data.fields[index] = read(tape);
      open(PLATFORM, undefined, read(tape));
      frames.list[frames.depth - 1].number = memory.size - 1;
      frames.list[frames.depth - 1].data = data;
      return PENDING;
    }
  }
  throw cloneError("such an object");
}

// Whether a frame takes another value from the tape.
function wantsMore(tape, frame) {
  if (frame.kind !== OBJECT) {
    frame.left -= 1;
    return frame.left >= 0;
  }
  frame.key = read(tape);
  return frame.key !== END;
}

function accept(frame, value) {
  switch (frame.kind) {
    case NUMBER:
      frame.target = value;
      break;
    case OBJECT:
      define(frame.target, frame.key, value);
      break;
    case MAP:
      if (frame.hasKey) MapPrototypeSet(frame.target, frame.key, value);
      else frame.key = value;
      frame.hasKey = !frame.hasKey;
      break;
    case SET:
      SetPrototypeAdd(frame.target, value);
      break;
    case ERROR:
      defineHidden(frame.target, "cause", value);
      break;
    case VIEW:
      frame.data.buffer = value;
      break;
    case PLATFORM:
      frame.data.values[frame.data.received] = value;
      frame.data.received += 1;
      break;
  }
}

// The value of a frame that could not be there before.
function complete(frame) {
  const { data } = frame;
  if (frame.kind === VIEW) {
    const View = primordials[data.type];
    return data.length === null ? new View(data.buffer, data.offset) : new View(data.buffer, data.offset, data.length);
  }
  const steps = serializable[data.name];
  // NOTE: an interface that is not exposed here.
  if (steps === undefined || !native.isExposed(data.name)) {
    throw native.domException("DataCloneError", `there is no ${data.name} here`);
  }
  return steps.deserialize(data.fields, data.values);
}

// <https://html.spec.whatwg.org/#structureddeserializewithtransfer>: takes what Rust has under the number.
internal.structuredDeserialize = (handle) => {
  const tape = { __proto__: null, handle, items: newStack(), at: 0 };
  const memory = { __proto__: null, values: newStack(), size: 0 };
  const transferred = [];
  try {
    // 3. What was transferred comes first.
    for (;;) {
      const fields = native.hook("cloneReceive", handle);
      if (fields === null) break;
      const name = fields[0];
      let received;
      if (name === "ArrayBuffer") {
        received = arrayBuffer(fields[2], fields[1]);
      } else {
        if (transferable[name] === undefined || !native.isExposed(name)) {
          throw native.domException("DataCloneError", `there is no ${name} here`);
        }
        const rest = newStack();
        for (let index = 1; index < fields.length; index += 1) rest[index - 1] = fields[index];
        received = transferable[name].receive(rest);
      }
      made(memory, received);
      define(transferred, transferred.length, received);
    }
    const frames = { __proto__: null, list: newStack(), depth: 1 };
    const root = { __proto__: null, kind: NUMBER, target: undefined, left: 1 };
    frames.list[0] = root;
    for (;;) {
      const { depth } = frames;
      const frame = frames.list[depth - 1];
      if (wantsMore(tape, frame)) {
        const value = take(tape, memory, frames);
        if (value !== PENDING) accept(frame, value);
        continue;
      }
      frames.depth -= 1;
      if (frame === root) return { __proto__: null, data: root.target, transferred };
      if (frame.kind === VIEW || frame.kind === PLATFORM) {
        const value = complete(frame);
        memory.values[frame.number] = value;
        accept(frames.list[depth - 2], value);
      }
    }
  } finally {
    native.hook("cloneDrop", handle);
  }
};

core.export("structuredSerialize", internal.structuredSerialize);

core.export("structuredDeserializeValue", (handle) => internal.structuredDeserialize(handle).data);

// <https://html.spec.whatwg.org/#dom-structuredclone>
core.export("structuredClone", (value, transfer) => {
  return internal.structuredDeserialize(internal.structuredSerialize(value, transfer)).data;
});

// <https://webidl.spec.whatwg.org/#idl-DOMException>: its serialization steps.
const exceptionSteps = {
  __proto__: null,
  serialize(exception) {
    const fields = native.hook("exceptionParts", exception);
    const stack = ownData(exception, "stack");
    define(fields, fields.length, stack !== undefined && typeof stack.value === "string" ? stack.value : "");
    return { __proto__: null, fields, values: [] };
  },
  deserialize(fields) {
    const exception =
      fields[0] === "QuotaExceededError" && fields.length > 3
        ? native.quotaExceeded(fields[1], fields[2], fields[3])
        : native.domException(fields[0], fields[1]);
    defineHidden(exception, "stack", fields[fields.length - 1]);
    return exception;
  },
};
internal.registerSerializable("DOMException", exceptionSteps);
internal.registerSerializable("QuotaExceededError", exceptionSteps);

// <https://w3c.github.io/FileAPI/#blob-section> and <https://w3c.github.io/FileAPI/#file-section>: theirs.
const blobSteps = {
  __proto__: null,
  serialize: (blob) => ({ __proto__: null, fields: [blob], values: [] }),
  deserialize: (fields) => native.hook("copyOfBlob", fields[0]),
};
internal.registerSerializable("Blob", blobSteps);
internal.registerSerializable("File", blobSteps);
