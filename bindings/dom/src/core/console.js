// The console: https://console.spec.whatwg.org/
const {
  ArrayBufferIsView,
  ArrayIsArray,
  BigIntPrototypeToString,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  JSONStringify,
  Map,
  MapPrototypeDelete,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeHas,
  MapPrototypeSet,
  NumberParseFloat,
  NumberParseInt,
  ObjectPrototypeToString,
  ReflectGetOwnPropertyDescriptor,
  ReflectGetPrototypeOf,
  ReflectOwnKeys,
  RegExpPrototypeToString,
  Set,
  SetPrototypeAdd,
  SetPrototypeDelete,
  SetPrototypeForEach,
  SetPrototypeHas,
  String,
  StringPrototypeIndexOf,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  StringPrototypeTrimEnd,
  SymbolPrototypeToString,
} = primordials;

// How much of a value is written out.
const CONSOLE_DEPTH = 3;
const CONSOLE_ENTRIES = 100;
const CONSOLE_ENTRIES_IN_ALL = 10_000;
const CONSOLE_CHARACTERS = 1 << 20;
const CONSOLE_PROTOTYPES = 100;

const consoleState = {
  __proto__: null,
  counts: new Map(),
  timers: new Map(),
  groups: 0,
  // How many entries of the value at hand may still be written.
  entriesLeft: 0,
};

// A value as people read it. Getters are not run; what a proxy throws is shown as such.
function inspect(value, depth, seen, quoted) {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return quoted ? JSONStringify(value) : value;
    case "bigint":
      return BigIntPrototypeToString(value) + "n";
    case "symbol":
      return SymbolPrototypeToString(value);
    case "number":
      return value === 0 && 1 / value < 0 ? "-0" : String(value);
    case "function":
    case "object":
      break;
    default:
      return String(value);
  }
  try {
    return inspectObject(value, depth, seen);
  } catch {
    return "[object that cannot be shown]";
  }
}

function inspectObject(object, depth, seen) {
  if (SetPrototypeHas(seen, object)) return "[circular]";
  if (typeof object === "function") return "[function " + (ownText(object, "name") || "(anonymous)") + "]";
  const platform = native.interfaceName(object);
  if (platform !== undefined) return isError(platform) ? object.name + ": " + object.message : platform + " {}";
  if (ObjectPrototypeToString(object) === "[object Error]") return describeError(object);
  if (isBranded(DatePrototypeGetTime, object)) return dateText(object);
  if (ObjectPrototypeToString(object) === "[object RegExp]") return RegExpPrototypeToString(object);
  if (ArrayBufferIsView(object)) return "[" + constructorName(object) + "]";
  if (depth < 0) return ArrayIsArray(object) ? "[array]" : "[" + (constructorName(object) || "object") + "]";
  SetPrototypeAdd(seen, object);
  let text;
  if (ArrayIsArray(object)) text = inspectArray(object, depth, seen);
  else if (isBranded(MapPrototypeHas, object)) text = inspectCollection("Map", MapPrototypeForEach, object, depth, seen);
  else if (isBranded(SetPrototypeHas, object)) text = inspectCollection("Set", SetPrototypeForEach, object, depth, seen);
  else text = inspectProperties(object, constructorName(object), depth, seen);
  SetPrototypeDelete(seen, object);
  return text;
}

const isError = (interfaceName) => interfaceName === "DOMException" || interfaceName === "QuotaExceededError";

// Whether a method that checks its receiver takes this one.
function isBranded(method, object) {
  try {
    method(object);
    return true;
  } catch {
    return false;
  }
}

// An error's name, message and stack, as far as they are plain data.
function describeError(error) {
  const name = inheritedText(error, "name");
  const message = inheritedText(error, "message");
  const stack = inheritedText(error, "stack");
  const text = name === "" || message === "" ? name + message : name + ": " + message;
  return stack === "" ? text : text + "\n" + StringPrototypeTrimEnd(stack);
}

function inheritedText(object, key) {
  // NOTE: a proxy may have itself for a prototype.
  let holder = object;
  for (let hops = 0; holder !== null && hops < CONSOLE_PROTOTYPES; hops += 1, holder = ReflectGetPrototypeOf(holder)) {
    const descriptor = ReflectGetOwnPropertyDescriptor(holder, key);
    if (descriptor !== undefined) return typeof descriptor.value === "string" ? descriptor.value : "";
  }
  return "";
}

function dateText(date) {
  const time = DatePrototypeGetTime(date);
  return time === time ? DatePrototypeToISOString(date) : "Invalid Date";
}

// An own string property, if it is plain data.
function ownText(object, key) {
  const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
  return descriptor !== undefined && typeof descriptor.value === "string" ? descriptor.value : "";
}

function constructorName(object) {
  const prototype = ReflectGetPrototypeOf(object);
  if (prototype === null) return "";
  const descriptor = ReflectGetOwnPropertyDescriptor(prototype, "constructor");
  if (descriptor === undefined || typeof descriptor.value !== "function") return "";
  const name = ownText(descriptor.value, "name");
  return name === "Object" ? "" : name;
}

function inspectArray(array, depth, seen) {
  const { length } = array;
  let text = "[";
  let index = 0;
  for (; index < length && index < CONSOLE_ENTRIES && consoleState.entriesLeft > 0; index += 1) {
    const descriptor = ReflectGetOwnPropertyDescriptor(array, index);
    text += (index === 0 ? " " : ", ") + inspectDescriptor(descriptor, depth, seen);
  }
  if (length > index) text += (index === 0 ? " … " : ", … ") + (length - index) + " more";
  return text + (length === 0 ? "]" : " ]");
}

function inspectDescriptor(descriptor, depth, seen) {
  consoleState.entriesLeft -= 1;
  if (descriptor === undefined) return "empty";
  if (descriptor.get !== undefined) return "[getter]";
  if (descriptor.set !== undefined) return "[setter]";
  return inspect(descriptor.value, depth - 1, seen, true);
}

function inspectCollection(name, forEach, collection, depth, seen) {
  let text = "";
  let size = 0;
  let shown = 0;
  forEach(collection, (value, key) => {
    size += 1;
    if (shown === CONSOLE_ENTRIES || consoleState.entriesLeft <= 0) return;
    shown += 1;
    consoleState.entriesLeft -= 1;
    text += shown === 1 ? " " : ", ";
    if (name === "Map") text += inspect(key, depth - 1, seen, true) + " => ";
    text += inspect(value, depth - 1, seen, true);
  });
  if (size > shown) text += (shown === 0 ? " … " : ", … ") + (size - shown) + " more";
  return name + "(" + size + ") {" + text + (text === "" ? "}" : " }");
}

function inspectProperties(object, name, depth, seen) {
  const keys = ReflectOwnKeys(object);
  let text = "";
  let size = 0;
  let shown = 0;
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index];
    const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
    if (descriptor === undefined || !descriptor.enumerable) continue;
    size += 1;
    if (shown === CONSOLE_ENTRIES || consoleState.entriesLeft <= 0) continue;
    shown += 1;
    const label = typeof key === "symbol" ? "[" + SymbolPrototypeToString(key) + "]" : key;
    text += (shown === 1 ? " " : ", ") + label + ": " + inspectDescriptor(descriptor, depth, seen);
  }
  if (size > shown) text += (shown === 0 ? " … " : ", … ") + (size - shown) + " more";
  return (name === "" ? "" : name + " ") + "{" + text + (text === "" ? "}" : " }");
}

function show(value, quoted) {
  consoleState.entriesLeft = CONSOLE_ENTRIES_IN_ALL;
  return inspect(value, CONSOLE_DEPTH, new Set(), quoted);
}

// <https://console.spec.whatwg.org/#formatter>, written straight into text.
function format(data, from) {
  if (data.length <= from) return "";
  let next = from + 1;
  let text = "";
  const first = data[from];
  if (typeof first !== "string" || data.length === next) {
    text = show(first, false);
  } else {
    let position = 0;
    for (;;) {
      const percent = StringPrototypeIndexOf(first, "%", position);
      if (percent === -1 || percent + 1 >= first.length) {
        text += StringPrototypeSlice(first, position);
        break;
      }
      text += StringPrototypeSlice(first, position, percent);
      const specifier = first[percent + 1];
      position = percent + 2;
      if (specifier === "%") {
        text += "%";
      } else if (next < data.length && StringPrototypeIndexOf("sdifoOc", specifier) !== -1) {
        text += formatOne(specifier, data[next]);
        next += 1;
      } else {
        text += "%" + specifier;
      }
    }
  }
  for (; next < data.length; next += 1) text += " " + show(data[next], false);
  return text;
}

function formatOne(specifier, value) {
  switch (specifier) {
    case "s":
      return show(value, false);
    case "d":
    case "i":
      return typeof value === "symbol" ? "NaN" : String(NumberParseInt(show(value, false), 10));
    case "f":
      return typeof value === "symbol" ? "NaN" : String(NumberParseFloat(show(value, false)));
    case "c":
      // Styles have no meaning in text.
      return "";
    default:
      return show(value, true);
  }
}

// <https://console.spec.whatwg.org/#printer>
function print(level, text) {
  const shown =
    text.length > CONSOLE_CHARACTERS
      ? StringPrototypeSlice(text, 0, CONSOLE_CHARACTERS) + "… " + (text.length - CONSOLE_CHARACTERS) + " more"
      : text;
  native.hook("consoleMessage", level, StringPrototypeRepeat("  ", consoleState.groups) + shown);
}

// <https://console.spec.whatwg.org/#logger>
function logger(level, data) {
  if (data.length > 0) print(level, format(data, 0));
}

function elapsed(label) {
  const started = MapPrototypeGet(consoleState.timers, label);
  return started === undefined ? undefined : label + ": " + String(native.hook("now") - started) + " ms";
}

// The members of the namespace, each called with its converted arguments.
const members = {
  __proto__: null,
  assert(condition, data) {
    if (condition) return;
    // 3.–4. "Assertion failed" goes in front of what is printed.
    const text = format(data, 0);
    print("error", text === "" ? "Assertion failed" : "Assertion failed: " + text);
  },
  clear() {
    consoleState.groups = 0;
  },
  debug(data) {
    logger("debug", data);
  },
  error(data) {
    logger("error", data);
  },
  info(data) {
    logger("info", data);
  },
  log(data) {
    logger("log", data);
  },
  table(tabularData) {
    if (tabularData !== undefined) print("log", show(tabularData, false));
  },
  trace(data) {
    const text = format(data, 0);
    print("debug", text === "" ? "Trace" : "Trace: " + text);
  },
  warn(data) {
    logger("warn", data);
  },
  dir(item) {
    print("log", show(item, true));
  },
  count(label) {
    const count = (MapPrototypeGet(consoleState.counts, label) || 0) + 1;
    MapPrototypeSet(consoleState.counts, label, count);
    print("info", label + ": " + count);
  },
  countReset(label) {
    if (MapPrototypeHas(consoleState.counts, label)) MapPrototypeSet(consoleState.counts, label, 0);
    else print("warn", "no count named " + label);
  },
  group(data) {
    logger("log", data);
    consoleState.groups += 1;
  },
  groupEnd() {
    if (consoleState.groups > 0) consoleState.groups -= 1;
  },
  time(label) {
    if (MapPrototypeHas(consoleState.timers, label)) print("warn", "timer " + label + " runs already");
    else MapPrototypeSet(consoleState.timers, label, native.hook("now"));
  },
  timeLog(label, data) {
    const text = elapsed(label);
    if (text === undefined) print("warn", "no timer named " + label);
    else print("log", data.length === 0 ? text : text + " " + format(data, 0));
  },
  timeEnd(label) {
    const text = elapsed(label);
    if (text === undefined) print("warn", "no timer named " + label);
    else print("info", text);
    MapPrototypeDelete(consoleState.timers, label);
  },
};

core.export("console", (member, first, second) => members[member](first, second));
