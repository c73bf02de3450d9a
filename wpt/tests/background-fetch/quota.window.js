// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  await user.setQuota(1_000_000);
  t.add_cleanup(() => user.setQuota(null));
  const file = await scripted([{ size: 2_000_000 }]);
  const fetch = await manager.fetch("unannounced", file.url);
  await settled(fetch);
  assert_equals(fetch.result, "failure");
  assert_equals(fetch.failureReason, "quota-exceeded");
}, "A download that meets the quota midway fails");

promise_test(async (t) => {
  const { manager } = await worker(t);
  await user.setQuota(1_000_000);
  t.add_cleanup(() => user.setQuota(null));
  const file = await scripted([{ size: 2_000_000 }]);
  const fetched = manager.fetch("announced", file.url, { downloadTotal: 2_000_000 });
  const error = await fetched.then(() => null, (error) => error);
  assert_equals(error?.name, "QuotaExceededError");
  assert_equals((await file.seen()).length, 0, "nothing was asked for");
}, "A download whose declared total is beyond the quota is refused at once");
