// Lists that no prototype reaches into: an author's Array.prototype cannot change what the core does. For the same reason the
// core never spreads, never destructures an array and never uses `for…of`.
const { internal } = core;
const { ReflectDefineProperty } = primordials;

internal.newList = () => ({ __proto__: null, length: 0 });

internal.append = (list, value) => {
  list[list.length] = value;
  list.length += 1;
};

internal.copyOf = (list) => {
  const copy = internal.newList();
  for (let index = 0; index < list.length; index += 1) internal.append(copy, list[index]);
  return copy;
};

// A new array with the items of a list.
internal.toArray = (list) => {
  const array = [];
  for (let index = 0; index < list.length; index += 1) {
    ReflectDefineProperty(array, index, {
      __proto__: null,
      value: list[index],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return array;
};

// <https://html.spec.whatwg.org/#queue-a-microtask>, whatever the author has done to promises.
internal.queueMicrotask = async (steps) => {
  await undefined;
  try {
    steps();
  } catch (exception) {
    native.reportException(exception);
  }
};
