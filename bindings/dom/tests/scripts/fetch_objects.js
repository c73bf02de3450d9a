"use strict";

test("Headers: guards, normalizing, iteration", () => {
  const headers = new Headers([["b", " 1 "], ["a", "x"], ["B", "2"], ["Set-Cookie", "s=1"], ["set-cookie", "t=2"]]);
  deepEqual([...headers], [["a", "x"], ["b", "1, 2"], ["set-cookie", "s=1"], ["set-cookie", "t=2"]]);
  deepEqual(headers.getSetCookie(), ["s=1", "t=2"]);
  equal(headers.get("B"), "1, 2");
  equal(headers.get("missing"), null);
  headers.set("b", "3");
  equal(headers.has("b"), true);
  headers.delete("B");
  equal(headers.has("b"), false);
  deepEqual([...new Headers({ x: "1", y: "2" }).keys()], ["x", "y"]);
  deepEqual([...new Headers(new Headers({ x: "1" }))], [["x", "1"]]);
  for (const bad of [() => headers.append("", "x"), () => headers.append("a b", "x"), () => headers.append("a", "x\0"), () => headers.append("a", "x\ny"), () => headers.get("("), () => new Headers([["a"]]), () => new Headers([["a", "b", "c"]]), () => headers.append("é€", "x"), () => new Headers(1)]) {
    throws(TypeError, bad, String(bad));
  }
  equal(Headers.prototype[Symbol.iterator], Headers.prototype.entries);
});

test("Request: defaults and what is copied", () => {
  const request = new Request("/path?q#f");
  equal(request.url, location.origin + "/path?q#f");
  deepEqual(
    [request.method, request.destination, request.referrer, request.referrerPolicy, request.mode, request.credentials, request.cache, request.redirect, request.integrity, request.keepalive, request.duplex, request.bodyUsed, request.isReloadNavigation, request.isHistoryNavigation],
    ["GET", "", "about:client", "", "cors", "same-origin", "default", "follow", "", false, "half", false, false, false],
  );
  equal(request.headers, request.headers);
  check(request.signal instanceof AbortSignal && request.signal === request.signal, "the signal");
  const init = { method: "post", headers: { A: "b" }, mode: "same-origin", credentials: "omit", cache: "no-store", redirect: "manual", integrity: "sha256-x", keepalive: true, referrer: "", referrerPolicy: "origin" };
  const other = new Request(new Request("/x", init));
  deepEqual(
    [other.method, other.headers.get("a"), other.mode, other.credentials, other.cache, other.redirect, other.integrity, other.keepalive, other.referrer, other.referrerPolicy],
    ["POST", "b", "same-origin", "omit", "no-store", "manual", "sha256-x", true, "", "origin"],
  );
  equal(new Request("/", { referrer: "/from" }).referrer, location.origin + "/from");
  equal(new Request("/", { referrer: "https://elsewhere.example/" }).referrer, "about:client");
  equal(new Request("/", { referrer: "about:client" }).referrer, "about:client");
});

test("Request: methods", () => {
  for (const [given, expected] of [["get", "GET"], ["Put", "PUT"], ["patch", "patch"], ["Foo", "Foo"]]) {
    equal(new Request("/", { method: given }).method, expected);
  }
  for (const method of ["CONNECT", "trace", "Track", "a b", ""]) {
    throws(TypeError, () => new Request("/", { method }), method);
  }
});

test("Request: what is refused", () => {
  for (const [input, init] of [
    ["http://:x"],
    ["http://user:pass@host/"],
    ["/", { window: 1 }],
    ["/", { mode: "navigate" }],
    ["/", { mode: "websocket" }],
    ["/", { cache: "only-if-cached" }],
    ["/", { body: "x" }],
    ["/", { method: "HEAD", body: "x" }],
    ["/", { referrer: "http://:x" }],
    ["/", { mode: "no-cors", method: "PUT" }],
    ["/", { signal: 1 }],
    ["/", { credentials: "maybe" }],
    ["/", { headers: { "a\n": "b" } }],
  ]) {
    throws(TypeError, () => new Request(input, init), JSON.stringify([input, init]));
  }
  equal(new Request("/", { window: null }).url, location.origin + "/");
  equal(new Request("/", { cache: "only-if-cached", mode: "same-origin" }).cache, "only-if-cached");
  equal(new Request("/", { body: null }).bodyUsed, false);
});

test("Request: forbidden and unsafe headers", () => {
  const request = new Request("/", { headers: { Host: "x", Cookie: "a", "Sec-Foo": "b", "X-HTTP-Method-Override": "TRACE", "X-Mine": "c" } });
  deepEqual([...request.headers], [["x-mine", "c"]]);
  request.headers.append("Referer", "x");
  request.headers.set("Date", "x");
  request.headers.delete("Host");
  equal([...request.headers].length, 1);
  const noCors = new Request("/", { mode: "no-cors", headers: { Accept: "text/x", "X-Mine": "c", "Content-Type": "application/json", Range: "bytes=0-" } });
  deepEqual([...noCors.headers], [["accept", "text/x"]]);
  noCors.headers.append("content-type", "text/plain");
  noCors.headers.append("accept-language", "de");
  deepEqual([...noCors.headers.keys()], ["accept", "accept-language", "content-type"]);
});

test("Request: bodies and their types", async () => {
  const cases = [
    ["text", "text/plain;charset=UTF-8", "text"],
    [new URLSearchParams("a=1&b=é"), "application/x-www-form-urlencoded;charset=UTF-8", "a=1&b=%C3%A9"],
    [new Blob(["bl", "ob"], { type: "Image/X" }), "image/x", "blob"],
    [new Blob(["b"]), null, "b"],
    [new Uint8Array([104, 105]), null, "hi"],
    [new Uint8Array([1, 104, 105]).subarray(1), null, "hi"],
    [new DataView(new Uint8Array([104, 105]).buffer), null, "hi"],
    [new Uint8Array([104, 105]).buffer, null, "hi"],
    [12, "text/plain;charset=UTF-8", "12"],
  ];
  for (const [body, type, text] of cases) {
    const request = new Request("/", { method: "POST", body });
    equal(request.headers.get("content-type"), type);
    equal(await request.text(), text);
    equal(request.bodyUsed, true);
    await rejects(TypeError, request.text(), "a second read");
  }
  const own = new Request("/", { method: "POST", body: "x", headers: { "content-type": "a/b" } });
  equal(own.headers.get("content-type"), "a/b");
  equal(await new Request("/").text(), "");
  const empty = new Request("/");
  await empty.text();
  equal(empty.bodyUsed, false, "no body is not used");
});

test("Request: taking another's body, and cloning", async () => {
  const first = new Request("/", { method: "POST", body: "x" });
  const second = new Request(first);
  equal(first.bodyUsed, true);
  equal(await second.text(), "x");
  throws(TypeError, () => new Request(second), "a used body");
  throws(TypeError, () => second.clone(), "a used body");
  const third = new Request("/", { method: "POST", body: "y" });
  const clone = third.clone();
  equal(await third.text(), "y");
  equal(await clone.text(), "y");
  throws(TypeError, () => new Request(new Request("/", { method: "POST", body: "y" }), { method: "GET" }), "GET with the input's body");
  equal(await new Request(new Request("/", { method: "POST", body: "y" }), { body: "z" }).text(), "z");
});

test("Request: signals follow", () => {
  const controller = new AbortController();
  const request = new Request("/", { signal: controller.signal });
  check(request.signal !== controller.signal, "a signal of its own");
  const copy = new Request(request);
  const clone = copy.clone();
  const cut = new Request(request, { signal: null });
  controller.abort("why");
  equal(request.signal.reason, "why");
  equal(copy.signal.reason, "why");
  equal(clone.signal.reason, "why");
  equal(cut.signal.aborted, false);
  equal(new Request("/", { signal: controller.signal }).signal.reason, "why");
});

test("Response: constructing", async () => {
  const response = new Response("body", { status: 201, statusText: "Made", headers: { A: "b", "Set-Cookie": "x" } });
  deepEqual([response.type, response.url, response.redirected, response.status, response.ok, response.statusText, response.headers.get("a"), response.headers.get("set-cookie")],
    ["default", "", false, 201, true, "Made", "b", null]);
  equal(response.headers.get("content-type"), "text/plain;charset=UTF-8");
  equal(await response.text(), "body");
  equal(response.bodyUsed, true);
  equal(new Response().status, 200);
  equal(await new Response(null).text(), "");
  for (const status of [199, 600, 0, 1000]) throws(RangeError, () => new Response(null, { status }), String(status));
  for (const status of [204, 205, 304]) {
    throws(TypeError, () => new Response("x", { status }), String(status));
    equal(new Response(null, { status }).status, status);
  }
  throws(TypeError, () => new Response(null, { statusText: "a\nb" }));
  throws(TypeError, () => new Response(null, { headers: [["a"]] }));
});

test("Response: statics", async () => {
  const error = Response.error();
  deepEqual([error.type, error.status, error.ok, error.statusText], ["error", 0, false, ""]);
  throws(TypeError, () => error.headers.set("a", "b"), "immutable");
  const redirect = Response.redirect("/to", 301);
  deepEqual([redirect.status, redirect.headers.get("location"), redirect.type], [301, location.origin + "/to", "default"]);
  equal(Response.redirect("/to").status, 302);
  throws(TypeError, () => redirect.headers.append("a", "b"), "immutable");
  throws(RangeError, () => Response.redirect("/", 200));
  throws(TypeError, () => Response.redirect("http://:x"));
  const json = Response.json({ a: [1] }, { status: 202, headers: { b: "c" } });
  deepEqual([json.status, json.headers.get("content-type"), json.headers.get("b")], [202, "application/json", "c"]);
  deepEqual(await json.json(), { a: [1] });
  equal(Response.json(1, { headers: { "content-type": "x/y" } }).headers.get("content-type"), "x/y");
  throws(TypeError, () => Response.json(undefined), "no JSON");
  throws(TypeError, () => Response.json(Symbol()), "no JSON");
  throws(TypeError, () => Response.json(1, { status: 204 }));
});

test("Response: reading in every way", async () => {
  const make = () => new Response('\uFEFF{"a":1}', { headers: { "content-type": "Text/Plain; Charset=X" } });
  equal(await make().text(), '{"a":1}');
  deepEqual(await make().json(), { a: 1 });
  const buffer = await make().arrayBuffer();
  check(buffer instanceof ArrayBuffer && buffer.byteLength === 10, "an ArrayBuffer");
  const bytes = await make().bytes();
  check(bytes instanceof Uint8Array && bytes[0] === 0xef, "a Uint8Array");
  const blob = await make().blob();
  check(blob instanceof Blob && blob.size === 10, "a Blob");
  equal(blob.type, "text/plain;charset=X");
  await rejects(SyntaxError, new Response("{").json());
  const clone = make();
  const other = clone.clone();
  equal(await clone.text(), await other.text());
  throws(TypeError, () => clone.clone());
});

test("methods that return promises reject, whatever is wrong", async () => {
  await rejects(TypeError, Response.prototype.text.call({}));
  await rejects(TypeError, fetch());
  await rejects(TypeError, fetch("http://:x"));
  await rejects(TypeError, fetch("/", { method: "TRACE" }));
  await rejects(TypeError, caches.open());
});

test("fetch(): responses", async () => {
  const response = await fetch("/hello.txt");
  deepEqual([response.status, response.ok, response.type, response.url, response.redirected, response.headers.get("content-type")],
    [200, true, "basic", location.origin + "/hello.txt", false, "text/plain"]);
  throws(TypeError, () => response.headers.set("a", "b"), "immutable");
  equal(await response.text(), "hello");
  equal((await fetch("/missing")).status, 404);
  const echo = await fetch("/echo", { method: "POST", body: new Blob(["some ", "bytes"]) });
  equal(await echo.text(), "some bytes");
  await rejects(TypeError, fetch("http://localhost:1/"), "a closed port");
  const used = new Request("/echo", { method: "POST", body: "x" });
  await fetch(used);
  equal(used.bodyUsed, true);
  await rejects(TypeError, fetch(used));
});

test("fetch(): abort", async () => {
  await rejects("AbortError", fetch("/hello.txt", { signal: AbortSignal.abort() }));
  equal(await fetch("/hello.txt", { signal: AbortSignal.abort("my reason") }).then(undefined, (reason) => reason), "my reason");
  const controller = new AbortController();
  const pending = fetch("/hang", { signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  await rejects(reason, pending);
  const request = new Request("/hang", { signal: AbortSignal.timeout(20) });
  await rejects("TimeoutError", fetch(request));
  const late = new AbortController();
  const response = await fetch("/hello.txt", { signal: late.signal });
  equal(await response.text(), "hello");
  late.abort();
});

test("fetch(): answers that nobody reads keep no connections", async () => {
  const answers = [];
  for (let number = 0; number < 20; number++) answers.push(await fetch(`/hello.txt?unread=${number}`, { cache: "no-store" }));
  equal(await answers[0].text(), "hello");
  equal(await answers[19].text(), "hello");
});

test("fetch(): a stream hears of its body's end and of its failure by itself", async () => {
  const broken = (await fetch("/broken")).body.getReader();
  equal(new TextDecoder().decode((await broken.read()).value), "some");
  await rejects(TypeError, broken.closed);
  const whole = (await fetch("/hello.txt?whole", { cache: "no-store" })).body.getReader();
  equal(new TextDecoder().decode((await whole.read()).value), "hello");
  equal(await whole.closed, undefined);
  equal((await whole.read()).done, true);
});

test("fetch(): the stream of what has been read to its end is not broken off", async () => {
  const controller = new AbortController();
  const response = await fetch("/hello.txt?ended", { signal: controller.signal, cache: "no-store" });
  const reader = response.body.getReader();
  equal((await reader.read()).value.length, 5);
  await reader.closed;
  controller.abort();
  equal((await reader.read()).done, true);
});

test("fetch(): an abort breaks the body off", async () => {
  const controller = new AbortController();
  const reading = await fetch("/stall", { signal: controller.signal });
  const unread = await fetch("/stall", { signal: controller.signal });
  const text = reading.text();
  const clone = unread.clone();
  const reason = { own: true };
  controller.abort(reason);
  await rejects(reason, text);
  await rejects(reason, unread.text());
  await rejects(reason, clone.arrayBuffer());
});

test("caches", async () => {
  equal(await caches.has("a"), false);
  const cache = await caches.open("a");
  await cache.put("/x", new Response("one", { headers: { "X-A": "b" } }));
  const response = await cache.match("/x");
  deepEqual([await response.text(), response.headers.get("x-a"), response.status], ["one", "b", 200]);
  equal(await cache.match("/y"), undefined);
  equal(await (await caches.match("/x")).text(), "one");
  await cache.add("/hello.txt");
  await cache.addAll(["/hello.txt?1", new Request("/hello.txt?2")]);
  deepEqual((await cache.keys()).map((request) => request.url), ["/x", "/hello.txt", "/hello.txt?1", "/hello.txt?2"].map((path) => location.origin + path));
  equal((await cache.matchAll("/hello.txt", { ignoreSearch: true })).length, 3);
  equal(await cache.delete("/x"), true);
  equal(await cache.delete("/x"), false);
  await rejects(TypeError, cache.add("/missing"));
  await rejects(TypeError, cache.put(new Request("/x", { method: "POST" }), new Response()));
  await rejects(TypeError, cache.put("/x", new Response(null, { status: 206 })));
  const used = new Response("x");
  await used.text();
  await rejects(TypeError, cache.put("/x", used));
  const put = new Response("y");
  await cache.put("/y", put);
  equal(put.bodyUsed, true);
  deepEqual(await caches.keys(), ["a"]);
  equal(await caches.delete("a"), true);
  equal(await caches.delete("a"), false);
});

test("URL and URLSearchParams", () => {
  const url = new URL("../b?x=1#h", "http://user:pw@Example.com:8080/a/c");
  deepEqual([url.href, url.origin, url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash],
    ["http://user:pw@example.com:8080/b?x=1#h", "http://example.com:8080", "http:", "user", "pw", "example.com:8080", "example.com", "8080", "/b", "?x=1", "#h"]);
  equal(url.searchParams, url.searchParams);
  url.searchParams.append("y", "é &");
  equal(url.search, "?x=1&y=%C3%A9+%26");
  url.search = "?z=3";
  deepEqual([...url.searchParams], [["z", "3"]]);
  url.searchParams.delete("z");
  equal(url.href, "http://user:pw@example.com:8080/b#h");
  url.port = "81";
  url.protocol = "https";
  url.pathname = "p q";
  url.hash = "";
  equal(String(url), "https://user:pw@example.com:81/p%20q");
  equal(JSON.stringify({ url }), `{"url":"${url.href}"}`);
  throws(TypeError, () => new URL("/x"));
  throws(TypeError, () => { url.href = "nothing"; });
  equal(URL.canParse("x:y"), true);
  equal(URL.parse("/x"), null);
  check(URL.parse("/x", "http://a/") instanceof URL, "URL.parse");
  equal(webkitURL, URL);
  const params = new URLSearchParams([["b", "1"], ["a", "2"], ["b", "3"]]);
  equal(params.size, 3);
  params.sort();
  equal(String(params), "a=2&b=1&b=3");
  params.set("b", "9");
  equal(params.toString(), "a=2&b=9");
  equal(params.has("b", "8"), false);
  deepEqual(params.getAll("a"), ["2"]);
  equal(String(new URLSearchParams("?q=%F0%9F%98%80+x")), "q=%F0%9F%98%80+x");
  equal(String(new URLSearchParams({ a: "1" })), "a=1");
  throws(TypeError, () => new URLSearchParams([["a"]]));
});

test("TextEncoder and TextDecoder", () => {
  const encoder = new TextEncoder();
  deepEqual([...encoder.encode("é\uD800")], [0xc3, 0xa9, 0xef, 0xbf, 0xbd]);
  equal(encoder.encode().length, 0);
  const into = new Uint8Array(4);
  deepEqual(encoder.encodeInto("a€€", into), { read: 2, written: 4 });
  deepEqual([...into], [97, 0xe2, 0x82, 0xac]);
  deepEqual([encoder.encodeInto("€", new Uint8Array(2)).written], [0]);
  equal(new TextDecoder().encoding, "utf-8");
  equal(new TextDecoder("latin1").encoding, "windows-1252");
  equal(new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65])), "A");
  equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 65])), "\uFEFFA");
  equal(new TextDecoder().decode(new Uint8Array([255])), "\uFFFD");
  throws(TypeError, () => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])));
  throws(RangeError, () => new TextDecoder("nonsense"));
  const stream = new TextDecoder();
  equal(stream.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), "");
  equal(stream.decode(new Uint8Array([0xac])), "€");
});

test("Blob and File", async () => {
  const blob = new Blob(["ab", new Uint8Array([99]), new Blob(["d"])], { type: "Text/PLAIN" });
  deepEqual([blob.size, blob.type, await blob.text()], [4, "text/plain", "abcd"]);
  equal(await blob.slice(1, -1, "x/y").text(), "bc");
  equal(await blob.slice(3, 1).text(), "");
  equal(blob.slice().type, "");
  equal(new Blob([], { type: "é" }).type, "");
  equal((await blob.arrayBuffer()).byteLength, 4);
  check((await blob.bytes()) instanceof Uint8Array, "bytes()");
  equal(await new Blob(["a\r\nb\rc"], { endings: "native" }).text(), "a\nb\nc");
  const file = new File(["x"], "name.txt", { lastModified: 5, type: "a/b" });
  deepEqual([file.name, file.lastModified, file.size, file.type], ["name.txt", 5, 1, "a/b"]);
  check(file instanceof Blob && Math.abs(new File([], "x").lastModified - Date.now()) < 60000, "a File");
  throws(TypeError, () => new Blob("text"));
  throws(TypeError, () => new File([]));
});

run();

// HTTP/1.1 sends only what has a length.
test("a request whose body was looked at, cloned or taken over can still be sent", async () => {
  const make = () => new Request("/echo", { method: "POST", body: "whole" });
  const looked = make();
  check(looked.body instanceof ReadableStream, "a body");
  equal(await (await fetch(looked)).text(), "whole");
  const original = make();
  const copy = original.clone();
  equal(await (await fetch(original)).text(), "whole");
  equal(await (await fetch(copy)).text(), "whole");
  const first = make();
  check(first.body !== null, "a body");
  equal(await (await fetch(new Request(first))).text(), "whole");
});
