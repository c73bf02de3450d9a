//! <https://html.spec.whatwg.org/#message-ports>, <https://html.spec.whatwg.org/#message-channels>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_idl::runtime::{Exception, Held, ObjectRef, Realm, Value};
use longhaul_idl::{MessageChannelMethods, MessageChannelStatics, MessagePortMethods};

use super::PortEnd;
use crate::hooks::{arguments, object};
use crate::structured_clone;

/// <https://html.spec.whatwg.org/#messageport>
#[derive(Default)]
pub(crate) struct MessagePort(Mutex<State>);

#[derive(Default)]
struct State {
    /// None of a port that is closed or was transferred.
    end: Option<PortEnd>,
    /// Keeps the wrapper, with its listeners, for as long as messages may come.
    kept: Option<Held>,
}

longhaul_idl::platform_object!(MessagePort => longhaul_idl::message_port);

impl MessagePort {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A port with an end that is on its way.
    pub(crate) fn with_end(end: PortEnd) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { end: Some(end), kept: None })))
    }

    /// A port of a realm.
    pub(crate) fn create(realm: &dyn Realm, end: PortEnd) -> Arc<Self> {
        let port = Self::with_end(end);
        port.attach(realm);
        port
    }

    fn attach(self: &Arc<Self>, realm: &dyn Realm) {
        let target: ObjectRef = Arc::clone(self) as ObjectRef;
        if let Some(end) = &self.lock().end {
            end.attach(realm, &target, closed_by_other);
        }
    }

    /// Two entangled ports.
    pub(crate) fn channel(realm: &dyn Realm) -> (Arc<Self>, Arc<Self>) {
        let (one, two) = PortEnd::pair();
        (Self::create(realm, one), Self::create(realm, two))
    }

    /// Takes the end out: nothing comes or goes here any more.
    pub(crate) fn take_end(&self) -> Option<PortEnd> {
        let (end, kept) = {
            let mut state = self.lock();
            (state.end.take(), state.kept.take())
        };
        drop(kept);
        if let Some(end) = &end {
            end.detach();
        }
        end
    }

    fn is_detached(&self) -> bool {
        self.lock().end.is_none()
    }

    /// Keeps the wrapper while something may come.
    fn keep(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        let wanted = {
            let state = self.lock();
            state.kept.is_none() && state.end.as_ref().is_some_and(PortEnd::may_receive)
        };
        if wanted {
            let held = realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?;
            self.lock().kept = Some(held);
        }
        Ok(())
    }

    fn start_port(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        self.keep(realm)?;
        if let Some(end) = &self.lock().end {
            end.start();
        }
        Ok(())
    }

    /// <https://html.spec.whatwg.org/#message-port-post-message-steps>
    fn post(
        self: &Arc<Self>,
        realm: &dyn Realm,
        message: Value,
        transfer: Vec<Held>,
    ) -> Result<(), Exception> {
        // 2.–4. A port cannot carry itself; one that carries its own other end is doomed.
        let mut doomed = false;
        for item in &transfer {
            let Some(port) = realm.platform_object(item).and_then(|object| object.downcast::<MessagePort>())
            else {
                continue;
            };
            if Arc::ptr_eq(&port, self) {
                return Err(Exception::dom("DataCloneError", "a port cannot be transferred through itself"));
            }
            let (own, other) = (self.lock(), port.lock());
            doomed |= match (&own.end, &other.end) {
                (Some(own), Some(other)) => own.is_entangled_with(other),
                _ => false,
            };
        }
        // 5. The message.
        let message = structured_clone::serialize(realm, message, transfer)?;
        // 6. Nobody to hear it.
        if doomed {
            return Ok(());
        }
        // NOTE: taken for the moment: what is dropped with a message may want the lock.
        let state = self.lock();
        if let Some(end) = &state.end {
            end.post(message);
        }
        Ok(())
    }
}

/// <https://html.spec.whatwg.org/#disentangle>, step 3: at the port that is left.
fn closed_by_other(realm: &dyn Realm, target: ObjectRef) -> Result<(), Exception> {
    let fired = crate::fire_event(realm, Arc::clone(&target), "close");
    if let Some(port) = target.downcast::<MessagePort>() {
        let kept = {
            let mut state = port.lock();
            match state.end.as_ref().is_some_and(PortEnd::may_receive) {
                true => None,
                false => state.kept.take(),
            }
        };
        drop(kept);
    }
    fired
}

impl MessagePortMethods for MessagePort {
    crate::html::post_message_members!();

    fn start(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        self.start_port(realm)
    }

    /// <https://html.spec.whatwg.org/#dom-messageport-close>
    fn close(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        drop(self.take_end());
        Ok(())
    }
}

/// <https://html.spec.whatwg.org/#messagechannel>
pub(crate) struct MessageChannel {
    port1: Arc<MessagePort>,
    port2: Arc<MessagePort>,
}

longhaul_idl::platform_object!(MessageChannel => longhaul_idl::message_channel);

impl MessageChannelStatics for MessageChannel {
    fn construct(realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        let (port1, port2) = MessagePort::channel(realm);
        Ok(Arc::new(Self { port1, port2 }))
    }
}

impl MessageChannelMethods for MessageChannel {
    fn port1(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.port1) as ObjectRef)
    }

    fn port2(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.port2) as ObjectRef)
    }
}

fn port(args: Vec<Value>) -> Result<Arc<MessagePort>, Exception> {
    let [port] = arguments(args)?;
    object(port)?.downcast().ok_or_else(|| Exception::type_error("the object is no MessagePort"))
}

/// `newMessageChannel()`: two entangled ports.
pub(crate) fn new_message_channel(realm: &dyn Realm, _: Vec<Value>) -> Result<Value, Exception> {
    let (one, two) = MessagePort::channel(realm);
    Ok(Value::Sequence(vec![Value::Object(one), Value::Object(two)]))
}

/// `transferPort(port)`: the port that takes its end to another realm.
pub(crate) fn transfer_port(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let end = port(args)?.take_end();
    let end = end.ok_or_else(|| Exception::dom("DataCloneError", "the port is detached"))?;
    Ok(Value::Object(MessagePort::with_end(end)))
}

/// `receivePort(port)`: the realm's from here on.
pub(crate) fn receive_port(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    port(args)?.attach(realm);
    Ok(Value::Undefined)
}

/// `isPortDetached(port)`
pub(crate) fn is_port_detached(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    Ok(Value::Boolean(port(args)?.is_detached()))
}

/// `postToPort(port, message)`
pub(crate) fn post_to_port(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [target, message] = arguments(args)?;
    port(vec![target])?.post(realm, message, Vec::new())?;
    Ok(Value::Undefined)
}

/// `closePort(port)`
pub(crate) fn close_port(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    drop(port(args)?.take_end());
    Ok(Value::Undefined)
}

/// `startPort(port)`
pub(crate) fn start_port(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    port(args)?.start_port(realm)?;
    Ok(Value::Undefined)
}

/// `keepForMessages(target)`: something listens.
pub(crate) fn keep_for_messages(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [target] = arguments(args)?;
    let target = object(target)?;
    if let Some(port) = target.downcast::<MessagePort>() {
        port.keep(realm)?;
    } else if let Some(channel) = target.downcast::<super::BroadcastChannel>() {
        channel.keep(realm)?;
    } else if let Some(source) = target.downcast::<crate::event_source::EventSource>() {
        source.keep(realm)?;
    } else {
        super::worker::keep(realm, &target)?;
    }
    Ok(Value::Undefined)
}
