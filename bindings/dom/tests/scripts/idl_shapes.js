// Looks at what a realm shows of each interface, as the descriptor tables say it. Gives the number of checks and the faults.
"use strict";

function shapes(interfaces) {
  let passed = 0;
  const faults = [];
  const check = (what, condition) => {
    if (condition) passed += 1;
    else faults.push(what);
  };
  const throwsTypeError = (run) => {
    try { run(); return false; } catch (error) { return error instanceof TypeError; }
  };
  const flags = (descriptor) => descriptor && `${descriptor.writable}${descriptor.enumerable}${descriptor.configurable}`;
  const rejectsOrThrows = (promises, run) => {
    if (!promises) return throwsTypeError(run);
    try {
      const promise = run();
      promise.catch(() => {});
      return promise instanceof Promise;
    } catch { return false; }
  };

  // <https://webidl.spec.whatwg.org/#js-interfaces>
  for (const of of interfaces) {
    const { name } = of;
    const property = Object.getOwnPropertyDescriptor(globalThis, name);
    check(`${name}: exposed`, (property !== undefined) === (of.isExposed && of.hasObject));
    if (!of.isExposed || !of.hasObject) continue;
    check(`${name}: its property`, flags(property) === "truefalsetrue");
    const object = property.value;
    if (of.isNamespace) {
      check(`${name}: a namespace`, typeof object === "object" && Object.prototype.toString.call(object) === `[object ${name}]`);
      check(`${name}: its prototype`, [Object.prototype].includes(Object.getPrototypeOf(object)) || Object.getPrototypeOf(Object.getPrototypeOf(object)) === Object.prototype);
      members(of, object, object, []);
      continue;
    }
    if (of.isCallback) {
      check(`${name}: the place of its constants`, typeof object === "function" && object.name === name && object.length === 0 && !("prototype" in object));
      check(`${name}: called`, throwsTypeError(() => object()) && throwsTypeError(() => new object()));
      for (const constant of of.constants) {
        const found = Object.getOwnPropertyDescriptor(object, constant.name);
        check(`${name}.${constant.name}`, found && found.value === constant.value && flags(found) === "falsetruefalse");
      }
      continue;
    }
    const { prototype } = object;
    check(`${name}: typeof`, typeof object === "function");
    check(`${name}: name`, object.name === name && flags(Object.getOwnPropertyDescriptor(object, "name")) === "falsefalsetrue");
    check(`${name}: length ${object.length}`, object.length === (of.length ?? 0) && flags(Object.getOwnPropertyDescriptor(object, "length")) === "falsefalsetrue");
    check(`${name}: prototype`, flags(Object.getOwnPropertyDescriptor(object, "prototype")) === "falsefalsefalse");
    check(`${name}: constructor`, prototype.constructor === object && flags(Object.getOwnPropertyDescriptor(prototype, "constructor")) === "truefalsetrue");
    const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
    check(`${name}: toStringTag`, tag && tag.value === name && flags(tag) === "falsefalsetrue");
    let parentPrototype = Object.getPrototypeOf(prototype);
    if (of.namesGlobal) parentPrototype = Object.getPrototypeOf(parentPrototype);
    const parent = of.parent === null ? Function.prototype : globalThis[of.parent];
    check(`${name}: the parent of its object`, Object.getPrototypeOf(object) === parent);
    const wanted = of.parent !== null ? parent.prototype : name === "DOMException" ? Error.prototype : Object.prototype;
    check(`${name}: the parent of its prototype`, parentPrototype === wanted);
    check(`${name}: called without new`, throwsTypeError(() => object()));
    if (of.length === null) check(`${name}: no constructor`, throwsTypeError(() => new object()));
    else if (of.length > 0) check(`${name}: too few arguments`, throwsTypeError(() => new object()));
    for (const alias of of.aliases) check(`${name}: alias ${alias}`, globalThis[alias] === object);
    for (const factory of of.factories) check(`${name}: factory ${factory}`, typeof globalThis[factory] === "function" && globalThis[factory].prototype === prototype);
    for (const constant of of.constants) {
      for (const where of [object, prototype]) {
        const found = Object.getOwnPropertyDescriptor(where, constant.name);
        check(`${name}.${constant.name}`, found && found.value === constant.value && flags(found) === "falsetruefalse");
      }
    }
    const target = of.isGlobal ? globalThis : prototype;
    const extra = of.constants.map((constant) => constant.name);
    if (of.stringifies) extra.push("toString");
    if (of.iterable === "pairs" || of.iterable === "values") extra.push("entries", "keys", "values", "forEach");
    if (of.iterable === "map" || of.iterable === "set") extra.push("entries", "keys", "values", "forEach", "has", "get", "size", "set", "add", "delete", "clear");
    if (of.iterable === "async") extra.push("values", "entries");
    members(of, target, object, extra);
    iterations(of, target);
    if (!of.isGlobal) {
      const own = [...of.attributes, ...of.operations].filter((member) => !member.isStatic && !member.unforgeable).map((member) => member.name);
      const allowed = new Set([...own, ...extra, "constructor"]);
      for (const key of Object.getOwnPropertyNames(prototype)) check(`${name}: ${key} is in no IDL`, allowed.has(key));
    }
    const statics = new Set([...of.attributes, ...of.operations].filter((member) => member.isStatic).map((member) => member.name));
    for (const constant of of.constants) statics.add(constant.name);
    for (const key of ["prototype", "length", "name"]) statics.add(key);
    for (const key of Object.getOwnPropertyNames(object)) check(`${name}: static ${key} is in no IDL`, statics.has(key));
  }

  function members(of, target, statics, extra) {
    for (const attribute of of.attributes) {
      const what = `${of.name}.${attribute.name}`;
      const where = attribute.isStatic ? statics : target;
      if (attribute.unforgeable && !of.isGlobal) {
        check(`${what}: on the object only`, !Object.hasOwn(target, attribute.name));
        continue;
      }
      const found = Object.getOwnPropertyDescriptor(where, attribute.name);
      if (found === undefined) {
        check(`${what}: is there`, false);
        continue;
      }
      check(`${what}: a getter`, typeof found.get === "function" && found.get.name === `get ${attribute.name}` && found.get.length === 0);
      check(`${what}: flags`, found.enumerable === true && found.configurable === !attribute.unforgeable);
      check(`${what}: a setter`, attribute.settable ? typeof found.set === "function" && found.set.name === `set ${attribute.name}` && found.set.length === 1 : found.set === undefined);
      if (attribute.isStatic || of.isNamespace || typeof found.get !== "function") continue;
      if (attribute.lenient) check(`${what}: a foreign receiver`, found.get.call({}) === undefined);
      else check(`${what}: a foreign receiver`, rejectsOrThrows(attribute.promises, () => found.get.call({})));
      if (!of.isGlobal) check(`${what}: the prototype as receiver`, attribute.lenient || rejectsOrThrows(attribute.promises, () => where[attribute.name]));
      if (found.set && !attribute.lenient) check(`${what}: a setter's foreign receiver`, throwsTypeError(() => found.set.call({}, undefined)));
    }
    for (const operation of of.operations) {
      const what = `${of.name}.${operation.name}`;
      const where = operation.isStatic ? statics : target;
      if (operation.unforgeable && !of.isGlobal) {
        check(`${what}: on the object only`, !Object.hasOwn(target, operation.name));
        continue;
      }
      const found = Object.getOwnPropertyDescriptor(where, operation.name);
      if (found === undefined) {
        check(`${what}: is there`, false);
        continue;
      }
      const { value } = found;
      check(`${what}: a function`, typeof value === "function" && value.name === operation.name && value.length === operation.length);
      check(`${what}: flags ${flags(found)}`, flags(found) === (operation.unforgeable ? "falsetruefalse" : "truetruetrue"));
      check(`${what}: is no constructor`, !("prototype" in value) && throwsTypeError(() => new value()));
      if (!operation.isStatic) check(`${what}: a foreign receiver`, rejectsOrThrows(operation.promises, () => value.call({})));
      if (operation.length > 0 && operation.isStatic) check(`${what}: too few arguments`, rejectsOrThrows(operation.promises, () => value.call(statics)));
    }
    if (of.stringifies && !extra.includes("nothing")) {
      const attribute = of.attributes.find((attribute) => attribute.unforgeable);
      if (attribute === undefined) {
        const found = Object.getOwnPropertyDescriptor(target, "toString");
        check(`${of.name}: toString`, found && typeof found.value === "function" && flags(found) === "truetruetrue");
      }
    }
  }

  function iterations(of, target) {
    const method = (key) => Object.getOwnPropertyDescriptor(target, key);
    if (of.indexed) check(`${of.name}: iterates as an array`, method(Symbol.iterator)?.value === Array.prototype.values);
    if (of.iterable === "values") for (const key of ["entries", "keys", "values", "forEach"]) check(`${of.name}.${key}`, method(key)?.value === Array.prototype[key]);
    if (of.iterable === "pairs" || of.iterable === "map") check(`${of.name}: @@iterator`, flags(method(Symbol.iterator)) === "truefalsetrue" && method(Symbol.iterator).value === method("entries").value);
    if (of.iterable === "set") check(`${of.name}: @@iterator`, method(Symbol.iterator).value === method("values").value);
    if (of.iterable === "async") check(`${of.name}: @@asyncIterator`, flags(method(Symbol.asyncIterator)) === "truefalsetrue" && typeof method(Symbol.asyncIterator).value === "function");
    if (of.iterable === "pairs") {
      check(`${of.name}.forEach`, method("forEach").value.length === 1 && throwsTypeError(() => method("forEach").value.call({}, () => {})));
      check(`${of.name}.keys: a foreign receiver`, throwsTypeError(() => method("keys").value.call({})));
    }
  }

  return `${passed}\n${faults.join("\n")}`;
}
