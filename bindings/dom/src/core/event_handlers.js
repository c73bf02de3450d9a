// Event handlers: https://html.spec.whatwg.org/#event-handlers
const { internal } = core;
const { Function, Map, MapPrototypeGet, MapPrototypeSet, MapPrototypeDelete, ReflectApply, StringPrototypeSlice } = primordials;

// The handlers that a body has of its window.
const shadowed = { __proto__: null };
for (const type of [
  "afterprint", "beforeprint", "beforeunload", "blur", "error", "focus", "hashchange", "languagechange", "load", "message",
  "messageerror", "offline", "online", "pagehide", "pagereveal", "pageshow", "pageswap", "popstate", "rejectionhandled", "resize",
  "scroll", "storage", "unhandledrejection", "unload",
]) {
  shadowed["on" + type] = true;
}

// <https://html.spec.whatwg.org/#determining-the-target-of-an-event-handler>
function targetOfHandler(target, name) {
  if (shadowed[name] !== true) return target;
  const kind = native.interfaceName(target);
  return kind === "HTMLBodyElement" || kind === "HTMLFrameSetElement" ? native.hook("handlerWindow", target) : target;
}

// <https://html.spec.whatwg.org/#event-handler-idl-attributes>: the getter.
core.export("getEventHandler", (object, name) => {
  const target = targetOfHandler(object, name);
  if (target === null) return null;
  const { handlers } = native.slots(target);
  if (handlers === undefined) return null;
  const handler = MapPrototypeGet(handlers, name);
  return handler === undefined ? null : current(handler);
});

// <https://html.spec.whatwg.org/#getting-the-current-value-of-the-event-handler>: text is compiled when it is first needed.
function current(handler) {
  const { value } = handler;
  if (typeof value !== "object" || value === null || native.isCallable(value) || value.isText !== true) return value;
  handler.value = null;
  try {
    handler.value = compile(value.text, value.element, value.special);
  } catch (exception) {
    native.reportException(exception);
  }
  return handler.value;
}

// The text as the body of a function whose scope is the element, its form and its document.
function compile(text, element, special) {
  const names = special ? "event, source, lineno, colno, error" : "event";
  // What is no body by itself is none in here either.
  new Function(names, text);
  const scope = native.hook("handlerScope", element);
  const make = new Function("a", "b", "c", "with (c) with (b) with (a) return function (" + names + ") {\n" + text + "\n}");
  return make(scope[0], scope[1], scope[2]);
}

// <https://html.spec.whatwg.org/#event-handler-content-attributes>
core.export("setHandlerText", (object, name, text, element, file) => {
  const target = targetOfHandler(object, name);
  if (target === null) return;
  if (text === null) {
    internal.setEventHandler(target, name, null);
    return;
  }
  const special = name === "onerror" && target === native.global;
  internal.setEventHandler(target, name, { __proto__: null, isText: true, text, element, special, file });
});

// <https://html.spec.whatwg.org/#event-handler-idl-attributes>: the setter.
internal.setEventHandler = (object, name, value) => {
  const target = targetOfHandler(object, name);
  if (target === null) return;
  const slots = native.slots(target);
  if (slots.handlers === undefined) slots.handlers = new Map();
  const existing = MapPrototypeGet(slots.handlers, name);
  // 1. `null` deactivates: the listener goes.
  if (value === null) {
    if (existing !== undefined) {
      internal.removeListener(target, existing.listener);
      MapPrototypeDelete(slots.handlers, name);
    }
    return;
  }
  // 2. A handler keeps its place among the listeners while it is replaced.
  if (existing !== undefined) {
    existing.value = value;
    return;
  }
  internal.handlerAdded(target, name);
  const handler = { __proto__: null, value, listener: null };
  handler.listener = {
    __proto__: null,
    type: StringPrototypeSlice(name, 2),
    // NOTE: a function of its own, so that no author's callback is ever equal to it.
    callback: () => {},
    capture: false,
    passive: false,
    once: false,
    signal: null,
    handler: (event, eventSlots) => process(current(handler), target, event, eventSlots),
    removed: false,
  };
  MapPrototypeSet(slots.handlers, name, handler);
  internal.addListener(target, handler.listener);
};
core.export("setEventHandler", internal.setEventHandler);

// <https://html.spec.whatwg.org/#the-event-handler-processing-algorithm>
function process(callback, target, event, slots) {
  // 1. NOTE: [LegacyTreatNonObjectAsNull] lets objects in that cannot be called; they do nothing.
  if (typeof callback !== "function") return;
  // 3. An error event at a global scope is spread over five arguments.
  const special = slots.type === "error" && target === native.global && native.implements(event, "ErrorEvent");
  // 4.–5. The call.
  const returned = special
    ? ReflectApply(callback, slots.currentTarget, [slots.message, slots.filename, slots.lineno, slots.colno, slots.error])
    : ReflectApply(callback, slots.currentTarget, [event]);
  // 6. What it returns cancels: `true` in that special case, `false` in all others.
  if (returned === special) internal.setCanceled(slots);
}
