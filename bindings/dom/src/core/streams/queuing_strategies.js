// Queuing strategies: https://streams.spec.whatwg.org/#qs

// <https://streams.spec.whatwg.org/#byte-length-queuing-strategy-size-function>: one a realm, of the name "size".
const byteLengthSize = { size: (chunk) => chunk.byteLength }.size;

// <https://streams.spec.whatwg.org/#count-queuing-strategy-size-function>
const countSize = { size: () => 1 }.size;

core.interface("ByteLengthQueuingStrategy", {
  construct(slots, init) {
    slots.highWaterMark = init.highWaterMark;
  },
  "get highWaterMark"(slots) {
    return slots.highWaterMark;
  },
  "get size"() {
    return byteLengthSize;
  },
});

core.interface("CountQueuingStrategy", {
  construct(slots, init) {
    slots.highWaterMark = init.highWaterMark;
  },
  "get highWaterMark"(slots) {
    return slots.highWaterMark;
  },
  "get size"() {
    return countSize;
  },
});
