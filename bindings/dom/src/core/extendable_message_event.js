// Messages to and from service workers: https://w3c.github.io/ServiceWorker/#extendablemessageevent-interface
const { internal } = core;
const { setMessage, messageMembers } = internal.message;

internal.eventInterface("ExtendableMessageEvent", "ExtendableEvent", setMessage, { __proto__: null, ...messageMembers });

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
