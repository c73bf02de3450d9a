// Messages: https://html.spec.whatwg.org/#comms
const { internal } = core;
const { ObjectFreeze } = primordials;

// <https://html.spec.whatwg.org/#messageevent>
const setMessage = (slots, init) => {
  // NOTE: a message may be `undefined`; without one, the dictionary's default is `null`.
  slots.data = "data" in init ? init.data : null;
  slots.origin = init.origin === undefined ? "" : init.origin;
  slots.lastEventId = init.lastEventId === undefined ? "" : init.lastEventId;
  slots.source = init.source === undefined ? null : init.source;
  slots.ports = ObjectFreeze(init.ports === undefined ? [] : internal.toArray(init.ports));
};

// What MessageEvent and ExtendableMessageEvent have in common.
const messageMembers = {
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
};
internal.message = { __proto__: null, setMessage, messageMembers };

internal.eventInterface("MessageEvent", "Event", setMessage, {
  __proto__: null,
  ...messageMembers,
  // <https://html.spec.whatwg.org/#dom-messageevent-initmessageevent>
  initMessageEvent(slots, type, bubbles, cancelable, data, origin, lastEventId, source, ports) {
    // NOTE: an event on its way stays as it is.
    if (slots.dispatching) return;
    internal.initializeEvent(slots, type, bubbles, cancelable);
    setMessage(slots, { __proto__: null, data: data === undefined ? null : data, origin, lastEventId, source, ports });
  },
});

// What a handle holds, with the ports that came along; or nothing, if it cannot be made here.
internal.openMessage = (handle) => {
  try {
    const { data, transferred } = internal.structuredDeserialize(handle);
    const ports = internal.newList();
    for (let index = 0; index < transferred.length; index += 1) {
      if (native.implements(transferred[index], "MessagePort")) internal.append(ports, transferred[index]);
    }
    return { __proto__: null, data, ports };
  } catch {
    return undefined;
  }
};

// The end of every way that a message takes: `message` with what it holds, or `messageerror`.
internal.receiveMessage = (target, handle, origin, source) => {
  const message = internal.openMessage(handle);
  // A port of the core's own has no events.
  const { messageHandler } = native.slots(target);
  if (messageHandler !== undefined) {
    messageHandler(message);
    return;
  }
  if (message === undefined) {
    internal.fireEvent(target, "messageerror", "MessageEvent", { __proto__: null, origin, source });
    return;
  }
  const { data, ports } = message;
  internal.fireEvent(target, "message", "MessageEvent", { __proto__: null, data, origin, source, ports });
};
core.export("receiveMessage", (target, handle, origin = "", source = null) => {
  internal.receiveMessage(target, handle, origin, source);
});

// <https://html.spec.whatwg.org/#message-ports>: transfer steps and transfer-receiving steps.
internal.newMessageChannel = () => {
  const ports = native.hook("newMessageChannel");
  return { __proto__: null, port1: ports[0], port2: ports[1] };
};
internal.transferPort = (port) => native.hook("transferPort", port);
internal.receivePort = (field) => {
  native.hook("receivePort", field);
  return field;
};
internal.registerTransferable("MessagePort", {
  __proto__: null,
  isDetached: (port) => native.hook("isPortDetached", port),
  transfer: (port) => [internal.transferPort(port)],
  receive: (fields) => internal.receivePort(fields[0]),
});

// <https://html.spec.whatwg.org/#dom-messageport-onmessage>: the first time, the port starts.
internal.handlerAdded = (target, name) => {
  if (name === "onmessage" && native.implements(target, "MessagePort")) native.hook("startPort", target);
};

// What is listened to lives for as long as something may still come.
const kept = { __proto__: null, MessagePort: true, BroadcastChannel: true, Worker: true, SharedWorker: true, EventSource: true };
internal.listenerAdded = (target) => {
  if (kept[native.interfaceName(target)] === true) native.hook("keepForMessages", target);
};
