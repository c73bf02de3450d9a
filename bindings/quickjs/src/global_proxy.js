// <https://html.spec.whatwg.org/#the-windowproxy-exotic-object>: other realms' global objects, as the traps of a proxy. `ops` are
// functions of the accessor's realm. Evaluates to a function that is given the adapter's primordials.
(function (primordials) {
  "use strict";
  const {
    ObjectFreeze, Proxy, ReflectApply, ReflectDefineProperty, ReflectDeleteProperty, ReflectGet, ReflectGetOwnPropertyDescriptor,
    ReflectHas, ReflectOwnKeys, ReflectSet, String, SymbolHasInstance, SymbolIsConcatSpreadable, SymbolToStringTag, Map, MapPrototypeGet, MapPrototypeSet,
    WeakMap, WeakMapPrototypeGet, WeakMapPrototypeSet, ReflectGetPrototypeOf,
  } = primordials;
  const arrayIndex = (key) => {
    if (typeof key !== "string") return -1;
    const index = +key >>> 0;
    return index !== 4294967295 && String(index) === key ? index : -1;
  };
  const data = (value, enumerable) => ({ __proto__: null, value, writable: false, enumerable, configurable: true });
  const push = (array, value) => ReflectDefineProperty(array, array.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });

  // <https://html.spec.whatwg.org/#crossorigingetownpropertyhelper-(-o,-p-)>: one descriptor an object and property, so that the functions
  // stay the same. `members` is an array of [name, get, set, members].
  const known = new WeakMap();
  const crossOrigin = (object, members, key, translate) => {
    let member;
    for (let index = 0; index < members.length; index++) if (members[index][0] === key) member = members[index];
    if (member === undefined) return undefined;
    let made = WeakMapPrototypeGet(known, object);
    if (made === undefined) WeakMapPrototypeSet(known, object, made = new Map());
    const before = MapPrototypeGet(made, key);
    if (before !== undefined) return before;
    let original;
    for (let from = object; from !== null && original === undefined; from = ReflectGetPrototypeOf(from)) original = ReflectGetOwnPropertyDescriptor(from, key);
    if (original === undefined) return undefined;
    const inner = member[3];
    const give = (value) => (inner.length === 0 ? translate(value) : guarded(value, inner, translate));
    const named = (run, name, length) => {
      ReflectDefineProperty(run, "name", { __proto__: null, value: name, configurable: true });
      ReflectDefineProperty(run, "length", { __proto__: null, value: length, configurable: true });
      return run;
    };
    const { get, set, value } = original;
    let descriptor;
    if (typeof value === "function") {
      descriptor = data(named({ run() { return give(ReflectApply(value, object, arguments)); } }.run, key, value.length), false);
    } else {
      descriptor = {
        __proto__: null,
        get: member[1] && get !== undefined ? named({ run() { return give(ReflectApply(get, object, [])); } }.run, `get ${key}`, 0) : undefined,
        set: member[2] && set !== undefined ? named({ run(to) { ReflectApply(set, object, [to]); } }.run, `set ${key}`, 1) : undefined,
        enumerable: false,
        configurable: true,
      };
    }
    MapPrototypeSet(made, key, descriptor);
    return descriptor;
  };

  // <https://html.spec.whatwg.org/#crossoriginpropertyfallback-(-p-)>
  const fallback = (key, securityError) => {
    if (key === "then" || key === SymbolToStringTag || key === SymbolHasInstance || key === SymbolIsConcatSpreadable) return data(undefined, false);
    throw securityError();
  };
  const crossOriginKeys = (members, more) => {
    const keys = more;
    for (let index = 0; index < members.length; index++) push(keys, members[index][0]);
    for (const key of ["then", SymbolToStringTag, SymbolHasInstance, SymbolIsConcatSpreadable]) push(keys, key);
    return keys;
  };

  // The traps that are the same for every object across origins, over `own(key)` and `keys()`.
  const restricted = (own, keys, securityError) => ({
    getPrototypeOf: () => null,
    getOwnPropertyDescriptor: (_, key) => own(key),
    has: (_, key) => own(key) !== undefined,
    // <https://html.spec.whatwg.org/#crossoriginget-(-o,-p,-receiver-)>
    get(_, key, receiver) {
      const descriptor = own(key);
      if ("value" in descriptor) return descriptor.value;
      if (descriptor.get === undefined) throw securityError();
      return ReflectApply(descriptor.get, receiver, []);
    },
    // <https://html.spec.whatwg.org/#crossoriginset-(-o,-p,-v,-receiver-)>
    set(_, key, value, receiver) {
      const descriptor = own(key);
      if (descriptor.set === undefined) throw securityError();
      ReflectApply(descriptor.set, receiver, [value]);
      return true;
    },
    defineProperty() { throw securityError(); },
    deleteProperty() { throw securityError(); },
    ownKeys: keys,
  });

  // An object that a property gave across origins.
  const guards = new WeakMap();
  let errorOf;
  const guarded = (object, members, translate) => {
    if (typeof object !== "object" || object === null) return object;
    let guard = WeakMapPrototypeGet(guards, object);
    if (guard === undefined) {
      const own = (key) => crossOrigin(object, members, key, translate) ?? fallback(key, errorOf);
      guard = new Proxy({ __proto__: null }, ObjectFreeze({
        __proto__: null,
        ...restricted(own, () => crossOriginKeys(members, []), errorOf),
        setPrototypeOf: (_, prototype) => prototype === null,
        preventExtensions: () => false,
      }));
      WeakMapPrototypeSet(guards, object, guard);
    }
    return guard;
  };

  // `ops`: current(target) -> the global or undefined, accessible(target), members(target), length(target), child(target, index),
  // namedChild(target, name), translate(value), securityError().
  const globalProxyHandler = (ops) => {
    const { translate, securityError } = ops;
    errorOf = securityError;
    const child = (target, key) => {
      const index = arrayIndex(key);
      return index >= 0 && index < ops.length(target) ? data(ops.child(target, index), true) : undefined;
    };
    const crossOwn = (target, global) => (key) => {
      const indexed = child(target, key);
      if (indexed !== undefined) return indexed;
      if (arrayIndex(key) >= 0) throw securityError();
      const property = crossOrigin(global, ops.members(target), key, translate);
      if (property !== undefined) return property;
      const named = typeof key === "string" ? ops.namedChild(target, key) : undefined;
      return named !== undefined ? data(named, false) : fallback(key, securityError);
    };
    const indices = (target) => {
      const keys = [];
      for (let index = 0; index < ops.length(target); index++) push(keys, String(index));
      return keys;
    };
    // What to do with the current global: everything, little, or nothing, where there is none.
    const dispatch = (name, open, none) => (target, ...rest) => {
      const global = ops.current(target);
      if (global === undefined) return none;
      if (ops.accessible(target)) return open(target, global, ...rest);
      const traps = restricted(crossOwn(target, global), () => crossOriginKeys(ops.members(target), indices(target)), securityError);
      return traps[name](target, ...rest);
    };
    const get = dispatch("get", (target, global, key) => {
      if (arrayIndex(key) >= 0) return child(target, key)?.value;
      return translate(ReflectGet(global, key, global));
    }, undefined);
    return ObjectFreeze({
      __proto__: null,
      getPrototypeOf: dispatch("getPrototypeOf", (_, global) => ReflectGetPrototypeOf(global), null),
      setPrototypeOf(target, prototype) {
        const global = ops.current(target);
        return prototype === (global !== undefined && ops.accessible(target) ? ReflectGetPrototypeOf(global) : null);
      },
      preventExtensions: () => false,
      getOwnPropertyDescriptor: dispatch("getOwnPropertyDescriptor", (target, global, key) => {
        if (arrayIndex(key) >= 0) return child(target, key);
        const found = ReflectGetOwnPropertyDescriptor(global, key);
        if (found === undefined) return undefined;
        // DEVIATION: a property that the global cannot lose is shown as one that it can: it may be gone with the next global, and a
        // proxy must not say otherwise.
        const descriptor = { __proto__: null, ...found, configurable: true };
        if ("value" in descriptor) descriptor.value = translate(descriptor.value);
        return descriptor;
      }, undefined),
      has: dispatch("has", (target, global, key) => (arrayIndex(key) >= 0 ? child(target, key) !== undefined : ReflectHas(global, key)), false),
      get(target, key, receiver) {
        return typeof key === "string" && ops.current(target) === undefined ? ops.ended(target, key) : get(target, key, receiver);
      },
      set: dispatch("set", (target, global, key, value, receiver) => arrayIndex(key) < 0 && ReflectSet(global, key, value, global), false),
      defineProperty: dispatch("defineProperty", (target, global, key, descriptor) => arrayIndex(key) < 0 && ReflectDefineProperty(global, key, descriptor), false),
      deleteProperty: dispatch("deleteProperty", (target, global, key) => (arrayIndex(key) >= 0 ? child(target, key) === undefined : ReflectDeleteProperty(global, key)), true),
      ownKeys: dispatch("ownKeys", (target, global) => {
        const keys = indices(target);
        const own = ReflectOwnKeys(global);
        for (let index = 0; index < own.length; index++) push(keys, own[index]);
        return keys;
      }, []),
    });
  };
  return { globalProxyHandler, newGlobalProxy: (target, handler) => new Proxy(target, handler) };
})
