// Workers, on the owner's side and on theirs: https://html.spec.whatwg.org/#workers
const { internal } = core;

// <https://html.spec.whatwg.org/#report-an-exception>, step 7: an exception that the worker did not deal with.
core.export("workerError", (worker, message, filename, lineno, colno) => {
  const init = { __proto__: null, cancelable: true, message, filename, lineno, colno, error: null };
  // 7.3. At the worker's object; then the owner's own error event, without the exception.
  if (!internal.fireEvent(worker, "error", "ErrorEvent", init)) return;
  if (!internal.fireEvent(native.global, "error", "ErrorEvent", init)) return;
  native.hook("uncaughtInWorker", message, filename, lineno, colno);
});

// <https://html.spec.whatwg.org/#dom-sharedworker>, step 10.
core.export("fireConnect", (global, port) => {
  const ports = internal.newList();
  internal.append(ports, port);
  internal.fireEvent(global, "connect", "MessageEvent", { __proto__: null, data: "", ports, source: port });
});
