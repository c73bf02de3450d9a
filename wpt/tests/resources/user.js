// The user's side of background fetches and of the permissions and the network around them, as the host of the test does it.
"use strict";

const user = (() => {
  const command = (name, parameters) => self.longhaulTestHost.command(name, parameters);
  return {
    pause: (id) => command("pause_background_fetch", { id }),
    resume: (id) => command("resume_background_fetch", { id }),
    abort: (id) => command("abort_background_fetch", { id }),
    click: (id) => command("click_background_fetch", { id }),
    // What is shown of each background fetch.
    shown: async (id) => (await command("background_fetches")).find((fetch) => fetch.id === id),
    setPermission: (state) => command("set_permission", { name: "background-fetch", state, origin: self.origin }),
    setQuota: (bytes) => command("set_quota", { origin: self.origin, bytes }),
    goOffline: () => command("offline"),
    goOnline: () => command("online"),
    // The process is killed, and the page loaded anew with the same profile. Nothing after this runs.
    restart: () => command("restart"),
  };
})();
