// Nodes: https://dom.spec.whatwg.org/#nodes, what of them is script's own: wrappers' lives, observers, events' interfaces.
const { internal } = core;
const {
  Date,
  DatePrototypeGetDate,
  DatePrototypeGetFullYear,
  DatePrototypeGetHours,
  DatePrototypeGetMinutes,
  DatePrototypeGetMonth,
  DatePrototypeGetSeconds,
  JSONParse,
  JSONStringify,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  ReflectApply,
  Set,
  SetPrototypeAdd,
  SetPrototypeDelete,
  SetPrototypeForEach,
  String,
  StringPrototypePadStart,
  TypeError,
} = primordials;

// The wrappers of a tree live as long as one of them does: the root's wrapper refers to all, and each of them to it.
function join(slots, node, root) {
  if (root === node) {
    slots.root = undefined;
    return;
  }
  slots.root = root;
  const of = native.slots(root);
  if (of.tree === undefined) of.tree = new Set();
  SetPrototypeAdd(of.tree, node);
}

core.interface("Node", {
  init(slots) {
    slots.isNode = true;
    join(slots, this, native.hook("nodeWrapped", this));
  },
});

// Nodes are now in the tree of another root.
core.export("wrappersMoved", (nodes, root) => {
  for (let index = 0; index < nodes.length; index += 1) {
    const slots = native.slots(nodes[index]);
    if (slots.root === root) continue;
    if (slots.root !== undefined) {
      const { tree } = native.slots(slots.root);
      if (tree !== undefined) SetPrototypeDelete(tree, nodes[index]);
    }
    join(slots, nodes[index], root);
  }
});

// <https://dom.spec.whatwg.org/#interface-mutationobserver>
const observersOf = (slots) => {
  if (slots.observers === undefined) slots.observers = internal.newList();
  return slots.observers;
};
const pendingObservers = internal.newList();
let microtaskQueued = false;

// <https://dom.spec.whatwg.org/#notify-mutation-observers>
function notify() {
  microtaskQueued = false;
  const observers = internal.copyOf(pendingObservers);
  for (let index = 0; index < pendingObservers.length; index += 1) pendingObservers[index] = undefined;
  pendingObservers.length = 0;
  for (let index = 0; index < observers.length; index += 1) {
    const slots = native.slots(observers[index]);
    slots.pending = false;
    const records = internal.toArray(slots.records);
    slots.records = internal.newList();
    if (records.length === 0) continue;
    try {
      ReflectApply(slots.callback, observers[index], [records, observers[index]]);
    } catch (exception) {
      native.reportException(exception);
    }
  }
}

core.interface("MutationObserver", {
  construct(slots, callback) {
    slots.callback = callback;
    slots.records = internal.newList();
    slots.nodes = new Set();
  },
  // <https://dom.spec.whatwg.org/#dom-mutationobserver-observe>
  observe(slots, target, options) {
    if ((options.attributeOldValue !== undefined || options.attributeFilter !== undefined) && options.attributes === undefined) {
      options.attributes = true;
    }
    if (options.characterDataOldValue !== undefined && options.characterData === undefined) options.characterData = true;
    if (!options.childList && options.attributes !== true && options.characterData !== true) {
      throw new TypeError("nothing is observed");
    }
    if (options.attributeOldValue === true && options.attributes !== true) throw new TypeError("no attributes are observed");
    if (options.attributeFilter !== undefined && options.attributes !== true) throw new TypeError("no attributes are observed");
    if (options.characterDataOldValue === true && options.characterData !== true) throw new TypeError("no text is observed");
    native.hook("observeMutations", target);
    const registered = observersOf(native.slots(target));
    for (let index = 0; index < registered.length; index += 1) {
      if (registered[index].observer === this) {
        registered[index].options = options;
        return;
      }
    }
    internal.append(registered, { __proto__: null, observer: this, options });
    SetPrototypeAdd(slots.nodes, target);
  },
  disconnect(slots) {
    SetPrototypeForEach(slots.nodes, (node) => {
      const of = native.slots(node);
      const kept = internal.newList();
      const registered = observersOf(of);
      for (let index = 0; index < registered.length; index += 1) {
        if (registered[index].observer !== this) internal.append(kept, registered[index]);
      }
      of.observers = kept;
    });
    slots.nodes = new Set();
    slots.records = internal.newList();
  },
  takeRecords(slots) {
    const records = internal.toArray(slots.records);
    slots.records = internal.newList();
    return records;
  },
});

const recordMembers = { __proto__: null };
const recordNames = internal.newList();
for (const name of ["type", "target", "addedNodes", "removedNodes", "previousSibling", "nextSibling", "attributeName", "attributeNamespace", "oldValue"]) {
  recordMembers["get " + name] = (slots) => slots[name];
  internal.append(recordNames, name);
}
core.interface("MutationRecord", recordMembers);

// <https://dom.spec.whatwg.org/#queue-a-mutation-record>
core.export(
  "queueMutationRecord",
  (type, target, name, namespace, oldValue, addedNodes, removedNodes, previousSibling, nextSibling) => {
    const interested = new Map();
    const order = internal.newList();
    const path = native.hook("inclusiveAncestors", target);
    for (let index = 0; index < path.length; index += 1) {
      const { observers } = native.slots(path[index]);
      if (observers === undefined) continue;
      for (let place = 0; place < observers.length; place += 1) {
        const { observer, options } = observers[place];
        if (index > 0 && !options.subtree) continue;
        if (type === "attributes") {
          if (options.attributes !== true) continue;
          if (options.attributeFilter !== undefined) {
            if (namespace !== null) continue;
            let listed = false;
            for (let at = 0; at < options.attributeFilter.length; at += 1) if (options.attributeFilter[at] === name) listed = true;
            if (!listed) continue;
          }
        }
        if (type === "characterData" && options.characterData !== true) continue;
        if (type === "childList" && !options.childList) continue;
        const wantsOld =
          (type === "attributes" && options.attributeOldValue === true) ||
          (type === "characterData" && options.characterDataOldValue === true);
        const known = MapPrototypeGet(interested, observer);
        if (known === undefined) internal.append(order, observer);
        MapPrototypeSet(interested, observer, known === true || wantsOld);
      }
    }
    for (let index = 0; index < order.length; index += 1) {
      const observer = order[index];
      const record = native.create("MutationRecord");
      const slots = native.slots(record);
      slots.type = type;
      slots.target = target;
      slots.attributeName = name;
      slots.attributeNamespace = namespace;
      slots.oldValue = MapPrototypeGet(interested, observer) === true ? oldValue : null;
      slots.addedNodes = addedNodes;
      slots.removedNodes = removedNodes;
      slots.previousSibling = previousSibling;
      slots.nextSibling = nextSibling;
      const of = native.slots(observer);
      internal.append(of.records, record);
      if (!of.pending) {
        of.pending = true;
        internal.append(pendingObservers, observer);
      }
    }
    if (order.length > 0 && !microtaskQueued) {
      microtaskQueued = true;
      internal.queueMicrotask(notify);
    }
  },
);

// Events that only documents have.
const eventWith = (name, parent, members) => {
  const getters = { __proto__: null };
  for (let index = 0; index < members.length; index += 1) {
    const member = members[index];
    getters["get " + member] = (slots) => slots[member];
  }
  const set = (slots, init) => {
    for (let index = 0; index < members.length; index += 1) slots[members[index]] = init[members[index]];
  };
  internal.eventInterface(name, parent, set, getters);
};
eventWith("UIEvent", "Event", ["detail"]);
eventWith("MouseEvent", "UIEvent", ["ctrlKey"]);
eventWith("HashChangeEvent", "Event", ["oldURL", "newURL"]);
eventWith("PopStateEvent", "Event", ["state"]);
eventWith("PageTransitionEvent", "Event", ["persisted"]);
eventWith("SubmitEvent", "Event", ["submitter"]);

// <https://dom.spec.whatwg.org/#dom-document-createevent>
const legacyEvents = {
  __proto__: null,
  customevent: "CustomEvent",
  event: "Event",
  events: "Event",
  hashchangeevent: "HashChangeEvent",
  htmlevents: "Event",
  mouseevent: "MouseEvent",
  mouseevents: "MouseEvent",
  svgevents: "Event",
  uievent: "UIEvent",
  uievents: "UIEvent",
};
core.export("createLegacyEvent", (name) => {
  const interfaceName = legacyEvents[name];
  if (interfaceName === undefined) throw native.domException("NotSupportedError", "there is no such event interface");
  const event = internal.createEvent(interfaceName, "", native.convert(undefined, interfaceName + "Init"));
  const slots = native.slots(event);
  slots.isTrusted = false;
  slots.initialized = false;
  return event;
});

// <https://html.spec.whatwg.org/#dom-click>
core.export("click", (target) => {
  const slots = native.slots(target);
  if (slots.clicking) return;
  slots.clicking = true;
  const init = { __proto__: null, bubbles: true, cancelable: true, composed: true, detail: 0, ctrlKey: false };
  const event = internal.createEvent("MouseEvent", "click", init);
  native.slots(event).isTrusted = false;
  try {
    internal.dispatch(event, target, target);
  } finally {
    slots.clicking = false;
  }
});

// <https://html.spec.whatwg.org/#dom-document-lastmodified>
core.export("lastModified", () => {
  const now = new Date();
  const two = (number) => StringPrototypePadStart(String(number), 2, "0");
  const day = two(DatePrototypeGetMonth(now) + 1) + "/" + two(DatePrototypeGetDate(now)) + "/" + DatePrototypeGetFullYear(now);
  return day + " " + two(DatePrototypeGetHours(now)) + ":" + two(DatePrototypeGetMinutes(now)) + ":" + two(DatePrototypeGetSeconds(now));
});

core.export("cloneState", (state) => {
  const text = typeof state === "function" || typeof state === "symbol" ? undefined : JSONStringify(state);
  return text === undefined ? undefined : JSONParse(text);
});

// <https://html.spec.whatwg.org/#erase-all-event-listeners-and-handlers>, of a document's nodes and its window.
core.export("eraseListeners", (document) => {
  const erase = (target) => {
    const slots = native.slots(target);
    slots.handlers = undefined;
    if (slots.listeners === undefined) return;
    const listeners = internal.copyOf(slots.listeners);
    for (let index = 0; index < listeners.length; index += 1) internal.removeListener(target, listeners[index]);
  };
  erase(native.global);
  erase(document);
  const { tree } = native.slots(document);
  if (tree !== undefined) SetPrototypeForEach(tree, erase);
});

// <https://html.spec.whatwg.org/#await-a-stable-state>, for the source of an image.
core.export("queueImageUpdate", (image) => {
  internal.queueMicrotask(() => native.hook("updateImage", image));
});
