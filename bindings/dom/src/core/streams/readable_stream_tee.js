// Teeing: https://streams.spec.whatwg.org/#readable-stream-tee
const { internal } = core;
const { promises, streams } = internal;

// What the two branches share when they are canceled.
function cancellation(stream) {
  const shared = { __proto__: null, canceled1: false, canceled2: false, reason1: undefined, reason2: undefined, cancelPromise: promises.pending() };
  const both = () => promises.resolveWith(shared.cancelPromise, streams.readableStreamCancel(stream, [shared.reason1, shared.reason2]));
  shared.cancel1Algorithm = (reason) => {
    shared.canceled1 = true;
    shared.reason1 = reason;
    if (shared.canceled2) both();
    return shared.cancelPromise;
  };
  shared.cancel2Algorithm = (reason) => {
    shared.canceled2 = true;
    shared.reason2 = reason;
    if (shared.canceled1) both();
    return shared.cancelPromise;
  };
  // Once the stream is over, whoever has not canceled would wait for ever.
  shared.over = () => {
    if (!shared.canceled1 || !shared.canceled2) promises.resolve(shared.cancelPromise, undefined);
  };
  return shared;
}

// <https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaulttee>
streams.readableStreamDefaultTee = (stream, cloneForBranch2) => {
  // 3.–12. What the branches share.
  const reader = streams.acquireReadableStreamDefaultReader(stream);
  let reading = false;
  let readAgain = false;
  const shared = cancellation(stream);
  let branch1;
  let branch2;
  // 13. Pull, for both.
  const pullAlgorithm = () => {
    if (reading) {
      readAgain = true;
      return promises.resolvedWith(undefined);
    }
    reading = true;
    streams.readableStreamDefaultReaderRead(reader, {
      __proto__: null,
      chunkSteps(chunk) {
        // NOTE: an error of the stream takes a microtask, too, and must be first.
        promises.queueMicrotask(() => {
          readAgain = false;
          let chunk2 = chunk;
          if (!shared.canceled2 && cloneForBranch2) {
            try {
              chunk2 = streams.structuredClone(chunk);
            } catch (e) {
              streams.readableStreamDefaultControllerError(branch1.controller, e);
              streams.readableStreamDefaultControllerError(branch2.controller, e);
              promises.resolveWith(shared.cancelPromise, streams.readableStreamCancel(stream, e));
              return;
            }
          }
          if (!shared.canceled1) streams.readableStreamDefaultControllerEnqueue(branch1.controller, chunk);
          if (!shared.canceled2) streams.readableStreamDefaultControllerEnqueue(branch2.controller, chunk2);
          reading = false;
          if (readAgain) pullAlgorithm();
        });
      },
      closeSteps() {
        reading = false;
        if (!shared.canceled1) streams.readableStreamDefaultControllerClose(branch1.controller);
        if (!shared.canceled2) streams.readableStreamDefaultControllerClose(branch2.controller);
        shared.over();
      },
      errorSteps() {
        reading = false;
      },
    });
    return promises.resolvedWith(undefined);
  };
  // 17.–18. The branches.
  branch1 = streams.createReadableStream(streams.nothing, pullAlgorithm, shared.cancel1Algorithm);
  branch2 = streams.createReadableStream(streams.nothing, pullAlgorithm, shared.cancel2Algorithm);
  // 19. Errors reach both.
  promises.uponRejection(reader.closedPromise, (r) => {
    streams.readableStreamDefaultControllerError(branch1.controller, r);
    streams.readableStreamDefaultControllerError(branch2.controller, r);
    shared.over();
  });
  return { __proto__: null, branch1, branch2 };
};

// <https://streams.spec.whatwg.org/#abstract-opdef-readablebytestreamtee>
streams.readableByteStreamTee = (stream) => {
  // 3.–13. What the branches share.
  let reader = streams.acquireReadableStreamDefaultReader(stream);
  let reading = false;
  let readAgainForBranch1 = false;
  let readAgainForBranch2 = false;
  const shared = cancellation(stream);
  let branch1;
  let branch2;
  // 14. Errors reach both.
  const forwardReaderError = (thisReader) => {
    promises.uponRejection(thisReader.closedPromise, (r) => {
      if (thisReader !== reader) return;
      streams.readableByteStreamControllerError(branch1.controller, r);
      streams.readableByteStreamControllerError(branch2.controller, r);
      shared.over();
    });
  };
  const cloneFailed = (e) => {
    streams.readableByteStreamControllerError(branch1.controller, e);
    streams.readableByteStreamControllerError(branch2.controller, e);
    promises.resolveWith(shared.cancelPromise, streams.readableStreamCancel(stream, e));
  };
  const readAgain = () => {
    reading = false;
    if (readAgainForBranch1) pull1Algorithm();
    else if (readAgainForBranch2) pull2Algorithm();
  };
  // 15. A chunk for both.
  const pullWithDefaultReader = () => {
    if (reader.isBYOBReader) {
      streams.readableStreamBYOBReaderRelease(reader);
      reader = streams.acquireReadableStreamDefaultReader(stream);
      forwardReaderError(reader);
    }
    streams.readableStreamDefaultReaderRead(reader, {
      __proto__: null,
      chunkSteps(chunk) {
        promises.queueMicrotask(() => {
          readAgainForBranch1 = false;
          readAgainForBranch2 = false;
          let chunk2 = chunk;
          if (!shared.canceled1 && !shared.canceled2) {
            try {
              chunk2 = streams.cloneAsUint8Array(chunk);
            } catch (e) {
              cloneFailed(e);
              return;
            }
          }
          if (!shared.canceled1) streams.readableByteStreamControllerEnqueue(branch1.controller, chunk);
          if (!shared.canceled2) streams.readableByteStreamControllerEnqueue(branch2.controller, chunk2);
          readAgain();
        });
      },
      closeSteps() {
        reading = false;
        if (!shared.canceled1) streams.readableByteStreamControllerClose(branch1.controller);
        if (!shared.canceled2) streams.readableByteStreamControllerClose(branch2.controller);
        if (branch1.controller.pendingPullIntos.size > 0) streams.readableByteStreamControllerRespond(branch1.controller, 0);
        if (branch2.controller.pendingPullIntos.size > 0) streams.readableByteStreamControllerRespond(branch2.controller, 0);
        shared.over();
      },
      errorSteps() {
        reading = false;
      },
    });
  };
  // 16. Into the buffer of one branch, a copy for the other.
  const pullWithBYOBReader = (view, forBranch2) => {
    if (!reader.isBYOBReader) {
      streams.readableStreamDefaultReaderRelease(reader);
      reader = streams.acquireReadableStreamBYOBReader(stream);
      forwardReaderError(reader);
    }
    const byobBranch = forBranch2 ? branch2 : branch1;
    const otherBranch = forBranch2 ? branch1 : branch2;
    streams.readableStreamBYOBReaderRead(reader, view, 1, {
      __proto__: null,
      chunkSteps(chunk) {
        promises.queueMicrotask(() => {
          readAgainForBranch1 = false;
          readAgainForBranch2 = false;
          const byobCanceled = forBranch2 ? shared.canceled2 : shared.canceled1;
          const otherCanceled = forBranch2 ? shared.canceled1 : shared.canceled2;
          if (!otherCanceled) {
            let clonedChunk;
            try {
              clonedChunk = streams.cloneAsUint8Array(chunk);
            } catch (e) {
              cloneFailed(e);
              return;
            }
            if (!byobCanceled) streams.readableByteStreamControllerRespondWithNewView(byobBranch.controller, chunk);
            streams.readableByteStreamControllerEnqueue(otherBranch.controller, clonedChunk);
          } else if (!byobCanceled) {
            streams.readableByteStreamControllerRespondWithNewView(byobBranch.controller, chunk);
          }
          readAgain();
        });
      },
      closeSteps(chunk) {
        reading = false;
        const byobCanceled = forBranch2 ? shared.canceled2 : shared.canceled1;
        const otherCanceled = forBranch2 ? shared.canceled1 : shared.canceled2;
        if (!byobCanceled) streams.readableByteStreamControllerClose(byobBranch.controller);
        if (!otherCanceled) streams.readableByteStreamControllerClose(otherBranch.controller);
        if (chunk !== undefined) {
          if (!byobCanceled) streams.readableByteStreamControllerRespondWithNewView(byobBranch.controller, chunk);
          if (!otherCanceled && otherBranch.controller.pendingPullIntos.size > 0) {
            streams.readableByteStreamControllerRespond(otherBranch.controller, 0);
          }
        }
        shared.over();
      },
      errorSteps() {
        reading = false;
      },
    });
  };
  // 17. Pull for the first branch.
  const pull1Algorithm = () => {
    if (reading) {
      readAgainForBranch1 = true;
      return promises.resolvedWith(undefined);
    }
    reading = true;
    const byobRequest = streams.readableByteStreamControllerGetBYOBRequest(branch1.controller);
    if (byobRequest === null) pullWithDefaultReader();
    else pullWithBYOBReader(byobRequest.view, false);
    return promises.resolvedWith(undefined);
  };
  // 18. Pull for the second.
  const pull2Algorithm = () => {
    if (reading) {
      readAgainForBranch2 = true;
      return promises.resolvedWith(undefined);
    }
    reading = true;
    const byobRequest = streams.readableByteStreamControllerGetBYOBRequest(branch2.controller);
    if (byobRequest === null) pullWithDefaultReader();
    else pullWithBYOBReader(byobRequest.view, true);
    return promises.resolvedWith(undefined);
  };
  // 22.–25. The branches.
  branch1 = streams.createReadableByteStream(streams.nothing, pull1Algorithm, shared.cancel1Algorithm);
  branch2 = streams.createReadableByteStream(streams.nothing, pull2Algorithm, shared.cancel2Algorithm);
  forwardReaderError(reader);
  return { __proto__: null, branch1, branch2 };
};
