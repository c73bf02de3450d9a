//! Tasks that live no longer than what they work for.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// The tasks of one connection. They end when the last reference goes.
#[derive(Debug)]
pub(crate) struct TaskGroup {
    tasks: Mutex<JoinSet<()>>,
    runtime: Handle,
}

impl TaskGroup {
    pub(crate) fn new(runtime: Handle) -> Arc<Self> {
        Arc::new(TaskGroup { tasks: Mutex::default(), runtime })
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }
}

/// Spawns into a group as long as somebody else keeps it; the tasks it spawns hold this, so it must not keep the group itself.
#[derive(Clone, Debug)]
pub(crate) struct GroupExecutor(Weak<TaskGroup>);

impl GroupExecutor {
    pub(crate) fn new(group: Weak<TaskGroup>) -> Self {
        GroupExecutor(group)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for GroupExecutor {
    fn execute(&self, task: F) {
        if let Some(group) = self.0.upgrade() {
            group.spawn(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_end_with_the_group() {
        let group = TaskGroup::new(Handle::current());
        let (ended, mut end) = tokio::sync::oneshot::channel::<()>();
        group.spawn(async move {
            let _held = ended;
            std::future::pending().await
        });
        assert!(end.try_recv().is_err_and(|error| error == tokio::sync::oneshot::error::TryRecvError::Empty));
        drop(group);
        assert!(end.await.is_err());
    }
}
