// Runs in every window before its first script. Gives the scripts that stand in for the suite's own reporting and automation a
// way to the host, and the host a function: without arguments it gives a promise for the next message; with ("element", number)
// the element that a command is about; with a command's number, whether it worked and the answer, it settles the command.
(() => {
  const { document, Promise, Error, Object, JSON: { stringify, parse } } = globalThis;
  const settings = SETTINGS;
  let messages = [];
  let wake = null;
  const commands = Object.create(null);
  let last = 0;

  const post = (message) => {
    const text = stringify(message);
    if (wake === null) {
      messages[messages.length] = text;
    } else {
      const resolve = wake;
      wake = null;
      resolve(text);
    }
  };

  const host = Object.freeze({
    __proto__: null,
    settings: Object.freeze(settings),
    // The harness' results.
    complete(results) {
      post({ __proto__: null, kind: "results", results });
    },
    // Something for the host to do as a user or a driver would. Rejects with why it could not.
    command(name, parameters = {}, element = null) {
      return new Promise((resolve, reject) => {
        last += 1;
        commands[last] = { resolve, reject, element };
        post({ __proto__: null, kind: "command", number: last, name, parameters });
      });
    },
  });
  Object.defineProperty(globalThis, "longhaulTestHost", { value: host });

  return (what, worked, answer) => {
    if (what === undefined) {
      return new Promise((resolve) => {
        if (messages.length === 0) {
          wake = resolve;
        } else {
          const [first, ...rest] = messages;
          messages = rest;
          resolve(first);
        }
      });
    }
    if (what === "element") return commands[worked].element;
    const command = commands[what];
    delete commands[what];
    const settle = () => {
      if (worked) command.resolve(parse(answer));
      else command.reject(new Error(answer));
    };
    // A driver outside of the browser takes its time: the page has been parsed when the answer comes.
    if (document.readyState !== "loading") settle();
    else document.addEventListener("readystatechange", settle, { once: true });
    return undefined;
  };
})()
