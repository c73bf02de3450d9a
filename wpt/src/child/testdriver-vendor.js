// Stands in for the suite's hook for vendors: what tests ask of a driver is asked of the host.
(() => {
  const host = globalThis.longhaulTestHost;
  if (host === undefined) return;
  const internal = window.test_driver_internal;
  // Nothing is laid out, so there is no place in the page to click at: the element itself is clicked.
  if (window.test_driver !== undefined) window.test_driver.click = (element) => internal.click(element);
  const origin = (context) => (context ?? window).location.origin;
  Object.assign(internal, {
    in_automation: true,
    click: (element) => host.command("click", {}, element),
    delete_all_cookies: (context) => host.command("delete_all_cookies", { url: (context ?? window).location.href }),
    get_all_cookies: (context) => host.command("get_all_cookies", { url: (context ?? window).location.href }),
    get_named_cookie: async (name, context) => {
      const cookies = await host.command("get_all_cookies", { url: (context ?? window).location.href });
      const cookie = cookies.find((cookie) => cookie.name === name);
      if (cookie === undefined) throw new Error(`no cookie ${name}`);
      return cookie;
    },
    set_permission: ({ descriptor, state }, context) =>
      host.command("set_permission", { name: descriptor.name, state, origin: origin(context) }),
  });
})();
