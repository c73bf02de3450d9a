// fetchLater() in a page: what it refuses, what it counts, when it sends.
"use strict";

const KIB = 1024;
const arrived = async (name) => (await fetch(`/log?${name}`)).text();
const url = (name) => `${location.origin}/note/${name}`;

// Waits until the server has heard of a request; gives its method and body.
async function heard(name) {
  for (;;) {
    const said = await arrived(name);
    if (said !== "") return said;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test("the shape of it", () => {
  equal(fetchLater.length, 1);
  const result = fetchLater(url("never"), { signal: AbortSignal.timeout(1e8) });
  check(result instanceof FetchLaterResult, "it is no FetchLaterResult");
  equal(result.activated, false);
  check(fetchLater(url("never")) !== fetchLater(url("never")), "each call has a result of its own");
  throws(TypeError, () => new FetchLaterResult());
  throws(TypeError, () => fetchLater());
  check(Object.getOwnPropertyDescriptor(FetchLaterResult.prototype, "activated").set === undefined, "it can be set");
});

test("what it refuses", () => {
  throws(TypeError, () => fetchLater("http://[bad"), "no URL");
  throws(TypeError, () => fetchLater("data:text/plain,x"), "data:");
  throws(TypeError, () => fetchLater("blob:https://x/y"), "blob:");
  throws(TypeError, () => fetchLater("http://not-trustworthy.example/"), "no trustworthy URL");
  throws(RangeError, () => fetchLater(url("never"), { activateAfter: -1 }), "less than 0");
  throws(TypeError, () => fetchLater(url("never"), { activateAfter: NaN }), "no number");
  throws(TypeError, () => fetchLater(url("never"), { activateAfter: Infinity }), "no end");
  throws(TypeError, () => fetchLater(url("never"), { method: "POST", body: new ReadableStream(), duplex: "half" }), "a stream");
  throws(TypeError, () => fetchLater(url("never"), { method: "GET", body: "x" }), "GET with a body");
  const reason = { why: "because" };
  throws(reason, () => fetchLater(url("never"), { signal: AbortSignal.abort(reason) }), "aborted before");
  // The signal comes before the time.
  throws(reason, () => fetchLater(url("never"), { signal: AbortSignal.abort(reason), activateAfter: -1 }), "aborted before");
});

test("the quota of one origin", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const body = "x".repeat(60 * KIB);
  fetchLater("https://quota.example/", { method: "POST", body, signal });
  const error = throws(QuotaExceededError, () => fetchLater("https://quota.example/", { method: "POST", body, signal }));
  equal(error.name, "QuotaExceededError");
  equal(error.code, 22);
  // The type that the text got counts too, and so does the referrer, which is the page's URL.
  const type = "Content-Type".length + "text/plain;charset=UTF-8".length;
  const each = "https://quota.example/".length + location.href.length + type + body.length;
  equal(error.requested, each);
  equal(error.quota, 64 * KIB - each);
  // Another origin has a quota of its own.
  fetchLater("https://other.example/", { method: "POST", body, signal });
  // What is aborted waits no more.
  controller.abort();
  fetchLater("https://quota.example/", { method: "POST", body, signal: AbortSignal.timeout(1e8) });
});

test("what waits is sent when its time has come", async () => {
  const result = fetchLater(url("soon"), { method: "POST", body: "a body", activateAfter: 0 });
  equal(result.activated, false);
  equal(await heard("soon"), "POST a body");
  while (!result.activated) await new Promise((resolve) => setTimeout(resolve, 1));
});

test("what is aborted is never sent", async () => {
  const controller = new AbortController();
  const result = fetchLater(url("aborted"), { method: "POST", activateAfter: 5, signal: controller.signal });
  controller.abort();
  const after = fetchLater(url("after"), { method: "POST", activateAfter: 10 });
  await heard("after");
  while (!after.activated) await new Promise((resolve) => setTimeout(resolve, 1));
  equal(await arrived("aborted"), "");
  equal(result.activated, false);
});

test("a request that has been used", async () => {
  const request = new Request(url("used"), { method: "POST", body: "once" });
  fetchLater(request, { activateAfter: 0 });
  check(request.bodyUsed, "its body is taken");
  throws(TypeError, () => fetchLater(request));
  equal(await heard("used"), "POST once");
});

run();
