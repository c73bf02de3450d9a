// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager, next } = await worker(t);
  const file = await scripted([{ size: 200_000 }]);
  const fetch = await manager.fetch("too much", file.url, { downloadTotal: 100_000 });
  await settled(fetch);
  assert_equals(fetch.result, "failure");
  assert_equals(fetch.failureReason, "download-total-exceeded");
  assert_less_than_equal(fetch.downloaded, 100_000);
  const event = await next();
  assert_equals(event.type, "fail");
  assert_equals(event.failureReason, "download-total-exceeded");
}, "A download of more than its declared total fails");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const files = [await scripted([{ size: 60_000 }]), await scripted([{ size: 40_000 }])];
  const fetch = await manager.fetch("exactly", files.map(({ url }) => url), { downloadTotal: 100_000 });
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  assert_equals(fetch.downloaded, 100_000);
}, "A download of exactly its declared total, in two parts, succeeds");
