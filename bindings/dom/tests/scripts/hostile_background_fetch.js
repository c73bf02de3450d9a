"use strict";

let manager;

const settled = (registration) => new Promise((resolve) => {
  const look = () => { if (registration.result !== "") resolve(registration); };
  registration.addEventListener("progress", look);
  look();
});

test("a worker is there", async () => {
  await navigator.serviceWorker.register("/sw.js");
  const registration = await navigator.serviceWorker.ready;
  check(registration.active !== null, "an active worker when ready");
  manager = registration.backgroundFetch;
});

test("ids of every kind", async () => {
  const ids = ["a\0b\n\u001b[31m", "\u202e", "../../etc/passwd", "__proto__", "x".repeat(1 << 16), "'; DROP TABLE records; --", "%00", " "];
  for (const id of ids) {
    const registration = await manager.fetch(id, "/hang");
    equal(registration.id, id, show(id.slice(0, 30)));
    equal(await manager.get(id), registration);
    check((await manager.getIds()).includes(id), "among the ids");
    await rejects(TypeError, manager.fetch(id, "/small.txt"), "a second of the id");
    equal(await registration.abort(), true);
    await settled(registration);
    equal(registration.failureReason, "aborted");
    equal(await registration.abort(), false);
  }
  const lone = await manager.fetch("lone\uD800", "/hang");
  check(lone.id === "lone\uD800" || lone.id === "lone\uFFFD", show(lone.id));
  equal(await manager.get("lone\uD800"), lone);
  await lone.abort();
});

test("duplicate ids at once: one wins", async () => {
  const all = await Promise.allSettled([1, 2, 3, 4].map(() => manager.fetch("same", "/hang")));
  deepEqual(all.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected", "rejected"]);
  for (const { reason } of all) if (reason) check(reason instanceof TypeError, show(reason));
  await all.find(({ value }) => value).value.abort();
});

test("titles, icons and totals", async () => {
  const title = "\u001b]0;x\u0007" + "t".repeat(1 << 20);
  const registration = await manager.fetch("titled", "/hang", {
    title, icons: [{ src: "http://[" }, { src: "x".repeat(1 << 16), sizes: "1x1".repeat(1000), type: "\0", label: "" }],
    downloadTotal: 1 << 20,
  });
  equal(registration.downloadTotal, 1 << 20);
  await rejects("QuotaExceededError", manager.fetch("too much", "/hang", { downloadTotal: 2 ** 53 - 1 }));
  equal((await manager.fetch("negative", "/small.txt", { downloadTotal: 0 })).downloadTotal, 0);
  await registration.abort();
  const thrown = new Error("icons");
  await rejects(thrown, manager.fetch("thrown", "/hang", { get icons() { throw thrown; } }));
  await rejects(thrown, manager.fetch("thrown", { [Symbol.iterator]() { throw thrown; } }));
  await rejects(TypeError, manager.fetch(Symbol(), "/hang"));
  await rejects(TypeError, manager.fetch("thrown", "/hang", 1));
  await rejects(TypeError, BackgroundFetchManager.prototype.fetch.call({}, "a", "/hang"));
  await rejects(TypeError, manager.fetch("thrown", ["/a", Symbol()]));
  equal(await manager.get("thrown"), undefined);
  // A request whose body is used.
  const used = new Request("/echo", { method: "POST", body: "x" });
  await used.text();
  await rejects(TypeError, manager.fetch("used", used));
  const twice = new Request("/echo", { method: "POST", body: "x" });
  await rejects(TypeError, manager.fetch("twice", [twice, twice]), "one body twice");
  for (const url of ["http://[", "ftp://x/", "data:,x", "blob:x", "javascript:1", "about:blank"]) {
    const outcome = await manager.fetch("scheme", url).catch((error) => error);
    if (outcome instanceof Error) continue;
    await settled(outcome);
    equal(outcome.result, "failure", url);
  }
});

test("options that start the same fetch again while they are read", async () => {
  let inner;
  const options = { get title() { inner ??= manager.fetch("again", "/hang"); return "t"; } };
  const outer = await manager.fetch("again", "/hang", options).catch((error) => error);
  const other = await inner.catch((error) => error);
  const started = [outer, other].filter((one) => one instanceof BackgroundFetchRegistration);
  equal(started.length, 1);
  await started[0].abort();
});

test("many requests", async () => {
  const urls = Array.from({ length: 200 }, (_, index) => `/small.txt?${index}`);
  const registration = await manager.fetch("many", urls);
  const records = await registration.matchAll();
  equal(records.length, urls.length);
  const ready = records.map((record) => record.responseReady);
  await settled(registration);
  equal(registration.result, "success");
  const texts = await Promise.all(ready.map(async (response) => (await response).text()));
  check(texts.every((text) => text === "small"), "every body");
});

test("records while they are downloading", async () => {
  const registration = await manager.fetch("stalled", ["/stall", "/small.txt"]);
  const record = await registration.match("/stall");
  check(record instanceof BackgroundFetchRecord, "a record");
  record.request.expando = 1;
  equal(record.request.expando, 1);
  equal(record.responseReady, record.responseReady);
  throws(TypeError, () => record.request.headers.set("a", "b"), "immutable");
  equal(await registration.match("/nothing"), undefined);
  await rejects(TypeError, registration.match("http://["));
  await rejects(TypeError, registration.match());
  equal((await registration.matchAll("/small.txt", { ignoreSearch: true, ignoreMethod: true, ignoreVary: true })).length, 1);
  const small = await (await registration.match("/small.txt")).responseReady;
  equal(await small.text(), "small");
  await registration.abort();
  await settled(registration);
  // The response was there before; its body breaks off.
  await rejects("AbortError", (await record.responseReady).text());
  throws(TypeError, () => { "use strict"; Reflect.get(BackgroundFetchRecord.prototype, "request", {}); });
});

test("one object keeps its listeners without being kept", async () => {
  let heard = 0;
  (await manager.fetch("unkept", "/hang")).addEventListener("progress", () => { heard += 1; });
  for (let i = 0; i < 200; i += 1) new Array(1000).fill({ i });
  const again = await manager.get("unkept");
  await again.abort();
  await settled(again);
  equal(heard > 0, true);
});

test("events and their makers", () => {
  throws(TypeError, () => new BackgroundFetchRegistration());
  throws(TypeError, () => new BackgroundFetchManager());
  throws(TypeError, () => new BackgroundFetchRecord());
  check(typeof BackgroundFetchEvent === "undefined", "not in windows");
});

run();
