// The core's own promises. A record knows its state and who waits for it, so that nothing an author does to promises
// (`Promise.prototype.then`, `constructor`, `Symbol.species`) is ever asked. The promise that a script sees is made when the first one asks for it.
//
// Reactions come in the microtask they would come in with promises of ECMAScript.
const { internal } = core;
const { Promise, PromisePrototypeThen, ReflectApply, ReflectDefineProperty, ReflectDeleteProperty } = primordials;

const promises = { __proto__: null };
internal.promises = promises;

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

// A promise of ECMAScript and what settles it.
let lastResolve;
let lastReject;
const executor = (resolve, reject) => {
  lastResolve = resolve;
  lastReject = reject;
};
promises.withResolvers = () => {
  const promise = new Promise(executor);
  return { __proto__: null, promise, resolve: lastResolve, reject: lastReject };
};

const unasked = { __proto__: null, value: undefined, configurable: true };

// A promise no script has, whose `constructor` is never looked up.
const shielded = (promise) => {
  ReflectDefineProperty(promise, "constructor", unasked);
  return promise;
};

const settled = shielded(new Promise((resolve) => resolve()));

// <https://html.spec.whatwg.org/#queue-a-microtask>. The steps throw only by a fault of ours.
promises.queueMicrotask = (steps) => {
  PromisePrototypeThen(settled, steps);
};

const nothing = () => {};

// <https://tc39.es/ecma262/#sec-performpromisethen> with a reaction that does nothing: nobody is told of its rejection.
promises.markAsHandled = (promise) => {
  const hidden = ReflectDefineProperty(promise, "constructor", unasked);
  PromisePrototypeThen(promise, nothing, nothing);
  if (hidden) ReflectDeleteProperty(promise, "constructor");
};

const record = (state, value) => ({
  __proto__: null,
  state,
  value,
  // What waits: a list of { fulfilled, rejected, next }.
  firstReaction: undefined,
  lastReaction: undefined,
  // The promise that scripts see, once one has asked, and what settles it.
  exposed: undefined,
  isHandled: false,
  // A promise of ECMAScript that this one follows in all.
  followed: undefined,
});

promises.pending = () => record(PENDING, undefined);
promises.resolvedWith = (value) => record(FULFILLED, value);
promises.rejectedWith = (reason) => record(REJECTED, reason);
promises.isPending = (promise) => promise.state === PENDING;

// <https://webidl.spec.whatwg.org/#a-promise-resolved-with>, with what an author gave.
promises.from = (value) => {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return record(FULFILLED, value);
  const promise = record(PENDING, undefined);
  const { promise: followed, resolve } = promises.withResolvers();
  promise.followed = shielded(followed);
  resolve(value);
  return promise;
};

// Calls an author's callback that gives a promise: <https://webidl.spec.whatwg.org/#invoke-a-callback-function>
promises.invoke = (callback, thisValue, args) => {
  try {
    return promises.from(ReflectApply(callback, thisValue, args));
  } catch (exception) {
    return promises.rejectedWith(exception);
  }
};

const settle = (promise, state, value) => {
  if (promise.state !== PENDING) return;
  promise.state = state;
  promise.value = value;
  let reaction = promise.firstReaction;
  promise.firstReaction = undefined;
  promise.lastReaction = undefined;
  if (promise.exposed !== undefined) {
    if (state === FULFILLED) promise.exposed.resolve(value);
    else promise.exposed.reject(value);
  }
  while (reaction !== undefined) {
    queueReaction(state === FULFILLED ? reaction.fulfilled : reaction.rejected, value);
    reaction = reaction.next;
  }
};

const queueReaction = (steps, value) => promises.queueMicrotask(() => steps(value));

promises.resolve = (promise, value) => settle(promise, FULFILLED, value);
promises.reject = (promise, reason) => settle(promise, REJECTED, reason);

// Resolves a promise with another record: it takes over that one's state, a microtask later.
promises.resolveWith = (promise, other) => {
  promises.queueMicrotask(() => {
    promises.upon(
      other,
      (value) => settle(promise, FULFILLED, value),
      (reason) => settle(promise, REJECTED, reason),
    );
  });
};

// <https://webidl.spec.whatwg.org/#upon-fulfillment> and <https://webidl.spec.whatwg.org/#upon-rejection>
promises.upon = (promise, fulfilled, rejected) => {
  if (promise.followed !== undefined) {
    PromisePrototypeThen(promise.followed, fulfilled, rejected);
  } else if (promise.state === PENDING) {
    const reaction = { __proto__: null, fulfilled, rejected, next: undefined };
    if (promise.lastReaction === undefined) promise.firstReaction = reaction;
    else promise.lastReaction.next = reaction;
    promise.lastReaction = reaction;
  } else {
    queueReaction(promise.state === FULFILLED ? fulfilled : rejected, promise.value);
  }
};

promises.uponRejection = (promise, rejected) => promises.upon(promise, nothing, rejected);

// <https://webidl.spec.whatwg.org/#dfn-perform-steps-once-promise-is-settled>: a promise of what the steps give, which is another
// record or nothing.
promises.react = (promise, fulfilled, rejected) => {
  const result = promises.pending();
  const run = (steps, value) => {
    let given;
    try {
      given = steps(value);
    } catch (exception) {
      promises.reject(result, exception);
      return;
    }
    if (given === undefined) promises.resolve(result, undefined);
    else promises.resolveWith(result, given);
  };
  promises.upon(
    promise,
    (value) => run(fulfilled, value),
    (reason) => {
      if (rejected === undefined) promises.reject(result, reason);
      else run(rejected, reason);
    },
  );
  return result;
};

// The promise that scripts see.
promises.exposed = (promise) => {
  if (promise.exposed === undefined) {
    const exposed = promises.withResolvers();
    promise.exposed = exposed;
    if (promise.isHandled) promises.markAsHandled(exposed.promise);
    if (promise.followed !== undefined) promises.upon(promise, exposed.resolve, exposed.reject);
    else if (promise.state === FULFILLED) exposed.resolve(promise.value);
    else if (promise.state === REJECTED) exposed.reject(promise.value);
  }
  return promise.exposed.promise;
};

// Sets [[PromiseIsHandled]].
promises.setHandled = (promise) => {
  if (promise.isHandled) return;
  promise.isHandled = true;
  if (promise.exposed !== undefined) promises.markAsHandled(promise.exposed.promise);
};
