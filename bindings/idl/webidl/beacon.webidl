// Beacon: https://w3c.github.io/beacon/

partial interface Navigator {
  // NOTE: the standard takes a BodyInit, and throws for the one kind more that this has: streams.
  boolean sendBeacon(USVString url, optional XMLHttpRequestBodyInit? data = null);
};
