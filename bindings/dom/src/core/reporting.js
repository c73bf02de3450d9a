// Reporting exceptions and rejections: https://html.spec.whatwg.org/#runtime-script-errors
const { internal } = core;

let reporting = false;

// <https://html.spec.whatwg.org/#report-an-exception>: whether a handler dealt with it.
core.export("reportException", (error, message, filename, lineno, colno) => {
  // NOTE: what is thrown while an exception is reported goes to the host alone, so that reporting ends.
  if (reporting) return false;
  reporting = true;
  try {
    const init = { __proto__: null, cancelable: true, message, filename, lineno, colno, error };
    return !internal.fireEvent(native.global, "error", "ErrorEvent", init);
  } finally {
    reporting = false;
  }
});

// <https://html.spec.whatwg.org/#notify-about-rejected-promises>: whether a handler dealt with it.
core.export("unhandledRejection", (promise, reason) => {
  const init = { __proto__: null, cancelable: true, promise, reason };
  return !internal.fireEvent(native.global, "unhandledrejection", "PromiseRejectionEvent", init);
});

core.export("rejectionHandled", (promise, reason) => {
  internal.fireEvent(native.global, "rejectionhandled", "PromiseRejectionEvent", { __proto__: null, promise, reason });
});
