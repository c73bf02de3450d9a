// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: 5000 }]);
  const away = await scripted([{ status: 302, headers: { Location: file.url } }]);
  const fetch = await manager.fetch("redirected", away.url);
  await settled(fetch);
  assert_equals(fetch.result, "success", fetch.failureReason);
  const response = await assert_body(await fetch.match(away.url), 5000);
  assert_equals(response.url, file.url);
  assert_true(response.redirected);
}, "A redirect is followed, and the response tells where to");

promise_test(async (t) => {
  const { manager } = await worker(t);
  const name = String(Math.random()).slice(2);
  const loop = await scripted([{ status: 301, headers: { Location: `/scripted?${name}` } }], name);
  const fetch = await manager.fetch("loop", loop.url);
  await settled(fetch);
  assert_equals(fetch.result, "failure");
  assert_equals(fetch.failureReason, "fetch-error");
  assert_equals((await loop.seen()).length, 21, "the first one and twenty redirects");
}, "A loop of redirects is a fetch error");

promise_test(async (t) => {
  const { manager, next } = await worker(t);
  const file = await scripted([{ size: 5000 }]);
  const elsewhere = file.url.replace("//localhost", "//127.0.0.1");
  const away = await scripted([{ status: 302, headers: { Location: elsewhere } }]);
  const fetch = await manager.fetch("cross-origin", away.url);
  await settled(fetch);
  assert_equals(fetch.failureReason, "fetch-error");
  assert_equals(fetch.downloaded, 0, "nothing of it is told");
  const event = await next();
  assert_equals(event.type, "fail");
}, "A redirect to another origin that does not allow it fails and leaks nothing");
