// Web Cryptography: https://w3c.github.io/webcrypto/

partial interface mixin WindowOrWorkerGlobalScope {
  [SameObject] readonly attribute Crypto crypto;
};

[Exposed=(Window,Worker)]
interface Crypto {
  [SecureContext] readonly attribute SubtleCrypto subtle;
  ArrayBufferView getRandomValues(ArrayBufferView array);
  [SecureContext] DOMString randomUUID();
};

typedef (object or DOMString) AlgorithmIdentifier;

dictionary Algorithm {
  required DOMString name;
};

// FIXME: not yet: every member but digest()
[SecureContext, Exposed=(Window,Worker)]
interface SubtleCrypto {
  Promise<ArrayBuffer> digest(AlgorithmIdentifier algorithm, BufferSource data);
};
