// Content Security Policy: https://w3c.github.io/webappsec-csp/
const { internal } = core;
const {
  ArrayPrototypeJoin, Error, Function, ObjectDefineProperty, ReflectApply, ReflectConstruct, ReflectGetPrototypeOf,
  RegExpPrototypeExec, String, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeStartsWith,
} = primordials;

// <https://w3c.github.io/webappsec-csp/#securitypolicyviolationevent>
const parts = [
  "documentURI", "referrer", "blockedURI", "effectiveDirective", "violatedDirective", "originalPolicy", "sourceFile", "sample",
  "disposition", "statusCode", "lineNumber", "columnNumber",
];
const members = { __proto__: null };
for (let index = 0; index < parts.length; index += 1) {
  const part = parts[index];
  members["get " + part] = (slots) => slots[part];
}
const setParts = (slots, init) => {
  for (let index = 0; index < parts.length; index += 1) slots[parts[index]] = init[parts[index]];
};
internal.eventInterface("SecurityPolicyViolationEvent", "Event", setParts, members);

// <https://w3c.github.io/webappsec-csp/#violation-source-file>: line, column and file of the script that runs, with colons between; nothing
// if none does.
const framePlace = /\(?([^\s()]+):(\d+):(\d+)\)?$/;
core.export("scriptPlace", () => {
  let { stack } = new Error();
  if (typeof stack !== "string") return "";
  while (stack !== "") {
    const end = StringPrototypeIndexOf(stack, "\n");
    const frame = end < 0 ? stack : StringPrototypeSlice(stack, 0, end);
    stack = end < 0 ? "" : StringPrototypeSlice(stack, end + 1);
    const place = RegExpPrototypeExec(framePlace, frame);
    if (place === null || StringPrototypeStartsWith(place[1], "longhaul:")) continue;
    return place[2] + ":" + place[3] + ":" + place[1];
  }
  return "";
});

// <https://w3c.github.io/webappsec-csp/#can-compile-strings>
const { EvalError, eval: evaluate } = native.global;
const check = (text) => {
  if (!native.hook("mayEvaluate", text)) throw new EvalError("a policy does not let text become code");
};
internal.mayEvaluate = () => true;

// The constructors that make functions of text; only the first is a global.
const makers = [
  Function,
  (function* () {}).constructor,
  (async () => {}).constructor,
  (async function* () {}).constructor,
];

// The engine asks nobody before it evaluates text. Where a policy has something to say about it, functions that ask stand in the place
// of those that evaluate.
// DEVIATION: `eval()` is then no direct eval any more: what a policy lets it evaluate runs in the global scope.
let restricted = false;
core.export("restrictEvaluation", () => {
  if (restricted) return;
  restricted = true;
  internal.mayEvaluate = (text) => native.hook("mayEvaluate", text);
  const put = (object, name, value) => {
    ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  };
  const guarded = {
    eval(x) {
      if (typeof x !== "string") return x;
      check(x);
      return evaluate(x);
    },
  };
  put(native.global, "eval", guarded.eval);
  for (let index = 0; index < makers.length; index += 1) {
    const original = makers[index];
    const { name, prototype } = original;
    const maker = function (...texts) {
      check(String(ArrayPrototypeJoin(texts, ",")));
      if (new.target === undefined || new.target === maker) return ReflectApply(original, undefined, texts);
      return ReflectConstruct(original, texts, new.target);
    };
    const parent = index === 0 ? ReflectGetPrototypeOf(original) : native.global.Function;
    primordials.ReflectSetPrototypeOf(maker, parent);
    ObjectDefineProperty(maker, "name", { __proto__: null, value: name, configurable: true });
    ObjectDefineProperty(maker, "length", { __proto__: null, value: 1, configurable: true });
    ObjectDefineProperty(maker, "prototype", { __proto__: null, value: prototype, writable: false, enumerable: false, configurable: false });
    ObjectDefineProperty(prototype, "constructor", { __proto__: null, value: maker, writable: index === 0, enumerable: false, configurable: true });
    if (index === 0) put(native.global, "Function", maker);
  }
});
