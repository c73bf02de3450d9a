"use strict";

test("listeners run in order, once, passive and removed ones as they should", () => {
  const target = new EventTarget();
  const log = [];
  const listener = () => log.push("a");
  target.addEventListener("x", listener);
  target.addEventListener("x", listener);
  target.addEventListener("x", { handleEvent(event) { log.push("object", this !== undefined && event.type); } });
  target.addEventListener("x", () => log.push("once"), { once: true });
  target.addEventListener("x", () => log.push("capture"), true);
  target.addEventListener("x", (event) => { event.preventDefault(); log.push(event.defaultPrevented); }, { passive: true });
  equal(target.dispatchEvent(new Event("x", { cancelable: true })), true);
  target.removeEventListener("x", listener);
  target.dispatchEvent(new Event("x"));
  deepEqual(log, ["capture", "a", "object", "x", "once", false, "capture", "object", "x", false]);
});

test("a listener removed while dispatching is not run, an added one waits", () => {
  const target = new EventTarget();
  const log = [];
  const second = () => log.push("second");
  target.addEventListener("x", () => {
    target.removeEventListener("x", second);
    target.addEventListener("x", () => log.push("late"));
  });
  target.addEventListener("x", second);
  target.dispatchEvent(new Event("x"));
  deepEqual(log, []);
  target.dispatchEvent(new Event("x"));
  deepEqual(log, ["late"]);
});

test("canceling and stopping", () => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener("x", (event) => { event.preventDefault(); event.stopImmediatePropagation(); log.push(1); });
  target.addEventListener("x", () => log.push(2));
  const event = new Event("x", { cancelable: true });
  equal(target.dispatchEvent(event), false);
  equal(event.returnValue, false);
  equal(event.cancelBubble, false, "unset after dispatch");
  deepEqual(log, [1]);
  equal(target.dispatchEvent(new Event("x")), true, "not cancelable");
});

test("an event says where it is", () => {
  const target = new EventTarget();
  const event = new CustomEvent("x", { detail: { a: 1 }, bubbles: true });
  let seen;
  target.addEventListener("x", (e) => {
    seen = [e.target === target, e.currentTarget === target, e.eventPhase, e.composedPath().length, e.composedPath()[0] === target];
    throws("InvalidStateError", () => target.dispatchEvent(e), "dispatching twice");
  });
  target.dispatchEvent(event);
  deepEqual(seen, [true, true, Event.AT_TARGET, 1, true]);
  equal(event.currentTarget, null);
  equal(event.target, target);
  equal(event.eventPhase, 0);
  equal(event.isTrusted, false);
  equal(event.detail.a, 1);
  equal(Object.getOwnPropertyDescriptor(event, "isTrusted").configurable, false);
  deepEqual(event.composedPath(), []);
  event.initEvent("y", false, true);
  deepEqual([event.type, event.bubbles, event.cancelable], ["y", false, true]);
  check(typeof event.timeStamp === "number" && event.timeStamp >= 0, "it has a time");
});

test("what a listener throws is reported and stops nothing", () => {
  const target = new EventTarget();
  const reported = [];
  const onError = (event) => { reported.push(event.message, event.error); event.preventDefault(); };
  addEventListener("error", onError);
  const error = new RangeError("boom");
  let second = false;
  target.addEventListener("x", () => { throw error; });
  target.addEventListener("x", () => { second = true; });
  target.addEventListener("x", {});
  target.dispatchEvent(new Event("x"));
  removeEventListener("error", onError);
  equal(second, true);
  check(String(reported[0]).includes("boom"), "the message");
  equal(reported[1], error);
  check(reported[3] instanceof TypeError, "an object without handleEvent is a TypeError");
});

test("onerror of the global gets five arguments, and true cancels", () => {
  let args;
  self.onerror = function (...given) { args = given; return true; };
  const error = new Error("five");
  reportError(error);
  self.onerror = null;
  equal(args.length, 5);
  equal(args[4], error);
});

test("event handler attributes", () => {
  const signal = new AbortController();
  const target = signal.signal;
  equal(target.onabort, null);
  target.onabort = "text";
  equal(target.onabort, null);
  const log = [];
  target.addEventListener("abort", () => log.push("before"));
  target.onabort = () => log.push("first");
  target.addEventListener("abort", () => log.push("after"));
  const handler = function (event) { log.push("handler", this === target, event.isTrusted); };
  target.onabort = handler;
  equal(target.onabort, handler);
  signal.abort();
  deepEqual(log, ["before", "handler", true, true, "after"]);
  target.onabort = null;
  equal(target.onabort, null);
});

test("a handler that returns false cancels", () => {
  const target = new AbortController().signal;
  target.onabort = () => false;
  equal(target.dispatchEvent(new Event("abort", { cancelable: true })), false);
  const object = {};
  target.onabort = object;
  equal(target.onabort, object, "an object that is no function is kept");
  equal(target.dispatchEvent(new Event("abort", { cancelable: true })), true);
});

test("a signal takes a listener away", () => {
  const target = new EventTarget();
  const controller = new AbortController();
  let count = 0;
  target.addEventListener("x", () => { count += 1; }, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  target.addEventListener("x", () => { count += 1; }, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  equal(count, 1);
  throws(TypeError, () => target.addEventListener("x", () => {}, { signal: null }), "a null signal");
});

test("patched prototypes change nothing", () => {
  const push = Array.prototype.push;
  const get = Map.prototype.get;
  const forEach = Set.prototype.forEach;
  Array.prototype.push = Map.prototype.get = Set.prototype.forEach = () => { throw new Error("patched method"); };
  const iterator = Array.prototype[Symbol.iterator];
  const then = Promise.prototype.then;
  Array.prototype[Symbol.iterator] = () => { throw new Error("patched iterator"); };
  Promise.prototype.then = () => { throw new Error("patched promise"); };
  Object.prototype.capture = true;
  Object.defineProperty(Array.prototype, 0, { set() { throw new Error("patched index"); }, configurable: true });
  let count = 0;
  let path;
  try {
    const controller = new AbortController();
    controller.signal.onabort = (event) => { count += 1; path = event.composedPath(); };
    controller.signal.addEventListener("abort", () => { count += 1; });
    controller.abort();
  } finally {
    delete Array.prototype[0];
    delete Object.prototype.capture;
    Array.prototype[Symbol.iterator] = iterator;
    Promise.prototype.then = then;
    Array.prototype.push = push;
    Map.prototype.get = get;
    Set.prototype.forEach = forEach;
  }
  equal(count, 2);
  equal(path.length, 1);
});

test("classes of one's own", () => {
  class Mine extends EventTarget {
    constructor() { super(); this.own = 1; }
  }
  class MyEvent extends Event {
    constructor() { super("mine", { cancelable: true }); }
  }
  const mine = new Mine();
  let event;
  mine.addEventListener("mine", (e) => { event = e; });
  mine.dispatchEvent(new MyEvent());
  check(event instanceof MyEvent && event instanceof Event && event.target === mine, "subclasses");
  throws(TypeError, () => EventTarget.prototype.dispatchEvent.call({}, new Event("x")), "a foreign receiver");
  throws(TypeError, () => Event("x"), "without new");
  throws(TypeError, () => new Event(), "without a type");
  throws(TypeError, () => mine.dispatchEvent({ type: "mine" }), "no event");
});

test("PromiseRejectionEvent and unhandled rejections", async () => {
  throws(TypeError, () => new PromiseRejectionEvent("x"), "init is required");
  throws(TypeError, () => new PromiseRejectionEvent("x", {}), "promise is required");
  const reason = new Error("nobody");
  const seen = new Promise((resolve) => {
    self.onunhandledrejection = (event) => { event.preventDefault(); resolve(event); };
  });
  const promise = Promise.reject(reason);
  const event = await seen;
  self.onunhandledrejection = null;
  equal(event.promise, promise);
  equal(event.reason, reason);
  equal(event.isTrusted, true);
});

test("AbortController and AbortSignal", () => {
  const controller = new AbortController();
  const { signal } = controller;
  equal(controller.signal, signal);
  equal(signal.aborted, false);
  equal(signal.reason, undefined);
  signal.throwIfAborted();
  let events = 0;
  signal.addEventListener("abort", () => { events += 1; });
  controller.abort();
  controller.abort("again");
  equal(events, 1);
  isException(signal.reason, "AbortError", "the default reason");
  throws(signal.reason, () => signal.throwIfAborted());
  equal(AbortSignal.abort("why").reason, "why");
  isException(AbortSignal.abort().reason, "AbortError", "AbortSignal.abort()");
  throws(TypeError, () => new AbortSignal(), "no constructor");
});

test("AbortSignal.any() follows its sources", () => {
  const a = new AbortController();
  const b = new AbortController();
  const any = AbortSignal.any([a.signal, b.signal]);
  const deeper = AbortSignal.any([any]);
  const log = [];
  b.signal.addEventListener("abort", () => log.push("b", any.aborted, deeper.aborted));
  any.addEventListener("abort", () => log.push("any", any.reason));
  deeper.addEventListener("abort", () => log.push("deeper", deeper.reason));
  b.abort("reason");
  a.abort("late");
  deepEqual(log, ["b", true, true, "any", "reason", "deeper", "reason"]);
  equal(AbortSignal.any([a.signal, any]).reason, "late");
  equal(AbortSignal.any([]).aborted, false);
});

test("AbortSignal.timeout()", async () => {
  const signal = AbortSignal.timeout(1);
  equal(signal.aborted, false);
  await new Promise((resolve) => { signal.onabort = resolve; });
  isException(signal.reason, "TimeoutError", "its reason");
  throws(TypeError, () => AbortSignal.timeout(-1), "out of range");
});

test("timers", async () => {
  const log = [];
  await new Promise((resolve) => {
    setTimeout((a, b) => { log.push(a, b); resolve(); }, 5, "a", "b");
    const never = setTimeout(() => log.push("never"), 1);
    clearTimeout(never);
    clearTimeout(12345);
  });
  let ticks = 0;
  await new Promise((resolve) => {
    const id = setInterval(() => {
      ticks += 1;
      if (ticks === 3) { clearInterval(id); resolve(); }
    }, 1);
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  equal(ticks, 3);
  deepEqual(log, ["a", "b"]);
  globalThis.textTimer = 0;
  setTimeout("textTimer += 1", 0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  equal(globalThis.textTimer, 1);
});

test("microtasks run before tasks", async () => {
  const log = [];
  const over = new Promise((resolve) => setTimeout(() => { log.push("task"); resolve(); }));
  queueMicrotask(() => log.push("micro"));
  Promise.resolve().then(() => log.push("promise"));
  log.push("script");
  await over;
  deepEqual(log, ["script", "micro", "promise", "task"]);
});

test("the global object", () => {
  equal(self, globalThis);
  equal(window, self);
  equal(window.window, window);
  equal(top, window);
  equal(parent, window);
  equal(frames, window);
  check(window instanceof Window && window instanceof EventTarget, "it is a Window");
  equal(Object.getPrototypeOf(window), Window.prototype);
  equal(isSecureContext, true);
  equal(origin, location.origin);
  check(location.href.startsWith("http://localhost:") && String(location) === location.href, "location");
  equal(location.pathname, "/index.html");
  equal(document.title, "A page");
  document.title = "  other \n title ";
  equal(document.title, "other title");
  equal(document.URL, location.href);
  equal(document.location, location);
  equal(document.defaultView, window);
  equal(document.currentScript, null);
  equal(document.nodeType, Node.DOCUMENT_NODE);
  equal(document.readyState, "loading");
  check(navigator.userAgent.length > 0 && navigator.onLine === true && navigator.languages.length > 0, "navigator");
  check(Object.isFrozen(navigator.languages), "languages are frozen");
  deepEqual(navigator.languages, [navigator.language]);
});

test("performance, crypto, base64", () => {
  const start = performance.now();
  check(start >= 0 && performance.timeOrigin > 1.5e12, "times");
  equal(performance.toJSON().timeOrigin, performance.timeOrigin);
  const array = new Uint8Array(32);
  equal(crypto.getRandomValues(array), array);
  check(array.some((byte) => byte !== 0), "random");
  throws("TypeMismatchError", () => crypto.getRandomValues(new Float32Array(1)));
  const error = throws("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)));
  check(error instanceof QuotaExceededError, "a QuotaExceededError");
  check(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), "a UUID");
  equal(btoa("hé"), "aOk=");
  equal(atob("aOk"), "hé");
  throws("InvalidCharacterError", () => btoa("€"));
  throws("InvalidCharacterError", () => atob("a"));
});

test("permissions and storage", async () => {
  const status = await navigator.permissions.query({ name: "background-fetch" });
  equal(status.state, "granted");
  equal(status.name, "background-fetch");
  await rejects(TypeError, navigator.permissions.query({ name: "teleport" }));
  await rejects(TypeError, navigator.permissions.query({}));
  const estimate = await navigator.storage.estimate();
  check(estimate.quota > 0 && estimate.usage >= 0, "an estimate");
});

run();
