// Traversal: https://dom.spec.whatwg.org/#traversal
const { internal } = core;
const { ReflectApply, TypeError, WeakRef, WeakRefPrototypeDeref } = primordials;

const ACCEPT = 1;
const REJECT = 2;
const SKIP = 3;

// A neighbour of a node: "parent", "first", "last", "next" or "previous"; or null.
const step = (node, where) => native.hook("nodeNeighbour", node, where);

// <https://dom.spec.whatwg.org/#concept-node-filter>
function filter(slots, node) {
  // 1. A filter does not ask itself.
  if (slots.active) throw native.domException("InvalidStateError", "the filter is running");
  // 2.–3. The kinds that are shown.
  const kind = native.hook("nodeType", node) - 1;
  if ((slots.whatToShow & (1 << kind)) === 0) return SKIP;
  // 4. Without a filter all are.
  if (slots.filter === null) return ACCEPT;
  // 5.–8. The filter.
  slots.active = true;
  try {
    let result;
    if (typeof slots.filter === "function") {
      result = ReflectApply(slots.filter, undefined, [node]);
    } else {
      const operation = slots.filter.acceptNode;
      if (typeof operation !== "function") throw new TypeError("the filter's acceptNode is not a function");
      result = ReflectApply(operation, slots.filter, [node]);
    }
    return (result >>> 0) & 0xffff;
  } finally {
    slots.active = false;
  }
}

const setUp = (slots, root, whatToShow, callback) => {
  slots.root = root;
  slots.whatToShow = whatToShow;
  slots.filter = callback;
  slots.active = false;
};

// <https://dom.spec.whatwg.org/#concept-traverse-children>
function traverseChildren(slots, child, sibling) {
  let node = step(slots.current, child);
  while (node !== null) {
    const result = filter(slots, node);
    if (result === ACCEPT) {
      slots.current = node;
      return node;
    }
    if (result === SKIP) {
      const inner = step(node, child);
      if (inner !== null) {
        node = inner;
        continue;
      }
    }
    while (node !== null) {
      const next = step(node, sibling);
      if (next !== null) {
        node = next;
        break;
      }
      const parent = step(node, "parent");
      if (parent === null || parent === slots.root || parent === slots.current) return null;
      node = parent;
    }
  }
  return null;
}

// <https://dom.spec.whatwg.org/#concept-traverse-siblings>
function traverseSiblings(slots, sibling, child) {
  let node = slots.current;
  if (node === slots.root) return null;
  for (;;) {
    let other = step(node, sibling);
    while (other !== null) {
      node = other;
      const result = filter(slots, node);
      if (result === ACCEPT) {
        slots.current = node;
        return node;
      }
      other = step(node, child);
      if (result === REJECT || other === null) other = step(node, sibling);
    }
    node = step(node, "parent");
    if (node === null || node === slots.root) return null;
    if (filter(slots, node) === ACCEPT) return null;
  }
}

core.interface("TreeWalker", {
  "get root": (slots) => slots.root,
  "get whatToShow": (slots) => slots.whatToShow,
  "get filter": (slots) => slots.filter,
  "get currentNode": (slots) => slots.current,
  "set currentNode"(slots, node) {
    slots.current = node;
  },
  // <https://dom.spec.whatwg.org/#dom-treewalker-parentnode>
  parentNode(slots) {
    let node = slots.current;
    while (node !== null && node !== slots.root) {
      node = step(node, "parent");
      if (node !== null && filter(slots, node) === ACCEPT) {
        slots.current = node;
        return node;
      }
    }
    return null;
  },
  firstChild: (slots) => traverseChildren(slots, "first", "next"),
  lastChild: (slots) => traverseChildren(slots, "last", "previous"),
  nextSibling: (slots) => traverseSiblings(slots, "next", "first"),
  previousSibling: (slots) => traverseSiblings(slots, "previous", "last"),
  // <https://dom.spec.whatwg.org/#dom-treewalker-previousnode>
  previousNode(slots) {
    let node = slots.current;
    while (node !== slots.root) {
      let sibling = step(node, "previous");
      while (sibling !== null) {
        node = sibling;
        let result = filter(slots, node);
        for (let child = step(node, "last"); result !== REJECT && child !== null; child = step(node, "last")) {
          node = child;
          result = filter(slots, node);
        }
        if (result === ACCEPT) {
          slots.current = node;
          return node;
        }
        sibling = step(node, "previous");
      }
      const parent = node === slots.root ? null : step(node, "parent");
      if (parent === null) return null;
      node = parent;
      if (filter(slots, node) === ACCEPT) {
        slots.current = node;
        return node;
      }
    }
    return null;
  },
  // <https://dom.spec.whatwg.org/#dom-treewalker-nextnode>
  nextNode(slots) {
    let node = slots.current;
    let result = ACCEPT;
    for (;;) {
      for (let child = step(node, "first"); result !== REJECT && child !== null; child = step(node, "first")) {
        node = child;
        result = filter(slots, node);
        if (result === ACCEPT) {
          slots.current = node;
          return node;
        }
      }
      let following = null;
      for (let above = node; above !== null; above = step(above, "parent")) {
        if (above === slots.root) return null;
        following = step(above, "next");
        if (following !== null) break;
      }
      if (following === null) return null;
      node = following;
      result = filter(slots, node);
      if (result === ACCEPT) {
        slots.current = node;
        return node;
      }
    }
  },
});

core.export("createTreeWalker", (root, whatToShow, callback) => {
  const walker = native.create("TreeWalker");
  const slots = native.slots(walker);
  setUp(slots, root, whatToShow, callback);
  slots.current = root;
  return walker;
});

// The node after another in tree order, within a root; with `skip`, past what is in it.
function following(root, node, skip) {
  if (!skip) {
    const child = step(node, "first");
    if (child !== null) return child;
  }
  for (let above = node; above !== null && above !== root; above = step(above, "parent")) {
    const next = step(above, "next");
    if (next !== null) return next;
  }
  return null;
}

function lastWithin(node) {
  let last = node;
  for (let child = step(last, "last"); child !== null; child = step(last, "last")) last = child;
  return last;
}

function preceding(root, node) {
  if (node === root) return null;
  const previous = step(node, "previous");
  return previous === null ? step(node, "parent") : lastWithin(previous);
}

// <https://dom.spec.whatwg.org/#concept-nodeiterator-traverse>
function traverse(slots, forward) {
  let node = slots.reference;
  let before = slots.before;
  for (;;) {
    if (forward) {
      if (before) before = false;
      else node = following(slots.root, node, false);
    } else if (before) node = preceding(slots.root, node);
    else before = true;
    if (node === null) return null;
    if (filter(slots, node) === ACCEPT) break;
  }
  slots.reference = node;
  slots.before = before;
  return node;
}

core.interface("NodeIterator", {
  "get root": (slots) => slots.root,
  "get referenceNode": (slots) => slots.reference,
  "get pointerBeforeReferenceNode": (slots) => slots.before,
  "get whatToShow": (slots) => slots.whatToShow,
  "get filter": (slots) => slots.filter,
  nextNode: (slots) => traverse(slots, true),
  previousNode: (slots) => traverse(slots, false),
  // <https://dom.spec.whatwg.org/#dom-nodeiterator-detach> does nothing any more.
  detach() {},
});

// The iterators that removed nodes are told to.
let iterators = internal.newList();

core.export("createNodeIterator", (root, whatToShow, callback) => {
  const iterator = native.create("NodeIterator");
  const slots = native.slots(iterator);
  setUp(slots, root, whatToShow, callback);
  slots.reference = root;
  slots.before = true;
  const living = internal.newList();
  for (let index = 0; index < iterators.length; index += 1) {
    if (WeakRefPrototypeDeref(iterators[index]) !== undefined) internal.append(living, iterators[index]);
  }
  internal.append(living, new WeakRef(iterator));
  iterators = living;
  return iterator;
});

// <https://dom.spec.whatwg.org/#nodeiterator-pre-removing-steps>
core.export("nodeIsRemoved", (removed) => {
  for (let index = 0; index < iterators.length; index += 1) {
    const iterator = WeakRefPrototypeDeref(iterators[index]);
    if (iterator === undefined) continue;
    const slots = native.slots(iterator);
    // 1. Only what holds the reference, and not the root itself.
    if (contains(removed, slots.root) || !contains(removed, slots.reference)) continue;
    // 2. Forward, if there is something.
    if (slots.before) {
      const next = following(slots.root, removed, true);
      if (next !== null) {
        slots.reference = next;
        continue;
      }
      slots.before = false;
    }
    // 3. Back.
    const previous = step(removed, "previous");
    slots.reference = previous === null ? step(removed, "parent") : lastWithin(previous);
  }
});

function contains(node, other) {
  for (let above = other; above !== null; above = step(above, "parent")) if (above === node) return true;
  return false;
}
