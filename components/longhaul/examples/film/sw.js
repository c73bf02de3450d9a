// The worker: keeps the page and the film, and answers for both.
"use strict";

const PAGE = "page";
const FILMS = "films";

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(PAGE).then((cache) => cache.addAll(["./", "film.js"])));
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

// The download has ended: what came of it is kept.
addEventListener("backgroundfetchsuccess", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(FILMS);
      for (const record of await event.registration.matchAll()) {
        await cache.put(record.request, await record.responseReady);
      }
      console.log(`worker: stored ${event.registration.downloaded} bytes`);
      await event.updateUI({ title: "The film is ready to be watched" });
    })(),
  );
});

addEventListener("backgroundfetchfail", (event) => {
  console.warn(`worker: the film did not come: ${event.registration.failureReason}`);
});

addEventListener("backgroundfetchclick", (event) => event.waitUntil(clients.openWindow("./")));

addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function answer(request) {
  const name = new URL(request.url).pathname;
  // From the cache, offline too. A part is cut out here: caches keep whole responses.
  const kept = await caches.match(request);
  if (kept) {
    console.log(`worker: ${name} comes from the cache`);
    return request.headers.has("range") ? part(request.headers.get("range"), kept) : kept;
  }
  // From the download that is under way, as its bytes come in.
  const record = request.headers.has("range") ? undefined : await downloading(request);
  if (record) {
    console.log(`worker: ${name} comes from the download`);
    return record.responseReady;
  }
  return fetch(request);
}

async function downloading(request) {
  for (const id of await registration.backgroundFetch.getIds()) {
    const download = await registration.backgroundFetch.get(id);
    const record = await download?.match(request);
    if (record) return record;
  }
}

// The bytes that `Range: bytes=FIRST-LAST` asks for.
async function part(range, response) {
  const film = await response.blob();
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === undefined || (from === "" && to === "")) return response;
  const first = from === "" ? Math.max(0, film.size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? film.size - 1 : Math.min(Number(to), film.size - 1);
  if (first > last) {
    return new Response("", { status: 416, headers: { "Content-Range": `bytes */${film.size}` } });
  }
  return new Response(film.slice(first, last + 1), {
    status: 206,
    headers: {
      "Content-Type": response.headers.get("content-type") ?? "",
      "Content-Range": `bytes ${first}-${last}/${film.size}`,
    },
  });
}
