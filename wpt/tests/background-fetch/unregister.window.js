// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { registration, manager, events } = await worker(t);
  const file = await scripted([{ size: 300_000, holdAfter: 1000 }]);
  const fetch = await manager.fetch("orphan", file.url);
  await until(fetch, ({ downloaded }) => downloaded === 1000);
  assert_true(await registration.unregister());
  while ((await user.shown("orphan")) !== undefined) await new Promise((resolve) => t.step_timeout(resolve, 10));
  // A new registration of the same scope knows nothing of it, and its worker hears nothing.
  const again = await worker(t);
  assert_array_equals(await again.manager.getIds(), []);
  const other = await again.manager.fetch("other", (await scripted([{ size: 10 }])).url);
  await settled(other);
  assert_equals((await again.next()).id, "other");
  assert_equals(events.filter(({ id }) => id === "orphan").length, 0);
}, "What belongs to a registration ends with it, without an event");
