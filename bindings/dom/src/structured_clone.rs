//! <https://html.spec.whatwg.org/#safe-passing-of-structured-data>: what the core makes of a value, as plain data that any agent
//! can turn back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use longhaul_idl::runtime::{Buffer, DomString, Exception, Held, ObjectRef, Realm, Value};
use longhaul_idl::{DOMExceptionMethods, QuotaExceededErrorMethods};

use crate::hooks::number;

/// How many bytes of messages a global may have under way. They are outside the limit of its engine.
const LIMIT: usize = 256 << 20;

/// How many items go to the core at a time.
const PIECE: usize = 4096;

/// A value between two realms. Clones are the same one.
#[derive(Clone)]
pub struct SerializedMessage(Arc<Serialized>);

impl std::fmt::Debug for SerializedMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SerializedMessage").field("items", &self.0.items.len()).finish_non_exhaustive()
    }
}

struct Serialized {
    items: Vec<Item>,
    /// What was transferred; whoever reads the message first gets it.
    transferred: Mutex<Vec<Vec<Item>>>,
    _charge: Charge,
}

/// A piece of a serialized value.
#[derive(Clone)]
enum Item {
    Undefined,
    Null,
    Boolean(bool),
    Number(f64),
    String(DomString),
    Bytes(Bytes),
    Object(ObjectRef),
}

impl Item {
    fn of(value: Value) -> Result<Self, Exception> {
        match value {
            Value::Undefined => Ok(Self::Undefined),
            Value::Null => Ok(Self::Null),
            Value::Boolean(value) => Ok(Self::Boolean(value)),
            Value::Number(value) => Ok(Self::Number(value)),
            Value::String(value) => Ok(Self::String(value)),
            Value::Buffer(buffer) => Ok(Self::Bytes(buffer.bytes)),
            Value::Object(object) => Ok(Self::Object(object)),
            _ => Err(Exception::dom("DataCloneError", "a value cannot leave its realm")),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Undefined => Value::Undefined,
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Number(value) => Value::Number(value),
            Self::String(value) => Value::String(value),
            Self::Bytes(bytes) => Value::Buffer(Buffer::array_buffer(bytes)),
            Self::Object(object) => Value::Object(object),
        }
    }

    /// About what it takes.
    fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::String(text) => text.len(),
                Self::Bytes(bytes) => bytes.len(),
                _ => 0,
            }
    }
}

/// Bytes that are counted for as long as this lives.
struct Charge {
    total: Arc<AtomicUsize>,
    bytes: usize,
}

impl Charge {
    fn new(total: Arc<AtomicUsize>) -> Self {
        Self { total, bytes: 0 }
    }

    fn add(&mut self, bytes: usize) -> Result<(), Exception> {
        self.bytes = self.bytes.saturating_add(bytes);
        let before = self.total.fetch_add(bytes, Ordering::Relaxed);
        match before.saturating_add(bytes) <= LIMIT {
            true => Ok(()),
            false => Err(Exception::dom("DataCloneError", "too many bytes of messages are under way")),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The messages that a realm's core is writing or reading, by number.
#[derive(Default)]
pub(crate) struct CloneTable {
    state: Mutex<Tables>,
    under_way: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Tables {
    last: u64,
    writing: HashMap<u64, Writing>,
    reading: HashMap<u64, Reading>,
}

struct Writing {
    items: Vec<Item>,
    transferred: Vec<Vec<Item>>,
    charge: Charge,
}

struct Reading {
    message: SerializedMessage,
    position: usize,
    transferred: std::vec::IntoIter<Vec<Item>>,
}

impl CloneTable {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the core has written under a number.
    pub(crate) fn take(&self, number: u64) -> Option<SerializedMessage> {
        let Writing { items, transferred, charge } = self.lock().writing.remove(&number)?;
        let transferred = Mutex::new(transferred);
        Some(SerializedMessage(Arc::new(Serialized { items, transferred, _charge: charge })))
    }

    /// Gives a message to the core, which reads it once under the number that this gives.
    fn put(&self, message: SerializedMessage) -> u64 {
        let transferred =
            std::mem::take(&mut *message.0.transferred.lock().unwrap_or_else(PoisonError::into_inner));
        let mut tables = self.lock();
        tables.last += 1;
        let number = tables.last;
        let reading = Reading { message, position: 0, transferred: transferred.into_iter() };
        tables.reading.insert(number, reading);
        number
    }

    /// Makes what was written readable under the same number: a clone within one realm.
    fn turn(&self, number: u64) {
        if let Some(message) = self.take(number) {
            let transferred =
                std::mem::take(&mut *message.0.transferred.lock().unwrap_or_else(PoisonError::into_inner));
            let reading = Reading { message, position: 0, transferred: transferred.into_iter() };
            self.lock().reading.insert(number, reading);
        }
    }
}

/// <https://html.spec.whatwg.org/#structuredserializewithtransfer>
///
/// # Errors
/// A `DataCloneError`, or what a getter throws.
pub fn serialize(
    realm: &dyn Realm,
    value: Value,
    transfer: Vec<Held>,
) -> Result<SerializedMessage, Exception> {
    let transfer = transfer.into_iter().map(Value::Held).collect();
    let written = realm.core("structuredSerialize", vec![value, Value::Sequence(transfer)])?;
    taken(realm, &written)
}

/// What the core has serialized and gives the number of.
///
/// # Errors
/// A `DataCloneError` if there is nothing under the number.
pub fn taken(realm: &dyn Realm, written: &Value) -> Result<SerializedMessage, Exception> {
    let message = crate::global_scope(realm)?.clones.take(number(written)? as u64);
    message.ok_or_else(|| Exception::dom("DataCloneError", "there is no such message"))
}

impl SerializedMessage {
    /// Gives the message to a realm's core: the number with which `internal.structuredDeserialize` takes it.
    ///
    /// # Errors
    /// A `TypeError` if the realm has no global of ours.
    pub fn into_handle(self, realm: &dyn Realm) -> Result<Value, Exception> {
        Ok(Value::Number(crate::global_scope(realm)?.clones.put(self) as f64))
    }

    /// <https://html.spec.whatwg.org/#structureddeserializewithtransfer>, for a message of which only the value matters.
    ///
    /// # Errors
    /// What making the value throws.
    pub fn deserialize(self, realm: &dyn Realm) -> Result<Value, Exception> {
        let handle = self.into_handle(realm)?;
        realm.core("structuredDeserializeValue", vec![handle])
    }
}

/// `cloneAppend(number or 0, ...items)`: the number.
pub(crate) fn append(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let scope = crate::global_scope(realm)?;
    let mut args = args.into_iter();
    let given = number(&args.next().unwrap_or(Value::Undefined))? as u64;
    let items: Vec<Item> = args.map(Item::of).collect::<Result<_, _>>()?;
    let mut tables = scope.clones.lock();
    let handle = match given {
        0 => {
            tables.last += 1;
            tables.last
        }
        given => given,
    };
    let writing = tables.writing.entry(handle).or_insert_with(|| Writing {
        items: Vec::new(),
        transferred: Vec::new(),
        charge: Charge::new(Arc::clone(&scope.clones.under_way)),
    });
    if let Err(exception) = writing.charge.add(items.iter().map(Item::size).sum()) {
        tables.writing.remove(&handle);
        return Err(exception);
    }
    writing.items.extend(items);
    Ok(Value::Number(handle as f64))
}

/// `cloneTransfer(number, name, ...fields)`.
pub(crate) fn transfer(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let scope = crate::global_scope(realm)?;
    let mut args = args.into_iter();
    let handle = number(&args.next().unwrap_or(Value::Undefined))? as u64;
    let fields: Vec<Item> = args.map(Item::of).collect::<Result<_, _>>()?;
    let mut tables = scope.clones.lock();
    if let Some(writing) = tables.writing.get_mut(&handle) {
        writing.charge.add(fields.iter().map(Item::size).sum())?;
        writing.transferred.push(fields);
    }
    Ok(Value::Undefined)
}

/// `cloneRead(number)`: the next items.
pub(crate) fn read(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let handle = number(args.first().unwrap_or(&Value::Undefined))? as u64;
    let scope = crate::global_scope(realm)?;
    let mut tables = scope.clones.lock();
    let over = || Exception::dom("DataCloneError", "the message is over");
    let reading = tables.reading.get_mut(&handle).ok_or_else(over)?;
    let items = &reading.message.0.items;
    let end = (reading.position + PIECE).min(items.len());
    let piece: Vec<Value> =
        items[reading.position..end].iter().map(|item| item.clone().into_value()).collect();
    reading.position = end;
    if piece.is_empty() { Err(over()) } else { Ok(Value::Sequence(piece)) }
}

/// `cloneReceive(number)`: the next transferred object's name and fields, or `null`.
pub(crate) fn receive(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let handle = number(args.first().unwrap_or(&Value::Undefined))? as u64;
    let scope = crate::global_scope(realm)?;
    scope.clones.turn(handle);
    let mut tables = scope.clones.lock();
    let fields = tables.reading.get_mut(&handle).and_then(|reading| reading.transferred.next());
    Ok(match fields {
        Some(fields) => Value::Sequence(fields.into_iter().map(Item::into_value).collect()),
        None => Value::Null,
    })
}

/// `cloneDrop(number)`.
pub(crate) fn forget(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let handle = number(args.first().unwrap_or(&Value::Undefined))? as u64;
    let scope = crate::global_scope(realm)?;
    let mut tables = scope.clones.lock();
    let dropped = (tables.writing.remove(&handle), tables.reading.remove(&handle));
    drop(tables);
    // NOTE: outside the lock: what was transferred and not received ends here.
    drop(dropped);
    Ok(Value::Undefined)
}

/// `exceptionParts(exception)`: name, message, and the numbers of a `QuotaExceededError`.
pub(crate) fn exception_parts(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let Some(Value::Object(object)) = args.into_iter().next() else {
        return Err(Exception::type_error("the value is no DOMException"));
    };
    let optional = |number: Option<f64>| number.map_or(Value::Null, Value::Number);
    if let Some(exception) = object.downcast::<longhaul_idl::DomException>() {
        let (name, message) = (exception.name(realm)?, exception.message(realm)?);
        return Ok(Value::Sequence(vec![Value::String(name), Value::String(message)]));
    }
    let exception = object
        .downcast::<longhaul_idl::QuotaExceededError>()
        .ok_or_else(|| Exception::type_error("the value is no DOMException"))?;
    Ok(Value::Sequence(vec![
        Value::String(exception.name(realm)?),
        Value::String(DOMExceptionMethods::message(&exception, realm)?),
        optional(exception.quota(realm)?),
        optional(exception.requested(realm)?),
    ]))
}
