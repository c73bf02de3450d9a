//! <https://webidl.spec.whatwg.org/#idl-promise>

use std::{fmt, future::Future};

use futures::future::{BoxFuture, FutureExt};

use super::{Exception, Held, IntoIdl, Value};

/// A promise as Rust sees it. The adapter spawns it through the agent's handle and settles the script's promise in a task.
pub type PromiseFuture = BoxFuture<'static, Result<Value, Exception>>;

/// A `Promise<T>` that a member returns.
#[non_exhaustive]
pub enum PromiseOf<T> {
    /// Settles when the future is done.
    Future(BoxFuture<'static, Result<T, Exception>>),
    /// Settled already: no task is queued.
    Settled(Result<T, Exception>),
    /// A promise that the realm already has, from [`Realm::new_promise`](super::Realm::new_promise) or from script.
    Held(Held),
}

impl<T: Send + 'static> PromiseOf<T> {
    /// Settles when the future is done.
    pub fn new(future: impl Future<Output = Result<T, Exception>> + Send + 'static) -> Self {
        Self::Future(future.boxed())
    }

    /// Resolved already.
    pub fn resolved(value: T) -> Self {
        Self::Settled(Ok(value))
    }

    /// Rejected already.
    pub fn rejected(exception: Exception) -> Self {
        Self::Settled(Err(exception))
    }
}

impl<T: IntoIdl + 'static> IntoIdl for PromiseOf<T> {
    fn into_idl(self) -> Value {
        match self {
            Self::Future(future) => Value::Promise(async move { Ok(future.await?.into_idl()) }.boxed()),
            Self::Settled(result) => Value::Settled(result.map(|value| Box::new(value.into_idl()))),
            Self::Held(held) => Value::Held(held),
        }
    }
}

impl<T> fmt::Debug for PromiseOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future(_) => f.write_str("PromiseOf::Future"),
            Self::Settled(_) => f.write_str("PromiseOf::Settled"),
            Self::Held(held) => write!(f, "PromiseOf::{held:?}"),
        }
    }
}
