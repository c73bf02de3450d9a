// The page: uploads an album, and shows how far that is.
"use strict";

const ALBUM = ["beach.jpg", "dinner.jpg", "sunset.jpg"];

// Stands for a picture that the user chose.
function picture(name, size) {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index += 1) bytes[index] = (index * 31 + name.length) & 255;
  return new File([bytes], name, { type: "image/jpeg" });
}

function upload(photo) {
  return new Request(`album?name=${encodeURIComponent(photo.name)}`, {
    method: "POST",
    headers: { "Content-Type": photo.type },
    body: photo,
  });
}

async function main() {
  await navigator.serviceWorker.register("sw.js");
  const swReg = await navigator.serviceWorker.ready;
  if (await swReg.backgroundFetch.get("album")) {
    console.log("page: the album is on its way already");
    return;
  }
  const photos = ALBUM.map((name, index) => picture(name, (index + 1) * 1024 * 1024));
  const uploadTotal = photos.reduce((sum, photo) => sum + photo.size, 0);
  const registration = await swReg.backgroundFetch.fetch("album", photos.map(upload), { title: "Photos of the holidays" });
  console.log(`page: uploads ${registration.uploadTotal} bytes, ${registration.uploadTotal === uploadTotal ? "all" : "NOT all"} of them`);
  let said = 0;
  registration.addEventListener("progress", () => {
    if (registration.result !== "") {
      console.log(`page: ${registration.result}, ${registration.uploaded} bytes`);
    } else if (registration.uploaded >= said) {
      const percent = Math.floor((registration.uploaded / registration.uploadTotal) * 100);
      console.log(`page: ${percent}%`);
      said = registration.uploaded + registration.uploadTotal / 4;
    }
  });
}

main();
