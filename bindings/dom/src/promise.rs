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
