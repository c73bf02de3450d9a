"use strict";

importScripts("/harness.js");

oninstall = (event) => {
  event.waitUntil(skipWaiting());
  throws(TypeError, () => event.waitUntil(), "no argument");
};
onactivate = (event) => event.waitUntil(clients.claim());

test("events of one's own are not trusted", async () => {
  const event = new ExtendableEvent("x");
  throws("InvalidStateError", () => event.waitUntil(Promise.resolve()));
  throws(TypeError, () => new BackgroundFetchEvent("x"));
  throws(TypeError, () => new BackgroundFetchEvent("x", {}));
  throws(TypeError, () => new BackgroundFetchEvent("x", { registration: {} }));
  throws(TypeError, () => new BackgroundFetchUpdateUIEvent("x", { registration: null }));
});

let late;

onbackgroundfetchsuccess = (event) => {
  late = event;
  registration.expando = location.expando = navigator.expando = clients.expando = event.registration.expando = 1;
  test("updateUI() of every kind", async () => {
    const mine = new BackgroundFetchUpdateUIEvent("x", { registration: event.registration });
    equal(mine.registration, event.registration);
    await rejects("InvalidStateError", mine.updateUI({ title: "x" }), "not trusted");
    await rejects(TypeError, BackgroundFetchUpdateUIEvent.prototype.updateUI.call({}), "a brand");
    const thrown = new Error("title");
    await rejects(thrown, event.updateUI({ get title() { throw thrown; } }), "a getter that throws");
    await rejects(TypeError, event.updateUI(1), "no dictionary");
    // None of these was a call that counts.
    equal(await event.updateUI(), undefined);
    await rejects("InvalidStateError", event.updateUI(), "twice");
    for (let i = 0; i < 200; i += 1) new Array(1000).fill({ i });
    deepEqual([registration.expando, location.expando, navigator.expando, clients.expando, event.registration.expando], [1, 1, 1, 1, 1]);
  });
  test("what comes too late", async () => {
    const records = await event.registration.matchAll();
    equal(records.length, 1);
    const response = await records[0].responseReady;
    const copy = response.clone();
    equal(await response.text(), "small");
    equal(await copy.text(), "small");
    await rejects(TypeError, response.text());
  });
  const over = run();
  event.waitUntil(over);
  event.waitUntil({ then(resolve) { resolve(); } });
  over.then(() => new Promise((resolve) => setTimeout(resolve, 20))).then(async () => {
    try { event.waitUntil(1); console.log("late: waitUntil went through"); } catch (error) { console.log(`late: ${error.name}`); }
    try { await event.updateUI(); console.log("late: updateUI went through"); } catch (error) { console.log(`late: ${error.name}`); }
  });
};
