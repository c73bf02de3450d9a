// Extendable events: https://w3c.github.io/ServiceWorker/#extendableevent-interface
const { internal } = core;
const { Promise, String } = primordials;

const setUpLifetime = (slots) => {
  // <https://w3c.github.io/ServiceWorker/#extendableevent-pending-promises-count>
  slots.pendingPromises = 0;
  // Why the first promise that was rejected was.
  slots.rejection = null;
  // What waits for the end of the event's lifetime.
  slots.whenOver = null;
};

// <https://w3c.github.io/ServiceWorker/#extendableevent-active>
internal.isActive = (slots) => slots.pendingPromises > 0 || slots.dispatching;

// <https://w3c.github.io/ServiceWorker/#extendableevent-add-lifetime-promise>
function addLifetimePromise(slots, promise, tellsRejection = true) {
  // 1. Made by a script: nothing waits for it.
  if (!slots.isTrusted) throw native.domException("InvalidStateError", "the event was made by a script");
  // 2. An event that is over.
  if (!internal.isActive(slots)) throw native.domException("InvalidStateError", "the event is over");
  // 3.–4. One more promise to wait for.
  slots.pendingPromises += 1;
  settle(slots, promise, tellsRejection);
}

internal.addLifetimePromise = addLifetimePromise;

async function settle(slots, promise, tellsRejection) {
  try {
    await promise;
  } catch (reason) {
    if (slots.rejection === null && tellsRejection) slots.rejection = describe(reason);
  }
  // 5. One microtask later, so that what reacts to the promise may still extend the event.
  internal.queueMicrotask(() => {
    slots.pendingPromises -= 1;
    endIfOver(slots);
  });
}

// The reason of a rejection in words, for the one who waits on another thread.
function describe(reason) {
  try {
    return String(reason);
  } catch {
    return "a value that cannot be shown";
  }
}

function endIfOver(slots) {
  if (internal.isActive(slots) || slots.whenOver === null) return;
  const { whenOver } = slots;
  slots.whenOver = null;
  whenOver(slots.rejection);
}

internal.endIfOver = endIfOver;

internal.eventInterface("ExtendableEvent", "Event", setUpLifetime, {
  __proto__: null,
  // <https://w3c.github.io/ServiceWorker/#dom-extendableevent-waituntil>
  waitUntil(slots, promise) {
    addLifetimePromise(slots, promise);
  },
});

internal.eventInterface("InstallEvent", "ExtendableEvent", () => {}, { __proto__: null });

// Fires an extendable event at the global. The promise resolves when the event's lifetime is over, with the reason of the
// first promise that was rejected, or `null`.
internal.fireExtendable = (type, interfaceName, init) => {
  const event = internal.createEvent(interfaceName, type, { __proto__: null, ...init });
  const slots = native.slots(event);
  return new Promise((resolve) => {
    slots.whenOver = resolve;
    internal.dispatch(event, native.global, native.global);
    endIfOver(slots);
  });
};
core.export("fireExtendableEvent", internal.fireExtendable);
