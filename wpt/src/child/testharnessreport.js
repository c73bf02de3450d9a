// Stands in for the suite's reporting: hands the results to the host.
(() => {
  const host = globalThis.longhaulTestHost;
  if (host === undefined) return;
  setup({ output: false, timeout_multiplier: host.settings.timeoutMultiplier });
  const TEST = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];
  const HARNESS = ["OK", "ERROR", "TIMEOUT", "PRECONDITION_FAILED"];
  // A report is Unicode text.
  const text = (value) =>
    value === null || value === undefined
      ? null
      : String(value).replace(/[\ud800-\udfff]/gu, (half) => "U+" + half.charCodeAt(0).toString(16));
  add_completion_callback((tests, status) => {
    const subtests = tests.map((test) => ({
      name: text(test.name),
      status: TEST[test.status],
      message: text(test.message),
    }));
    host.complete({ status: HARNESS[status.status], message: text(status.message), subtests });
  });
})();
