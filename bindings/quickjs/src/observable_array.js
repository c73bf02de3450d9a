// <https://webidl.spec.whatwg.org/#js-observable-arrays>: the internal methods of the exotic object, as the traps of a proxy whose
// target is an ordinary array that stays empty. Evaluates to a function that is given the adapter's primordials.
(function (primordials) {
  "use strict";
  const {
    Array, ArrayPrototypePush, Number, ObjectFreeze, Proxy, RangeError, ReflectDefineProperty, ReflectDeleteProperty, ReflectGet,
    ReflectGetOwnPropertyDescriptor, ReflectHas, ReflectOwnKeys, ReflectSet, String, WeakMap, WeakMapPrototypeGet, WeakMapPrototypeSet,
  } = primordials;
  // By the target of the proxy, and by the proxy.
  const states = new WeakMap();
  const put = (array, index, value) => {
    ReflectDefineProperty(array, index, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  };

  // The number of an array index, or -1.
  const arrayIndex = (key) => {
    if (typeof key !== "string") return -1;
    const index = +key >>> 0;
    return index !== 4294967295 && String(index) === key ? index : -1;
  };
  const removeLast = (state) => {
    const { list } = state;
    const index = list.length - 1;
    state.operations.delete(state.holder, index, list[index]);
    list.length = index;
  };

  // <https://webidl.spec.whatwg.org/#observable-array-exotic-object-set-the-length>
  const setLength = (state, value) => {
    const length = value >>> 0;
    if (length !== +value) throw new RangeError("the length is no array length");
    if (length > state.list.length) return false;
    while (state.list.length > length) removeLast(state);
    return true;
  };

  // <https://webidl.spec.whatwg.org/#observable-array-exotic-object-set-the-indexed-value>
  const setIndexed = (state, index, value) => {
    const { list, holder, operations } = state;
    // NOTE: the conversion may run script, which may change the list.
    if (index > list.length) return false;
    const converted = operations.convert(value);
    if (index > list.length) return false;
    if (index < list.length) operations.delete(holder, index, list[index]);
    operations.set(holder, index, converted);
    put(list, index, converted);
    return true;
  };

  // Whether a descriptor asks for what these properties are not.
  const refuses = (descriptor, configurable) =>
    "get" in descriptor || "set" in descriptor || descriptor.configurable === !configurable ||
    descriptor.enumerable === !configurable || descriptor.writable === false;
  const own = (object) => ({ __proto__: null, ...object });

  const handler = ObjectFreeze({
    __proto__: null,
    defineProperty(target, key, given) {
      const state = WeakMapPrototypeGet(states, target);
      const descriptor = own(given);
      if (key === "length") {
        if (refuses(descriptor, false)) return false;
        return "value" in descriptor ? setLength(state, descriptor.value) : true;
      }
      const index = arrayIndex(key);
      if (index >= 0) {
        if (refuses(descriptor, true)) return false;
        return "value" in descriptor ? setIndexed(state, index, descriptor.value) : true;
      }
      return ReflectDefineProperty(target, key, descriptor);
    },
    deleteProperty(target, key) {
      const state = WeakMapPrototypeGet(states, target);
      if (key === "length") return false;
      const index = arrayIndex(key);
      if (index >= 0) {
        if (index !== state.list.length - 1) return false;
        removeLast(state);
        return true;
      }
      return ReflectDeleteProperty(target, key);
    },
    get(target, key, receiver) {
      const { list } = WeakMapPrototypeGet(states, target);
      if (key === "length") return list.length;
      const index = arrayIndex(key);
      if (index >= 0) return index < list.length ? list[index] : undefined;
      return ReflectGet(target, key, receiver);
    },
    getOwnPropertyDescriptor(target, key) {
      const { list } = WeakMapPrototypeGet(states, target);
      if (key === "length") return { __proto__: null, value: list.length, writable: true, enumerable: false, configurable: false };
      const index = arrayIndex(key);
      if (index >= 0) {
        if (index >= list.length) return undefined;
        return { __proto__: null, value: list[index], writable: true, enumerable: true, configurable: true };
      }
      return ReflectGetOwnPropertyDescriptor(target, key);
    },
    has(target, key) {
      if (key === "length") return true;
      const index = arrayIndex(key);
      if (index >= 0) return index < WeakMapPrototypeGet(states, target).list.length;
      return ReflectHas(target, key);
    },
    ownKeys(target) {
      const { list } = WeakMapPrototypeGet(states, target);
      const keys = [];
      for (let index = 0; index < list.length; index++) put(keys, index, String(index));
      const others = ReflectOwnKeys(target);
      for (let index = 0; index < others.length; index++) ArrayPrototypePush(keys, others[index]);
      return keys;
    },
    preventExtensions: () => false,
    set(target, key, value, receiver) {
      const state = WeakMapPrototypeGet(states, target);
      if (key === "length") return setLength(state, value);
      const index = arrayIndex(key);
      if (index >= 0) return setIndexed(state, index, value);
      return ReflectSet(target, key, value, receiver);
    },
  });

  return {
    observableArray(holder, operations) {
      const target = new Array();
      const state = { __proto__: null, holder, operations, list: [] };
      WeakMapPrototypeSet(states, target, state);
      const proxy = new Proxy(target, handler);
      WeakMapPrototypeSet(states, proxy, state);
      return proxy;
    },
    // <https://webidl.spec.whatwg.org/#dfn-attribute-setter>: the values have been converted.
    replaceObservableArray(proxy, values) {
      const state = WeakMapPrototypeGet(states, proxy);
      setLength(state, 0);
      for (let index = 0; index < values.length; index++) {
        state.operations.set(state.holder, index, values[index]);
        put(state.list, index, values[index]);
      }
    },
  };
})
