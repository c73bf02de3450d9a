//! <https://html.spec.whatwg.org/#broadcasting-to-other-browsing-contexts>

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use longhaul_idl::runtime::{
    AgentHandle, DomString, Exception, Held, ObjectRef, Realm, RealmId, TaskSource, Value,
};
use longhaul_idl::{BroadcastChannelMethods, BroadcastChannelStatics};

use crate::structured_clone;

/// The channels of a user agent that are open, by storage key and name, in the order of their creation.
#[derive(Default)]
pub(crate) struct BroadcastChannels(Mutex<HashMap<(String, String), Vec<Entry>>>);

struct Entry {
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    channel: Weak<BroadcastChannel>,
}

impl BroadcastChannels {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Vec<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, channel: *const BroadcastChannel, key: &(String, String)) {
        let mut channels = self.lock();
        let Some(entries) = channels.get_mut(key) else { return };
        let index = entries.iter().position(|entry| std::ptr::eq(entry.channel.as_ptr(), channel));
        let removed = index.map(|index| entries.remove(index));
        if entries.is_empty() {
            channels.remove(key);
        }
        drop(channels);
        drop(removed);
    }
}

/// <https://html.spec.whatwg.org/#broadcastchannel>
pub(crate) struct BroadcastChannel {
    name: DomString,
    key: (String, String),
    channels: Arc<BroadcastChannels>,
    closed: AtomicBool,
    kept: Mutex<Option<Held>>,
}

longhaul_idl::platform_object!(BroadcastChannel => longhaul_idl::broadcast_channel);

impl BroadcastChannel {
    /// Keeps the wrapper, with its listeners, until the channel is closed.
    pub(super) fn keep(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        if self.closed.load(Ordering::Acquire) || self.kept().is_some() {
            return Ok(());
        }
        let held = realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?;
        *self.kept() = Some(held);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Option<Held>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BroadcastChannel {
    fn drop(&mut self) {
        self.channels.remove(self, &self.key);
    }
}

impl BroadcastChannelStatics for BroadcastChannel {
    fn construct(realm: &dyn Realm, name: DomString) -> Result<ObjectRef, Exception> {
        let scope = crate::global_scope(realm)?;
        let channels = scope.user_agent().extension::<BroadcastChannels>();
        // NOTE: a name with a lone surrogate is told from others by its code units.
        let text = match name.ill_formed_units() {
            Some(units) => format!("\0{units:?}"),
            None => name.to_string(),
        };
        let key = (scope.settings().storage_key.clone(), text);
        let channel = Arc::new(Self {
            name,
            key: key.clone(),
            channels: Arc::clone(&channels),
            closed: AtomicBool::new(false),
            kept: Mutex::default(),
        });
        let entry =
            Entry { agent: Arc::clone(realm.agent()), realm: realm.id(), channel: Arc::downgrade(&channel) };
        channels.lock().entry(key).or_default().push(entry);
        Ok(channel)
    }
}

impl BroadcastChannelMethods for BroadcastChannel {
    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.name.clone())
    }

    /// <https://html.spec.whatwg.org/#dom-broadcastchannel-postmessage>
    fn post_message(self: &Arc<Self>, realm: &dyn Realm, message: Value) -> Result<(), Exception> {
        // 1. Whose document or worker is gone.
        let scope = crate::global_scope(realm)?;
        if !scope.is_eligible_for_messaging(realm) {
            return Ok(());
        }
        // 2. Closed.
        if self.closed.load(Ordering::Acquire) {
            return Err(Exception::dom("InvalidStateError", "the channel is closed"));
        }
        // 3. Once for all who get it.
        let message = structured_clone::serialize(realm, message, Vec::new())?;
        // 4.–5. The origin, as it is told.
        let origin = longhaul::fetch::serialize_origin(&scope.settings().origin);
        // 6.–8. All others of this name, oldest first. NOTE: under the lock, so that two messages come to all in one order;
        // no task is run here, and none of them holds a channel.
        let channels = self.channels.lock();
        for entry in channels.get(&self.key).map(Vec::as_slice).unwrap_or_default() {
            let own: *const BroadcastChannel = Arc::as_ptr(self);
            if std::ptr::eq(entry.channel.as_ptr(), own) {
                continue;
            }
            // 9. A task each.
            let (message, origin, channel) = (message.clone(), origin.clone(), Weak::clone(&entry.channel));
            let task = move |realm: &dyn Realm| {
                let Some(channel) = channel.upgrade() else { return };
                // 9.1. Closed meanwhile, or 7. of a document that is gone.
                let is_gone =
                    || crate::global_scope(realm).is_ok_and(|scope| !scope.is_eligible_for_messaging(realm));
                if channel.closed.load(Ordering::Acquire) || is_gone() {
                    return;
                }
                // 9.2.–9.5. `message`, or `messageerror`.
                let received = message.into_handle(realm).and_then(|handle| {
                    let args = vec![Value::Object(channel), handle, Value::String(origin.into())];
                    realm.core("receiveMessage", args).map(drop)
                });
                if let Err(exception) = received {
                    realm.report_exception(exception);
                }
            };
            entry.agent.queue_task(TaskSource::Dom, entry.realm, Box::new(task));
        }
        Ok(())
    }

    /// <https://html.spec.whatwg.org/#dom-broadcastchannel-close>
    fn close(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.closed.store(true, Ordering::Release);
        self.channels.remove(Arc::as_ptr(self), &self.key);
        let kept = self.kept().take();
        drop(kept);
        Ok(())
    }
}
