// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

const SIZE = 300_000;
const CUT = 100_000;

promise_test(async (t) => {
  const { manager } = await worker(t);
  const headers = { ETag: '"one"', "Accept-Ranges": "bytes" };
  const file = await scripted([
    { size: SIZE, headers, cutAfter: CUT },
    { size: SIZE, headers, ranges: true },
  ]);
  const fetch = await manager.fetch("resumed", file.url, { downloadTotal: SIZE });
  const progress = [];
  fetch.addEventListener("progress", () => progress.push(fetch.downloaded));
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  assert_equals(fetch.downloaded, SIZE);
  await assert_body(await fetch.match(file.url), SIZE);
  const seen = await file.seen();
  assert_equals(seen.length, 2, "requests");
  assert_equals(seen[1].headers.range, `bytes=${CUT}-`);
  assert_equals(seen[1].headers["if-range"], '"one"');
  assert_array_equals(progress, [...progress].sort((a, b) => a - b), "no byte is counted twice");
}, "A download whose connection is cut goes on where it was");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([
    { size: SIZE, headers: { ETag: '"one"' }, cutAfter: CUT },
    { size: SIZE, headers: { ETag: '"two"' }, seed: 9 },
  ]);
  const fetch = await manager.fetch("changed", file.url, { downloadTotal: SIZE });
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  assert_equals(fetch.downloaded, SIZE);
  await assert_body(await fetch.match(file.url), SIZE, 9);
}, "A file that has changed meanwhile is downloaded anew, and its bytes are counted once");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: SIZE, cutAfter: CUT }, { size: SIZE, ranges: true }]);
  const fetch = await manager.fetch("unvalidated", file.url);
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  await assert_body(await fetch.match(file.url), SIZE);
  const seen = await file.seen();
  assert_equals(seen.length, 2, "requests");
  assert_equals(seen[1].headers.range, undefined, "nothing tells whether it is the same file still");
}, "A download without a strong validator begins anew");
