// The interfaces of Background Fetch, member by member, against their IDL. Runs in a page and in a service worker.
"use strict";

const inWorker = typeof ServiceWorkerGlobalScope === "function" && self instanceof ServiceWorkerGlobalScope;

// Kinds: `r` a read-only attribute, `rw` one that can be set, `op` an operation with its length.
const shapes = {
  BackgroundFetchManager: { exposed: "both", parent: "Object", length: 0, members: { fetch: ["op", 2], get: ["op", 1], getIds: ["op", 0] } },
  BackgroundFetchRegistration: {
    exposed: "both", parent: "EventTarget", length: 0,
    members: {
      id: ["r"], uploadTotal: ["r"], uploaded: ["r"], downloadTotal: ["r"], downloaded: ["r"], result: ["r"], failureReason: ["r"],
      recordsAvailable: ["r"], onprogress: ["rw"], abort: ["op", 0], match: ["op", 1], matchAll: ["op", 0],
    },
  },
  BackgroundFetchRecord: { exposed: "both", parent: "Object", length: 0, members: { request: ["r"], responseReady: ["r"] } },
  BackgroundFetchEvent: { exposed: "worker", parent: "ExtendableEvent", length: 2, constructible: true, members: { registration: ["r"] } },
  BackgroundFetchUpdateUIEvent: { exposed: "worker", parent: "BackgroundFetchEvent", length: 2, constructible: true, members: { updateUI: ["op", 0] } },
};

for (const [name, shape] of Object.entries(shapes)) {
  test(`${name} is exposed where it should be`, () => {
    equal(name in self, shape.exposed === "both" || inWorker, "exposed");
  });
  if (!(name in self)) continue;
  const interfaceObject = self[name];
  const { prototype } = interfaceObject;

  test(`${name}: the interface object`, () => {
    const property = Object.getOwnPropertyDescriptor(self, name);
    deepEqual([property.enumerable, property.writable, property.configurable], [false, true, true], "the property");
    equal(typeof interfaceObject, "function");
    equal(interfaceObject.name, name);
    equal(interfaceObject.length, shape.length, "length");
    const parent = shape.parent === "Object" ? null : self[shape.parent];
    equal(Object.getPrototypeOf(interfaceObject), parent === null ? Function.prototype : parent, "its prototype");
    equal(Object.getPrototypeOf(prototype), parent === null ? Object.prototype : parent.prototype, "the prototype's prototype");
    const descriptor = Object.getOwnPropertyDescriptor(interfaceObject, "prototype");
    deepEqual([descriptor.enumerable, descriptor.writable, descriptor.configurable], [false, false, false], "prototype");
    equal(prototype.constructor, interfaceObject);
    equal(Object.getOwnPropertyDescriptor(prototype, "constructor").enumerable, false);
    equal(prototype[Symbol.toStringTag], name);
    throws(TypeError, () => interfaceObject(), "called without new");
    if (!shape.constructible) throws(TypeError, () => new interfaceObject(), "constructed");
    if (shape.constructible) {
      throws(TypeError, () => new interfaceObject("x"), "without its dictionary");
      throws(TypeError, () => new interfaceObject("x", {}), "without a registration");
      throws(TypeError, () => new interfaceObject("x", { registration: {} }), "with something else");
    }
  });

  test(`${name}: nothing but its members`, () => {
    const own = Object.getOwnPropertyNames(prototype).sort();
    deepEqual(own, [...Object.keys(shape.members), "constructor"].sort());
  });

  for (const [member, [kind, length]] of Object.entries(shape.members)) {
    test(`${name}.${member}`, async () => {
      const property = Object.getOwnPropertyDescriptor(prototype, member);
      equal(property.enumerable, true, "enumerable");
      equal(property.configurable, true, "configurable");
      if (kind === "op") {
        equal(property.writable, true, "writable");
        equal(property.value.name, member, "name");
        equal(property.value.length, length, "length");
        equal("prototype" in property.value, false, "no prototype");
        await rejects(TypeError, property.value.call({}), "a foreign receiver");
        await rejects(TypeError, property.value.call(prototype), "the prototype as receiver");
        throws(TypeError, () => new property.value(), "as a constructor");
        return;
      }
      equal(property.get.name, `get ${member}`, "the getter's name");
      equal(property.get.length, 0, "the getter's length");
      if (kind === "r") equal(property.set, undefined, "no setter");
      else {
        equal(property.set.name, `set ${member}`, "the setter's name");
        equal(property.set.length, 1, "the setter's length");
        throws(TypeError, () => property.set.call({}, null), "a foreign receiver");
      }
      if (member === "responseReady") await rejects(TypeError, property.get.call({}), "a foreign receiver");
      else throws(TypeError, () => property.get.call({}), "a foreign receiver");
    });
  }
}

test("ServiceWorkerRegistration.backgroundFetch", async () => {
  const property = Object.getOwnPropertyDescriptor(ServiceWorkerRegistration.prototype, "backgroundFetch");
  deepEqual([property.enumerable, property.configurable, property.set === undefined, property.get.name], [true, true, true, "get backgroundFetch"]);
  throws(TypeError, () => property.get.call({}), "a foreign receiver");
  const registration = inWorker ? self.registration : await navigator.serviceWorker.ready;
  check(registration.backgroundFetch instanceof BackgroundFetchManager, "a manager");
  equal(registration.backgroundFetch, registration.backgroundFetch);
  equal(String(registration.backgroundFetch), "[object BackgroundFetchManager]");
});

test("the four handlers of the worker's global scope", () => {
  const names = ["onbackgroundfetchsuccess", "onbackgroundfetchfail", "onbackgroundfetchabort", "onbackgroundfetchclick"];
  for (const name of names) {
    equal(name in self, inWorker, name);
    if (!inWorker) continue;
    const property = Object.getOwnPropertyDescriptor(self, name);
    deepEqual([property.enumerable, property.configurable, typeof property.get, typeof property.set], [true, true, "function", "function"], name);
    equal(self[name], null);
    const handler = () => {};
    self[name] = handler;
    equal(self[name], handler);
    self[name] = "text";
    equal(self[name], null);
  }
});

if (inWorker) {
  test("events that a script makes", async () => {
    while (self.registration.active === null) await new Promise((resolve) => setTimeout(resolve, 5));
    const registration = await self.registration.backgroundFetch.fetch("for-events", "/hang");
    const event = new BackgroundFetchUpdateUIEvent("backgroundfetchsuccess", { registration, cancelable: true });
    equal(event.registration, registration);
    check(event instanceof BackgroundFetchEvent && event instanceof ExtendableEvent, "its parents");
    equal(event.cancelable, true);
    await rejects("InvalidStateError", event.updateUI({ title: "x" }), "updateUI() of an untrusted event");
    throws("InvalidStateError", () => event.waitUntil(Promise.resolve()), "waitUntil() of an untrusted event");
    let seen;
    self.onbackgroundfetchabort = (e) => { seen = e; };
    const abort = new BackgroundFetchEvent("backgroundfetchabort", { registration });
    self.dispatchEvent(abort);
    equal(seen, abort);
    self.onbackgroundfetchabort = null;
    equal(await registration.abort(), true);
  });

  test("the worker's globals", async () => {
    check(self instanceof WorkerGlobalScope && self instanceof EventTarget, "its interfaces");
    equal(typeof Window, "undefined");
    equal(location.pathname, "/sw.js");
    check(location instanceof WorkerLocation && navigator instanceof WorkerNavigator, "location and navigator");
    equal(self.serviceWorker.scriptURL, location.href);
    equal(self.registration, self.registration);
    check(self.clients instanceof Clients, "clients");
    equal(await self.skipWaiting(), undefined);
    throws("SyntaxError", () => importScripts("http://:x"));
    throws("NetworkError", () => importScripts("/missing.js"));
  });
}

run();
