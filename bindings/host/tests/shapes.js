// Checks the Background Fetch interfaces against their IDL, as WebIDL says they look from a script, and prints
// `shapes: <where>: <passed> passed` or the faults. Runs in a window and in a service worker.
"use strict";

const faults = [];
let passed = 0;
function check(what, condition) {
  if (condition) passed += 1;
  else faults.push(what);
}
function throwsTypeError(f) {
  try {
    f();
    return false;
  } catch (error) {
    return error instanceof TypeError;
  }
}

// name: [parent, exposed in a window, constructor length or null, attributes, read-only attributes that promise, operations]
const interfaces = {
  BackgroundFetchManager: [null, true, null, {}, { fetch: 2, get: 1, getIds: 0 }],
  BackgroundFetchRegistration: [
    "EventTarget", true, null,
    { id: "r", uploadTotal: "r", uploaded: "r", downloadTotal: "r", downloaded: "r", result: "r", failureReason: "r", recordsAvailable: "r", onprogress: "w" },
    { abort: 0, match: 1, matchAll: 0 },
  ],
  BackgroundFetchRecord: [null, true, null, { request: "r", responseReady: "rp" }, {}],
  BackgroundFetchEvent: ["ExtendableEvent", false, 2, { registration: "r" }, {}],
  BackgroundFetchUpdateUIEvent: ["BackgroundFetchEvent", false, 2, {}, { updateUI: 0 }],
};

const worker = typeof ServiceWorkerGlobalScope === "function" && self instanceof ServiceWorkerGlobalScope;
const pending = [];

for (const [name, [parent, inWindow, constructorLength, attributes, operations]] of Object.entries(interfaces)) {
  if (!worker && !inWindow) {
    check(`${name} is not exposed in a window`, !(name in self));
    continue;
  }
  const global = Object.getOwnPropertyDescriptor(self, name);
  if (!global) {
    faults.push(`${name} is missing`);
    continue;
  }
  check(`${name} is writable, not enumerable, configurable`, global.writable && !global.enumerable && global.configurable);
  const object = self[name];
  check(`${name} is a function`, typeof object === "function");
  check(`${name}.name`, object.name === name);
  check(`${name}.length`, object.length === (constructorLength ?? 0));
  check(`${name} has its parent's interface object`, Object.getPrototypeOf(object) === (parent ? self[parent] : Function.prototype));
  check(`${name} cannot be called`, throwsTypeError(() => object()));
  if (constructorLength === null) check(`${name} cannot be constructed`, throwsTypeError(() => new object()));
  const prototypeProperty = Object.getOwnPropertyDescriptor(object, "prototype");
  check(`${name}.prototype is fixed`, !prototypeProperty.writable && !prototypeProperty.enumerable && !prototypeProperty.configurable);
  const prototype = object.prototype;
  check(`${name}.prototype inherits`, Object.getPrototypeOf(prototype) === (parent ? self[parent].prototype : Object.prototype));
  check(`${name}.prototype.constructor`, prototype.constructor === object && !Object.prototype.propertyIsEnumerable.call(prototype, "constructor"));
  const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
  check(`${name} has its tag`, tag && tag.value === name && !tag.writable && !tag.enumerable && tag.configurable);

  for (const [member, kind] of Object.entries(attributes)) {
    const property = Object.getOwnPropertyDescriptor(prototype, member);
    check(`${name}.${member} is an accessor of the prototype`, property && typeof property.get === "function");
    if (!property) continue;
    check(`${name}.${member} is enumerable and configurable`, property.enumerable && property.configurable);
    check(`${name}.${member} getter's name and length`, property.get.name === `get ${member}` && property.get.length === 0);
    if (kind === "w") {
      check(`${name}.${member} setter's name and length`, property.set && property.set.name === `set ${member}` && property.set.length === 1);
    } else {
      check(`${name}.${member} is read-only`, property.set === undefined);
    }
    if (kind === "rp") {
      // An attribute of a promise type rejects for a wrong `this` instead of throwing.
      pending.push(rejectsTypeError(`${name}.${member} brand`, () => property.get.call({})));
    } else {
      check(`${name}.${member} checks its brand`, throwsTypeError(() => property.get.call({})));
      check(`${name}.${member} checks its brand on the prototype`, throwsTypeError(() => prototype[member]));
    }
  }
  for (const [member, length] of Object.entries(operations)) {
    const property = Object.getOwnPropertyDescriptor(prototype, member);
    check(`${name}.${member} is a method of the prototype`, property && typeof property.value === "function");
    if (!property) continue;
    check(`${name}.${member} is writable, enumerable, configurable`, property.writable && property.enumerable && property.configurable);
    check(`${name}.${member}.length`, property.value.length === length);
    check(`${name}.${member}.name`, property.value.name === member);
    check(`${name}.${member} is no constructor`, throwsTypeError(() => new property.value()));
    pending.push(rejectsTypeError(`${name}.${member} brand`, () => property.value.call({}, "x", "y")));
  }
  const own = Object.getOwnPropertyNames(prototype).sort().join();
  const expected = ["constructor", ...Object.keys(attributes), ...Object.keys(operations)].sort().join();
  check(`${name}.prototype has just its members: ${own}`, own === expected);
}

async function rejectsTypeError(what, f) {
  let promise;
  try {
    promise = f();
  } catch {
    faults.push(`${what}: throws instead of rejecting`);
    return;
  }
  check(`${what}: gives a promise`, promise instanceof Promise);
  await promise.then(
    () => faults.push(`${what}: fulfils`),
    (error) => check(`${what}: rejects with TypeError`, error instanceof TypeError),
  );
}

// ServiceWorkerRegistration.backgroundFetch
{
  const property = Object.getOwnPropertyDescriptor(ServiceWorkerRegistration.prototype, "backgroundFetch");
  check("ServiceWorkerRegistration.backgroundFetch is a read-only accessor", property && property.get && property.set === undefined && property.enumerable);
  check("ServiceWorkerRegistration.backgroundFetch checks its brand", throwsTypeError(() => property.get.call({})));
}

async function instances(registration) {
  const manager = registration.backgroundFetch;
  check("backgroundFetch is a BackgroundFetchManager", manager instanceof BackgroundFetchManager);
  check("backgroundFetch is the same each time", manager === registration.backgroundFetch);
  check("it prints its name", String(manager) === "[object BackgroundFetchManager]");
  pending.push(rejectsTypeError("fetch() without arguments", () => manager.fetch()));
  pending.push(rejectsTypeError("fetch() with one argument", () => manager.fetch("x")));
  pending.push(rejectsTypeError("fetch() with no request", () => manager.fetch("x", [])));
  pending.push(rejectsTypeError("fetch() with options of a wrong type", () => manager.fetch("x", "/", 7)));
  pending.push(rejectsTypeError("fetch() with icons that are no sequence", () => manager.fetch("x", "/", { icons: 1 })));
  pending.push(rejectsTypeError("fetch() with an icon without src", () => manager.fetch("x", "/", { icons: [{}] })));
  pending.push(rejectsTypeError("fetch() in mode no-cors", () => manager.fetch("x", new Request("/", { mode: "no-cors" }))));
  pending.push(rejectsTypeError("get() without arguments", () => manager.get()));
  pending.push(rejectsTypeError("get('')", () => manager.get("")));
  check("get() of an unknown id is undefined", (await manager.get("nobody")) === undefined);
  check("getIds() is an array", Array.isArray(await manager.getIds()));
}

if (worker) {
  for (const type of ["success", "fail", "abort", "click"]) {
    const name = `onbackgroundfetch${type}`;
    check(`${name} is there and null`, name in self && self[name] === null);
    const property = Object.getOwnPropertyDescriptor(self, name) ?? Object.getOwnPropertyDescriptor(ServiceWorkerGlobalScope.prototype, name);
    check(`${name} is an accessor pair`, property && typeof property.get === "function" && typeof property.set === "function");
    const handler = () => {};
    self[name] = handler;
    check(`${name} keeps a function`, self[name] === handler);
    self[name] = 7;
    check(`${name} becomes null by a number`, self[name] === null);
  }
  check("BackgroundFetchEvent needs its init", throwsTypeError(() => new BackgroundFetchEvent("x")));
  check("BackgroundFetchEvent needs a registration", throwsTypeError(() => new BackgroundFetchEvent("x", {})));
  check("BackgroundFetchEvent needs a real registration", throwsTypeError(() => new BackgroundFetchEvent("x", { registration: {} })));
}

async function shapes(where, registration) {
  await instances(registration);
  await Promise.all(pending);
  console.log(faults.length ? `shapes: ${where}: FAULTS: ${faults.join("; ")}` : `shapes: ${where}: ${passed} passed`);
}
