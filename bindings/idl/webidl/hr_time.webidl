// High Resolution Time: https://w3c.github.io/hr-time/

typedef double DOMHighResTimeStamp;
typedef unsigned long long EpochTimeStamp;

[Exposed=(Window,Worker), LonghaulSelfHosted]
interface Performance : EventTarget {
  DOMHighResTimeStamp now();
  readonly attribute DOMHighResTimeStamp timeOrigin;
  object toJSON();
};

partial interface mixin WindowOrWorkerGlobalScope {
  [Replaceable] readonly attribute Performance performance;
};
