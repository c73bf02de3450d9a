// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const headers = { ETag: '"one"' };
  const file = await scripted([
    { size: 300_000, headers, holdAfter: 100_000 },
    { size: 300_000, headers, ranges: true },
  ]);
  const fetch = await manager.fetch("paused", file.url, { downloadTotal: 300_000 });
  await until(fetch, ({ downloaded }) => downloaded === 100_000);
  await user.pause("paused");
  assert_true((await user.shown("paused")).paused, "it is shown as paused");
  await file.release();
  assert_equals(fetch.result, "");
  assert_equals((await file.seen()).length, 1, "nothing is asked for while it is paused");
  await user.resume("paused");
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  await assert_body(await fetch.match(file.url), 300_000);
  const seen = await file.seen();
  assert_equals(seen.length, 2);
  assert_equals(seen[1].headers.range, "bytes=100000-");
}, "The user pauses a download and lets it go on");

promise_test(async (t) => {
  const { manager, next } = await worker(t);
  const file = await scripted([{ size: 300_000, holdAfter: 1000 }]);
  const fetch = await manager.fetch("given up", file.url);
  await until(fetch, ({ downloaded }) => downloaded === 1000);
  await user.pause("given up");
  await user.abort("given up");
  await settled(fetch);
  assert_equals(fetch.failureReason, "aborted");
  assert_equals((await next()).type, "abort");
}, "The user aborts a paused download");
