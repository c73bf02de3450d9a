// The worker: it is woken when the download has ended, whether or not a page is open.
"use strict";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

// Puts every record that has a response into the cache named after the background fetch.
async function store(registration) {
  const cache = await caches.open(registration.id);
  const records = await registration.matchAll();
  let stored = 0;
  await Promise.all(
    records.map(async (record) => {
      const response = await record.responseReady.catch(() => undefined);
      if (response && response.ok) {
        await cache.put(record.request, response);
        stored += 1;
      }
    }),
  );
  return { stored, all: records.length };
}

addEventListener("backgroundfetchsuccess", (event) => {
  event.waitUntil(
    (async () => {
      const { stored } = await store(event.registration);
      console.log(`worker: ${event.type}: stored ${stored} files, ${event.registration.downloaded} bytes`);
      await event.updateUI({ title: "Episode 5 is ready to listen to!" });
    })(),
  );
});

addEventListener("backgroundfetchfail", (event) => {
  event.waitUntil(
    (async () => {
      const { stored, all } = await store(event.registration);
      console.warn(`worker: ${event.type}: ${event.registration.failureReason}; kept ${stored} of ${all} files`);
      await event.updateUI({ title: "Episode 5 could not be downloaded." });
    })(),
  );
});

addEventListener("backgroundfetchabort", (event) => {
  console.log(`worker: ${event.type}: ${event.registration.id} was given up`);
});

addEventListener("backgroundfetchclick", (event) => {
  console.log(`worker: ${event.type}: ${event.registration.id} is at byte ${event.registration.downloaded}`);
});
