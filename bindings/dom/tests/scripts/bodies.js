"use strict";

const streamOf = (...chunks) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
const encode = (text) => new TextEncoder().encode(text);

test("Response.body: a stream of bytes, pulled from the network", async () => {
  const response = await fetch("/big.bin");
  equal(response.body, response.body);
  check(response.body instanceof ReadableStream, "a stream");
  const reader = response.body.getReader({ mode: "byob" });
  equal(response.bodyUsed, false);
  let total = 0;
  let buffer = new ArrayBuffer(10_000);
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(buffer));
    if (done) break;
    check(value.every((byte) => byte === 7), "the bytes");
    total += value.length;
    buffer = value.buffer;
  }
  equal(total, 1_000_000);
  equal(response.bodyUsed, true);
  await rejects(TypeError, response.text());
  throws(TypeError, () => response.clone());
});

test("locked, disturbed, used", async () => {
  const response = new Response("text");
  const { body } = response;
  const reader = body.getReader();
  equal(response.bodyUsed, false);
  await rejects(TypeError, response.text());
  reader.releaseLock();
  equal(await response.text(), "text");
  equal(response.bodyUsed, true);
  equal(body.locked, true);
  const read = new Response("x");
  const promise = read.text();
  equal(read.bodyUsed, true);
  equal(read.body.locked, true);
  throws(TypeError, () => read.body.getReader());
  equal(await promise, "x");
  equal(new Response().body, null);
  equal(await new Response().text(), "");
  const cancelled = new Response("x");
  await cancelled.body.cancel();
  equal(cancelled.bodyUsed, true);
  await rejects(TypeError, cancelled.bytes());
  throws(TypeError, () => new Response(cancelled.body));
});

test("bodies from streams of script", async () => {
  const make = () => new Response(streamOf(encode('{"a":'), encode("[1]}")), { headers: { "Content-Type": "a/b" } });
  deepEqual(await make().json(), { a: [1] });
  equal(await make().text(), '{"a":[1]}');
  equal((await make().arrayBuffer()).byteLength, 9);
  equal((await make().bytes()).constructor, Uint8Array);
  equal((await make().blob()).type, "a/b");
  equal(make().headers.get("content-type"), "a/b");
  equal(new Response(streamOf()).headers.get("content-type"), null);
  await rejects(TypeError, new Response(streamOf("text")).text());
  const reason = { odd: true };
  await rejects(reason, new Response(new ReadableStream({ pull: () => { throw reason; } })).text());
  class Mine extends Response {}
  const mine = new Mine(streamOf(encode("m")));
  equal(mine.constructor, Mine);
  const copy = mine.clone();
  deepEqual([await mine.text(), await copy.text()], ["m", "m"]);
  equal((await new Response("ünder").textStream().getReader().read()).value, "ünder");
  equal((await new Response().textStream().getReader().read()).done, true);
});

test("requests with streams", async () => {
  throws(TypeError, () => new Request("/", { method: "POST", body: streamOf() }));
  throws(TypeError, () => new Request("/", { method: "POST", body: streamOf(), duplex: "half", keepalive: true }));
  throws(TypeError, () => new Request("/", { method: "POST", body: streamOf(), duplex: "half", mode: "no-cors" }));
  throws(TypeError, () => new Request("/", { body: streamOf(), duplex: "half" }));
  const request = new Request("/", { method: "POST", body: streamOf(encode("up")), duplex: "half" });
  const other = new Request(request);
  equal(request.bodyUsed, true);
  throws(TypeError, () => new Request(request));
  equal(await other.clone().text(), "up");
  equal(await other.text(), "up");
});

test("aborts reach readers with the signal's reason", async () => {
  const controller = new AbortController();
  const response = await fetch("/stall", { signal: controller.signal });
  const reader = response.body.getReader();
  equal(new TextDecoder().decode((await reader.read()).value), "first");
  const read = reader.read();
  const reason = new Error("no more");
  controller.abort(reason);
  await rejects(reason, read);
  await rejects(reason, reader.closed);
  const upload = new AbortController();
  let canceled;
  const body = new ReadableStream({ cancel: (why) => { canceled = why; } });
  const fetched = fetch("/", { method: "POST", body, duplex: "half", signal: upload.signal });
  upload.abort(reason);
  await rejects(reason, fetched);
  equal(canceled, reason);
  const early = new ReadableStream({ cancel: (why) => { canceled = why; } });
  const why = { early: 1 };
  await rejects(why, fetch("/", { method: "POST", body: early, duplex: "half", signal: AbortSignal.abort(why) }));
  equal(canceled, why);
});

test("Cache.put drains streams, and rejects with what they were errored with", async () => {
  const cache = await caches.open("streams");
  await cache.put("/a", new Response(streamOf(encode("one "), encode("two"))));
  equal(await (await cache.match("/a")).text(), "one two");
  const passed = new Response((await fetch("/big.bin")).body);
  await cache.put("/b", passed);
  equal(passed.bodyUsed, true);
  equal((await (await cache.match("/b")).bytes()).length, 1_000_000);
  const reason = new Error("broken");
  await rejects(reason, cache.put("/c", new Response(new ReadableStream({ pull: () => { throw reason; } }))));
  equal(await cache.match("/c"), undefined);
});

test("Blob.stream, slices, object URLs", async () => {
  const blob = new Blob(["a\r\nb", new Uint8Array([99]), new Blob(["d"])], { type: "Text/Plain", endings: "native" });
  equal(await new Response(blob.stream()).text(), "a\nbcd");
  equal(await blob.slice(-2, 99, "X").text(), "cd");
  equal(blob.slice(1, 2, "A/b\u0080").type, "");
  equal((await blob.textStream().getReader().read()).value, "a\nbcd");
  const big = new Blob([new Uint8Array(300_000).fill(5)]);
  const reader = big.stream().getReader();
  let count = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) count += read.value.length;
  equal(count, 300_000);
  const url = URL.createObjectURL(blob);
  check(url.startsWith(`blob:${location.origin}/`), url);
  equal(await (await fetch(url)).text(), "a\nbcd");
  equal((await fetch(url)).headers.get("content-type"), "text/plain");
  const part = await fetch(url, { headers: { Range: "bytes=1-2" } });
  deepEqual([part.status, await part.text()], [206, "\nb"]);
  const captured = new Request(url);
  await rejects(TypeError, fetch(url, { method: "POST" }));
  URL.revokeObjectURL(`${url}#fragment`);
  await fetch(url);
  URL.revokeObjectURL(url);
  await rejects(TypeError, fetch(url));
  equal(await (await fetch(captured)).text(), "a\nbcd");
  throws(TypeError, () => URL.createObjectURL({}));
});

test("FormData: entries, multipart both ways, urlencoded", async () => {
  const form = new FormData();
  form.append("a", "1");
  form.append("b", new Blob(["file"], { type: "text/x" }));
  form.append("a", "2");
  form.append('q"\n', "line\nline");
  form.append("f", new File(["g"], "old.txt"), "new.txt");
  deepEqual(form.getAll("a"), ["1", "2"]);
  equal(form.get("b").name, "blob");
  equal(form.get("b"), form.get("b"));
  equal(form.get("f").name, "new.txt");
  deepEqual([...form.keys()], ["a", "b", "a", 'q"\n', "f"]);
  const response = new Response(form);
  check(/^multipart\/form-data; boundary=[-\w]+$/.test(response.headers.get("content-type")), "the type");
  const text = await response.clone().text();
  check(text.includes('name="q%22%0D%0A"\r\n\r\nline\r\nline\r\n'), text);
  const again = await response.formData();
  deepEqual(again.getAll("a"), ["1", "2"]);
  deepEqual([again.get("b").type, await again.get("b").text(), again.get("f").name], ["text/x", "file", "new.txt"]);
  equal(again.get('q"\r\n'), "line\r\nline");
  form.set("a", "3");
  form.delete("b");
  deepEqual([...form].map(([name]) => name), ["a", 'q"\n', "f"]);
  equal((await new Response(new URLSearchParams("x=1&x=2")).formData()).getAll("x").length, 2);
  await rejects(TypeError, new Response("x").formData());
  await rejects(TypeError, new Response("x", { headers: { "Content-Type": "multipart/form-data" } }).formData());
  throws(TypeError, () => form.append("a", "b", "c"));
  throws(TypeError, () => new FormData("x"));
});

test("64 MiB go through response.body chunk by chunk", async () => {
  const reader = (await fetch("/64mib")).body.getReader();
  let total = 0;
  let longest = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    total += read.value.length;
    longest = Math.max(longest, read.value.length);
  }
  equal(total, 64 << 20);
  check(longest <= 1 << 20, `a chunk of ${longest}`);
});

run();
