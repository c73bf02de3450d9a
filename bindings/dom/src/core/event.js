// Events: https://dom.spec.whatwg.org/#events
const { internal } = core;

// What each event interface does with its constructor's arguments, by name, so that events are also made from here.
const constructors = { __proto__: null };

// <https://dom.spec.whatwg.org/#concept-event-initialize>
function initialize(slots, type, bubbles, cancelable) {
  // 1.–2. The initialized flag is set, the others are unset.
  slots.initialized = true;
  slots.stopPropagation = false;
  slots.stopImmediatePropagation = false;
  slots.canceled = false;
  // 3.–7. Trust, target, type, bubbles, cancelable.
  slots.isTrusted = false;
  slots.target = null;
  slots.type = type;
  slots.bubbles = bubbles;
  slots.cancelable = cancelable;
}

internal.initializeEvent = initialize;

// <https://dom.spec.whatwg.org/#inner-event-creation-steps>, once the object is there.
function setUp(slots, type, init) {
  initialize(slots, type, init.bubbles === true, init.cancelable === true);
  slots.composed = init.composed === true;
  slots.inPassiveListener = false;
  slots.dispatching = false;
  slots.listenerThrew = false;
  slots.currentTarget = null;
  slots.eventPhase = 0;
  slots.path = undefined;
  slots.timeStamp = native.hook("now");
}

// An interface that inherits from Event: what it does beyond setting up the event, and its members.
internal.eventInterface = (name, parent, construct, members) => {
  const inherited = parent === null ? setUp : constructors[parent];
  constructors[name] = (slots, type, init) => {
    inherited(slots, type, init);
    construct(slots, init);
  };
  members.construct = constructors[name];
  core.interface(name, members);
};

// <https://dom.spec.whatwg.org/#concept-event-create>, with the attributes that the caller initializes.
internal.createEvent = (name, type, init) => {
  const event = native.create(name);
  const slots = native.slots(event);
  constructors[name](slots, type, init);
  slots.isTrusted = true;
  return event;
};

// <https://dom.spec.whatwg.org/#set-the-canceled-flag>
internal.setCanceled = (slots) => {
  if (slots.cancelable && !slots.inPassiveListener) slots.canceled = true;
};

internal.eventInterface("Event", null, () => {}, {
  __proto__: null,
  "get type"(slots) {
    return slots.type;
  },
  "get target"(slots) {
    return slots.target;
  },
  "get srcElement"(slots) {
    return slots.target;
  },
  "get currentTarget"(slots) {
    return slots.currentTarget;
  },
  // <https://dom.spec.whatwg.org/#dom-event-composedpath>
  composedPath(slots) {
    // NOTE: there are no shadow roots, so no part of a path is hidden.
    return slots.path === undefined ? [] : internal.toArray(slots.path);
  },
  "get eventPhase"(slots) {
    return slots.eventPhase;
  },
  stopPropagation(slots) {
    slots.stopPropagation = true;
  },
  "get cancelBubble"(slots) {
    return slots.stopPropagation;
  },
  "set cancelBubble"(slots, value) {
    if (value) slots.stopPropagation = true;
  },
  stopImmediatePropagation(slots) {
    slots.stopPropagation = true;
    slots.stopImmediatePropagation = true;
  },
  "get bubbles"(slots) {
    return slots.bubbles;
  },
  "get cancelable"(slots) {
    return slots.cancelable;
  },
  "get returnValue"(slots) {
    return !slots.canceled;
  },
  "set returnValue"(slots, value) {
    if (!value) internal.setCanceled(slots);
  },
  preventDefault(slots) {
    internal.setCanceled(slots);
  },
  "get defaultPrevented"(slots) {
    return slots.canceled;
  },
  "get composed"(slots) {
    return slots.composed;
  },
  "get isTrusted"(slots) {
    return slots.isTrusted;
  },
  "get timeStamp"(slots) {
    return slots.timeStamp;
  },
  // <https://dom.spec.whatwg.org/#dom-event-initevent>
  initEvent(slots, type, bubbles, cancelable) {
    // 1. An event on its way stays as it is.
    if (slots.dispatching) return;
    initialize(slots, type, bubbles, cancelable);
  },
});

const setDetail = (slots, init) => {
  slots.detail = init.detail;
};
internal.eventInterface("CustomEvent", "Event", setDetail, {
  __proto__: null,
  "get detail"(slots) {
    return slots.detail;
  },
  // <https://dom.spec.whatwg.org/#dom-customevent-initcustomevent>
  initCustomEvent(slots, type, bubbles, cancelable, detail) {
    // 1. An event on its way stays as it is.
    if (slots.dispatching) return;
    initialize(slots, type, bubbles, cancelable);
    slots.detail = detail;
  },
});

// <https://html.spec.whatwg.org/#errorevent>
const setError = (slots, init) => {
  slots.message = init.message;
  slots.filename = init.filename;
  slots.lineno = init.lineno;
  slots.colno = init.colno;
  slots.error = init.error;
};
internal.eventInterface("ErrorEvent", "Event", setError, {
  __proto__: null,
  "get message"(slots) {
    return slots.message;
  },
  "get filename"(slots) {
    return slots.filename;
  },
  "get lineno"(slots) {
    return slots.lineno;
  },
  "get colno"(slots) {
    return slots.colno;
  },
  "get error"(slots) {
    return slots.error;
  },
});

// <https://html.spec.whatwg.org/#promiserejectionevent>
const setRejection = (slots, init) => {
  slots.promise = init.promise;
  slots.reason = init.reason;
};
internal.eventInterface("PromiseRejectionEvent", "Event", setRejection, {
  __proto__: null,
  "get promise"(slots) {
    return slots.promise;
  },
  "get reason"(slots) {
    return slots.reason;
  },
});
