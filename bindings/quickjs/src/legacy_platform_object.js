// <https://webidl.spec.whatwg.org/#js-legacy-platform-objects>: the internal methods of objects with indexed or named properties,
// as the traps of a proxy whose target is the wrapper itself. Evaluates to a function that is given the adapter's primordials.
(function (primordials) {
  "use strict";
  const {
    ObjectCreate, Proxy, ReflectApply, ReflectDefineProperty, ReflectDeleteProperty, ReflectGet, ReflectGetOwnPropertyDescriptor,
    ReflectGetPrototypeOf, ReflectHas, ReflectOwnKeys, ReflectSet, Set, SetPrototypeAdd, SetPrototypeHas, String, WeakSet, WeakSetPrototypeAdd,
    WeakSetPrototypeHas, ObjectFreeze,
  } = primordials;
  const namedPropertiesObjects = new WeakSet();

  // The number of an array index, or -1.
  const arrayIndex = (key) => {
    if (typeof key !== "string") return -1;
    const index = +key >>> 0;
    return index !== 4294967295 && String(index) === key ? index : -1;
  };
  const data = (value, writable, enumerable) => ({ __proto__: null, value, writable, enumerable, configurable: true });
  const ownOf = (object, key) => {
    const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
    return descriptor === undefined ? undefined : { __proto__: null, ...descriptor };
  };
  const isData = (descriptor) => "value" in descriptor || "writable" in descriptor;

  // <https://webidl.spec.whatwg.org/#dfn-named-property-visibility>
  // OPTIMIZATION: the object's own properties and its prototypes' are looked at first, because that is cheaper.
  const visible = (ops, object, own, name) => {
    if (!ops.overrideBuiltIns) {
      if (own !== null && ReflectGetOwnPropertyDescriptor(own, name) !== undefined) return false;
      for (let prototype = ReflectGetPrototypeOf(own ?? object); prototype !== null; prototype = ReflectGetPrototypeOf(prototype)) {
        if (!WeakSetPrototypeHas(namedPropertiesObjects, prototype) && ReflectGetOwnPropertyDescriptor(prototype, name) !== undefined) return false;
      }
    }
    return ops.supports(object, name);
  };

  const legacyHandler = (ops) => {
    // <https://webidl.spec.whatwg.org/#LegacyPlatformObjectGetOwnProperty>
    const getOwn = (target, key, ignoreNamed) => {
      if (ops.indexed) {
        const index = arrayIndex(key);
        if (index >= 0) {
          if (index < ops.length(target)) return data(ops.getIndexed(target, index), ops.setIndexed !== undefined, true);
          ignoreNamed = true;
        }
      }
      if (ops.named && !ignoreNamed && typeof key === "string" && visible(ops, target, target, key)) {
        return data(ops.getNamed(target, key), ops.setNamed !== undefined, ops.enumerable);
      }
      return ownOf(target, key);
    };
    return ObjectFreeze({
      __proto__: null,
      getOwnPropertyDescriptor: (target, key) => getOwn(target, key, false),
      has(target, key) {
        if (getOwn(target, key, false) !== undefined) return true;
        const parent = ReflectGetPrototypeOf(target);
        return parent !== null && ReflectHas(parent, key);
      },
      get(target, key, receiver) {
        const descriptor = getOwn(target, key, false);
        if (descriptor === undefined) {
          const parent = ReflectGetPrototypeOf(target);
          return parent === null ? undefined : ReflectGet(parent, key, receiver);
        }
        if (isData(descriptor)) return descriptor.value;
        return descriptor.get === undefined ? undefined : ReflectApply(descriptor.get, receiver, []);
      },
      // <https://webidl.spec.whatwg.org/#legacy-platform-object-set>
      set(target, key, value, receiver) {
        if (receiver === ops.proxyOf(target)) {
          if (ops.setIndexed !== undefined) {
            const index = arrayIndex(key);
            if (index >= 0) {
              ops.setIndexed(target, index, value);
              return true;
            }
          }
          if (ops.setNamed !== undefined && typeof key === "string") {
            ops.setNamed(target, key, value);
            return true;
          }
        }
        // <https://tc39.es/ecma262/#sec-ordinarysetwithowndescriptor>
        let own = getOwn(target, key, true);
        if (own === undefined) {
          const parent = ReflectGetPrototypeOf(target);
          if (parent !== null) return ReflectSet(parent, key, value, receiver);
          own = data(undefined, true, true);
        }
        if (!isData(own)) {
          if (own.set === undefined) return false;
          ReflectApply(own.set, receiver, [value]);
          return true;
        }
        if (!own.writable || (typeof receiver !== "object" && typeof receiver !== "function") || receiver === null) return false;
        const existing = ReflectGetOwnPropertyDescriptor(receiver, key);
        if (existing === undefined) return ReflectDefineProperty(receiver, key, data(value, true, true));
        if (!("value" in existing) || !existing.writable) return false;
        return ReflectDefineProperty(receiver, key, { __proto__: null, value });
      },
      // <https://webidl.spec.whatwg.org/#legacy-platform-object-defineownproperty>
      defineProperty(target, key, given) {
        const descriptor = { __proto__: null, ...given };
        if (ops.indexed) {
          const index = arrayIndex(key);
          if (index >= 0) {
            if (!isData(descriptor) || ops.setIndexed === undefined) return false;
            ops.setIndexed(target, index, descriptor.value);
            return true;
          }
        }
        if (ops.named && typeof key === "string") {
          const own = ReflectGetOwnPropertyDescriptor(target, key);
          const unforgeable = own !== undefined && !own.configurable;
          if (!unforgeable && (ops.overrideBuiltIns || own === undefined)) {
            if (ops.setNamed !== undefined) {
              if (!isData(descriptor)) return false;
              ops.setNamed(target, key, descriptor.value);
              return true;
            }
            if (ops.supports(target, key)) return false;
          }
        }
        return ReflectDefineProperty(target, key, descriptor);
      },
      // <https://webidl.spec.whatwg.org/#legacy-platform-object-delete>
      deleteProperty(target, key) {
        if (ops.indexed) {
          const index = arrayIndex(key);
          if (index >= 0) return !(index < ops.length(target));
        }
        if (ops.named && typeof key === "string" && visible(ops, target, target, key)) {
          return ops.deleteNamed !== undefined && ops.deleteNamed(target, key);
        }
        return ReflectDeleteProperty(target, key);
      },
      preventExtensions: () => false,
      // <https://webidl.spec.whatwg.org/#legacy-platform-object-ownpropertykeys>
      ownKeys(target) {
        const keys = [];
        const seen = new Set();
        const add = (key) => {
          if (SetPrototypeHas(seen, key)) return;
          SetPrototypeAdd(seen, key);
          ReflectDefineProperty(keys, keys.length, data(key, true, true));
        };
        if (ops.indexed) {
          const length = ops.length(target);
          for (let index = 0; index < length; index++) add(String(index));
        }
        if (ops.named) {
          const names = ops.names(target);
          for (let index = 0; index < names.length; index++) {
            if (visible(ops, target, target, names[index])) add(names[index]);
          }
        }
        const own = ReflectOwnKeys(target);
        for (let index = 0; index < own.length; index++) add(own[index]);
        return keys;
      },
    });
  };

  return {
    // The value of a global's named property, in an array, if it has one.
    namedProperty: (ops, global) => (key) => (visible(ops, global, global, key) ? [ops.getNamed(global, key)] : undefined),
    namedPropertiesAdd: (object) => { WeakSetPrototypeAdd(namedPropertiesObjects, object); },
    legacyHandler, legacyProxy: (target, handler) => new Proxy(target, handler),
  };
})
