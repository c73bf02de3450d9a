// XMLHttpRequest, FileReader, sendBeacon and EventSource in a page.
"use strict";

const later = () => new Promise((resolve) => setTimeout(resolve, 0));

// Sends a request and gives the events it heard, as `type state loaded/total`, and the request.
function sent(method, url, { before = () => {}, body, upload = false } = {}) {
  const xhr = new XMLHttpRequest();
  const heard = [];
  const hear = (prefix) => (event) => {
    const numbers = event instanceof ProgressEvent ? ` ${event.loaded}/${event.total}` : "";
    heard.push(`${prefix}${event.type} ${xhr.readyState}${numbers}`);
  };
  const names = ["readystatechange", "loadstart", "progress", "abort", "error", "load", "timeout"];
  for (const name of names) xhr.addEventListener(name, hear(""));
  if (upload) for (const name of [...names, "loadend"]) xhr.upload.addEventListener(name, hear("upload."));
  return new Promise((resolve) => {
    xhr.onloadend = (event) => { hear("")(event); resolve({ xhr, heard }); };
    xhr.open(method, url);
    before(xhr);
    xhr.send(body);
  });
}

test("a text, its events and its head", async () => {
  const { xhr, heard } = await sent("get", "/hello.txt?x#y");
  deepEqual(heard, ["readystatechange 1", "loadstart 1 0/0", "readystatechange 2", "readystatechange 3", "progress 3 5/5", "progress 3 5/5", "readystatechange 4", "load 4 5/5", "loadend 4 5/5"]);
  deepEqual([xhr.status, xhr.statusText, xhr.response, xhr.responseText, xhr.responseXML], [200, "OK", "hello", "hello", null]);
  equal(xhr.responseURL, `${location.origin}/hello.txt?x`);
  equal(xhr.getResponseHeader("CONTENT-type"), "text/plain");
  equal(xhr.getResponseHeader("none"), null);
  check(xhr.getAllResponseHeaders().includes("content-type: text/plain\r\n"), xhr.getAllResponseHeaders());
});

test("every type of response", async () => {
  const get = async (type, url = "/data.json") => (await sent("GET", url, { before: (xhr) => { xhr.responseType = type; } })).xhr;
  const buffer = await get("arraybuffer");
  check(buffer.response instanceof ArrayBuffer && buffer.response === buffer.response, "the same buffer");
  equal(buffer.response.byteLength, 9);
  throws("InvalidStateError", () => buffer.responseText);
  const blob = await get("blob");
  deepEqual([blob.response.type, await blob.response.text(), blob.response === blob.response], ["application/json", '{"a":[1]}', true]);
  const json = await get("json");
  deepEqual(json.response, { a: [1] });
  equal(json.response, json.response);
  equal((await get("json", "/hello.txt")).response, null);
  equal((await get("text")).response, '{"a":[1]}');
  throws("InvalidStateError", () => { json.responseType = "text"; });
  json.open("GET", "/hello.txt");
  json.responseType = "nothing known";
  equal(json.responseType, "json");
});

test("documents", async () => {
  const asked = (type) => ({ before: (xhr) => { xhr.responseType = type; } });
  const { xhr } = await sent("GET", "/page.html", asked("document"));
  const page = xhr.responseXML;
  check(page instanceof Document && xhr.response === page && xhr.responseXML === page, "the same document");
  deepEqual([page.contentType, page.characterSet, page.URL], ["text/html", "windows-1252", `${location.origin}/page.html`]);
  equal(page.getElementById("p").firstChild.data, "one");
  equal(page.title, "\u00C3\u00A9", "by the encoding that it names");
  equal(page.defaultView, null);
  equal(globalThis.ran, undefined, "its scripts do not run");
  throws("InvalidStateError", () => xhr.responseText);
  equal((await sent("GET", "/page.html")).xhr.responseXML, null, "an HTML document that nobody asked for");
  equal((await sent("GET", "/hello.txt", asked("document"))).xhr.response, null, "no document");
  throws("InvalidStateError", () => { const { responseXML } = Object.assign(new XMLHttpRequest(), { responseType: "json" }); return responseXML; });
});

test("an XML document without being asked", async () => {
  const { xhr } = await sent("GET", "/data.xml");
  const { responseXML } = xhr;
  equal(responseXML.contentType, "application/xml");
  equal(responseXML.querySelector("a").getAttribute("b"), "c");
  check(xhr.responseText.startsWith("<root>"), "the text is there too");
});

test("a text that is no XML", async () => {
  const { xhr } = await sent("GET", "/hello.txt", { before: (xhr) => { xhr.overrideMimeType("text/xml"); } });
  equal(xhr.responseXML, null);
  equal(xhr.responseText, "hello");
  const parser = new DOMParser();
  const told = parser.parseFromString("<a><b></a>", "application/xml");
  equal(told.documentElement.localName, "parsererror");
  const fine = parser.parseFromString("<a xmlns='urn:x'><B c='1'/><![CDATA[<]]></a>", "text/xml");
  deepEqual([fine.documentElement.namespaceURI, fine.documentElement.firstChild.localName, fine.documentElement.lastChild.data], ["urn:x", "B", "<"]);
});

test("the entries of a form", () => {
  const page = new DOMParser().parseFromString("<form id=f><input name=a value=1><input type=checkbox name=b><button name=c value=2></form><button id=d>", "text/html");
  const form = page.getElementById("f");
  deepEqual([...new FormData(form)], [["a", "1"]]);
  deepEqual([...new FormData(form, form.querySelector("button"))], [["a", "1"], ["c", "2"]]);
  deepEqual([...new FormData(form, null)], [["a", "1"]]);
  throws("NotFoundError", () => new FormData(form, page.getElementById("d")));
  throws(TypeError, () => new FormData(form, form.querySelector("input")));
  throws(TypeError, () => new FormData({}));
  throws(TypeError, () => new FormData(null));
});

test("stop() aborts", async () => {
  const xhr = new XMLHttpRequest();
  const over = new Promise((resolve) => { xhr.onabort = resolve; });
  xhr.open("GET", "/hang");
  xhr.send();
  const fetching = fetch("/hang").then(() => "it came", () => "rejected");
  stop();
  await over;
  equal(xhr.readyState, 4);
  equal(await fetching, "rejected");
  equal((await sent("GET", "/hello.txt")).xhr.response, "hello", "afterwards");
});

test("documents are sent", async () => {
  const page = new DOMParser().parseFromString("<p>\u00E9 &amp; more", "text/html");
  const { xhr } = await sent("POST", "/echo", { body: page });
  equal(xhr.responseText, "<html><head></head><body><p>\u00E9 &amp; more</p></body></html>");
  const request = new XMLHttpRequest();
  request.open("POST", "/echo");
  throws(TypeError, () => request.send(Symbol("neither")));
  request.send(document.body);
});

test("what is sent", async () => {
  const type = async (body, before) => {
    const { xhr } = await sent("POST", "/echo", { body, before });
    return xhr.response;
  };
  equal(await type("text é"), "text é");
  equal(await type(new URLSearchParams({ a: "b c" })), "a=b+c");
  equal(await type(new Uint8Array([65, 66])), "AB");
  equal(await type(new Blob(["blob"])), "blob");
  equal(await type(null), "");
  check((await type(new FormData())).startsWith("--"), "a form");
  const { heard } = await sent("POST", "/echo", { body: "12345", upload: true });
  const uploads = heard.filter((line) => line.startsWith("upload."));
  deepEqual([uploads[0], ...uploads.slice(-3)], ["upload.loadstart 1 0/5", "upload.progress 1 5/5", "upload.load 1 5/5", "upload.loadend 1 5/5"]);
});

test("what is refused", () => {
  const xhr = new XMLHttpRequest();
  throws("InvalidStateError", () => xhr.send());
  throws("InvalidStateError", () => xhr.setRequestHeader("a", "b"));
  throws("SyntaxError", () => xhr.open("a b", "/"));
  throws("SecurityError", () => xhr.open("trace", "/"));
  throws("SyntaxError", () => xhr.open("GET", "http://:0x"));
  throws(TypeError, () => xhr.open("GET"));
  xhr.open("GET", "/");
  throws("SyntaxError", () => xhr.setRequestHeader("a b", "c"));
  throws("SyntaxError", () => xhr.setRequestHeader("a", "b\nc"));
  xhr.setRequestHeader("Cookie", "forbidden, and passed over");
  xhr.send();
  throws("InvalidStateError", () => xhr.send());
  throws("InvalidStateError", () => { xhr.withCredentials = true; });
  xhr.abort();
  equal(xhr.readyState, 0);
});

test("aborting, failing and running out of time", async () => {
  const aborted = sent("GET", "/hang");
  await later();
  const xhr = new XMLHttpRequest();
  xhr.open("GET", "/hang");
  const heard = [];
  for (const name of ["abort", "loadend", "readystatechange"]) xhr.addEventListener(name, (event) => heard.push(`${event.type} ${xhr.readyState}`));
  xhr.send();
  xhr.abort();
  deepEqual(heard, ["readystatechange 4", "abort 4", "loadend 4"]);
  deepEqual([xhr.readyState, xhr.status, xhr.response, xhr.getAllResponseHeaders()], [0, 0, "", ""]);
  const { heard: timed, xhr: late } = await sent("GET", "/hang", { before: (xhr) => { xhr.timeout = 20; } });
  deepEqual(timed.slice(2), ["readystatechange 4", "timeout 4 0/0", "loadend 4 0/0"]);
  equal(late.readyState, 4);
  const { heard: failed, xhr: broken } = await sent("GET", "http://localhost:1/");
  deepEqual(failed.slice(2), ["readystatechange 4", "error 4 0/0", "loadend 4 0/0"]);
  deepEqual([broken.status, broken.responseURL, broken.response], [0, "", ""]);
  // Opened anew, it forgets what was on its way.
  const again = new XMLHttpRequest();
  again.open("GET", "/hang");
  again.send();
  again.open("GET", "/hello.txt");
  const loaded = new Promise((resolve) => { again.onload = resolve; });
  again.send();
  await loaded;
  equal(again.responseText, "hello");
  void aborted;
});

test("a listener may do anything", async () => {
  const xhr = new XMLHttpRequest();
  xhr.open("GET", "/hello.txt");
  xhr.onloadstart = () => xhr.abort();
  const ended = new Promise((resolve) => { xhr.onloadend = resolve; });
  xhr.send();
  await ended;
  equal(xhr.readyState, 0);
  // In the middle of being told: another request in its place.
  const { promise, resolve } = Promise.withResolvers();
  const second = new XMLHttpRequest();
  second.open("GET", "/hello.txt");
  second.onreadystatechange = () => {
    if (second.readyState !== 2) return;
    second.onreadystatechange = null;
    second.open("GET", "/data.json");
    second.onload = resolve;
    second.send();
  };
  second.send();
  await promise;
  equal(second.responseText, '{"a":[1]}');
});

test("a synchronous request", () => {
  const xhr = new XMLHttpRequest();
  xhr.open("POST", "/echo", false);
  throws("InvalidAccessError", () => { xhr.timeout = 5; });
  throws("InvalidAccessError", () => { xhr.responseType = "json"; });
  xhr.send("now");
  deepEqual([xhr.readyState, xhr.status, xhr.responseText], [4, 200, "now"]);
  xhr.open("GET", "http://localhost:1/", false);
  throws("NetworkError", () => xhr.send());
});

test("the MIME type that an author decides on", async () => {
  const { xhr } = await sent("GET", "/latin", { before: (xhr) => xhr.overrideMimeType("text/plain; charset=iso-8859-1") });
  equal(xhr.responseText, "é");
  throws("InvalidStateError", () => xhr.overrideMimeType("text/plain"));
  equal((await sent("GET", "/latin")).xhr.responseText, "\uFFFD");
});

test("ProgressEvent", () => {
  const event = new ProgressEvent("x", { lengthComputable: true, loaded: 1.5, total: 2 });
  deepEqual([event.lengthComputable, event.loaded, event.total, event.bubbles], [true, 1.5, 2, false]);
  check(event instanceof Event && String(event) === "[object ProgressEvent]", "an event");
});

test("FileReader", async () => {
  const read = (how, blob, ...more) => new Promise((resolve) => {
    const reader = new FileReader();
    const heard = [];
    for (const name of ["loadstart", "progress", "load", "error", "abort"]) reader.addEventListener(name, (event) => heard.push(`${event.type} ${reader.readyState} ${event.loaded}/${event.total}`));
    reader.onloadend = () => resolve({ reader, heard });
    reader[how](blob, ...more);
    equal(reader.readyState, 1);
    throws("InvalidStateError", () => reader[how](blob));
  });
  const blob = new Blob(["hé"], { type: "text/plain" });
  const { reader, heard } = await read("readAsText", blob);
  deepEqual(heard, ["loadstart 1 0/3", "progress 1 3/3", "load 2 3/3"]);
  deepEqual([reader.result, reader.error, reader.readyState], ["hé", null, 2]);
  equal((await read("readAsText", new Blob([new Uint8Array([233])]), "latin1")).reader.result, "é");
  equal((await read("readAsBinaryString", blob)).reader.result, "h\u00C3\u00A9");
  equal((await read("readAsDataURL", blob)).reader.result, "data:text/plain;base64,aMOp");
  const buffer = (await read("readAsArrayBuffer", blob)).reader;
  check(buffer.result instanceof ArrayBuffer && buffer.result === buffer.result && buffer.result.byteLength === 3, "a buffer");
  const stopped = new FileReader();
  const told = [];
  for (const name of ["loadstart", "abort", "load", "loadend"]) stopped.addEventListener(name, (event) => told.push(event.type));
  stopped.readAsText(blob);
  stopped.abort();
  await later();
  deepEqual([told, stopped.result, stopped.readyState], [["abort", "loadend"], null, 2]);
  throws(TypeError, () => stopped.readAsText("no blob"));
});

test("sendBeacon", async () => {
  equal(navigator.sendBeacon("/echo", "text"), true);
  equal(navigator.sendBeacon("/echo"), true);
  equal(navigator.sendBeacon("/echo", new Uint8Array(70000)), false);
  throws(TypeError, () => navigator.sendBeacon("data:,x"));
  throws(TypeError, () => navigator.sendBeacon("http://:x"));
  // It is in the timeline.
  navigator.sendBeacon("/hello.txt?beacon");
  const name = `${location.origin}/hello.txt?beacon`;
  while (performance.getEntriesByName(name).length === 0) await later();
  equal(performance.getEntriesByName(name)[0].initiatorType, "beacon");
});

test("EventSource", async () => {
  const source = new EventSource("/events");
  deepEqual([source.readyState, source.url, source.withCredentials], [0, `${location.origin}/events`, false]);
  const heard = [];
  const { promise, resolve } = Promise.withResolvers();
  source.onopen = () => heard.push(`open ${source.readyState}`);
  source.onmessage = (event) => heard.push(`${event.data}|${event.lastEventId}|${event.origin === location.origin}|${event instanceof MessageEvent}`);
  source.addEventListener("named", (event) => heard.push(`named ${event.data}`));
  source.onerror = () => { heard.push(`error ${source.readyState}`); source.close(); resolve(); };
  await promise;
  deepEqual(heard, ["open 1", "one\ntwo||true|true", "named x", "three|7|true|true", "error 0"]);
  equal(source.readyState, 2);
  // Neither another type nor what can never be fetched is tried again.
  for (const url of ["/hello.txt", "ftp://example.test/", "about:blank", "mailto:x@example.test"]) {
    const refused = new EventSource(url);
    await new Promise((done) => { refused.onerror = done; });
    equal(refused.readyState, 2, url);
  }
  throws("SyntaxError", () => new EventSource("http://:x"));
});

test("what is under way counts against the limit of beacons", async () => {
  const controller = new AbortController();
  const waiting = fetch("/hang", { method: "POST", body: new Uint8Array(40000), keepalive: true, signal: controller.signal });
  equal(navigator.sendBeacon("/echo", new Uint8Array(30000)), false);
  equal(navigator.sendBeacon("/echo", new Uint8Array(10000)), true);
  controller.abort();
  await rejects("AbortError", waiting);
  // It stays under way.
  while (!navigator.sendBeacon("/hang", new Uint8Array(60000))) await later();
  equal(navigator.sendBeacon("/echo", new Uint8Array(60000)), false, "the one just sent counts");
});

test("an EventSource that nobody refers to is heard", async () => {
  const data = await new Promise((resolve) => {
    new EventSource("/events").addEventListener("message", function ({ data }) { this.close(); resolve(data); });
  });
  equal(data, "one\ntwo");
});

run();
