// Storage: https://storage.spec.whatwg.org/

interface mixin NavigatorStorage {
  [SecureContext, SameObject] readonly attribute StorageManager storage;
};
Navigator includes NavigatorStorage;
WorkerNavigator includes NavigatorStorage;

[SecureContext, Exposed=(Window,Worker)]
interface StorageManager {
  Promise<boolean> persisted();
  // FIXME: not yet: [Exposed=Window] Promise<boolean> persist();
  Promise<StorageEstimate> estimate();
};

dictionary StorageEstimate {
  unsigned long long usage;
  unsigned long long quota;
};
