// Timers: https://html.spec.whatwg.org/#timers-2
const { internal } = core;
const { Map, MapPrototypeGet, MapPrototypeSet, MapPrototypeDelete, ReflectApply } = primordials;

// What waits for the agent's clock, which gives the number back when the time has come.
const waiting = new Map();
let lastStart = 0;

// <https://html.spec.whatwg.org/#run-steps-after-a-timeout>. A timer is work that the agent has still to do; a timeout that only
// listens is not.
function runAfterTimeout(clock, milliseconds, steps) {
  lastStart += 1;
  MapPrototypeSet(waiting, lastStart, steps);
  native.hook(clock, lastStart, milliseconds);
  return lastStart;
}

internal.listenForTimeout = (milliseconds, steps) => {
  runAfterTimeout("startTimeout", milliseconds, steps);
};

function cancel(start) {
  if (MapPrototypeDelete(waiting, start)) native.hook("cancelTimer", start);
}

core.export("timerFired", (start) => {
  const steps = MapPrototypeGet(waiting, start);
  if (steps === undefined) return;
  MapPrototypeDelete(waiting, start);
  steps();
});

// <https://html.spec.whatwg.org/#map-of-settimeout-and-setinterval-ids>
const timers = new Map();
let lastId = 0;
let nesting = 0;

// <https://html.spec.whatwg.org/#timer-initialisation-steps>
function start(id, timer) {
  // 5.–6. Timers that start each other are slowed down.
  // NOTE: `nesting` is that of the task to come, one more than the standard asks for here.
  const wait = timer.nesting > 6 && timer.timeout < 4 ? 4 : timer.timeout;
  MapPrototypeSet(timers, id, timer);
  timer.start = runAfterTimeout("startTimer", wait, () => fire(id, timer));
}

function fire(id, timer) {
  const outer = nesting;
  nesting = timer.nesting;
  try {
    // 9.3. A function is called with the global as its `this`.
    if (typeof timer.handler === "function") ReflectApply(timer.handler, native.global, timer.args);
    // 9.4. Text is a classic script.
    else native.hook("runTimerScript", timer.handler);
  } catch (exception) {
    native.reportException(exception);
  }
  nesting = outer;
  // 9.6.–8. Cleared by the handler, again, or over.
  if (MapPrototypeGet(timers, id) !== timer) return;
  if (timer.repeat) {
    timer.nesting += 1;
    start(id, timer);
  } else {
    MapPrototypeDelete(timers, id);
  }
}

core.export("startTimer", (handler, timeout, args, repeat) => {
  // 9.6.2. DEVIATION: the standard asks whether text may become code when the timer is due; browsers and their tests ask at once, and
  // there is no such timer.
  if (typeof handler === "string" && !internal.mayEvaluate(handler)) return 0;
  lastId += 1;
  // 4. Negative is zero.
  const timer = { __proto__: null, handler, timeout: timeout < 0 ? 0 : timeout, args, repeat, nesting: nesting + 1, start: 0 };
  start(lastId, timer);
  return lastId;
});

core.export("clearTimer", (id) => {
  const timer = MapPrototypeGet(timers, id);
  if (timer === undefined) return;
  MapPrototypeDelete(timers, id);
  cancel(timer.start);
});

// <https://html.spec.whatwg.org/#dom-queuemicrotask>
core.export("queueMicrotask", (callback) => {
  internal.queueMicrotask(() => callback());
});
