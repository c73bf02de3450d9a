//! <https://html.spec.whatwg.org/#message-ports>: the two ends of a channel, which cross agents.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use longhaul_idl::runtime::{
    AgentHandle, Exception, ObjectRef, PlatformObject, Realm, RealmId, TaskSource, Value,
};

use crate::structured_clone::SerializedMessage;

/// One end of a channel. It belongs to an object of a realm, or is on its way to one; when it is dropped the two ends are
/// disentangled.
pub struct PortEnd {
    pair: Arc<Pair>,
    side: usize,
}

struct Pair([Mutex<End>; 2]);

#[derive(Default)]
struct End {
    /// <https://html.spec.whatwg.org/#port-message-queue>
    queue: VecDeque<SerializedMessage>,
    /// Who gets the messages.
    owner: Option<Owner>,
    /// Whether messages are given out.
    enabled: bool,
    /// Whether the other end is gone.
    alone: bool,
    /// Whether this end is gone.
    gone: bool,
    /// Changes with the owner: what was queued for an earlier one does nothing.
    generation: u64,
}

/// The object that receives.
struct Owner {
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    target: Weak<dyn PlatformObject>,
    on_close: fn(&dyn Realm, ObjectRef) -> Result<(), Exception>,
}

impl std::fmt::Debug for PortEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortEnd").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Pair {
    fn end(&self, side: usize) -> MutexGuard<'_, End> {
        self.0[side].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a task that gives the oldest message to the owner.
    fn queue_delivery(self: &Arc<Self>, side: usize, owner: &Owner, generation: u64) {
        let pair = Arc::clone(self);
        let task = move |realm: &dyn Realm| {
            let (message, target) = {
                let mut end = pair.end(side);
                if end.generation != generation || !end.enabled {
                    return;
                }
                let target = end.owner.as_ref().and_then(|owner| owner.target.upgrade());
                (end.queue.pop_front(), target)
            };
            let (Some(message), Some(target)) = (message, target) else { return };
            let received = message.into_handle(realm).and_then(|handle| {
                realm.core("receiveMessage", vec![Value::Object(target), handle]).map(drop)
            });
            if let Err(exception) = received {
                realm.report_exception(exception);
            }
        };
        owner.agent.queue_task(TaskSource::PostedMessage, owner.realm, Box::new(task));
    }

    /// Queues a task that tells the owner that nothing will come any more.
    fn queue_close(self: &Arc<Self>, side: usize, owner: &Owner, generation: u64) {
        let pair = Arc::clone(self);
        let on_close = owner.on_close;
        let task = move |realm: &dyn Realm| {
            let target = {
                let end = pair.end(side);
                if end.generation != generation {
                    return;
                }
                end.owner.as_ref().and_then(|owner| owner.target.upgrade())
            };
            if let Some(target) = target
                && let Err(exception) = on_close(realm, target)
            {
                realm.report_exception(exception);
            }
        };
        owner.agent.queue_task(TaskSource::PostedMessage, owner.realm, Box::new(task));
    }
}

impl PortEnd {
    /// <https://html.spec.whatwg.org/#entangle>: two new ends.
    pub fn pair() -> (PortEnd, PortEnd) {
        let pair = Arc::new(Pair([Mutex::default(), Mutex::default()]));
        (PortEnd { pair: Arc::clone(&pair), side: 0 }, PortEnd { pair, side: 1 })
    }

    /// Gives the messages to an object of a realm from now on. `on_close` is run there when the other end is gone.
    pub fn attach(
        &self,
        realm: &dyn Realm,
        target: &ObjectRef,
        on_close: fn(&dyn Realm, ObjectRef) -> Result<(), Exception>,
    ) {
        let mut end = self.pair.end(self.side);
        end.generation += 1;
        let generation = end.generation;
        let owner = Owner {
            agent: Arc::clone(realm.agent()),
            realm: realm.id(),
            target: Arc::downgrade(target),
            on_close,
        };
        if end.alone {
            self.pair.queue_close(self.side, &owner, generation);
        }
        end.owner = Some(owner);
    }

    /// Takes the end away from its object. Its messages stay with it.
    pub fn detach(&self) {
        let mut end = self.pair.end(self.side);
        end.generation += 1;
        end.enabled = false;
        let owner = end.owner.take();
        drop(end);
        drop(owner);
    }

    /// <https://html.spec.whatwg.org/#dom-messageport-start>
    pub fn start(&self) {
        let mut end = self.pair.end(self.side);
        if end.enabled {
            return;
        }
        end.enabled = true;
        if let Some(owner) = &end.owner {
            for _ in 0..end.queue.len() {
                self.pair.queue_delivery(self.side, owner, end.generation);
            }
        }
    }

    /// <https://html.spec.whatwg.org/#message-port-post-message-steps>, from step 6: to the other end.
    pub fn post(&self, message: SerializedMessage) {
        let side = 1 - self.side;
        let mut end = self.pair.end(side);
        if end.gone {
            drop(end);
            // NOTE: outside the lock: what was transferred with it ends here.
            drop(message);
            return;
        }
        end.queue.push_back(message);
        if end.enabled
            && let Some(owner) = &end.owner
        {
            self.pair.queue_delivery(side, owner, end.generation);
        }
    }

    /// Whether both are the ends of one channel.
    pub(crate) fn is_entangled_with(&self, other: &PortEnd) -> bool {
        Arc::ptr_eq(&self.pair, &other.pair)
    }

    /// Whether anything may still come: the other end is there, or left something.
    pub(crate) fn may_receive(&self) -> bool {
        let end = self.pair.end(self.side);
        !end.alone || !end.queue.is_empty()
    }
}

impl Drop for PortEnd {
    /// <https://html.spec.whatwg.org/#disentangle>
    fn drop(&mut self) {
        let (queue, owner) = {
            let mut end = self.pair.end(self.side);
            end.gone = true;
            end.generation += 1;
            (std::mem::take(&mut end.queue), end.owner.take())
        };
        // NOTE: outside the locks: the messages may hold ends of other channels, or of this one.
        drop((queue, owner));
        let side = 1 - self.side;
        let mut other = self.pair.end(side);
        if other.gone {
            return;
        }
        other.alone = true;
        if let Some(owner) = &other.owner {
            self.pair.queue_close(side, owner, other.generation);
        }
    }
}
