// Resource Timing: https://w3c.github.io/resource-timing/
const { internal } = core;

// What an entry tells beyond name, type, start and duration, in the order of the interface.
const parts = [
  "initiatorType", "deliveryType", "nextHopProtocol", "workerStart", "redirectStart", "redirectEnd", "fetchStart",
  "domainLookupStart", "domainLookupEnd", "connectStart", "connectEnd", "secureConnectionStart", "requestStart",
  "finalResponseHeadersStart", "firstInterimResponseStart", "responseStart", "responseEnd", "transferSize",
  "encodedBodySize", "decodedBodySize", "responseStatus", "renderBlockingStatus", "contentType", "contentEncoding",
];
const members = { __proto__: null };
for (let index = 0; index < parts.length; index += 1) {
  const part = parts[index];
  members[`get ${part}`] = (slots) => slots.timing[part];
}
core.interface("PerformanceResourceTiming", members);
internal.entryParts = parts;

// <https://w3c.github.io/resource-timing/#sec-extensions-performance-interface>: the buffer, and what waits for room in it.
let size = 250;
let waiting = internal.newList();
let fullEventPending = false;

// <https://w3c.github.io/resource-timing/#dfn-mark-resource-timing>: `timing` is an object with the parts above.
core.export("addResourceTiming", (name, startTime, timing) => {
  const entry = native.create("PerformanceResourceTiming");
  const slots = native.slots(entry);
  slots.name = name;
  slots.entryType = "resource";
  slots.startTime = startTime;
  slots.duration = timing.responseEnd - startTime;
  slots.timing = { __proto__: null, ...timing };
  internal.tellObserversOf(entry);
  // <https://w3c.github.io/resource-timing/#dfn-add-a-performanceresourcetiming-entry>
  if (internal.timeline.resource.length < size && !fullEventPending) {
    internal.append(internal.timeline.resource, entry);
    return;
  }
  if (!fullEventPending) {
    fullEventPending = true;
    native.queueTask("dom", bufferFull);
  }
  internal.append(waiting, entry);
});

// <https://w3c.github.io/resource-timing/#dfn-fire-a-buffer-full-event>
function bufferFull() {
  while (waiting.length > 0) {
    const before = waiting.length;
    if (internal.timeline.resource.length >= size) {
      internal.fireEvent(internal.performance(), "resourcetimingbufferfull", "Event", { __proto__: null });
    }
    const rest = internal.newList();
    for (let index = 0; index < waiting.length; index += 1) {
      const room = internal.timeline.resource.length < size;
      internal.append(room ? internal.timeline.resource : rest, waiting[index]);
    }
    waiting = rest;
    // 5. Nobody made room.
    if (waiting.length >= before) {
      for (let index = 0; index < waiting.length; index += 1) internal.countDropped("resource");
      waiting = internal.newList();
    }
  }
  fullEventPending = false;
}

internal.clearResourceTimings = () => {
  internal.timeline.resource = internal.newList();
};
internal.setResourceTimingBufferSize = (maximum) => {
  size = maximum;
};
