// The lists of streams: what comes first goes first. Arrays would show setters that an author has put on Array.prototype.
const { internal } = core;

const streams = { __proto__: null };
internal.streams = streams;

streams.newList = () => ({ __proto__: null, first: undefined, last: undefined, size: 0 });

streams.append = (list, value) => {
  const node = { __proto__: null, value, next: undefined };
  if (list.last === undefined) list.first = node;
  else list.last.next = node;
  list.last = node;
  list.size += 1;
};

streams.shift = (list) => {
  const { first } = list;
  list.first = first.next;
  if (first.next === undefined) list.last = undefined;
  list.size -= 1;
  return first.value;
};
