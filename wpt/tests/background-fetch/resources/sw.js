// Tells of each functional event, and keeps what was fetched for good.
"use strict";

for (const type of ["success", "fail", "abort", "click"]) {
  addEventListener(`backgroundfetch${type}`, (event) => event.waitUntil(tell(type, event)));
}

async function tell(type, { registration }) {
  const { id, result, failureReason, downloaded } = registration;
  const message = { type, id, result, failureReason, downloaded };
  if (type === "success") {
    const kept = await caches.open(`kept:${id}`);
    for (const { request, responseReady } of await registration.matchAll()) {
      const response = await responseReady;
      // Only whole responses to GET can be kept.
      if (request.method === "GET" && response.status === 200) await kept.put(request, response);
    }
  }
  // The records are there until this is over: the page says when it has seen enough of them.
  const channel = new BroadcastChannel("background-fetch-events");
  await new Promise((resolve) => {
    channel.onmessage = ({ data }) => data.goOn === id && resolve();
    channel.postMessage(message);
  });
  channel.close();
}
