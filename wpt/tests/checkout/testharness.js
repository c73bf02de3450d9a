// A harness of our own with the few parts of the suite's interface that the adapter stands on, for the adapter's tests.
"use strict";
(() => {
  const NAMES = { pass: 0, fail: 1, timeout: 2 };
  const tests = [];
  const callbacks = [];
  let multiplier = 1;
  let waiting = 1;
  let over = false;

  const end = (status) => {
    if (over) return;
    over = true;
    for (const callback of callbacks) callback(tests, { status, message: status === 2 ? "too slow" : null });
    if (callbacks.length === 0) postMessage(tests.map(({ name, status, message }) => ({ name, status, message })));
  };
  const one = () => {
    waiting -= 1;
    if (waiting === 0) end(0);
  };

  self.setup = ({ timeout_multiplier }) => (multiplier = timeout_multiplier);
  self.add_completion_callback = (callback) => callbacks.push(callback);
  self.promise_test = (run, name) => {
    const test = { name, status: NAMES.timeout, message: null };
    tests.push(test);
    waiting += 1;
    (async () => run())().then(
      () => (test.status = NAMES.pass),
      (error) => {
        test.status = NAMES.fail;
        test.message = String(error);
      },
    ).then(one);
  };
  self.fetch_tests_from_worker = (worker) => {
    waiting += 1;
    worker.onmessage = ({ data }) => {
      tests.push(...data);
      one();
    };
  };
  self.done = one;
  if (typeof document !== "undefined") {
    addEventListener("load", () => {
      setTimeout(() => end(2), 10_000 * multiplier);
      one();
    });
  }
})();
