// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: 5000 }]);
  await user.goOffline();
  t.add_cleanup(() => user.goOnline());
  const fetch = await manager.fetch("waiting", file.url);
  assert_equals(fetch.result, "");
  assert_false(navigator.onLine);
  await user.goOnline();
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  await assert_body(await fetch.match(file.url), 5000);
}, "A fetch that is begun without a network waits for one");
