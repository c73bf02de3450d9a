"use strict";

// Asks for memory until the engine has collected what nobody refers to.
const churn = () => { for (let i = 0; i < 200; i += 1) new Array(1000).fill({ i }); };

test("objects keep what is put on them while their holder lives", async () => {
  const registration = await navigator.serviceWorker.register("/sw.js");
  await navigator.serviceWorker.ready;
  const request = new Request("/", { signal: new AbortController().signal });
  const response = new Response("");
  const controller = new AbortController();
  const places = {
    document: () => document,
    location: () => location,
    navigator: () => navigator,
    serviceWorker: () => navigator.serviceWorker,
    permissions: () => navigator.permissions,
    storage: () => navigator.storage,
    performance: () => performance,
    crypto: () => crypto,
    caches: () => caches,
    "request.headers": () => request.headers,
    "request.signal": () => request.signal,
    "response.headers": () => response.headers,
    "controller.signal": () => controller.signal,
    "registration.active": () => registration.active,
    backgroundFetch: () => registration.backgroundFetch,
    ready: () => navigator.serviceWorker.ready,
  };
  for (const [name, place] of Object.entries(places)) {
    place().expando = name;
    if (place() instanceof EventTarget) place().addEventListener("heard", (event) => { event.currentTarget.count = 1; });
  }
  churn();
  await new Promise((resolve) => setTimeout(resolve));
  churn();
  for (const [name, place] of Object.entries(places)) {
    equal(place().expando, name, name);
    equal(place(), place(), `${name} is one object`);
    if (!(place() instanceof EventTarget)) continue;
    place().dispatchEvent(new Event("heard"));
    equal(place().count, 1, `the listener on ${name}`);
  }
});

test("headers: names, values, guards", () => {
  const h = new Headers({ a: " \t1\r\n ", B: "2" });
  equal(h.get("A"), "1");
  h.append("a", "3");
  equal(h.get("a"), "1, 3");
  deepEqual([...h], [["a", "1, 3"], ["b", "2"]]);
  for (const name of ["", " ", "a b", "a:", "é", "a\0"]) throws(TypeError, () => h.append(name, "x"), `name ${name}`);
  for (const value of ["a\0b", "a\nb", "a\rb"]) throws(TypeError, () => h.set("x", value), "value");
  throws(TypeError, () => h.set("x", "€"), "not a byte string");
  equal(new Headers([["x", "\xff"]]).get("x"), "\xff");
  throws(TypeError, () => new Headers([["a"]]), "one item");
  throws(TypeError, () => new Headers([["a", "b", "c"]]), "three items");
  throws(TypeError, () => new Headers(null), "null");
  throws(TypeError, () => new Headers(1), "a number");
  throws(TypeError, () => new Headers("abc"), "a string");
  throws(TypeError, () => new Headers({ a: Symbol() }), "a symbol");
  equal([...new Headers()].length, 0);
  equal([...new Headers(undefined)].length, 0);
  // Set-Cookie is never combined.
  h.append("set-cookie", "a=1");
  h.append("Set-Cookie", "b=2");
  deepEqual(h.getSetCookie(), ["a=1", "b=2"]);
  deepEqual([...h.keys()].filter((key) => key === "set-cookie").length, 2);
  equal(h.get("set-cookie"), "a=1, b=2");
  // A headers object is an iterable.
  deepEqual([...new Headers(h)], [...h]);
  // Forbidden request headers are passed over.
  const r = new Request("/", { headers: { Host: "x", Cookie: "x", "Sec-Foo": "x", "proxy-x": "x", "X-HTTP-Method-Override": "TRACE", "x-fine": "y", Connection: "x", "Content-Length": "5" } });
  deepEqual([...r.headers], [["x-fine", "y"]]);
  r.headers.append("X-Method-Override", "GET, track ");
  equal(r.headers.has("x-method-override"), false);
  r.headers.append("X-Method-Override", "GET");
  equal(r.headers.has("x-method-override"), true);
  const noCors = new Request("/", { mode: "no-cors", headers: { "x-a": "1", Accept: "text/*", "Content-Type": "text/plain", Range: "bytes=0-" } });
  deepEqual([...noCors.headers], [["accept", "text/*"], ["content-type", "text/plain"]]);
  noCors.headers.set("content-type", "application/json");
  equal(noCors.headers.get("content-type"), "text/plain");
  noCors.headers.append("accept", "x".repeat(200));
  equal(noCors.headers.get("accept"), "text/*");
  const res = new Response("", { headers: { "Set-Cookie": "a", "Set-Cookie2": "b", "x-a": "1" } });
  equal(res.headers.has("set-cookie"), false);
  deepEqual([...Response.error().headers], []);
  throws(TypeError, () => Response.error().headers.append("a", "b"), "immutable");
  throws(TypeError, () => Response.redirect("/").headers.delete("location"), "immutable");
  throws(TypeError, () => Response.redirect("/").headers.delete("nothing"), "immutable, though nothing is there");
  equal(Response.error().type, "error");
  equal(Response.error().status, 0);
});

test("headers iterate live", () => {
  const h = new Headers([["b", "1"]]);
  const seen = [];
  for (const [key] of h) {
    seen.push(key);
    if (seen.length < 5) h.append(`c${seen.length}`, "x");
  }
  equal(seen.length, 5);
  const keys = h.keys();
  keys.next();
  h.delete("b");
  equal(keys.next().value, "c2");
});

test("request constructor", () => {
  throws(TypeError, () => new Request(), "no argument");
  throws(TypeError, () => new Request("http://u:p@x/"), "credentials");
  throws(TypeError, () => new Request("http://"), "no URL");
  throws(TypeError, () => new Request("/", { method: "a b" }), "method");
  for (const method of ["CONNECT", "trace", "Track"]) throws(TypeError, () => new Request("/", { method }), method);
  equal(new Request("/", { method: "post" }).method, "POST");
  equal(new Request("/", { method: "patch" }).method, "patch");
  throws(TypeError, () => new Request("/", { mode: "navigate" }));
  throws(TypeError, () => new Request("/", { mode: "websocket" }));
  throws(TypeError, () => new Request("/", { body: "x" }), "GET with body");
  throws(TypeError, () => new Request("/", { method: "HEAD", body: "" }), "HEAD with body");
  throws(TypeError, () => new Request("/", { window: {} }));
  throws(TypeError, () => new Request("/", { mode: "no-cors", method: "PUT" }));
  throws(TypeError, () => new Request("/", { cache: "only-if-cached" }));
  throws(TypeError, () => new Request("/", { signal: {} }));
  throws(TypeError, () => new Request("/", { referrer: "http://[" }));
  throws(TypeError, () => new Request("/", { duplex: "full" }));
  const r = new Request("/x#frag", { referrer: "http://other.example/", credentials: "omit", integrity: "sha256-x", keepalive: true, signal: null });
  check(r.url.endsWith("/x#frag"), "the fragment stays");
  equal(r.referrer, "about:client");
  equal(new Request("/", { referrer: "" }).referrer, "");
  equal(new Request("/", { referrer: "/p" }).referrer, `${location.origin}/p`);
  equal(r.mode, "cors");
  equal(r.credentials, "omit");
  equal(r.integrity, "sha256-x");
  equal(r.keepalive, true);
  equal(r.destination, "");
  equal(r.duplex, "half");
  equal(new Request(new Request("/", { method: "POST", body: "x" }), { method: "PUT" }).method, "PUT");
  equal(new Request("/", { method: "POST", body: new URLSearchParams("a=b") }).headers.get("content-type"), "application/x-www-form-urlencoded;charset=UTF-8");
  equal(new Request("/", { method: "POST", body: new Blob([""], { type: "a/b" }) }).headers.get("content-type"), "a/b");
  equal(new Request("/", { method: "POST", body: new Uint8Array(1) }).headers.get("content-type"), null);
  equal(new Request("/", { method: "POST", body: "x", headers: { "content-type": "y/z" } }).headers.get("content-type"), "y/z");
});

test("request bodies move once", async () => {
  const a = new Request("/", { method: "POST", body: "x" });
  const b = new Request(a);
  equal(a.bodyUsed, true);
  equal(b.bodyUsed, false);
  throws(TypeError, () => new Request(a), "used");
  throws(TypeError, () => a.clone(), "used");
  await rejects(TypeError, a.text(), "used");
  const c = b.clone();
  equal(await b.text(), "x");
  equal(await c.text(), "x");
  equal(b.bodyUsed, true);
  const used = new Request("/", { method: "POST", body: "x" });
  await used.text();
  // A body of one's own makes the used one unimportant.
  equal(await new Request(used, { body: "y" }).text(), "y");
  // A constructor that throws takes nothing.
  const d = new Request("/", { method: "POST", body: "x" });
  throws(TypeError, () => new Request(d, { method: "GET" }), "GET with a body");
  equal(d.bodyUsed, false);
  throws(TypeError, () => new Request(d, { headers: { "a b": "c" } }), "a bad header");
  equal(d.bodyUsed, false);
  equal(await new Request("/").text(), "");
  equal(new Request("/").bodyUsed, false);
});

test("response constructor", async () => {
  for (const status of [199, 600, 0, 65536 + 199]) throws(RangeError, () => new Response("", { status }), `status ${status}`);
  throws(RangeError, () => new Response(null, { status: 101 }), "101");
  for (const status of [204, 205, 304]) {
    throws(TypeError, () => new Response("", { status }), "null body status");
    equal(new Response(null, { status }).status, status);
  }
  throws(TypeError, () => new Response("", { statusText: "a\nb" }));
  throws(TypeError, () => new Response("", { statusText: "€" }));
  equal(new Response("", { statusText: "\xffok" }).statusText, "\xffok");
  throws(RangeError, () => Response.redirect("/", 200));
  throws(TypeError, () => Response.redirect("http://["));
  equal(Response.redirect("/a b").headers.get("location"), `${location.origin}/a%20b`);
  equal(Response.redirect("/").status, 302);
  throws(TypeError, () => Response.json(undefined));
  throws(TypeError, () => Response.json(Symbol()));
  throws(TypeError, () => Response.json(1n));
  throws(TypeError, () => Response.json(() => {}));
  const circular = {}; circular.circular = circular;
  throws(TypeError, () => Response.json(circular));
  const thrown = new Error("toJSON");
  throws(thrown, () => Response.json({ toJSON() { throw thrown; } }));
  throws(TypeError, () => Response.json(1, { status: 204 }));
  const j = Response.json({ a: 1 }, { headers: { "content-type": "x/y" } });
  equal(j.headers.get("content-type"), "x/y");
  equal((await j.json()).a, 1);
  equal(j.bodyUsed, true);
  await rejects(TypeError, j.json(), "read twice");
  throws(TypeError, () => j.clone(), "clone of a used one");
  await rejects(SyntaxError, new Response("{").json(), "bad JSON");
  await rejects(SyntaxError, new Response("").json(), "no JSON");
  equal(await new Response("\uFEFFx").text(), "x");
  equal(await new Response("\uD800").text(), "\uFFFD");
  equal(await new Response(null).text(), "");
  equal(await new Response(undefined).text(), "");
  equal(await new Response({}).text(), "[object Object]");
  const empty = new Response();
  await empty.text();
  equal(empty.bodyUsed, false);
  await empty.text();
  const b = await new Response("x", { headers: { "content-type": "Text/Plain;Charset=utf-8" } }).blob();
  equal(b.type, "text/plain;charset=utf-8");
});

test("clones are read apart, in any order, and both ends may go", async () => {
  const big = "x".repeat(1 << 20);
  const a = new Response(big);
  const b = a.clone();
  const c = b.clone();
  equal((await c.text()).length, big.length);
  equal((await a.arrayBuffer()).byteLength, big.length);
  equal((await b.bytes()).length, big.length);
  const fetched = await fetch("/big.bin");
  const copy = fetched.clone();
  fetched.headers.expando = 1;
  equal((await copy.arrayBuffer()).byteLength, 1_000_000);
  equal((await fetched.arrayBuffer()).byteLength, 1_000_000);
  throws(TypeError, () => fetched.headers.set("a", "b"), "immutable");
  throws(TypeError, () => copy.headers.set("a", "b"), "immutable");
});

test("buffers that are detached, resizable, shared or huge", async () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  if (buffer.transfer) {
    buffer.transfer();
    const outcome = (run) => { try { return run(); } catch (error) { return error; } };
    for (const body of [buffer, view, new DataView(new ArrayBuffer(4))]) {
      const made = outcome(() => new Response(body));
      check(made instanceof Response || made instanceof TypeError, `a detached body: ${show(made)}`);
    }
    const text = outcome(() => new TextDecoder().decode(view));
    check(text === "" || text instanceof TypeError, "decoding a detached view");
    outcome(() => crypto.getRandomValues(view));
    outcome(() => new Blob([view, buffer]));
    outcome(() => new TextEncoder().encodeInto("abc", view));
  }
  throws(TypeError, () => new Response(new Uint8Array(new SharedArrayBuffer(4))), "shared");
  // What is converted later detaches what came before.
  const late = new Uint8Array(16);
  const response = new Response(late, { get status() { late.buffer.transfer?.(); return 200; } });
  const read = await response.arrayBuffer();
  check(read.byteLength === 16 || read.byteLength === 0, "the bytes as they were");
  const sized = new ArrayBuffer(4, { maxByteLength: 8 });
  const tracking = new Uint8Array(sized);
  if (sized.resize) { sized.resize(2); }
  try { new Response(tracking); } catch (error) { check(error instanceof TypeError, "resizable"); }
});

test("getters in dictionaries that re-enter, throw, or change what was read", () => {
  const thrown = new Error("mine");
  throws(thrown, () => new Request("/", { get method() { throw thrown; } }));
  throws(thrown, () => new Request("/", { headers: { get a() { throw thrown; } } }));
  throws(thrown, () => new Request("/", { headers: { [Symbol.iterator]() { throw thrown; } } }));
  throws(thrown, () => new Headers({ [Symbol.iterator]: function* () { yield ["a", "b"]; throw thrown; } }));
  const target = new EventTarget();
  let inner = 0;
  target.addEventListener("x", () => { inner += 1; }, {
    get once() {
      target.addEventListener("x", () => { inner += 10; });
      return true;
    },
  });
  target.dispatchEvent(new Event("x"));
  target.dispatchEvent(new Event("x"));
  equal(inner, 21);
  const init = { get body() { return new Request("/", init2).method; }, method: "POST" };
  const init2 = { get method() { return "PUT"; } };
  equal(new Request("/", init).method, "POST");
  // Order: read in lexicographic order, each once.
  const log = [];
  new Request("/", new Proxy({}, { get(_, key) { log.push(String(key)); return undefined; } }));
  deepEqual(log, [...log].sort());
  equal(new Set(log).size, log.length);
});

test("proxies as arguments", async () => {
  const headers = new Headers(new Proxy({ a: "1", b: "2" }, {}));
  equal(headers.get("b"), "2");
  throws(TypeError, () => new Headers(new Proxy({}, { ownKeys() { return [1]; } })), "a broken proxy");
  throws(TypeError, () => new Request(new Proxy(new Request("/"), {}), { method: "a b" }));
  throws(TypeError, () => Reflect.get(Request.prototype, "url", new Proxy(new Request("/"), {})), "a brand");
  throws(TypeError, () => new EventTarget().dispatchEvent(new Proxy(new Event("x"), {})), "no event");
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  throws(TypeError, () => new Headers(proxy), "revoked");
  throws(TypeError, () => new Request("/", proxy), "revoked");
  throws(TypeError, () => AbortSignal.any(proxy), "revoked");
  const callable = new Proxy(function () {}, { apply() { throw new Error("trap"); } });
  const target = new EventTarget();
  let reported;
  self.onerror = (message, file, line) => { reported = [message, file, line]; return true; };
  target.addEventListener("x", callable);
  target.dispatchEvent(new Event("x"));
  self.onerror = null;
  check(reported[0].includes("trap") && reported[1].endsWith("hostile.js") && reported[2] > 0, `${reported}`);
  equal(await Promise.resolve(new Proxy(new Response("x"), {})) instanceof Response, true);
});

test("dispatch re-entered", () => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener("x", (event) => {
    log.push(`outer ${event.depth}`);
    if (event.depth < 50) {
      const next = new Event("x");
      next.depth = event.depth + 1;
      target.dispatchEvent(next);
    }
  });
  const first = new Event("x");
  first.depth = 0;
  target.dispatchEvent(first);
  equal(log.length, 51);
  const a = (event) => { event.stopImmediatePropagation(); };
  target.addEventListener("y", a);
  target.addEventListener("y", () => log.push("never"));
  target.dispatchEvent(new Event("y"));
  equal(log.length, 51);
  // An event stopped before its dispatch runs nothing.
  const stopped = new Event("x");
  stopped.depth = 99;
  stopped.stopPropagation();
  target.dispatchEvent(stopped);
  equal(log.length, 51);
  equal(stopped.cancelBubble, false);
  // once, re-entered from itself, runs once.
  let count = 0;
  target.addEventListener("z", () => { count += 1; target.dispatchEvent(new Event("z")); }, { once: true });
  target.dispatchEvent(new Event("z"));
  equal(count, 1);
  // handleEvent is looked up at each call, and may throw from its getter.
  const errors = [];
  self.addEventListener("error", (event) => { errors.push(event.error); event.preventDefault(); }, { once: true });
  const thrown = new Error("getter");
  target.addEventListener("h", { get handleEvent() { throw thrown; } });
  target.dispatchEvent(new Event("h"));
  equal(errors[0], thrown);
});

test("recursion without end is a stack overflow, not the end", () => {
  const overflows = (run) => { try { run(); } catch (error) { check(/stack/.test(String(error.message)), `${error}`); return; } throw new Error("no overflow"); };
  const record = {};
  record.valueOf = () => new Response("", { get status() { return record; } });
  overflows(() => +record.valueOf());
  let list = [];
  for (let i = 0; i < 100000; i += 1) list = [list];
  overflows(() => JSON.stringify(list));
  overflows(() => Response.json(list));
  const deepInit = {};
  Object.defineProperty(deepInit, "headers", { get() { return new Request("/", deepInit).headers; } });
  overflows(() => new Request("/", deepInit));
  const signal = AbortSignal.any(new Array(10000).fill(new AbortController().signal));
  equal(signal.aborted, false);
  let chain = new AbortController().signal;
  for (let i = 0; i < 2000; i += 1) chain = AbortSignal.any([chain]);
  equal(chain.aborted, false);
});

test("very long strings", async () => {
  const long = "x".repeat(1 << 22);
  equal((await new Response(long).text()).length, long.length);
  const headers = new Headers();
  headers.set("x", long);
  equal(headers.get("x").length, long.length);
  throws(TypeError, () => new Headers([[long + "é", ""]]), "a long bad name");
  throws(TypeError, () => new Request(`http://${long} /`), "a long bad URL");
  new Request("/" + long);
  equal(new URLSearchParams({ a: long }).get("a").length, long.length);
  const event = new Event(long);
  equal(event.type.length, long.length);
  throws("InvalidCharacterError", () => atob(long + "!"));
  equal(btoa(long).length > long.length, true);
  const lone = "\uD800".repeat(1 << 16);
  equal(new Event(lone).type, lone);
});

test("abort reasons and order", async () => {
  const controller = new AbortController();
  const log = [];
  const any = AbortSignal.any([controller.signal, controller.signal, AbortSignal.any([controller.signal])]);
  any.onabort = () => { log.push("any"); controller.abort("again"); };
  controller.signal.onabort = () => log.push("own");
  controller.abort(null);
  deepEqual(log, ["own", "any"]);
  equal(any.reason, null);
  equal(any.aborted, true);
  throws(null, () => any.throwIfAborted());
  throws(TypeError, () => AbortSignal.any());
  throws(TypeError, () => AbortSignal.any([{}]));
  throws(TypeError, () => AbortSignal.any([null]));
  for (const value of [-1, NaN, Infinity, 2 ** 53]) throws(TypeError, () => AbortSignal.timeout(value), `${value}`);
  AbortSignal.timeout(2 ** 53 - 1);
  const reason = { why: 1 };
  await rejects(reason, fetch("/big.bin", { signal: AbortSignal.abort(reason) }));
  const late = new AbortController();
  const response = await fetch("/stall", { signal: late.signal });
  const text = response.text();
  late.abort(reason);
  await rejects(reason, text);
  await rejects("TimeoutError", fetch("/hang", { signal: AbortSignal.timeout(1) }));
  // One that throws while the abort runs does not stop the others.
  const stubborn = new AbortController();
  self.onerror = () => true;
  stubborn.signal.addEventListener("abort", () => { throw new Error("stubborn"); });
  let reached = false;
  stubborn.signal.addEventListener("abort", () => { reached = true; });
  const hanging = fetch("/hang", { signal: stubborn.signal });
  stubborn.abort();
  self.onerror = null;
  equal(reached, true);
  await rejects("AbortError", hanging);
});

test("signals follow each other as long as somebody hears them", async () => {
  const controller = new AbortController();
  const log = [];
  AbortSignal.any([controller.signal]).addEventListener("abort", () => log.push("listener"));
  AbortSignal.any([AbortSignal.any([controller.signal])]).onabort = () => log.push("handler");
  const target = new EventTarget();
  target.addEventListener("x", () => log.push("x"), { signal: AbortSignal.any([controller.signal]) });
  const quiet = AbortSignal.any([controller.signal]);
  const listener = () => log.push("removed");
  quiet.addEventListener("abort", listener);
  quiet.removeEventListener("abort", listener);
  const gone = new WeakRef(AbortSignal.any([controller.signal]));
  let leaving = AbortSignal.any([controller.signal]);
  leaving.addEventListener("abort", listener);
  leaving.removeEventListener("abort", listener);
  leaving = new WeakRef(leaving);
  const hanging = fetch("/hang", { signal: controller.signal });
  churn();
  await new Promise((resolve) => setTimeout(resolve));
  check(gone.deref() === undefined, "nobody hears that one");
  check(leaving.deref() === undefined, "nor that one, which nobody held");
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  deepEqual(log, ["x", "listener", "handler"]);
  equal(quiet.aborted, true);
  await rejects("AbortError", hanging);
});

test("one signal for ever is no leak", async () => {
  const { signal } = new AbortController();
  const refs = [];
  for (let i = 0; i < 5000; i += 1) {
    const any = AbortSignal.any([signal]);
    any.weight = new Array(100).fill(i);
    new Request("/", { signal });
    const target = new EventTarget();
    const listener = () => target;
    target.addEventListener("x", listener, { signal });
    target.removeEventListener("x", listener);
    if (i % 1000 === 0) refs.push(new WeakRef(any), new WeakRef(target));
  }
  churn();
  await new Promise((resolve) => setTimeout(resolve));
  deepEqual(refs.map((ref) => ref.deref() === undefined), refs.map(() => true));
});

test("callbacks that throw: told to whoever called, or reported, and nothing else breaks", async () => {
  const mine = new Error("mine");
  const bad = () => { throw mine; };
  // Rethrown to the caller.
  throws(mine, () => new Headers([["a", "b"]]).forEach(bad));
  throws(mine, () => new URLSearchParams("a=b").forEach(bad));
  throws(mine, () => new ReadableStream({ start: bad }));
  throws(mine, () => new TransformStream({ start: bad }));
  throws(mine, () => new Headers({ [Symbol.iterator]: bad }));
  throws(mine, () => structuredClone({ get a() { return bad(); } }));
  // Passed on through promises.
  await rejects(mine, new ReadableStream({ pull: bad }).getReader().read());
  await rejects(mine, new ReadableStream({ cancel: bad }).cancel());
  await rejects(mine, new WritableStream({ write: bad }).getWriter().write(1));
  const transformed = new TransformStream({ transform: bad });
  transformed.writable.getWriter().write(1).catch(() => {});
  await rejects(mine, transformed.readable.getReader().read());
  await rejects(mine, new ReadableStream({ start(c) { c.enqueue(1); } }, { get highWaterMark() { return 1; }, size: () => 1 }).pipeTo(new WritableStream({ write: bad })));
  throws(mine, () => { new ReadableStream({ start(c) { c.enqueue(1); } }, { size: bad }); });
  await rejects(mine, new Response(new ReadableStream({ pull: bad })).text());
  // Reported, and the others run.
  const reported = [];
  const hear = (event) => { reported.push(event.error); event.preventDefault(); };
  addEventListener("error", hear);
  let ran = 0;
  const good = () => { ran += 1; };
  const target = new EventTarget();
  for (const listener of [bad, { handleEvent: bad }, good]) target.addEventListener("x", listener);
  target.dispatchEvent(new Event("x"));
  const controller = new AbortController();
  controller.signal.onabort = bad;
  controller.signal.addEventListener("abort", good);
  controller.abort();
  queueMicrotask(bad);
  queueMicrotask(good);
  setTimeout(bad);
  await new Promise((resolve) => setTimeout(() => { good(); resolve(); }));
  const element = document.createElement("p");
  const observer = new MutationObserver(bad);
  observer.observe(element, { attributes: true });
  element.setAttribute("a", "b");
  await null;
  removeEventListener("error", hear);
  equal(ran, 4, "those that do not throw");
  equal(reported.length, 6, "reports");
  check(reported.every((error) => error === mine), "of the very error");
});

test("the engine's own extras are not there", () => {
  equal("prepareStackTrace" in Error, false);
  const stack = new DOMException("x").stack;
  check(!stack.includes("longhaul:") && stack.includes("hostile.js"), stack);
});

test("rejections are told of once", async () => {
  const told = [];
  const handled = [];
  self.onunhandledrejection = (event) => { event.preventDefault(); told.push(event.reason); };
  self.onrejectionhandled = (event) => handled.push(event.reason);
  const one = Promise.reject("one");
  const derived = one.then(() => {});
  fetch("http://[");
  new Response("{").json();
  (async () => { throw "two"; })();
  navigator.serviceWorker.register("http://[");
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(told.filter((reason) => reason === "one").length, 1, "of the derived promise alone");
  equal(told.filter((reason) => reason === "two").length, 1);
  equal(told.length, 5, told.join());
  derived.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  deepEqual(handled, ["one"]);
  self.onunhandledrejection = self.onrejectionhandled = null;
});

run();
