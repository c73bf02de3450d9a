// The page: asks for the film once, and watches it, whether it is here, on its way, or nowhere yet.
"use strict";

const FILM = "film.webm";

// The worker answers this page's requests from here on.
async function controlled() {
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
  });
}

// What a player does: it asks for the film by its URL and does not know where it comes from.
async function watch() {
  const response = await fetch(FILM);
  const scenes = [];
  for await (const scene of response.body) {
    if (scenes.length === 0) console.log(`page: plays, ${response.headers.get("content-type")}`);
    scenes.push(scene);
  }
  const film = new Blob(scenes);
  console.log(`page: saw ${film.size} bytes`);
  return new Uint8Array(await film.arrayBuffer());
}

// A jump into the middle.
async function seek(film) {
  const middle = Math.floor(film.length / 2);
  const response = await fetch(FILM, { headers: { Range: `bytes=${middle}-${middle + 99}` } });
  const part = new Uint8Array(await response.arrayBuffer());
  const same = part.every((byte, index) => byte === film[middle + index]);
  console.log(`page: seeks: ${response.status} ${response.headers.get("content-range")} ${same ? "as seen" : "WRONG"}`);
}

async function main() {
  await navigator.serviceWorker.register("sw.js");
  const swReg = await navigator.serviceWorker.ready;
  await controlled();

  if (await caches.match(FILM)) {
    console.log("page: the film is here");
    await seek(await watch());
    return;
  }
  if (!(await swReg.backgroundFetch.get("film"))) {
    await swReg.backgroundFetch.fetch("film", [FILM], {
      title: "A film to take along",
      icons: [{ sizes: "300x300", src: "film.png", type: "image/png" }],
      downloadTotal: 100 * 1024 * 1024,
    });
    console.log("page: the download has begun");
  }
  await watch();
}

main();
