// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: 5000 }]);
  await user.setPermission("denied");
  t.add_cleanup(() => user.setPermission("granted"));
  const status = await navigator.permissions.query({ name: "background-fetch" });
  assert_equals(status.state, "denied");
  await promise_rejects_dom(t, "NotAllowedError", manager.fetch("denied", file.url));
  assert_array_equals(await manager.getIds(), []);
  assert_equals((await file.seen()).length, 0, "nothing was asked for");
}, "Without permission nothing is fetched");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: 5000 }]);
  await user.setPermission("prompt");
  t.add_cleanup(() => user.setPermission("granted"));
  const fetch = await manager.fetch("asked", file.url);
  assert_true((await user.shown("asked")).paused, "it waits for the user");
  assert_equals((await file.seen()).length, 0, "nothing is asked for before");
  await user.resume("asked");
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
}, "A fetch that needs asking begins paused");
