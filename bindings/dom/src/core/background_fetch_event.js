// Background fetch events: https://wicg.github.io/background-fetch/#background-fetch-event
const { internal } = core;

const setRegistration = (slots, init) => {
  slots.registration = init.registration;
};
internal.eventInterface("BackgroundFetchEvent", "ExtendableEvent", setRegistration, {
  __proto__: null,
  "get registration"(slots) {
    return slots.registration;
  },
});

const setUiUpdated = (slots) => {
  slots.uiUpdated = false;
};
internal.eventInterface("BackgroundFetchUpdateUIEvent", "BackgroundFetchEvent", setUiUpdated, {
  __proto__: null,
  // <https://wicg.github.io/background-fetch/#dom-backgroundfetchupdateuievent-updateui>
  // DEVIATION: rejects where the draft throws inside its parallel steps.
  updateUI(slots, options) {
    // 1. Made by a script, a second call, or an event that is over.
    if (!slots.isTrusted) throw native.domException("InvalidStateError", "the event was made by a script");
    if (slots.uiUpdated) throw native.domException("InvalidStateError", "updateUI() was called before");
    if (!internal.isActive(slots)) throw native.domException("InvalidStateError", "the event is over");
    // 2. Once only.
    slots.uiUpdated = true;
    // 4.–7. The icons and the title, where given.
    return native.hook("updateUI", slots.registration, options);
  },
});
