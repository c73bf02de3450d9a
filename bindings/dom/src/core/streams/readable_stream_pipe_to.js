// Piping: https://streams.spec.whatwg.org/#readable-stream-pipe-to
const { internal } = core;
const { TypeError } = primordials;
const { promises, streams } = internal;

// <https://webidl.spec.whatwg.org/#waiting-for-all-promise>: both, or the first that rejects.
function bothOf(first, second) {
  const both = promises.pending();
  let missing = 2;
  const one = () => {
    missing -= 1;
    if (missing === 0) promises.resolve(both, undefined);
  };
  const rejected = (reason) => promises.reject(both, reason);
  promises.upon(first, one, rejected);
  promises.upon(second, one, rejected);
  return both;
}

streams.readableStreamPipeTo = (source, dest, preventClose, preventAbort, preventCancel, signal) => {
  // 9.–13. Both ends are taken.
  const reader = streams.acquireReadableStreamDefaultReader(source);
  const writer = streams.acquireWritableStreamDefaultWriter(dest);
  source.disturbed = true;
  let shuttingDown = false;
  const promise = promises.pending();
  // The write that was last, which settles after all others.
  let currentWrite = promises.resolvedWith(undefined);

  // 14. The signal.
  let abortAlgorithm;
  if (signal !== undefined) {
    abortAlgorithm = () => {
      const error = native.slots(signal).reason;
      shutdownWithAction(
        () => {
          const aborted =
            !preventAbort && dest.state === "writable" ? streams.writableStreamAbort(dest, error) : promises.resolvedWith(undefined);
          const canceled =
            !preventCancel && source.state === "readable" ? streams.readableStreamCancel(source, error) : promises.resolvedWith(undefined);
          return bothOf(aborted, canceled);
        },
        true,
        error,
      );
    };
    if (internal.isAborted(signal)) {
      abortAlgorithm();
      return promise;
    }
    internal.addAbortAlgorithm(signal, abortAlgorithm);
  }

  // 15. Errors and ends of either side, in the standard's order.
  const sourceErrored = () => {
    const error = source.storedError;
    if (!preventAbort) shutdownWithAction(() => streams.writableStreamAbort(dest, error), true, error);
    else shutdown(true, error);
  };
  const destErrored = () => {
    const error = dest.storedError;
    if (!preventCancel) shutdownWithAction(() => streams.readableStreamCancel(source, error), true, error);
    else shutdown(true, error);
  };
  const sourceClosed = () => {
    if (!preventClose) shutdownWithAction(() => streams.writableStreamDefaultWriterCloseWithErrorPropagation(writer), false);
    else shutdown(false);
  };
  if (source.state === "errored") sourceErrored();
  else promises.uponRejection(reader.closedPromise, () => source.state === "errored" && sourceErrored());
  if (dest.state === "errored") destErrored();
  else promises.uponRejection(writer.closedPromise, () => dest.state === "errored" && destErrored());
  if (source.state === "closed") sourceClosed();
  else promises.upon(reader.closedPromise, sourceClosed, () => {});
  if (streams.writableStreamCloseQueuedOrInFlight(dest) || dest.state === "closed") {
    const destClosed = new TypeError("the destination is closed, or about to be");
    if (!preventCancel) shutdownWithAction(() => streams.readableStreamCancel(source, destClosed), true, destClosed);
    else shutdown(true, destClosed);
  }
  if (!shuttingDown) pipeStep();
  return promise;

  // One chunk after the other, as long as the destination wants them.
  function pipeStep() {
    if (shuttingDown) return;
    const desiredSize = streams.writableStreamDefaultWriterGetDesiredSize(writer);
    // Errors of the destination come by themselves.
    if (desiredSize === null) return;
    if (desiredSize <= 0) {
      promises.upon(writer.readyPromise, pipeStep, () => {});
      return;
    }
    streams.readableStreamDefaultReaderRead(reader, {
      __proto__: null,
      chunkSteps(chunk) {
        // NOTE: not at once: the write must not run inside the source's enqueue().
        currentWrite = promises.pending();
        const written = currentWrite;
        promises.queueMicrotask(() => {
          const write = streams.writableStreamDefaultWriterWrite(writer, chunk);
          promises.setHandled(write);
          promises.upon(write, () => promises.resolve(written, undefined), () => promises.resolve(written, undefined));
          pipeStep();
        });
      },
      closeSteps() {},
      errorSteps() {},
    });
  }

  // Waits until every chunk that was read has been written.
  function waitForWrites(then) {
    const write = currentWrite;
    promises.upon(write, () => (write === currentWrite ? then() : waitForWrites(then)));
  }

  function afterWrites(then) {
    if (dest.state === "writable" && !streams.writableStreamCloseQueuedOrInFlight(dest)) {
      waitForWrites(then);
    } else {
      then();
    }
  }

  function shutdownWithAction(action, hasError, error) {
    if (shuttingDown) return;
    shuttingDown = true;
    afterWrites(() => {
      promises.upon(
        action(),
        () => finalize(hasError, error),
        (newError) => finalize(true, newError),
      );
    });
  }

  function shutdown(hasError, error) {
    if (shuttingDown) return;
    shuttingDown = true;
    afterWrites(() => finalize(hasError, error));
  }

  function finalize(hasError, error) {
    streams.writableStreamDefaultWriterRelease(writer);
    streams.readableStreamDefaultReaderRelease(reader);
    if (signal !== undefined) internal.removeAbortAlgorithm(signal, abortAlgorithm);
    if (hasError) promises.reject(promise, error);
    else promises.resolve(promise, undefined);
  }
};
