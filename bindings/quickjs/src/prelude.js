// What the adapter takes of JavaScript before any other script can change it. Evaluates to an object of helpers.
(function () {
  "use strict";
  const { call, bind } = Function.prototype;
  const uncurryThis = bind.bind(call);
  const { ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect;

  // Engine extras that are no part of ECMAScript; the standards' own versions come from IDL.
  for (const name of ["DOMException", "performance", "queueMicrotask", "navigator", "atob", "btoa", "console", "print", "gc"]) {
    delete globalThis[name];
  }
  delete globalThis[Symbol.toStringTag];
  // NOTE: it would hand every function on the stack to the page, those of the core and the adapter too.
  delete Error.prepareStackTrace;

  // NOTE: the engine runs a registry's callback in the context of the registry's constructor without holding that context. The
  // callback that it gets here is a function of this very context, which holds it.
  {
    const { apply, construct } = Reflect;
    const Registry = FinalizationRegistry;
    const handler = {
      __proto__: null,
      construct(target, args, newTarget) {
        const callback = args[0];
        const held = typeof callback === "function" ? (value) => { apply(callback, undefined, [value]); } : callback;
        return construct(target, [held], newTarget);
      },
    };
    const held = new Proxy(Registry, handler);
    const descriptor = { __proto__: null, value: held, writable: true, enumerable: false, configurable: true };
    defineProperty(globalThis, "FinalizationRegistry", descriptor);
    defineProperty(Registry.prototype, "constructor", descriptor);
  }

  const primordials = Object.create(null);
  const capitalize = (key) => {
    if (typeof key === "symbol") {
      const name = key.description.startsWith("Symbol.") ? key.description.slice(7) : key.description;
      return `Symbol${name[0].toUpperCase()}${name.slice(1)}`;
    }
    return key[0].toUpperCase() + key.slice(1);
  };
  const copy = (prefix, from, wrap) => {
    for (const key of ownKeys(from)) {
      const descriptor = getOwnPropertyDescriptor(from, key);
      const name = prefix + capitalize(key);
      if ("value" in descriptor) {
        const { value } = descriptor;
        primordials[name] = typeof value === "function" ? wrap(value, key) : value;
      } else {
        if (descriptor.get) primordials[`${prefix}Get${capitalize(key)}`] = wrap(descriptor.get, key);
        if (descriptor.set) primordials[`${prefix}Set${capitalize(key)}`] = wrap(descriptor.set, key);
      }
    }
  };
  const skipped = new Set(["prototype", "length", "name", "caller", "arguments"]);
  const constructorNames = [
    "Object", "Function", "Array", "Number", "Boolean", "String", "Symbol", "BigInt", "Date", "RegExp", "Map", "Set", "WeakMap",
    "WeakSet", "WeakRef", "FinalizationRegistry", "Promise", "Proxy", "Error", "AggregateError", "EvalError", "RangeError",
    "ReferenceError", "SyntaxError", "TypeError", "URIError", "ArrayBuffer", "SharedArrayBuffer", "DataView", "Int8Array",
    "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "BigInt64Array",
    "BigUint64Array", "Float16Array", "Float32Array", "Float64Array",
  ];
  const copyConstructor = (name, constructor) => {
    primordials[name] = constructor;
    for (const key of ownKeys(constructor)) {
      if (skipped.has(key)) continue;
      const descriptor = getOwnPropertyDescriptor(constructor, key);
      if (!("value" in descriptor)) continue;
      const { value } = descriptor;
      primordials[name + capitalize(key)] = typeof value === "function" ? bind.call(value, constructor) : value;
    }
    if (constructor.prototype) {
      primordials[`${name}Prototype`] = constructor.prototype;
      copy(`${name}Prototype`, constructor.prototype, (value, key) => (key === "constructor" ? value : uncurryThis(value)));
    }
  };
  for (const name of constructorNames) {
    if (typeof globalThis[name] === "function") copyConstructor(name, globalThis[name]);
  }
  copyConstructor("TypedArray", Object.getPrototypeOf(Uint8Array));
  for (const name of ["JSON", "Math", "Reflect"]) {
    primordials[name] = globalThis[name];
    copy(name, globalThis[name], (value) => value);
  }
  for (const name of ["decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "parseInt", "parseFloat", "isNaN", "isFinite"]) {
    primordials[name] = globalThis[name];
  }
  const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype));
  primordials.IteratorPrototype = IteratorPrototype;
  primordials.AsyncIteratorPrototype = AsyncIteratorPrototype;
  primordials.ArrayIteratorPrototypeNext = uncurryThis(Object.getPrototypeOf([][Symbol.iterator]()).next);
  primordials.uncurryThis = uncurryThis;
  primordials.globalThis = globalThis;
  Object.freeze(primordials);

  const {
    ArrayBufferPrototypeGetByteLength, ArrayBufferPrototypeGetDetached, ArrayBufferPrototypeGetResizable,
    ArrayBufferPrototypeSlice, ArrayBufferPrototypeTransferToFixedLength, ArrayBufferPrototypeTransfer,
    DataViewPrototypeGetBuffer, DataViewPrototypeGetByteLength, DataViewPrototypeGetByteOffset, JSONParse, JSONStringify, Map: PristineMap,
    MapPrototypeEntries, MapPrototypeForEach, MapPrototypeGet, MapPrototypeGetSize, MapPrototypeHas, MapPrototypeKeys,
    MapPrototypeValues, ObjectCreate, ObjectFreeze, Promise: PristinePromise, PromisePrototypeThen, Set: PristineSet,
    SharedArrayBufferPrototypeGetByteLength, StringFromCharCode, StringPrototypeCharCodeAt, StringPrototypeIncludes, StringPrototypeIndexOf,
    StringPrototypeSlice, StringPrototypeToWellFormed,
    SymbolIterator, SymbolToStringTag, TypeError: PristineTypeError, TypedArrayPrototypeGetBuffer,
    TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeGetSymbolToStringTag, WeakMap: PristineWeakMap,
    WeakMapPrototypeGet, WeakMapPrototypeSet, WeakRef: PristineWeakRef, WeakRefPrototypeDeref, WeakSet: PristineWeakSet,
    WeakSetPrototypeAdd, WeakSetPrototypeDelete, ReflectApply,
  } = primordials;
  const PromiseResolveMethod = PristinePromise.resolve;
  const define = (object, key, value, enumerable) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable, configurable: true });

  // Buffers: undefined, or [kind, buffer, byteOffset, byteLength, detached, shared, resizable].
  const describe = (kind, buffer, offset, length) => {
    let shared = true;
    try { SharedArrayBufferPrototypeGetByteLength(buffer); } catch { shared = false; }
    if (shared) return [kind, buffer, offset, length, false, true, false];
    const detached = ArrayBufferPrototypeGetDetached ? ArrayBufferPrototypeGetDetached(buffer) : false;
    const resizable = ArrayBufferPrototypeGetResizable ? ArrayBufferPrototypeGetResizable(buffer) : false;
    return [kind, buffer, offset, length, detached, false, resizable];
  };
  const describeBuffer = (value) => {
    const tag = TypedArrayPrototypeGetSymbolToStringTag(value);
    if (tag !== undefined) {
      return describe(tag, TypedArrayPrototypeGetBuffer(value), TypedArrayPrototypeGetByteOffset(value), TypedArrayPrototypeGetByteLength(value));
    }
    try { return describe("ArrayBuffer", value, 0, ArrayBufferPrototypeGetByteLength(value)); } catch {}
    try { return describe("SharedArrayBuffer", value, 0, SharedArrayBufferPrototypeGetByteLength(value)); } catch {}
    let buffer;
    try { buffer = DataViewPrototypeGetBuffer(value); } catch { return undefined; }
    // A detached or out-of-bounds view throws when asked for its place.
    try {
      return describe("DataView", buffer, DataViewPrototypeGetByteOffset(value), DataViewPrototypeGetByteLength(value));
    } catch {
      return ["DataView", buffer, 0, 0, true, false, false];
    }
  };
  const constructors = ObjectCreate(null);
  for (const name of constructorNames) constructors[name] = primordials[name];

  const needs = (count, given, what) => {
    if (given < count) throw new PristineTypeError(`${what} needs at least ${count} argument(s), but got ${given}`);
  };

  // <https://webidl.spec.whatwg.org/#js-iterable>
  const pairIterators = (prototype, name, pairsOf, checkCallback) => {
    const states = new PristineWeakMap();
    const iteratorPrototype = ObjectCreate(IteratorPrototype);
    define(iteratorPrototype, "next", {
      next() {
        const state = typeof this === "object" && this !== null ? WeakMapPrototypeGet(states, this) : undefined;
        if (state === undefined) throw new PristineTypeError(`next was called on an object that is no ${name} Iterator`);
        const pairs = pairsOf(state.target);
        if (state.index >= pairs.length) return { value: undefined, done: true };
        const pair = pairs[state.index++];
        const value = state.kind === 0 ? pair[0] : state.kind === 1 ? pair[1] : [pair[0], pair[1]];
        return { value, done: false };
      },
    }.next, true);
    defineProperty(iteratorPrototype, SymbolToStringTag, { __proto__: null, value: `${name} Iterator`, configurable: true });
    const make = (target, kind) => {
      pairsOf(target);
      const iterator = ObjectCreate(iteratorPrototype);
      WeakMapPrototypeSet(states, iterator, { target, kind, index: 0 });
      return iterator;
    };
    const methods = {
      entries() { return make(this, 2); },
      keys() { return make(this, 0); },
      values() { return make(this, 1); },
      forEach(callback, thisArg = undefined) {
        let pairs = pairsOf(this);
        checkCallback(callback, arguments.length);
        for (let index = 0; index < pairs.length; index++) {
          ReflectApply(callback, thisArg, [pairs[index][1], pairs[index][0], this]);
          pairs = pairsOf(this);
        }
      },
    };
    define(prototype, "entries", methods.entries, true);
    define(prototype, "keys", methods.keys, true);
    define(prototype, "values", methods.values, true);
    define(prototype, "forEach", methods.forEach, true);
    define(prototype, SymbolIterator, methods.entries, false);
  };

  // <https://webidl.spec.whatwg.org/#js-maplike> and <https://webidl.spec.whatwg.org/#js-setlike>. `writes` has the functions that
  // change the entries, of one that script may write.
  const collections = (prototype, name, isMap, pairsOf, convertKey, checkCallback, writes) => {
    const map = (target) => {
      const pairs = pairsOf(target);
      const made = new PristineMap();
      for (let index = 0; index < pairs.length; index++) {
        const pair = pairs[index];
        primordials.MapPrototypeSet(made, pair[isMap ? 0 : 1], pair[1]);
      }
      return made;
    };
    const methods = {
      get size() { return MapPrototypeGetSize(map(this)); },
      entries() { return MapPrototypeEntries(map(this)); },
      keys() { return MapPrototypeKeys(map(this)); },
      values() { return MapPrototypeValues(map(this)); },
      get(key) {
        const made = map(this);
        needs(1, arguments.length, `${name}.get`);
        return MapPrototypeGet(made, convertKey(key));
      },
      has(key) {
        const made = map(this);
        needs(1, arguments.length, `${name}.has`);
        return MapPrototypeHas(made, convertKey(key));
      },
      set(key, value) {
        pairsOf(this);
        needs(2, arguments.length, `${name}.set`);
        writes.set(this, key, value);
        return this;
      },
      add(value) {
        pairsOf(this);
        needs(1, arguments.length, `${name}.add`);
        writes.set(this, value);
        return this;
      },
      delete(key) {
        pairsOf(this);
        needs(1, arguments.length, `${name}.delete`);
        return writes.delete(this, key);
      },
      clear() { writes.clear(this); },
      forEach(callback, thisArg = undefined) {
        const made = map(this);
        checkCallback(callback, arguments.length);
        MapPrototypeForEach(made, (value, key) => ReflectApply(callback, thisArg, [value, key, this]));
      },
    };
    const size = getOwnPropertyDescriptor(methods, "size");
    defineProperty(prototype, "size", { __proto__: null, get: size.get, set: undefined, enumerable: true, configurable: true });
    define(prototype, "values", methods.values, true);
    define(prototype, "entries", methods.entries, true);
    define(prototype, "keys", isMap ? methods.keys : methods.values, true);
    if (isMap) define(prototype, "get", methods.get, true);
    define(prototype, "has", methods.has, true);
    define(prototype, "forEach", methods.forEach, true);
    if (writes !== undefined) {
      // NOTE: a member of that name in the IDL takes the place of what the declaration gives.
      for (const key of [isMap ? "set" : "add", "delete", "clear"]) {
        if (getOwnPropertyDescriptor(prototype, key) === undefined) define(prototype, key, methods[key], true);
      }
    }
    define(prototype, SymbolIterator, isMap ? methods.entries : methods.values, false);
  };

  // <https://webidl.spec.whatwg.org/#define-the-iteration-methods> of indexed properties.
  const indexedIterators = (prototype, isIterable) => {
    define(prototype, SymbolIterator, primordials.ArrayPrototype.values, false);
    if (!isIterable) return;
    for (const key of ["entries", "keys", "values", "forEach"]) define(prototype, key, primordials.ArrayPrototype[key], true);
  };

  // <https://webidl.spec.whatwg.org/#js-asynchronous-iterable>: the core's object does the steps.
  const asyncIterables = (prototype, name, isPair, start) => {
    const states = new PristineWeakMap();
    const iteratorPrototype = ObjectCreate(AsyncIteratorPrototype);
    const state = (iterator) => {
      const found = typeof iterator === "object" && iterator !== null ? WeakMapPrototypeGet(states, iterator) : undefined;
      if (found === undefined) throw new PristineTypeError(`the object is no ${name} AsyncIterator`);
      return found;
    };
    const finished = () => primordials.PromiseResolve({ value: undefined, done: true });
    // After what is ongoing, or at once.
    const chained = (found, run) => {
      const { ongoing } = found;
      found.ongoing = ongoing === undefined ? run() : PromisePrototypeThen(ongoing, run, run);
      return found.ongoing;
    };
    const methods = {
      next() {
        let found;
        try { found = state(this); } catch (error) { return primordials.PromiseReject(error); }
        return chained(found, () => {
          if (found.finished) return finished();
          return PromisePrototypeThen(primordials.PromiseResolve(found.steps.next()), (result) => {
            found.ongoing = undefined;
            if (result.done) found.finished = true;
            return result;
          }, (reason) => {
            found.ongoing = undefined;
            found.finished = true;
            throw reason;
          });
        });
      },
      return(value) {
        let found;
        try { found = state(this); } catch (error) { return primordials.PromiseReject(error); }
        const returned = chained(found, () => {
          if (found.finished || typeof found.steps.return !== "function") {
            found.finished = true;
            return finished();
          }
          found.finished = true;
          return primordials.PromiseResolve(found.steps.return(value));
        });
        return PromisePrototypeThen(returned, () => ({ value, done: true }));
      },
    };
    define(iteratorPrototype, "next", methods.next, true);
    define(iteratorPrototype, "return", methods.return, true);
    defineProperty(iteratorPrototype, SymbolToStringTag, { __proto__: null, value: `${name} AsyncIterator`, configurable: true });
    const values = {
      values() {
        const iterator = ObjectCreate(iteratorPrototype);
        const given = [this];
        for (let index = 0; index < arguments.length; index++) define(given, index + 1, arguments[index], true);
        WeakMapPrototypeSet(states, iterator, { steps: ReflectApply(start, undefined, given), ongoing: undefined, finished: false });
        return iterator;
      },
    }.values;
    if (isPair) {
      define(prototype, "entries", values, true);
    } else {
      define(prototype, "values", values, true);
    }
    define(prototype, primordials.SymbolAsyncIterator, values, false);
  };

  const rejected = new PristineWeakSet();
  return {
    primordials,
    pairIterators,
    collections,
    indexedIterators,
    asyncIterables,
    includes: (array, item) => {
      for (let index = 0; index < array.length; index++) if (array[index] === item) return true;
      return false;
    },
    // What a constructor of the function's realm gives when the function has no prototype. Nothing of the function is asked for.
    // <https://tc39.es/ecma262/#sec-getfunctionrealm>
    prototypeInRealmOf: (target) =>
      primordials.ObjectGetPrototypeOf(primordials.ReflectConstruct(PristineMap, [], new primordials.Proxy(target, { __proto__: null, get() {} }))),
    MapPrototype: PristineMap.prototype,
    describeBuffer,
    ErrorPrototype: Error.prototype,
    ownKeys,
    ownDescriptor: getOwnPropertyDescriptor,
    copyProperties(from, to) {
      const keys = ownKeys(from);
      // NOTE: neither an iterator nor a setter nor a member of Object.prototype that an author has put there takes part.
      for (let index = 0; index < keys.length; index++) {
        const descriptor = { __proto__: null, ...getOwnPropertyDescriptor(from, keys[index]) };
        if (!defineProperty(to, keys[index], descriptor)) throw new PristineTypeError("the object's own property stands in the way");
      }
    },
    setPrototype: (object, prototype) => { primordials.ObjectSetPrototypeOf(object, prototype); },
    freeze: ObjectFreeze,
    toWellFormed: StringPrototypeToWellFormed,
    codeUnits(string) {
      const units = [];
      for (let index = 0; index < string.length; index++) define(units, index, StringPrototypeCharCodeAt(string, index), true);
      return units;
    },
    fromCodeUnits(units) {
      let string = "";
      for (let index = 0; index < units.length; index++) string += StringFromCharCode(units[index]);
      return string;
    },
    promiseResolve: (value) => ReflectApply(PromiseResolveMethod, PristinePromise, [value]),
    then: (promise, fulfilled, rejectedBy) => { PromisePrototypeThen(promise, fulfilled, rejectedBy); },
    weakRef: (object) => new PristineWeakRef(object),
    deref: (reference) => WeakRefPrototypeDeref(reference),
    rejectedAdd: (promise) => { WeakSetPrototypeAdd(rejected, promise); },
    rejectedTake: (promise) => WeakSetPrototypeDelete(rejected, promise),
    // NOTE: the engine tells modules of one address apart only by what they are imported with.
    importJson: (url) => import(url, { with: { type: "json" } }),
    parse: (text) => JSONParse(text),
    stringify: (value) => JSONStringify(value),
    newView: (name, buffer) => new constructors[name](buffer),
    newError: (name, message) => new constructors[name](message),
    // NOTE: the frames on top are ours, which tell an author nothing.
    stackOf(message) {
      let { stack } = new constructors.Error(message);
      for (;;) {
        const end = StringPrototypeIndexOf(stack, "\n") + 1;
        if (end === 0 || !StringPrototypeIncludes(StringPrototypeSlice(stack, 0, end), "longhaul:")) return stack;
        stack = StringPrototypeSlice(stack, end);
      }
    },
    nullObject: () => ObjectCreate(null),
    isConstructor(value) {
      try { primordials.ReflectConstruct(Object, [], value); return true; } catch { return false; }
    },
    typeOf: (value) => typeof value,
    transferBuffer: (buffer) => ArrayBufferPrototypeTransfer(buffer),
    arrayIterator: (array) => array[SymbolIterator],
  };
})();
