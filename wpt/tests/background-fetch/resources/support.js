// What the tests of background fetches share.
"use strict";

// A resource that answers what it is given, request by request; the last answer is repeated. The second time with the same name,
// after a restart, it is the same one.
async function scripted(answers, name = String(Math.random()).slice(2)) {
  const post = (path, body) => fetch(`${path}?${name}`, { method: "POST", body });
  if (answers !== undefined) await post("/script", JSON.stringify(answers));
  return {
    url: new URL(`/scripted?${name}`, location.href).href,
    // The requests that came so far: method, headers, body.
    seen: async () => (await fetch(`/seen?${name}`, { cache: "no-store" })).json(),
    release: () => post("/release"),
  };
}

// The bytes that the server makes.
function expectedBytes(size, seed = 0) {
  return Uint8Array.from({ length: size }, (_, at) => (Math.floor((at * 31) / 7) & 255) ^ seed);
}

async function assert_body(record, size, seed = 0) {
  const response = await record.responseReady;
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert_equals(bytes.length, size, "length of the body");
  const expected = expectedBytes(size, seed);
  const wrong = bytes.findIndex((byte, at) => byte !== expected[at]);
  assert_equals(wrong, -1, "first wrong byte");
  return response;
}

// The worker's events. Each waits until the test that it belongs to is over, so that the records are still there.
const workerEvents = new BroadcastChannel("background-fetch-events");
let listener = null;
workerEvents.onmessage = ({ data }) => {
  if (data.goOn !== undefined) return;
  if (listener === null) workerEvents.postMessage({ goOn: data.id });
  else listener(data);
};

// A registration whose worker is active, and what the worker tells of its events.
async function worker(t, { keep = false } = {}) {
  const registration = await navigator.serviceWorker.register("resources/sw.js", { scope: "resources/" });
  const candidate = registration.installing ?? registration.waiting ?? registration.active;
  while (candidate.state !== "activated") {
    await new Promise((resolve) => candidate.addEventListener("statechange", resolve, { once: true }));
  }
  const events = [];
  let wake = () => {};
  listener = (event) => {
    events.push(event);
    wake();
  };
  const heard = [];
  const next = async () => {
    while (events.length === 0) await new Promise((resolve) => (wake = resolve));
    const event = events.shift();
    heard.push(event);
    return event;
  };
  t.add_cleanup(() => {
    listener = null;
    for (const { id } of [...heard, ...events]) workerEvents.postMessage({ goOn: id });
    return keep ? undefined : registration.unregister();
  });
  return { registration, manager: registration.backgroundFetch, events, next };
}

// Resolves once the background fetch fulfils a condition.
async function until(fetch, condition) {
  while (!condition(fetch)) {
    await new Promise((resolve) => fetch.addEventListener("progress", resolve, { once: true }));
  }
}

const settled = (fetch) => until(fetch, ({ result }) => result !== "");
