// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const down = await scripted([{ size: 50_000 }]);
  const up = await scripted([{ size: 10 }]);
  const also = await scripted([{ size: 20 }]);
  const text = "é".repeat(20_000);
  const requests = [
    down.url,
    new Request(up.url, { method: "POST", body: text }),
    new Request(also.url, { method: "PUT", body: new Blob(["blob"]), headers: { "X-Kind": "blob" } }),
  ];
  const fetch = await manager.fetch("mixed", requests, { downloadTotal: 50_030 });
  assert_equals(fetch.uploadTotal, 40_004);
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  assert_equals(fetch.uploaded, 40_004);
  assert_equals(fetch.downloaded, 50_030);
  const [posted] = await up.seen();
  assert_equals(posted.method, "POST");
  assert_equals(posted.headers["content-length"], "40000");
  assert_equals(posted.body, text);
  const [put] = await also.seen();
  assert_equals(put.body, "blob");
  assert_equals(put.headers["x-kind"], "blob");
  assert_equals((await fetch.matchAll()).length, 3);
}, "Uploads and downloads go together");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const up = await scripted([{ size: 1000, cutAfter: 10 }]);
  const request = new Request(up.url, { method: "POST", body: "once" });
  const fetch = await manager.fetch("once", request);
  await settled(fetch);
  assert_equals(fetch.result, "failure");
  assert_equals(fetch.failureReason, "fetch-error");
  assert_equals((await up.seen()).length, 1, "what may have arrived is never sent again");
}, "An upload is never repeated");
