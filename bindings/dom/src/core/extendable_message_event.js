// Messages to and from service workers: https://w3c.github.io/ServiceWorker/#extendablemessageevent-interface
const { internal } = core;
const { ObjectFreeze } = primordials;

const setMessage = (slots, init) => {
  slots.data = init.data === undefined ? null : init.data;
  slots.origin = init.origin === undefined ? "" : init.origin;
  slots.lastEventId = init.lastEventId === undefined ? "" : init.lastEventId;
  slots.source = init.source === undefined ? null : init.source;
  slots.ports = ObjectFreeze(init.ports === undefined ? [] : internal.toArray(init.ports));
};

internal.eventInterface("ExtendableMessageEvent", "ExtendableEvent", setMessage, {
  __proto__: null,
  "get data"(slots) {
    return slots.data;
  },
  "get origin"(slots) {
    return slots.origin;
  },
  "get lastEventId"(slots) {
    return slots.lastEventId;
  },
  "get source"(slots) {
    return slots.source;
  },
  "get ports"(slots) {
    return slots.ports;
  },
});

// <https://w3c.github.io/ServiceWorker/#service-worker-postmessage-options>, in the worker.
core.export("fireExtendableMessage", (handle, origin, source) => {
  const message = internal.openMessage(handle);
  return message === undefined
    ? internal.fireExtendable("messageerror", "ExtendableMessageEvent", { __proto__: null, origin, source })
    : internal.fireExtendable("message", "ExtendableMessageEvent", { __proto__: null, ...message, origin, source });
});

// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-onmessage>: the first time, messages may come.
const { handlerAdded } = internal;
internal.handlerAdded = (target, name) => {
  handlerAdded(target, name);
  if (name === "onmessage" && native.implements(target, "ServiceWorkerContainer")) native.hook("enableClientMessages");
};
