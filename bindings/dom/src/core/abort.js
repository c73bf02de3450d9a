// Aborting: https://dom.spec.whatwg.org/#aborting-ongoing-activities
const { internal } = core;
const {
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  Set,
  SetPrototypeAdd,
  SetPrototypeDelete,
  SetPrototypeForEach,
  SetPrototypeGetSize,
  WeakRef,
  WeakRefPrototypeDeref,
} = primordials;

// Signals that somebody would hear though nothing else may refer to them: those with a pending timeout.
const held = new Set();

internal.isAborted = (signal) => native.slots(signal).reason !== undefined;

// <https://dom.spec.whatwg.org/#abortsignal-add>
internal.addAbortAlgorithm = (signal, algorithm) => {
  const slots = native.slots(signal);
  // 1. Too late.
  if (slots.reason !== undefined) return;
  // 2. Kept in order.
  if (slots.algorithms === undefined) slots.algorithms = new Set();
  SetPrototypeAdd(slots.algorithms, algorithm);
  internal.abortListenersChanged(signal);
};

// <https://dom.spec.whatwg.org/#abortsignal-remove>
internal.removeAbortAlgorithm = (signal, algorithm) => {
  const { algorithms } = native.slots(signal);
  if (algorithms !== undefined && SetPrototypeDelete(algorithms, algorithm)) internal.abortListenersChanged(signal);
};

const reasonOr = (reason) => {
  return reason !== undefined ? reason : native.domException("AbortError", "the operation was aborted");
};

// <https://dom.spec.whatwg.org/#abortsignal-signal-abort>
function signalAbort(signal, reason) {
  const slots = native.slots(signal);
  // 1. Once only.
  if (slots.reason !== undefined) return;
  // 2. The reason.
  slots.reason = reasonOr(reason);
  // 3.–4. Every dependent signal has it before any steps run.
  const dependents = internal.newList();
  if (slots.dependents !== undefined) {
    SetPrototypeForEach(slots.dependents, (link) => {
      const dependent = WeakRefPrototypeDeref(link.signal);
      if (dependent === undefined) return;
      const dependentSlots = native.slots(dependent);
      if (dependentSlots.reason !== undefined) return;
      dependentSlots.reason = slots.reason;
      internal.append(dependents, dependent);
    });
    slots.dependents = undefined;
  }
  // 5.–6. The steps, this signal's first.
  runAbortSteps(signal);
  for (let index = 0; index < dependents.length; index += 1) runAbortSteps(dependents[index]);
}

internal.signalAbort = signalAbort;

// <https://dom.spec.whatwg.org/#run-the-abort-steps>
function runAbortSteps(signal) {
  const slots = native.slots(signal);
  const { algorithms } = slots;
  slots.algorithms = undefined;
  SetPrototypeDelete(held, signal);
  // 1.–2. The algorithms, each once.
  if (algorithms !== undefined) SetPrototypeForEach(algorithms, (algorithm) => algorithm());
  // 3. The event.
  internal.fireEvent(signal, "abort", "Event", { __proto__: null });
  if (slots.sources !== undefined) {
    SetPrototypeForEach(slots.sources, (source) => {
      const { dependents } = native.slots(source);
      if (dependents !== undefined) SetPrototypeDelete(dependents, slots.link);
    });
    slots.sources = undefined;
    slots.link = undefined;
  }
}

// <https://dom.spec.whatwg.org/#create-a-dependent-abort-signal>
internal.createDependentSignal = (signals) => {
  const result = native.create("AbortSignal");
  const slots = native.slots(result);
  // 2. One of them is aborted already.
  for (let index = 0; index < signals.length; index += 1) {
    const source = native.slots(signals[index]);
    if (source.reason !== undefined) {
      slots.reason = source.reason;
      return result;
    }
  }
  // 3.–4. Linked to signals that are not dependent themselves.
  slots.dependent = true;
  slots.sources = new Set();
  slots.link = { __proto__: null, signal: new WeakRef(result), kept: undefined };
  for (let index = 0; index < signals.length; index += 1) {
    const source = native.slots(signals[index]);
    if (source.dependent !== true) link(slots, signals[index]);
    else if (source.sources !== undefined) SetPrototypeForEach(source.sources, (origin) => link(slots, origin));
  }
  return result;
};

// What a source has of a dependent signal: a weak reference, and beside it the signal itself while somebody would hear its abort.
function link(slots, origin) {
  const source = native.slots(origin);
  SetPrototypeAdd(slots.sources, origin);
  if (source.dependents === undefined) {
    source.dependents = new Set();
    source.sweepAt = 32;
  }
  SetPrototypeAdd(source.dependents, slots.link);
  if (SetPrototypeGetSize(source.dependents) < source.sweepAt) return;
  // OPTIMIZATION: links of signals that are gone are cleared away each time that their number may have doubled.
  SetPrototypeForEach(source.dependents, (known) => {
    if (WeakRefPrototypeDeref(known.signal) === undefined) SetPrototypeDelete(source.dependents, known);
  });
  source.sweepAt = 32 + 2 * SetPrototypeGetSize(source.dependents);
}

// <https://dom.spec.whatwg.org/#abort-signal-garbage-collection>
internal.abortListenersChanged = (target) => {
  const slots = native.slots(target);
  if (slots.link === undefined) return;
  const heard =
    (slots.algorithms !== undefined && SetPrototypeGetSize(slots.algorithms) > 0) || internal.listensTo(slots, "abort");
  slots.link.kept = heard ? target : undefined;
};

core.interface("AbortController", {
  construct(slots) {
    slots.signal = native.create("AbortSignal");
  },
  "get signal"(slots) {
    return slots.signal;
  },
  abort(slots, reason) {
    signalAbort(slots.signal, reason);
  },
});

core.interface("AbortSignal", {
  "get aborted"(slots) {
    return slots.reason !== undefined;
  },
  "get reason"(slots) {
    return slots.reason;
  },
  throwIfAborted(slots) {
    if (slots.reason !== undefined) throw slots.reason;
  },
  // <https://dom.spec.whatwg.org/#dom-abortsignal-abort>
  "static abort"(reason) {
    const signal = native.create("AbortSignal");
    native.slots(signal).reason = reasonOr(reason);
    return signal;
  },
  // <https://dom.spec.whatwg.org/#dom-abortsignal-timeout>
  "static timeout"(milliseconds) {
    const signal = native.create("AbortSignal");
    SetPrototypeAdd(held, signal);
    internal.listenForTimeout(milliseconds, () => {
      signalAbort(signal, native.domException("TimeoutError", "the operation timed out"));
    });
    return signal;
  },
  // <https://dom.spec.whatwg.org/#dom-abortsignal-any>
  "static any"(signals) {
    return internal.createDependentSignal(signals);
  },
});

// A signal that follows another, or none (`null`): what a request has.
core.export("createDependentSignal", (signal) => internal.createDependentSignal(signal === null ? [] : [signal]));

// The reason of an aborted signal, or `undefined`.
core.export("abortReason", (signal) => native.slots(signal).reason);

// Aborts that the native side waits for, by its number for them. The signal itself is not kept alive by that.
const observed = new Map();

core.export("observeAbort", (signal, number) => {
  const algorithm = () => {
    MapPrototypeDelete(observed, number);
    native.hook("aborted", number, native.slots(signal).reason);
  };
  internal.addAbortAlgorithm(signal, algorithm);
  MapPrototypeSet(observed, number, { __proto__: null, signal: new WeakRef(signal), algorithm: new WeakRef(algorithm) });
});

core.export("forgetAbort", (number) => {
  const observation = MapPrototypeGet(observed, number);
  if (observation === undefined) return;
  MapPrototypeDelete(observed, number);
  const signal = WeakRefPrototypeDeref(observation.signal);
  const algorithm = WeakRefPrototypeDeref(observation.algorithm);
  if (signal !== undefined && algorithm !== undefined) internal.removeAbortAlgorithm(signal, algorithm);
});

// The signal of a request lives in the slots of its wrapper, where the engine sees what it reaches.
core.export("setRequestSignal", (request, signal) => {
  native.slots(request).signal = signal;
});
core.export("requestSignal", (request) => {
  const slots = native.slots(request);
  if (slots.signal === undefined) slots.signal = native.create("AbortSignal");
  return slots.signal;
});
