// Event targets and dispatch: https://dom.spec.whatwg.org/#interface-eventtarget
const { internal } = core;
const { ReflectApply, TypeError } = primordials;

// The event listener list of a target, made when it is first needed.
function listenersOf(target) {
  const slots = native.slots(target);
  if (slots.listeners === undefined) slots.listeners = internal.newList();
  return slots.listeners;
}

function find(list, type, callback, capture) {
  for (let index = 0; index < list.length; index += 1) {
    const listener = list[index];
    if (listener.type === type && listener.callback === callback && listener.capture === capture) return index;
  }
  return -1;
}

// <https://dom.spec.whatwg.org/#add-an-event-listener>
internal.addListener = (target, listener) => {
  // 1. FIXME: the warning when a service worker adds a listener after its first evaluation.
  // 2. A signal that is aborted already.
  if (listener.signal !== null && internal.isAborted(listener.signal)) return;
  // 3. Nothing to call.
  if (listener.callback === null) return;
  // 4. NOTE: the types that are passive by default belong to input devices, which do not exist here.
  if (listener.passive === null) listener.passive = false;
  // 5. The same listener is not added twice.
  const list = listenersOf(target);
  if (find(list, listener.type, listener.callback, listener.capture) === -1) {
    internal.append(list, listener);
    if (listener.type === "abort") internal.abortListenersChanged(target);
    internal.listenerAdded(target);
  } else {
    // NOTE: what would be tied to the signal in step 6 is in no list, so it could do nothing.
    return;
  }
  // 6. The signal takes it away again.
  if (listener.signal !== null) {
    listener.algorithm = () => internal.removeListener(target, listener);
    internal.addAbortAlgorithm(listener.signal, listener.algorithm);
  }
};

internal.listensTo = (slots, type) => {
  const { listeners } = slots;
  if (listeners === undefined) return false;
  for (let index = 0; index < listeners.length; index += 1) {
    if (listeners[index].type === type) return true;
  }
  return false;
};

// <https://dom.spec.whatwg.org/#remove-an-event-listener>
internal.removeListener = (target, listener) => {
  listener.removed = true;
  const list = listenersOf(target);
  let kept = 0;
  for (let index = 0; index < list.length; index += 1) {
    if (list[index] === listener) continue;
    list[kept] = list[index];
    kept += 1;
  }
  for (let index = kept; index < list.length; index += 1) list[index] = undefined;
  list.length = kept;
  // NOTE: a signal that outlives the listener must not keep it.
  if (listener.algorithm !== undefined) {
    internal.removeAbortAlgorithm(listener.signal, listener.algorithm);
    listener.algorithm = undefined;
  }
  if (listener.type === "abort") internal.abortListenersChanged(target);
};

// <https://dom.spec.whatwg.org/#concept-flatten-options>
function flatten(options) {
  return typeof options === "boolean" ? options : options.capture === true;
}

// <https://webidl.spec.whatwg.org/#call-a-user-objects-operation> for `handleEvent`.
function callListener(callback, event, currentTarget) {
  if (typeof callback === "function") {
    ReflectApply(callback, currentTarget, [event]);
    return;
  }
  const operation = callback.handleEvent;
  if (typeof operation !== "function") throw new TypeError("the listener's handleEvent is not a function");
  ReflectApply(operation, callback, [event]);
}

// <https://dom.spec.whatwg.org/#concept-event-listener-inner-invoke>
function innerInvoke(event, slots, listeners, phase) {
  for (let index = 0; index < listeners.length; index += 1) {
    const listener = listeners[index];
    // 2. Removed meanwhile, of another type, or of the other phase.
    if (listener.removed || listener.type !== slots.type) continue;
    if (phase === "capturing" ? !listener.capture : listener.capture) continue;
    // 2.5. Once.
    if (listener.once) internal.removeListener(slots.currentTarget, listener);
    // 2.9. Passive listeners cannot cancel.
    if (listener.passive) slots.inPassiveListener = true;
    // 2.11. The call; what it throws is reported and stops nothing.
    try {
      if (listener.handler !== null) listener.handler(event, slots);
      else callListener(listener.callback, event, slots.currentTarget);
    } catch (exception) {
      slots.listenerThrew = true;
      native.reportException(exception);
    }
    // 2.12. No longer passive.
    slots.inPassiveListener = false;
    // <https://html.spec.whatwg.org/#clean-up-after-running-a-callback>: microtasks, where no script is on the stack any more. One is
    // where a script dispatches the event itself.
    if (slots.isTrusted) native.hook("microtaskCheckpoint");
    // 2.14. No listener after this one.
    if (slots.stopImmediatePropagation) return;
  }
}

// <https://dom.spec.whatwg.org/#concept-event-listener-invoke>
function invoke(event, slots, currentTarget, phase) {
  // 5. Stopped on its way.
  if (slots.stopPropagation) return;
  // 6.–8. A copy of the listeners: those added from here on are not run.
  slots.currentTarget = currentTarget;
  innerInvoke(event, slots, internal.copyOf(listenersOf(currentTarget)), phase);
  // 10. NOTE: the prefixed names of animation events are of no use without animations.
}

// <https://dom.spec.whatwg.org/#get-the-parent>, all the way up: a node's is its parent, a document's its window.
function pathOf(target, type) {
  const path = internal.newList();
  internal.append(path, target);
  if (native.slots(target).isNode !== true) return path;
  const parents = native.hook("eventParents", target, type);
  for (let index = 0; index < parents.length; index += 1) internal.append(path, parents[index]);
  return path;
}

// <https://dom.spec.whatwg.org/#concept-event-dispatch>
internal.dispatch = (event, target, targetOverride) => {
  const slots = native.slots(event);
  // 1. On its way.
  slots.dispatching = true;
  slots.listenerThrew = false;
  // 5.1.–5.9. The path.
  const path = pathOf(target, slots.type);
  slots.path = path;
  slots.target = targetOverride;
  // 5.4. and 5.9.6.: what a click does by itself.
  let activated = null;
  if (slots.type === "click" && native.implements(event, "MouseEvent")) {
    for (let index = 0; index < path.length; index += 1) {
      if (index > 0 && !slots.bubbles) break;
      if (native.slots(path[index]).isNode === true && native.hook("hasActivation", path[index])) {
        activated = path[index];
        break;
      }
    }
  }
  // 5.11. Before anyone hears of it.
  const before = activated !== null ? native.hook("preActivate", activated) : null;
  // 5.13. Down, capturing.
  for (let index = path.length - 1; index >= 0; index -= 1) {
    slots.eventPhase = index === 0 ? 2 : 1;
    invoke(event, slots, path[index], "capturing");
  }
  // 5.14. Up, bubbling.
  for (let index = 0; index < path.length; index += 1) {
    if (index > 0 && !slots.bubbles) continue;
    slots.eventPhase = index === 0 ? 2 : 3;
    invoke(event, slots, path[index], "bubbling");
  }
  // 6.–9. At rest again.
  slots.eventPhase = 0;
  slots.currentTarget = null;
  slots.path = undefined;
  slots.dispatching = false;
  slots.stopPropagation = false;
  slots.stopImmediatePropagation = false;
  // 11. What it does by itself.
  if (activated !== null) {
    if (!slots.canceled) native.hook("activate", activated);
    else if (before !== null) native.hook("cancelActivation", activated, before);
  }
  // 12. Whether nobody canceled it.
  return !slots.canceled;
};

// <https://dom.spec.whatwg.org/#concept-event-fire>
internal.fireEvent = (target, type, interfaceName, init) => {
  return internal.dispatch(internal.createEvent(interfaceName, type, init), target, target);
};

core.interface("EventTarget", {
  construct() {},
  // <https://dom.spec.whatwg.org/#dom-eventtarget-addeventlistener>
  addEventListener(slots, type, callback, options) {
    const detailed = typeof options !== "boolean";
    internal.addListener(this, {
      __proto__: null,
      type,
      callback,
      capture: flatten(options),
      passive: detailed && options.passive !== undefined ? options.passive : null,
      once: detailed && options.once === true,
      signal: detailed && options.signal !== undefined ? options.signal : null,
      handler: null,
      removed: false,
    });
  },
  // <https://dom.spec.whatwg.org/#dom-eventtarget-removeeventlistener>
  removeEventListener(slots, type, callback, options) {
    const list = listenersOf(this);
    const index = find(list, type, callback, flatten(options));
    if (index !== -1) internal.removeListener(this, list[index]);
  },
  // <https://dom.spec.whatwg.org/#dom-eventtarget-dispatchevent>
  dispatchEvent(slots, event) {
    const eventSlots = native.slots(event);
    // 1. An event on its way, or one that was never initialized.
    if (eventSlots.dispatching || !eventSlots.initialized) {
      throw native.domException("InvalidStateError", "the event is being dispatched already");
    }
    // 2.–3. Untrusted from here on.
    eventSlots.isTrusted = false;
    return internal.dispatch(event, this, this);
  },
});

// `init`, an object of the event interface's dictionary, may be left out. NOTE: only its own members count, whatever an author
// has put on Object.prototype.
core.export("fireEvent", (target, type, interfaceName = "Event", init = undefined) => {
  return internal.fireEvent(target, type, interfaceName, { __proto__: null, ...init });
});

// At the window, with the document as the target that listeners see.
core.export("fireAtWindow", (type, document, interfaceName = "Event", init = undefined) => {
  internal.dispatch(internal.createEvent(interfaceName, type, { __proto__: null, ...init }), native.global, document);
});
