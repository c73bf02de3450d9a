//! Promises that wait for something that may never come.

use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use longhaul_idl::runtime::{Exception, PromiseOf, Realm, TaskSource, Value};

/// A promise that settles with what is made of a future's output. Unlike one of [`PromiseOf::new`] it is no work that the
/// agent still has to do: the host may end the agent while it waits.
pub(crate) fn listening_promise<T, Output>(
    realm: &dyn Realm,
    source: TaskSource,
    future: impl Future<Output = Output> + Send + 'static,
    settle_with: impl FnOnce(&dyn Realm, Output) -> Result<Value, Exception> + Send + 'static,
) -> Result<PromiseOf<T>, Exception>
where
    Output: Send + 'static,
{
    let (promise, resolver) = realm.new_promise()?;
    let mut future = Box::pin(future);
    // NOTE: what is there already must not wait, or the agent could end before a script sees it.
    if let Some(output) = future.as_mut().now_or_never() {
        let result = settle_with(realm, output);
        realm.settle(resolver, result);
        return Ok(PromiseOf::Held(promise));
    }
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    tokio::spawn(async move {
        let output = future.await;
        let settle = move |realm: &dyn Realm| {
            let result = settle_with(realm, output);
            realm.settle(resolver, result);
        };
        agent.queue_task(source, id, Box::new(settle));
    });
    Ok(PromiseOf::Held(promise))
}

/// A promise of what a future makes in the realm.
pub(crate) fn promise_in_realm<T>(
    realm: &dyn Realm,
    future: impl Future<Output = Result<Value, Exception>> + Send + 'static,
) -> Result<PromiseOf<T>, Exception> {
    let (promise, resolver) = realm.new_promise()?;
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    realm.agent().spawn(Box::pin(async move {
        let result = future.await;
        agent.queue_task(TaskSource::Dom, id, Box::new(move |realm| realm.settle(resolver, result)));
    }));
    Ok(PromiseOf::Held(promise))
}

/// What settles a [`called_promise`].
pub(crate) type Settle = Box<dyn FnOnce(Result<Value, Exception>) + Send>;

/// A promise that somebody elsewhere settles by a call, at whose moment the task that does it is queued: what is queued
/// afterwards comes afterwards. If the call is dropped, the promise stays as it is, as when a user agent shuts down.
pub(crate) fn called_promise<T>(
    realm: &dyn Realm,
    source: TaskSource,
    start: impl FnOnce(Settle),
) -> Result<PromiseOf<T>, Exception> {
    let (promise, resolver) = realm.new_promise()?;
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    // NOTE: the agent is not idle as long as it waits for this.
    let (called, waiting) = tokio::sync::oneshot::channel::<()>();
    realm.agent().spawn(Box::pin(async move {
        // It ends either way.
        let _ = waiting.await;
    }));
    start(Box::new(move |result| {
        agent.queue_task(source, id, Box::new(move |realm| realm.settle(resolver, result)));
        // The agent may be gone.
        let _ = called.send(());
    }));
    Ok(PromiseOf::Held(promise))
}
