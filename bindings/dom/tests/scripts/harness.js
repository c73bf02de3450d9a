// A small test harness. Tests run one after the other; what fails is said, and the numbers at the end.
"use strict";

const tests = [];
const test = (name, run) => tests.push({ name, run });

const same = (a, b) => Object.is(a, b);

function show(value) {
  try {
    return typeof value === "string" ? JSON.stringify(value) : String(value);
  } catch {
    return "a value";
  }
}

function equal(actual, expected, what = "value") {
  if (!same(actual, expected)) throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

function deepEqual(actual, expected, what = "value") {
  equal(JSON.stringify(actual), JSON.stringify(expected), what);
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

// `kind` is a constructor, the name of a DOMException, or the very value.
function isException(error, kind, what) {
  if (typeof kind === "function") {
    check(error !== null && typeof error === "object" && error.constructor === kind, `${what}: expected ${kind.name}, got ${show(error)}`);
  } else if (typeof kind === "string") {
    check(error instanceof DOMException, `${what}: expected a DOMException, got ${show(error)}`);
    equal(error.name, kind, what);
  } else {
    equal(error, kind, what);
  }
}

function throws(kind, run, what = "it") {
  let result;
  try {
    result = run();
  } catch (error) {
    isException(error, kind, what);
    return error;
  }
  throw new Error(`${what} did not throw, but gave ${show(result)}`);
}

async function rejects(kind, promise, what = "it") {
  check(promise instanceof Promise, `${what} is not a promise`);
  let result;
  try {
    result = await promise;
  } catch (error) {
    isException(error, kind, what);
    return error;
  }
  throw new Error(`${what} did not reject, but gave ${show(result)}`);
}

async function run() {
  let passed = 0;
  let failed = 0;
  for (const { name, run } of tests) {
    try {
      await run();
      passed += 1;
    } catch (error) {
      failed += 1;
      console.error(`${name}: ${error && error.message !== undefined ? `${error.message}\n${error.stack}` : show(error)}`);
    }
  }
  console.log(`tests over: ${passed}/${failed}`);
}
