// The page: it asks for the episode once, and shows how far the download is.
"use strict";

const ID = "my-fetch";

function show(registration) {
  registration.addEventListener("progress", () => {
    if (registration.result !== "") {
      console.log(`page: ${registration.id} settled: ${registration.result} ${registration.failureReason}`.trim());
      return;
    }
    const percent = Math.floor((registration.downloaded / registration.downloadTotal) * 100);
    if (percent >= show.next) {
      console.log(`page: ${registration.id} ${percent}%`);
      show.next = percent - (percent % 25) + 25;
    }
  });
}
show.next = 0;

async function main() {
  if (!("BackgroundFetchManager" in self)) {
    console.warn("page: this browser has no Background Fetch");
    return;
  }
  await navigator.serviceWorker.register("sw.js");
  const swReg = await navigator.serviceWorker.ready;

  // An earlier visit may have finished the download, or may have left it under way.
  const cache = await caches.open(ID);
  if (await cache.match("/ep-5.mp3")) {
    console.log("page: the episode is already here");
    return;
  }
  const running = await swReg.backgroundFetch.get(ID);
  if (running) {
    console.log(`page: the download goes on from byte ${running.downloaded}`);
    show(running);
    return;
  }

  const bgFetch = await swReg.backgroundFetch.fetch(ID, ["/ep-5.mp3", "ep-5-artwork.jpg"], {
    title: "Episode 5: Interesting things.",
    icons: [{ sizes: "300x300", src: "/ep-5-icon.png", type: "image/png" }],
    downloadTotal: 60 * 1024 * 1024,
  });
  console.log(`page: the download of "${bgFetch.id}" has begun`);
  show(bgFetch);
}

main();
