// Progress events: https://xhr.spec.whatwg.org/#interface-progressevent
const { internal } = core;

const setProgress = (slots, init) => {
  slots.lengthComputable = init.lengthComputable === true;
  slots.loaded = init.loaded ?? 0;
  slots.total = init.total ?? 0;
};
internal.eventInterface("ProgressEvent", "Event", setProgress, {
  __proto__: null,
  "get lengthComputable"(slots) {
    return slots.lengthComputable;
  },
  "get loaded"(slots) {
    return slots.loaded;
  },
  "get total"(slots) {
    return slots.total;
  },
});

// <https://xhr.spec.whatwg.org/#concept-event-fire-progress>
core.export("fireProgressEvent", (target, type, loaded, total) => {
  const init = { __proto__: null, loaded, total, lengthComputable: total !== 0 };
  internal.fireEvent(target, type, "ProgressEvent", init);
});

// Whether anyone listens to a target at all.
core.export("hasListeners", (target) => {
  const { listeners } = native.slots(target);
  return listeners !== undefined && listeners.length > 0;
});
