// Performance: https://w3c.github.io/hr-time/, https://w3c.github.io/performance-timeline/, https://w3c.github.io/user-timing/
const { internal } = core;
const { ObjectFreeze, TypeError } = primordials;

// <https://w3c.github.io/performance-timeline/#performance-timeline>: what was measured, oldest first, a list a type.
const supportedTypes = native.exposure[0] === "Window" ? ["mark", "measure", "navigation", "resource"] : ["mark", "measure", "resource"];
const timeline = { __proto__: null };
for (let index = 0; index < supportedTypes.length; index += 1) timeline[supportedTypes[index]] = internal.newList();

// What scripts may leave in a list of the timeline: later entries are told to observers alone.
const MOST_ENTRIES = 100000;

internal.timeline = timeline;

// How many entries of each type found no room.
const dropped = { __proto__: null, mark: 0, measure: 0, navigation: 0, resource: 0 };
internal.countDropped = (type) => {
  dropped[type] += 1;
};

const isSupported = (type) => timeline[type] !== undefined;

function setEntry(slots, name, type, startTime, duration) {
  slots.name = name;
  slots.entryType = type;
  slots.startTime = startTime;
  slots.duration = duration;
}

function keep(list, wanted) {
  const kept = internal.newList();
  for (let index = 0; index < list.length; index += 1) {
    if (wanted(native.slots(list[index]))) internal.append(kept, list[index]);
  }
  return kept;
}

// <https://w3c.github.io/performance-timeline/#filter-buffer-by-name-and-type>: sorted by start, those of one start as queued.
function filtered(list, name, type) {
  const found = keep(list, (slots) => {
    return (type === undefined || slots.entryType === type) && (name === undefined || slots.name === name);
  });
  return internal.toArray(sorted(found));
}

function sorted(list) {
  if (list.length < 2) return list;
  const middle = (list.length - (list.length % 2)) / 2;
  const left = internal.newList();
  const right = internal.newList();
  for (let index = 0; index < list.length; index += 1) internal.append(index < middle ? left : right, list[index]);
  const first = sorted(left);
  const second = sorted(right);
  const merged = internal.newList();
  let at = 0;
  let other = 0;
  while (at < first.length || other < second.length) {
    const takeFirst =
      other >= second.length ||
      (at < first.length && native.slots(first[at]).startTime <= native.slots(second[other]).startTime);
    internal.append(merged, takeFirst ? first[at] : second[other]);
    if (takeFirst) at += 1;
    else other += 1;
  }
  return merged;
}

function allEntries() {
  const all = internal.newList();
  for (let type = 0; type < supportedTypes.length; type += 1) {
    const list = timeline[supportedTypes[type]];
    for (let index = 0; index < list.length; index += 1) internal.append(all, list[index]);
  }
  return all;
}

// <https://w3c.github.io/performance-timeline/#dom-performanceobserver>: the observers, and whether a task is on its way to them.
let observers = internal.newList();
let taskQueued = false;

// <https://w3c.github.io/performance-timeline/#queue-a-performanceentry>
internal.queuePerformanceEntry = (entry) => {
  const list = timeline[native.slots(entry).entryType];
  if (list.length < MOST_ENTRIES) internal.append(list, entry);
  else dropped[native.slots(entry).entryType] += 1;
  internal.tellObserversOf(entry);
};

internal.tellObserversOf = (entry) => {
  const { entryType } = native.slots(entry);
  for (let index = 0; index < observers.length; index += 1) {
    const slots = native.slots(observers[index]);
    if (slots.types[entryType] === true) internal.append(slots.buffer, entry);
  }
  tellObservers();
};

// <https://w3c.github.io/performance-timeline/#queue-the-performanceobserver-task>
function tellObservers() {
  if (taskQueued || observers.length === 0) return;
  taskQueued = true;
  native.queueTask("dom", () => {
    taskQueued = false;
    const told = internal.copyOf(observers);
    for (let index = 0; index < told.length; index += 1) {
      const observer = told[index];
      const slots = native.slots(observer);
      const entries = slots.buffer;
      if (entries.length === 0) continue;
      slots.buffer = internal.newList();
      const list = native.create("PerformanceObserverEntryList");
      native.slots(list).entries = entries;
      // 3.3.5. The first time, how many entries found no room.
      const options = slots.needsDropped ? { droppedEntriesCount: droppedFor(slots) } : {};
      slots.needsDropped = false;
      try {
        primordials.ReflectApply(slots.callback, observer, [list, observer, options]);
      } catch (exception) {
        native.reportException(exception);
      }
    }
  });
}

function droppedFor(slots) {
  let count = 0;
  for (let index = 0; index < supportedTypes.length; index += 1) {
    if (slots.types[supportedTypes[index]] === true) count += dropped[supportedTypes[index]];
  }
  return count;
}

function removeObserver(observer) {
  const rest = internal.newList();
  for (let index = 0; index < observers.length; index += 1) {
    if (observers[index] !== observer) internal.append(rest, observers[index]);
  }
  observers = rest;
}

const entryMembers = {
  __proto__: null,
  "get name"(slots) {
    return slots.name;
  },
  "get entryType"(slots) {
    return slots.entryType;
  },
  "get startTime"(slots) {
    return slots.startTime;
  },
  "get duration"(slots) {
    return slots.duration;
  },
  toJSON(slots) {
    const { name, entryType, startTime, duration, detail, timing } = slots;
    const json = { name, entryType, startTime, duration };
    if (detail !== undefined) json.detail = detail;
    if (timing !== undefined) {
      for (let index = 0; index < internal.entryParts.length; index += 1) {
        json[internal.entryParts[index]] = timing[internal.entryParts[index]];
      }
    }
    return json;
  },
};
core.interface("PerformanceEntry", entryMembers);

// <https://w3c.github.io/user-timing/#the-performancemark-constructor>
const timingNames = {
  __proto__: null, navigationStart: 1, unloadEventStart: 1, unloadEventEnd: 1, redirectStart: 1, redirectEnd: 1, fetchStart: 1,
  domainLookupStart: 1, domainLookupEnd: 1, connectStart: 1, connectEnd: 1, secureConnectionStart: 1, requestStart: 1,
  responseStart: 1, responseEnd: 1, domLoading: 1, domInteractive: 1, domContentLoadedEventStart: 1,
  domContentLoadedEventEnd: 1, domComplete: 1, loadEventStart: 1, loadEventEnd: 1,
};
function setMark(slots, name, options) {
  // 1. The names of the old interface's attributes.
  if (native.exposure[0] === "Window" && timingNames[name] !== undefined) {
    throw native.domException("SyntaxError", `"${name}" is a name of PerformanceTiming`);
  }
  // 4.–5. The start.
  if (options.startTime !== undefined && options.startTime < 0) throw new TypeError("the start lies before the time origin");
  const startTime = options.startTime === undefined ? native.hook("now") : options.startTime;
  setEntry(slots, name, "mark", startTime, 0);
  // 7. A copy of the detail.
  slots.detail = copyOfDetail(options.detail);
}

function copyOfDetail(detail) {
  if (detail === undefined || detail === null) return null;
  return internal.structuredDeserialize(internal.structuredSerialize(detail, [])).data;
}

const detailMember = {
  __proto__: null,
  "get detail"(slots) {
    return slots.detail;
  },
};
core.interface("PerformanceMark", {
  __proto__: null,
  construct: setMark,
  "get detail": detailMember["get detail"],
});
core.interface("PerformanceMeasure", detailMember);

// <https://w3c.github.io/user-timing/#convert-a-mark-to-a-timestamp>
function timeOf(mark) {
  if (typeof mark === "number") {
    if (mark < 0) throw new TypeError("a time lies before the time origin");
    return mark;
  }
  // 1. The names of the old interface's attributes, which only windows have.
  if (timingNames[mark] !== undefined) {
    if (native.exposure[0] !== "Window") throw new TypeError(`"${mark}" is a name of PerformanceTiming`);
    if (mark === "navigationStart") return 0;
    // FIXME: the other attributes of PerformanceTiming, which documents do not give yet.
    throw native.domException("InvalidAccessError", `${mark} has not happened`);
  }
  const marks = timeline.mark;
  for (let index = marks.length - 1; index >= 0; index -= 1) {
    const slots = native.slots(marks[index]);
    if (slots.name === mark) return slots.startTime;
  }
  throw native.domException("SyntaxError", `there is no mark "${mark}"`);
}

core.interface("Performance", {
  __proto__: null,
  now() {
    return native.hook("now");
  },
  "get timeOrigin"() {
    return native.hook("timeOrigin");
  },
  toJSON() {
    return { timeOrigin: native.hook("timeOrigin") };
  },
  getEntries() {
    return filtered(allEntries());
  },
  getEntriesByType(slots, type) {
    return isSupported(type) ? filtered(timeline[type], undefined, type) : [];
  },
  getEntriesByName(slots, name, type) {
    return filtered(allEntries(), name, type);
  },
  // <https://w3c.github.io/user-timing/#dom-performance-mark>
  mark(slots, name, options) {
    const entry = native.create("PerformanceMark");
    setMark(native.slots(entry), name, options);
    internal.queuePerformanceEntry(entry);
    return entry;
  },
  clearMarks(slots, name) {
    timeline.mark = name === undefined ? internal.newList() : keep(timeline.mark, (entry) => entry.name !== name);
  },
  // <https://w3c.github.io/user-timing/#dom-performance-measure>
  measure(slots, name, startOrOptions, endMark) {
    const detailed = typeof startOrOptions === "object";
    const options = detailed ? startOrOptions : { __proto__: null };
    const given =
      options.start !== undefined || options.end !== undefined || options.duration !== undefined || options.detail !== undefined;
    // 1. What contradicts itself.
    if (detailed && given) {
      if (endMark !== undefined) throw new TypeError("an end mark beside options");
      if (options.start === undefined && options.end === undefined) throw new TypeError("neither a start nor an end");
      if (options.start !== undefined && options.duration !== undefined && options.end !== undefined) {
        throw new TypeError("a start, a duration and an end");
      }
    }
    // 2. The end.
    let end;
    if (endMark !== undefined) end = timeOf(endMark);
    else if (options.end !== undefined) end = timeOf(options.end);
    else if (options.start !== undefined && options.duration !== undefined) end = timeOf(options.start) + timeOf(options.duration);
    else end = native.hook("now");
    // 3. The start.
    let start;
    if (options.start !== undefined) start = timeOf(options.start);
    else if (options.duration !== undefined && options.end !== undefined) start = timeOf(options.end) - timeOf(options.duration);
    else if (!detailed) start = timeOf(startOrOptions);
    else start = 0;
    // 4.–9. The entry.
    const entry = native.create("PerformanceMeasure");
    const entrySlots = native.slots(entry);
    setEntry(entrySlots, name, "measure", start, end - start);
    entrySlots.detail = copyOfDetail(options.detail);
    internal.queuePerformanceEntry(entry);
    return entry;
  },
  clearResourceTimings() {
    internal.clearResourceTimings();
  },
  setResourceTimingBufferSize(slots, maximum) {
    internal.setResourceTimingBufferSize(maximum);
  },
  clearMeasures(slots, name) {
    timeline.measure = name === undefined ? internal.newList() : keep(timeline.measure, (entry) => entry.name !== name);
  },
});

let supported;
core.interface("PerformanceObserver", {
  __proto__: null,
  construct(slots, callback) {
    slots.callback = callback;
    slots.kind = undefined;
    slots.types = { __proto__: null };
    slots.buffer = internal.newList();
    slots.needsDropped = false;
  },
  // <https://w3c.github.io/performance-timeline/#dom-performanceobserver-observe>
  observe(slots, options) {
    const { entryTypes, type } = options;
    // 3.–4. One or the other.
    if (entryTypes === undefined && type === undefined) throw new TypeError("neither entryTypes nor type");
    if (entryTypes !== undefined && (type !== undefined || options.buffered !== undefined)) {
      throw new TypeError("entryTypes beside type or buffered");
    }
    // 5.–6. Never both at one observer.
    const kind = type === undefined ? "multiple" : "single";
    if (slots.kind !== undefined && slots.kind !== kind) {
      throw native.domException("InvalidModificationError", "the observer observes in the other way already");
    }
    slots.kind = kind;
    // 7. The first report says what was dropped.
    slots.needsDropped = true;
    if (kind === "multiple") {
      const types = { __proto__: null };
      let count = 0;
      for (let index = 0; index < entryTypes.length; index += 1) {
        if (!isSupported(entryTypes[index])) continue;
        types[entryTypes[index]] = true;
        count += 1;
      }
      // 8.3. Nothing that is known.
      if (count === 0) return;
      slots.types = types;
    } else {
      if (!isSupported(type)) return;
      slots.types[type] = true;
    }
    removeObserver(this);
    internal.append(observers, this);
    // 9.3. What was there before.
    if (kind === "single" && options.buffered === true) {
      const list = timeline[type];
      for (let index = 0; index < list.length; index += 1) internal.append(slots.buffer, list[index]);
      if (list.length > 0) tellObservers();
    }
  },
  disconnect(slots) {
    removeObserver(this);
    slots.buffer = internal.newList();
    slots.types = { __proto__: null };
    slots.kind = undefined;
  },
  takeRecords(slots) {
    const records = internal.toArray(slots.buffer);
    slots.buffer = internal.newList();
    return records;
  },
  "static get supportedEntryTypes"() {
    if (supported === undefined) supported = ObjectFreeze(supportedTypes);
    return supported;
  },
});

core.interface("PerformanceObserverEntryList", {
  __proto__: null,
  getEntries(slots) {
    return filtered(slots.entries);
  },
  getEntriesByType(slots, type) {
    return filtered(slots.entries, undefined, type);
  },
  getEntriesByName(slots, name, type) {
    return filtered(slots.entries, name, type);
  },
});

// The global's own.
let performance;
internal.performance = () => {
  if (performance === undefined) performance = native.create("Performance");
  return performance;
};
core.export("performance", internal.performance);
