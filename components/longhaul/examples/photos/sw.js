// The worker: hears what became of the album.
"use strict";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("backgroundfetchsuccess", (event) => {
  event.waitUntil(
    (async () => {
      for (const record of await event.registration.matchAll()) {
        const response = await record.responseReady;
        const { received } = await response.json();
        const name = new URL(record.request.url).searchParams.get("name");
        console.log(`worker: ${name}: ${response.status}, the server has ${received} bytes`);
      }
      await event.updateUI({ title: "Your photos are in the album" });
    })(),
  );
});

addEventListener("backgroundfetchfail", (event) => {
  console.warn(`worker: the photos were not sent: ${event.registration.failureReason}`);
  event.waitUntil(event.updateUI({ title: "Your photos could not be sent" }));
});
