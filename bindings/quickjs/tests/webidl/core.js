// A core of the smallest size that shows the seam between the adapter and a self-hosted core.
const { ArrayPrototypePush, ReflectApply, Map, MapPrototypeGet, MapPrototypeSet, PromiseResolve, PromisePrototypeThen } = primordials;
core.interface("Event", {
  construct(slots, type, init) {
    slots.type = type;
    slots.bubbles = init.bubbles;
    slots.trusted = false;
  },
  "get type"(slots) { return slots.type; },
  "get bubbles"(slots) { return slots.bubbles; },
  "get isTrusted"(slots) { return slots.trusted === true; },
});
core.interface("DetailEvent", {
  construct(slots, type, init) {
    slots.type = type;
    slots.bubbles = init.bubbles;
    slots.detail = init.detail;
  },
  "get detail"(slots) { return slots.detail; },
});
core.interface("EventTarget", {
  init(slots) {
    slots.listeners = [];
    slots.handlers = new Map();
  },
  construct() {},
  addEventListener(slots, type, callback) {
    if (callback !== null) ArrayPrototypePush(slots.listeners, { type, callback });
  },
  dispatchEvent(slots, event) {
    const { type } = native.slots(event);
    for (let index = 0; index < slots.listeners.length; index++) {
      const listener = slots.listeners[index];
      if (listener.type !== type) continue;
      try {
        const { callback } = listener;
        if (typeof callback === "function") ReflectApply(callback, this, [event]);
        else callback.handleEvent(event);
      } catch (error) {
        native.reportException(error);
      }
    }
    const handler = MapPrototypeGet(slots.handlers, `on${type}`);
    if (handler) ReflectApply(handler, this, [event]);
    return true;
  },
});
core.interface("Chunks", {
  construct(slots, count) { slots.count = count; },
  asyncIterate(slots) {
    let index = 0;
    return {
      next: () => PromiseResolve(index < slots.count ? { value: index++, done: false } : { value: undefined, done: true }),
      return: () => PromiseResolve(undefined),
    };
  },
  soon(slots, value) {
    if (value < 0) throw new RangeError("negative");
    return PromisePrototypeThen(PromiseResolve(value), (value) => value + slots.count);
  },
});
core.interface("HostedNames", {
  construct(slots) { slots.map = new Map(); },
  "get length"(slots) { return slots.map.size; },
  item(slots, index) { return [...slots.map.keys()][index]; },
  namedGet(slots, name) { return slots.map.get(name) ?? null; },
  namedSet(slots, name, value) { slots.map.set(name, value); },
  namedDelete(slots, name) { return name !== "locked" && slots.map.delete(name); },
  supportedNames(slots) { return [...slots.map.keys()]; },
});
core.interface("HostedRange", {
  construct() {},
  asyncIterate(slots, { count }) {
    let index = 0;
    return {
      next: () => PromiseResolve(index < count ? { value: index++, done: false } : { value: undefined, done: true }),
      return: () => PromiseResolve(undefined),
    };
  },
});
core.interface("HostedShelf", {
  construct(slots) { slots.log = ""; },
  "set names"(slots, index, value) { slots.log += `+${index}:${value} `; },
  "delete names"(slots, index, value) { slots.log += `-${index}:${value} `; },
  log(slots) { return slots.log; },
});
core.export("getEventHandler", (target, name) => MapPrototypeGet(native.slots(target).handlers, name) ?? null);
core.export("setEventHandler", (target, name, value) => { MapPrototypeSet(native.slots(target).handlers, name, value); });
core.export("fireEvent", (target, type, detail) => {
  const event = native.create("DetailEvent");
  const slots = native.slots(event);
  slots.type = type;
  slots.detail = detail;
  slots.trusted = true;
  return target.dispatchEvent(event);
});
core.export("reportException", (error, message, file, line, column) => {
  if (typeof globalThis.onfailure !== "function") return false;
  globalThis.onfailure(error, message, file, line, column);
  return true;
});
core.export("unhandledRejection", (promise, reason) => {
  if (typeof globalThis.onunhandled !== "function") return false;
  globalThis.onunhandled(promise, reason);
  return true;
});
core.export("rejectionHandled", (promise, reason) => { globalThis.onhandled?.(promise, reason); });
core.export("double", (x) => x * 2);
core.internal.seen = native.hook("greet", "core");
core.export("seen", () => core.internal.seen);
core.export("native", () => native);
