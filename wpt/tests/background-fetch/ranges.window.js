// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: 1000, ranges: true, headers: { ETag: '"one"' } }]);
  const request = new Request(file.url, { headers: { Range: "bytes=100-199" } });
  const fetch = await manager.fetch("part", request);
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  const response = await (await fetch.match(request)).responseReady;
  assert_equals(response.status, 206);
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert_array_equals(bytes, expectedBytes(1000).subarray(100, 200));
}, "A request's own Range gets its part");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const headers = { ETag: '"one"' };
  const file = await scripted([
    { size: 300_000, ranges: true, headers, cutAfter: 50_000 },
    { size: 300_000, ranges: true, headers },
  ]);
  const request = new Request(file.url, { headers: { Range: "bytes=1000-200999" } });
  const fetch = await manager.fetch("resumed part", request);
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  assert_equals(fetch.downloaded, 200_000);
  const seen = await file.seen();
  assert_equals(seen.at(-1).headers.range, "bytes=51000-200999", "it stays inside what the page wants");
  const bytes = new Uint8Array(await (await (await fetch.match(request)).responseReady).arrayBuffer());
  const expected = expectedBytes(300_000).subarray(1000, 201_000);
  assert_equals(bytes.findIndex((byte, at) => byte !== expected[at]), -1, "first wrong byte");
}, "A part whose connection is cut goes on inside its range");
