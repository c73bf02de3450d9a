"use strict";

let manager;

const progress = (registration, until) => new Promise((resolve) => {
  const look = () => {
    if (!until(registration)) return;
    registration.removeEventListener("progress", look);
    resolve(registration);
  };
  registration.addEventListener("progress", look);
  look();
});
const settled = (registration) => progress(registration, (r) => r.result !== "");

test("registering a worker", async () => {
  equal(navigator.serviceWorker, navigator.serviceWorker);
  equal(navigator.serviceWorker.controller, null);
  await rejects("SecurityError", navigator.serviceWorker.register("https://elsewhere.example/sw.js"));
  await rejects(TypeError, navigator.serviceWorker.register("/missing.js"));
  const registration = await navigator.serviceWorker.register("/sw.js");
  equal(registration.scope, location.origin + "/");
  equal(registration.updateViaCache, "imports");
  manager = registration.backgroundFetch;
  const worker = registration.installing || registration.waiting || registration.active;
  equal(worker.scriptURL, location.origin + "/sw.js");
  const ready = await navigator.serviceWorker.ready;
  equal(ready, registration);
  equal(await navigator.serviceWorker.getRegistration(), registration);
  equal(await navigator.serviceWorker.getRegistration("/x/y"), registration);
  const all = await navigator.serviceWorker.getRegistrations();
  deepEqual([Object.isFrozen(all), all.length, all[0] === registration], [true, 1, true], "getRegistrations()");
  equal(navigator.serviceWorker.ready, navigator.serviceWorker.ready);
  if (worker.state !== "activated") {
    await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "activated" && resolve()));
  }
  equal(registration.active, worker);
  equal(registration.installing, null);
});

test("fetch() checks its arguments", async () => {
  await rejects(TypeError, manager.fetch("id"));
  await rejects(TypeError, manager.fetch("id", []));
  await rejects(TypeError, manager.fetch("id", "http://:x"));
  await rejects(TypeError, manager.fetch("id", ["/a", "http://user:pw@host/"]));
  await rejects(TypeError, manager.fetch("id", new Request("/", { mode: "no-cors" })));
  await rejects(TypeError, manager.fetch("id", "/a", { icons: [{}] }));
  await rejects(TypeError, manager.get(""));
  equal(await manager.get("unknown"), undefined);
  deepEqual(await manager.getIds(), []);
});

test("a background fetch that succeeds", async () => {
  const registration = await manager.fetch("my-fetch", ["/big.bin", new Request("/small.txt", { headers: { "X-Gate": "1" } })], {
    title: "A title", icons: [{ src: "icon.png", sizes: "10x10", type: "image/png" }], downloadTotal: 2000000,
  });
  check(registration instanceof BackgroundFetchRegistration, "a registration");
  deepEqual([registration.id, registration.downloadTotal, registration.uploadTotal, registration.recordsAvailable], ["my-fetch", 2000000, 0, true]);
  const again = await manager.get("my-fetch");
  check(again === undefined || again === registration, "one object for each background fetch");
  registration.expando = "kept";
  const records = await registration.matchAll();
  equal(records.length, 2);
  deepEqual(records.map((record) => record.request.url), [location.origin + "/big.bin", location.origin + "/small.txt"]);
  equal(records[1].request.headers.get("x-gate"), "1");
  equal(records[0].request, records[0].request);
  equal(records[0].responseReady, records[0].responseReady);
  // Only now may the second file come, and with it the end of the records.
  await fetch("/open");
  const [big, small] = await Promise.all(records.map((record) => record.responseReady));
  equal(big.type, "basic");
  equal((await big.arrayBuffer()).byteLength, 1000000);
  equal(await small.text(), "small");
  await settled(registration);
  deepEqual([registration.result, registration.failureReason, registration.downloaded, registration.expando], ["success", "", 1000005, "kept"]);
  equal(await registration.abort(), false);
});

test("the worker had its event and could read the records", async () => {
  for (;;) {
    const cache = await caches.open("my-fetch");
    const found = await cache.match("/small.txt");
    if (found) {
      equal(await found.text(), "small");
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test("match() and its options", async () => {
  const registration = await manager.fetch("matching", ["/small.txt?a", "/small.txt?b", "/hang"]);
  equal(await registration.match("/other"), undefined);
  const record = await registration.match("/small.txt?b");
  check(record instanceof BackgroundFetchRecord, "a record");
  equal(await (await record.responseReady).text(), "small");
  equal((await registration.matchAll("/small.txt", { ignoreSearch: true })).length, 2);
  equal((await registration.matchAll("/small.txt")).length, 0);
  await rejects(TypeError, registration.match());
  await rejects(TypeError, registration.match("http://:x"));
  await rejects(TypeError, manager.fetch("matching", "/small.txt"), "an id in use");
  deepEqual(await manager.getIds(), ["matching"]);
  equal(await manager.get("matching"), registration);
  const hanging = await registration.match("/hang");
  const response = rejects("AbortError", hanging.responseReady);
  equal(await registration.abort(), true);
  equal(await registration.abort(), false);
  await settled(registration);
  deepEqual([registration.result, registration.failureReason], ["failure", "aborted"]);
  await response;
  equal(await manager.get("matching"), undefined);
});

test("a status that is not ok", async () => {
  const registration = await manager.fetch("missing", ["/small.txt", "/missing"]);
  await settled(registration);
  deepEqual([registration.result, registration.failureReason], ["failure", "bad-status"]);
});

test("more than was declared", async () => {
  const registration = await manager.fetch("too-much", "/big.bin", { downloadTotal: 10 });
  await settled(registration);
  deepEqual([registration.result, registration.failureReason], ["failure", "download-total-exceeded"]);
});

test("uploads", async () => {
  const request = new Request("/echo", { method: "POST", body: "sent" });
  // The second request keeps it going, so that its records stay while they are looked at.
  const registration = await manager.fetch("upload", [request, "/hang"]);
  equal(request.bodyUsed, true);
  equal(registration.uploadTotal, 4);
  const record = await registration.match(new Request("/echo", { method: "POST" }), { ignoreMethod: true });
  equal(await (await record.responseReady).text(), "sent");
  equal(await record.request.text(), "sent");
  equal(await registration.abort(), true);
  await settled(registration);
  equal(registration.uploaded, 4);
});

test("unregistering", async () => {
  const registration = await navigator.serviceWorker.ready;
  equal(await registration.unregister(), true);
  equal(await navigator.serviceWorker.getRegistration(), undefined);
  await rejects(TypeError, manager.fetch("late", "/small.txt"));
});

run();
