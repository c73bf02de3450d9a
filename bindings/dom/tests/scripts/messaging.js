"use strict";

const next = (target, type = "message") => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
const settle = () => new Promise((resolve) => setTimeout(resolve, 10));

test("MessageEvent", () => {
  const { port1 } = new MessageChannel();
  const event = new MessageEvent("x", { data: { a: 1 }, origin: "o", lastEventId: "l", source: port1, ports: [port1], cancelable: true });
  deepEqual([event.data.a, event.origin, event.lastEventId, event.cancelable, event.isTrusted], [1, "o", "l", true, false]);
  check(event.source === port1 && event.ports[0] === port1 && Object.isFrozen(event.ports) && event.ports === event.ports, "source and ports");
  const empty = new MessageEvent("y");
  check(empty.data === null && empty.source === null && empty.ports.length === 0 && empty.origin === "", "defaults");
  empty.initMessageEvent("z", true, false, 5, "p", "q", port1, [port1]);
  deepEqual([empty.type, empty.bubbles, empty.data, empty.origin, empty.lastEventId, empty.ports.length], ["z", true, 5, "p", "q", 1]);
  throws(TypeError, () => new MessageEvent("x", { source: {} }));
  throws(TypeError, () => new MessageEvent("x", { ports: [{}] }));
});

test("a channel keeps the order, and onmessage starts it", async () => {
  const { port1, port2 } = new MessageChannel();
  const heard = [];
  port1.postMessage(1);
  port1.postMessage({ two: 2 });
  port2.addEventListener("message", (event) => heard.push(event.data));
  await settle();
  equal(heard.length, 0, "not started");
  port2.onmessage = null;
  await settle();
  equal(heard.length, 0, "null does not start it");
  port2.start();
  port1.postMessage(3);
  await settle();
  deepEqual(heard, [1, { two: 2 }, 3]);
  const back = next(port1);
  port1.start();
  port2.postMessage("back");
  const event = await back;
  check(event.isTrusted && event.origin === "" && event.source === null && event.target === port1, "the event");
  check(new MessageChannel().port1 instanceof EventTarget, "a target");
});

test("ports are transferred with what waits in them", async () => {
  const { port1, port2 } = new MessageChannel();
  const carrier = new MessageChannel();
  port1.postMessage("a");
  port1.postMessage("b");
  const heard = [];
  carrier.port2.onmessage = ({ data, ports }) => {
    equal(ports[0], data.port);
    ports[0].onmessage = (event) => heard.push(event.data);
  };
  carrier.port1.postMessage({ port: port2 }, [port2]);
  port1.postMessage("c");
  throws("DataCloneError", () => carrier.port1.postMessage(1, [port2]), "transferred already");
  throws("DataCloneError", () => carrier.port1.postMessage(carrier.port2), "not in the list");
  throws("DataCloneError", () => port1.postMessage(1, [port1]), "through itself");
  await settle();
  await settle();
  deepEqual(heard, ["a", "b", "c"]);
  // The other end through the channel itself: nothing comes, and nobody hangs.
  const doomed = new MessageChannel();
  doomed.port1.postMessage(1, { transfer: [doomed.port2] });
});

test("close() is told to the other end after what was sent", async () => {
  const { port1, port2 } = new MessageChannel();
  const heard = [];
  port2.onmessage = (event) => heard.push(event.data);
  port2.onclose = () => heard.push("close");
  port1.postMessage("last");
  port1.close();
  port1.postMessage("nobody");
  port2.postMessage("nobody");
  await settle();
  deepEqual(heard, ["last", "close"]);
  throws("DataCloneError", () => structuredClone(port1, { transfer: [port1] }), "a closed port");
  const clone = structuredClone(port2, { transfer: [port2] });
  check(clone instanceof MessagePort && clone !== port2, "a port through structuredClone");
});

test("messageerror", async () => {
  const { port1, port2 } = new MessageChannel();
  port2.onmessageerror = () => {};
  equal(typeof port2.onmessageerror, "function");
  throws("DataCloneError", () => port1.postMessage(() => {}));
  throws("DataCloneError", () => postMessage(Symbol()));
});

test("window.postMessage", async () => {
  const heard = [];
  self.addEventListener("message", (event) => heard.push([event.data, event.origin === location.origin, event.source === self, event.ports.length]));
  postMessage("any", "*");
  postMessage("same", "/");
  postMessage("default");
  postMessage("origin", location.href);
  postMessage("other", "https://other.example");
  postMessage("options", { targetOrigin: location.origin, transfer: [new MessageChannel().port1] });
  throws("SyntaxError", () => postMessage(1, "no origin"));
  deepEqual(heard, [], "later");
  await settle();
  deepEqual(heard, [["any", true, true, 0], ["same", true, true, 0], ["default", true, true, 0], ["origin", true, true, 0], ["options", true, true, 1]]);
});

test("BroadcastChannel", async () => {
  const [one, two, three] = [new BroadcastChannel("n"), new BroadcastChannel("n"), new BroadcastChannel("m")];
  const heard = [];
  for (const [name, channel] of Object.entries({ one, two, three })) channel.onmessage = (event) => heard.push([name, event.data, event.origin === location.origin]);
  one.postMessage({ x: 1 });
  two.postMessage("y");
  await settle();
  deepEqual(heard, [["two", { x: 1 }, true], ["one", "y", true]]);
  two.postMessage("to one");
  one.close();
  await settle();
  equal(heard.length, 2, "a closed channel hears nothing, not even what was on its way");
  throws("InvalidStateError", () => one.postMessage(1));
  throws("DataCloneError", () => two.postMessage(() => {}));
  equal(two.name, "n");
  two.close();
  three.close();
});

test("performance: marks and measures", async () => {
  const start = performance.now();
  const mark = performance.mark("a", { detail: { d: [1] }, startTime: 5 });
  check(mark instanceof PerformanceMark && mark instanceof PerformanceEntry && mark.detail.d[0] === 1, "the mark");
  performance.mark("b", { startTime: 25 });
  const measure = performance.measure("m", "a", "b");
  deepEqual([measure.startTime, measure.duration, measure.entryType, measure.detail], [5, 20, "measure", null]);
  deepEqual([performance.measure("n", { start: 1, duration: 2 }).duration, performance.measure("o", { end: "b", duration: 5 }).startTime], [2, 20]);
  check(performance.measure("p").startTime === 0 && performance.measure("p").duration >= start, "from the time origin until now");
  deepEqual(performance.getEntriesByType("mark").map((entry) => entry.name), ["a", "b"]);
  deepEqual(performance.getEntriesByName("m", "measure").length, 1);
  throws("SyntaxError", () => performance.measure("x", "missing"));
  throws(TypeError, () => performance.measure("x", { start: 1, end: 2, duration: 3 }));
  throws(TypeError, () => performance.mark("x", { startTime: -1 }));
  throws("SyntaxError", () => performance.mark("navigationStart"));
  throws("DataCloneError", () => performance.mark("x", { detail: () => {} }));
  deepEqual(mark.toJSON(), { name: "a", entryType: "mark", startTime: 5, duration: 0, detail: { d: [1] } });
  performance.clearMarks("a");
  deepEqual(performance.getEntriesByType("mark").map((entry) => entry.name), ["b"]);
  performance.clearMarks();
  performance.clearMeasures();
  deepEqual(performance.getEntriesByType("mark").concat(performance.getEntriesByType("measure")), []);
  check(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 5000, "the time origin");
});

test("performance: observers and resources", async () => {
  performance.mark("before");
  const told = [];
  const observer = new PerformanceObserver((list, self, options) => told.push([list.getEntries().map((e) => e.name).join(), self === observer, options.droppedEntriesCount]));
  observer.observe({ type: "mark", buffered: true });
  performance.mark("after");
  await settle();
  deepEqual(told, [["before,after", true, 0]]);
  throws("InvalidModificationError", () => observer.observe({ entryTypes: ["mark"] }));
  throws(TypeError, () => observer.observe({}));
  observer.disconnect();
  performance.mark("unseen");
  equal(observer.takeRecords().length, 0);
  check(PerformanceObserver.supportedEntryTypes === PerformanceObserver.supportedEntryTypes && PerformanceObserver.supportedEntryTypes.includes("resource"), "types");
  const url = `${location.origin}/hello.txt?timing`;
  const seen = new Promise((resolve) => new PerformanceObserver((list) => list.getEntriesByName(url).length && resolve(list.getEntriesByName(url)[0])).observe({ type: "resource" }));
  await (await fetch(url)).text();
  const entry = await seen;
  check(entry instanceof PerformanceResourceTiming && performance.getEntriesByName(url)[0] === entry, "the entry");
  deepEqual([entry.initiatorType, entry.responseStatus, entry.encodedBodySize, entry.decodedBodySize, entry.contentType], ["fetch", 200, 5, 5, "text/plain"]);
  const times = [entry.startTime, entry.fetchStart, entry.requestStart, entry.responseStart, entry.responseEnd];
  deepEqual(times, [...times].sort((a, b) => a - b), "in order");
  equal(entry.duration, entry.responseEnd - entry.startTime);
  performance.clearResourceTimings();
  equal(performance.getEntriesByType("resource").length, 0);
});

test("crypto.subtle.digest", async () => {
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const abc = new TextEncoder().encode("abc");
  equal(hex(await crypto.subtle.digest("sha-1", abc)), "a9993e364706816aba3e25717850c26c9cd0d89d");
  equal(hex(await crypto.subtle.digest({ name: "SHA-256" }, abc.buffer)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  equal(hex(await crypto.subtle.digest("SHA-384", new Uint8Array())).slice(0, 16), "38b060a751ac9638");
  equal(hex(await crypto.subtle.digest("SHA-512", new DataView(abc.buffer))).slice(0, 16), "ddaf35a193617aba");
  const bytes = Uint8Array.of(97, 98, 99);
  const digest = crypto.subtle.digest("SHA-1", bytes);
  bytes[0] = 0;
  equal(hex(await digest).slice(0, 8), "a9993e36", "the bytes as they were");
  await rejects("NotSupportedError", crypto.subtle.digest("MD5", abc));
  await rejects(TypeError, crypto.subtle.digest({}, abc));
});

run();
