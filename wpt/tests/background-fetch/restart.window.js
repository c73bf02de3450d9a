// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

// This page is loaded twice: its process is killed in the middle of the download.
// What the profile has kept tells which time it is.
const SIZE = 300_000;
const HELD = 100_000;

promise_test(async (t) => {
  const { manager } = await worker(t, { keep: true });
  const known = await caches.open("restart");
  const earlier = await known.match("/name");
  if (earlier === undefined) {
    const name = String(Math.random()).slice(2);
    const headers = { ETag: '"one"' };
    const file = await scripted([{ size: SIZE, headers, holdAfter: HELD }, { size: SIZE, headers, ranges: true }], name);
    const fetch = await manager.fetch("outlives", file.url, { downloadTotal: SIZE, title: "It goes on" });
    await until(fetch, ({ downloaded }) => downloaded === HELD);
    await known.put("/name", new Response(name));
    await user.restart();
  }
  const file = await scripted(undefined, await earlier.text());
  const fetch = await manager.get("outlives");
  if (fetch !== undefined) {
    assert_equals((await user.shown("outlives")).title, "It goes on");
    await settled(fetch);
    assert_equals(fetch.result, "success", fetch.failureReason);
    assert_equals(fetch.downloaded, SIZE);
  }
  // The worker keeps it once the event has come, in this process or before this page could ask.
  const kept = await caches.open("kept:outlives");
  let response = await kept.match(file.url);
  while (response === undefined) {
    await new Promise((resolve) => t.step_timeout(resolve, 10));
    response = await kept.match(file.url);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const expected = expectedBytes(SIZE);
  assert_equals(bytes.length, SIZE);
  assert_equals(bytes.findIndex((byte, at) => byte !== expected[at]), -1, "first wrong byte");
  const seen = await file.seen();
  assert_equals(seen.length, 2, "requests");
  assert_true(seen[1].headers.range === undefined || seen[1].headers["if-range"] === '"one"');
}, "A download outlives its process");
