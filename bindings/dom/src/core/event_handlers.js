// Event handlers: https://html.spec.whatwg.org/#event-handlers
const { internal } = core;
const { Map, MapPrototypeGet, MapPrototypeSet, MapPrototypeDelete, ReflectApply, StringPrototypeSlice } = primordials;

// <https://html.spec.whatwg.org/#event-handler-idl-attributes>: the getter.
core.export("getEventHandler", (target, name) => {
  const { handlers } = native.slots(target);
  if (handlers === undefined) return null;
  const handler = MapPrototypeGet(handlers, name);
  return handler === undefined ? null : handler.value;
});

// <https://html.spec.whatwg.org/#event-handler-idl-attributes>: the setter.
core.export("setEventHandler", (target, name, value) => {
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
    handler: (event, eventSlots) => process(handler.value, target, event, eventSlots),
    removed: false,
  };
  MapPrototypeSet(slots.handlers, name, handler);
  internal.addListener(target, handler.listener);
});

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
