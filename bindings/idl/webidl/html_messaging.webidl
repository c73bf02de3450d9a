// HTML, communication: https://html.spec.whatwg.org/#comms

dictionary StructuredSerializeOptions {
  sequence<object> transfer = [];
};
