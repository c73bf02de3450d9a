// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager, next } = await worker(t);
  const file = await scripted([{ size: 5000, holdAfter: 100 }]);
  const fetch = await manager.fetch("clicked", file.url);
  await user.click("clicked");
  const event = await next();
  assert_equals(event.type, "click");
  assert_equals(event.id, "clicked");
  assert_equals(event.result, "", "it is under way");
  await file.release();
  await settled(fetch);
  assert_equals((await next()).type, "success");
}, "The worker is told of the user's click");
