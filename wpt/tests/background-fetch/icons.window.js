// META: script=/resources/user.js
// META: script=resources/support.js
"use strict";

promise_test(async (t) => {
  const { manager } = await worker(t);
  const file = await scripted([{ size: 5000, holdAfter: 10 }]);
  const icons = [
    { src: "resources/small.png", sizes: "16x16", type: "image/png" },
    { src: "/large.png", sizes: "512x512", label: "large" },
  ];
  const fetch = await manager.fetch("pictured", file.url, { title: "With a picture", icons });
  const shown = await user.shown("pictured");
  assert_equals(shown.title, "With a picture");
  assert_array_equals(shown.icons, [
    new URL("resources/small.png", location.href).href,
    new URL("/large.png", location.href).href,
  ]);
  await file.release();
  await settled(fetch);
}, "Title and icons are shown, their URLs taken from the page's");
