"use strict";

class Mine {
  constructor() { this.a = 1; }
}
const circular = { name: "c" };
circular.self = circular;
const log = (...values) => console.log(...values);

log("text", 1, -0, 1n, true, null, undefined, Symbol("s"));
log({ a: 1, "b": "two", c: [1, "x", , null], get d() { throw new Error("run"); }, [Symbol("k")]: 2 });
log([1, [2, [3, [4, [5]]]]]);
log(new Mine(), Object.create(null), function named() {}, () => {}, class Klass {});
log(circular);
log(new Map([["k", { v: 1 }]]), new Set([1, "a"]), new Date(0), /re/g, new Uint8Array(3));
log(new Proxy({}, { ownKeys() { throw new Error("trap"); } }));
log(new Headers(), new DOMException("why", "AbortError"));
log("%s is %d and %i, %f; %o %%, %c styled %x", "a", "12.5", 7.9, "1.5", { z: "q" }, "css", "rest", "%s");
log("100%");
log();
console.log(new Array(200).fill(0).length, Array.from({ length: 102 }, () => 0));
console.group("group");
console.info("inside");
console.groupEnd();
console.groupEnd();
console.warn("warned");
console.assert(true, "unseen");
console.assert(false, "seen %s", "too");
console.assert();
console.count();
console.count();
console.countReset();
console.count("other");
console.debug("d");
console.table([1]);
console.dir({ a: 1 });
console.timeEnd("none");
console.log(Object.prototype.toString.call(console), typeof console.log);
let wide = 0;
for (let i = 0; i < 6; i += 1) wide = new Array(100).fill(wide);
console.log(wide);
console.log(new Set([wide]), { wide });
const own = new Proxy({ [Symbol.toStringTag]: "Error" }, { getPrototypeOf: () => own });
console.log(own);
console.log("x".repeat((1 << 20) + 5));
console.log(new Array(100).fill("y".repeat(1 << 20)));
console.log("over");
