"use strict";

addEventListener("install", (event) => {
  if (!(event instanceof InstallEvent)) console.error("install is no InstallEvent");
  event.waitUntil(skipWaiting());
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("backgroundfetchsuccess", (event) => {
  if (!(event instanceof BackgroundFetchUpdateUIEvent) || !event.isTrusted) console.error("the event is another");
  event.waitUntil((async () => {
    const { registration } = event;
    const cache = await caches.open(registration.id);
    for (const record of await registration.matchAll()) {
      if (record.request.method === "GET") await cache.put(record.request, await record.responseReady);
    }
    await event.updateUI({ title: "Done" });
    try {
      await event.updateUI({ title: "Again" });
      console.error("updateUI() twice");
    } catch (error) {
      if (error.name !== "InvalidStateError") console.error(`updateUI() twice: ${error}`);
    }
    console.log(`worker: ${event.type} of ${registration.id}: ${registration.result}`);
  })());
});

onbackgroundfetchfail = (event) => {
  console.log(`worker: ${event.type} of ${event.registration.id}: ${event.registration.failureReason}`);
  if (event.registration.id === "missing") {
    event.waitUntil((async () => {
      const record = await event.registration.match("/missing");
      const response = await record.responseReady;
      if (response.status !== 404 || (await response.text()) !== "") console.error("the body of a bad status");
    })());
  }
};

onbackgroundfetchabort = (event) => {
  if (event instanceof BackgroundFetchUpdateUIEvent) console.error("an abort updates no UI");
  console.log(`worker: ${event.type} of ${event.registration.id}`);
};

onbackgroundfetchclick = (event) => {
  console.log(`worker: ${event.type} of ${event.registration.id}`);
};
