// Fetch events: https://w3c.github.io/ServiceWorker/#fetchevent-interface
const { internal } = core;
const { Map, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, Promise, PromiseResolve } = primordials;

const setUpFetch = (slots, init) => {
  slots.request = init.request;
  slots.preloadResponse = init.preloadResponse === undefined ? PromiseResolve(undefined) : init.preloadResponse;
  slots.clientId = init.clientId;
  slots.resultingClientId = init.resultingClientId;
  slots.replacesClientId = init.replacesClientId;
  slots.handled = init.handled === undefined ? new Promise(() => {}) : init.handled;
  // <https://w3c.github.io/ServiceWorker/#fetchevent-respond-with-entered-flag>
  slots.respondWithEntered = false;
  // What the native side knows the event by; only events from there have a number.
  slots.number = undefined;
  slots.settleHandled = undefined;
};

internal.eventInterface("FetchEvent", "ExtendableEvent", setUpFetch, {
  __proto__: null,
  "get request"(slots) {
    return slots.request;
  },
  "get preloadResponse"(slots) {
    return slots.preloadResponse;
  },
  "get clientId"(slots) {
    return slots.clientId;
  },
  "get resultingClientId"(slots) {
    return slots.resultingClientId;
  },
  "get replacesClientId"(slots) {
    return slots.replacesClientId;
  },
  "get handled"(slots) {
    return slots.handled;
  },
  // <https://w3c.github.io/ServiceWorker/#fetch-event-respondwith>
  respondWith(slots, promise) {
    // 2. Only while handlers run.
    if (!slots.dispatching) throw native.domException("InvalidStateError", "the event is not being dispatched");
    // 3. Once.
    if (slots.respondWithEntered) {
      throw native.domException("InvalidStateError", "respondWith() was called before");
    }
    // 4. The event lasts until the response is there. NOTE: whoever fetches is told if it is none.
    internal.addLifetimePromise(slots, promise, false);
    // 5. No other handler has a say.
    slots.stopPropagation = true;
    slots.stopImmediatePropagation = true;
    // 6.–7. The fetch waits.
    slots.respondWithEntered = true;
    respond(slots, promise);
  },
});

// Steps 9 and 10 of respondWith().
async function respond(slots, promise) {
  let response;
  try {
    response = await promise;
  } catch {
    return answer(slots, "rejected");
  }
  if (!native.implements(response, "Response")) return answer(slots, "no response");
  try {
    answer(slots, response);
  } catch {
    // A body that was read already, or is being read.
    answer(slots, "unusable");
  }
}

// The answer to the fetch: a response, `null` for the network's, or what went wrong.
function answer(slots, value) {
  const lifetime = native.hook("answerFetch", slots.number, value);
  if (lifetime !== undefined) internal.addLifetimePromise(slots, lifetime);
  if (typeof value === "string") {
    slots.settleHandled.reject(native.domException("NetworkError", "the event was not handled"));
  } else {
    slots.settleHandled.resolve(undefined);
  }
}

// The signals of the requests of events that are not over, by the event's number.
const signals = new Map();

// <https://w3c.github.io/ServiceWorker/#create-fetch-event-and-dispatch-algorithm>, in the worker. The promise resolves when the
// event's lifetime is over, as that of `fireExtendableEvent` does.
core.export("fireFetchEvent", (number, signal, init) => {
  const settleHandled = { __proto__: null };
  const handled = new Promise((resolve, reject) => {
    settleHandled.resolve = resolve;
    settleHandled.reject = reject;
  });
  native.markPromiseAsHandled(handled);
  if (init.preloadResponse !== undefined) native.markPromiseAsHandled(init.preloadResponse);
  const event = internal.createEvent("FetchEvent", "fetch", { __proto__: null, ...init, cancelable: true, handled });
  const slots = native.slots(event);
  slots.number = number;
  slots.settleHandled = settleHandled;
  MapPrototypeSet(signals, number, signal);
  return new Promise((resolve) => {
    slots.whenOver = (rejection) => {
      MapPrototypeDelete(signals, number);
      resolve(rejection);
    };
    internal.dispatch(event, native.global, native.global);
    // Nobody responds: the network does, unless that was forbidden.
    if (!slots.respondWithEntered) answer(slots, slots.canceled ? "canceled" : null);
    internal.endIfOver(slots);
  });
});

// The fetch was aborted. FIXME: Handle Fetch, the page's abort reason, deserialised here.
core.export("abortFetchEvent", (number) => {
  const signal = MapPrototypeGet(signals, number);
  if (signal !== undefined) internal.signalAbort(signal, undefined);
});

// Whether the global object has a listener for events of a type.
core.export("globalListensTo", (type) => internal.listensTo(native.slots(native.global), type));
