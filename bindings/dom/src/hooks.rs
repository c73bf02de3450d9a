//! What the self-hosted core calls.

use std::sync::Arc;

use longhaul_idl::runtime::{Exception, Held, Hook, ObjectRef, Realm, TaskSource, Value};

use crate::background_fetch::update_ui;
use crate::dom::node::NodeRef;
use crate::html::{WorkerError, delay, message_port};
use crate::{fetch, streams, structured_clone};

/// Name and function.
pub(crate) static HOOKS: &[(&str, Hook)] = &[
    ("aborted", aborted),
    ("answerFetch", |realm, args| {
        let [event, answer] = arguments(args)?;
        crate::service_worker::answer_fetch(realm, number(&event)? as u64, answer)
    }),
    ("cancelBody", streams::cancel_body),
    ("activate", activate),
    ("cancelActivation", cancel_activation),
    ("cancelTimer", cancel_timer),
    ("cloneAppend", structured_clone::append),
    ("cloneDrop", structured_clone::forget),
    ("cloneRead", structured_clone::read),
    ("cloneReceive", structured_clone::receive),
    ("cloneTransfer", structured_clone::transfer),
    ("copyOfBlob", |_, args| {
        let [blob] = arguments(args)?;
        crate::blob::copy_of(&object(blob)?).map(Value::Object)
    }),
    ("exceptionParts", structured_clone::exception_parts),
    ("codecFinish", streams::codec_finish),
    ("codecInput", streams::codec_input),
    ("codecOutput", streams::codec_output),
    ("collectBody", fetch::collect_body),
    ("consoleMessage", console_message),
    ("decodeText", streams::decode_text),
    ("enableClientMessages", |realm, _| {
        let scope = crate::global_scope(realm)?;
        scope.container(realm).enable_messages(realm)?;
        Ok(Value::Undefined)
    }),
    ("encodeText", streams::encode_text),
    ("microtaskCheckpoint", |realm, _| {
        realm.microtask_checkpoint();
        Ok(Value::Undefined)
    }),
    ("mayEvaluate", |realm, args| {
        let [source] = arguments(args)?;
        crate::html::may_evaluate(realm, &text(source)?).map(Value::Boolean)
    }),
    ("newCodec", streams::new_codec),
    ("newTextDecoder", streams::new_text_decoder),
    ("now", now),
    ("packageBody", fetch::package_body),
    ("pullBody", streams::pull_body),
    ("hasBodyEnded", streams::has_body_ended),
    ("eventParents", event_parents),
    ("handlerScope", handler_scope),
    ("handlerWindow", handler_window),
    ("hasActivation", has_activation),
    ("inclusiveAncestors", inclusive_ancestors),
    ("nodeNeighbour", node_neighbour),
    ("nodeType", |realm, args| {
        let kind = longhaul_idl::NodeMethods::node_type(&node(args)?, realm)?;
        Ok(Value::Number(kind.into()))
    }),
    ("nodeWrapped", node_wrapped),
    ("observeMutations", observe_mutations),
    ("preActivate", pre_activate),
    ("runTimerScript", run_timer_script),
    ("sinkChunk", streams::sink_chunk),
    ("sinkEnd", streams::sink_end),
    ("sinkError", streams::sink_error),
    ("isPortDetached", message_port::is_port_detached),
    ("keepForMessages", message_port::keep_for_messages),
    ("newMessageChannel", message_port::new_message_channel),
    ("receivePort", message_port::receive_port),
    ("closePort", message_port::close_port),
    ("postToPort", message_port::post_to_port),
    ("startPort", message_port::start_port),
    ("startTimeout", start_timeout),
    ("startTimer", start_timer),
    ("timeOrigin", |realm, _| Ok(Value::Number(crate::global_scope(realm)?.time_origin()))),
    ("transferPort", message_port::transfer_port),
    ("uncaughtInWorker", uncaught_in_worker),
    ("updateImage", |realm, args| {
        crate::html::update_image(realm, &node(args)?);
        Ok(Value::Undefined)
    }),
    ("updateUI", |realm, args| {
        let [registration, options] = arguments(args)?;
        update_ui(realm, &held(realm, registration)?, &held(realm, options)?)
    }),
];

/// The arguments of a hook, which the core gives in the right number.
pub(crate) fn arguments<const N: usize>(args: Vec<Value>) -> Result<[Value; N], Exception> {
    args.try_into().map_err(|_| Exception::type_error("the hook takes another number of arguments"))
}

pub(crate) fn number(value: &Value) -> Result<f64, Exception> {
    match value {
        Value::Number(number) => Ok(*number),
        _ => Err(Exception::type_error("the hook takes a number")),
    }
}

pub(crate) fn object(value: Value) -> Result<ObjectRef, Exception> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Exception::type_error("the hook takes a platform object")),
    }
}

pub(crate) fn text(value: Value) -> Result<String, Exception> {
    match value {
        Value::String(text) => Ok(text.into()),
        _ => Err(Exception::type_error("the hook takes a string")),
    }
}

pub(crate) fn held(realm: &dyn Realm, value: Value) -> Result<Held, Exception> {
    match value {
        Value::Held(held) => Ok(held),
        other => realm.hold(other),
    }
}

/// An exception of a worker that its owner did not deal with either.
fn uncaught_in_worker(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [message, filename, line, column] = arguments(args)?;
    if let Some(workers) = crate::global_scope(realm)?.workers() {
        workers.uncaught(WorkerError {
            message: text(message)?,
            filename: text(filename)?,
            line: number(&line)? as u32,
            column: number(&column)? as u32,
        });
    }
    Ok(Value::Undefined)
}

fn now(realm: &dyn Realm, _: Vec<Value>) -> Result<Value, Exception> {
    Ok(Value::Number(crate::global_scope(realm)?.now()))
}

fn console_message(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [level, message] = arguments(args)?;
    crate::global_scope(realm)?.console().message(&text(level)?, &text(message)?);
    Ok(Value::Undefined)
}

fn start_timer(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [start, milliseconds] = arguments(args)?;
    let delay = delay(number(&milliseconds)?);
    crate::global_scope(realm)?.timers().start(realm.id(), delay, number(&start)? as u64);
    Ok(Value::Undefined)
}

/// A timeout that nothing waits for: the agent does not stay alive for it.
fn start_timeout(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [start, milliseconds] = arguments(args)?;
    let delay = delay(number(&milliseconds)?);
    // NOTE: it may be the only one left that knows the agent.
    let agent = Arc::downgrade(realm.agent());
    let id = realm.id();
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let Some(agent) = agent.upgrade() else { return };
        let fire = move |realm: &dyn Realm| {
            if let Err(exception) = realm.core("timerFired", vec![start]) {
                realm.report_exception(exception);
            }
        };
        agent.queue_task(TaskSource::Timer, id, Box::new(fire));
    });
    Ok(Value::Undefined)
}

fn cancel_timer(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [start] = arguments(args)?;
    crate::global_scope(realm)?.timers().cancel(realm.id(), number(&start)? as u64);
    Ok(Value::Undefined)
}

/// A timer whose handler is text.
fn run_timer_script(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [source] = arguments(args)?;
    let file = crate::global_scope(realm)?.settings().api_base_url.to_string();
    realm.run_script(text(source)?.as_bytes(), &file)?;
    Ok(Value::Undefined)
}

fn aborted(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [call, reason] = arguments(args)?;
    let reason = held(realm, reason)?;
    crate::global_scope(realm)?.abort_observers().aborted(realm, number(&call)? as u64, reason);
    Ok(Value::Undefined)
}

/// The node that a hook is given.
fn node(args: Vec<Value>) -> Result<NodeRef, Exception> {
    match args.into_iter().next() {
        Some(Value::Object(object)) => crate::dom::node::node(&object),
        _ => Err(Exception::type_error("the hook takes a node")),
    }
}

/// A neighbour of a node in its tree.
fn node_neighbour(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [of, place] = arguments(args)?;
    let (of, place) = (node(vec![of])?, text(place)?);
    let found = match place.as_str() {
        "parent" => of.parent(),
        "first" => of.first_child(),
        "last" => of.last_child(),
        "next" => of.next_sibling(),
        _ => of.previous_sibling(),
    };
    Ok(found.map_or(Value::Null, |found| Value::Object(found as ObjectRef)))
}

/// There is a wrapper of a node: gives the root of its tree.
fn node_wrapped(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let node = node(args)?;
    node.mark_wrapped();
    Ok(Value::Object(node.root()))
}

/// <https://dom.spec.whatwg.org/#get-the-parent>, of a node and each of its parents.
fn event_parents(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let is_load = matches!(args.get(1), Some(Value::String(kind)) if **kind == *"load");
    let mut last = node(args)?;
    let mut parents = Vec::new();
    while let Some(parent) = last.parent() {
        parents.push(Value::Object(Arc::clone(&parent) as ObjectRef));
        last = parent;
    }
    let window = last.document_data().and_then(|data| data.window());
    if let Some(window) = window.filter(|_| !is_load) {
        parents.push(Value::Object(window));
    }
    Ok(Value::Sequence(parents))
}

fn inclusive_ancestors(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let mut current = Some(node(args)?);
    let mut ancestors = Vec::new();
    while let Some(node) = current {
        current = node.parent();
        ancestors.push(Value::Object(node as ObjectRef));
    }
    Ok(Value::Sequence(ancestors))
}

fn observe_mutations(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    if let Some(document) = node(args)?.document()
        && let Some(data) = document.document_data()
    {
        data.set_observed();
    }
    Ok(Value::Undefined)
}

fn has_activation(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    Ok(Value::Boolean(crate::html::has_activation_behaviour(&node(args)?)))
}

fn pre_activate(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    Ok(crate::html::pre_activate(&node(args)?).map_or(Value::Null, Value::Boolean))
}

fn cancel_activation(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let before = matches!(args.get(1), Some(Value::Boolean(true)));
    crate::html::cancel_activation(&node(args)?, before);
    Ok(Value::Undefined)
}

fn activate(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    crate::html::activate(realm, &node(args)?)?;
    Ok(Value::Undefined)
}

/// <https://html.spec.whatwg.org/#getting-the-current-value-of-the-event-handler>: an element, its form, its document.
/// The window that a body's handlers of window events are of; nothing, where its document is not shown.
fn handler_window(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let window = crate::html::window_of(&node(args)?);
    Ok(window.map_or(Value::Null, |window| Value::Object(window as ObjectRef)))
}

fn handler_scope(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let element = node(args)?;
    let object = |node: NodeRef| Value::Object(node as ObjectRef);
    let form = crate::html::form_owner(&element).unwrap_or_else(|| Arc::clone(&element));
    let document = element.document().unwrap_or_else(|| Arc::clone(&element));
    Ok(Value::Sequence(vec![object(element), object(form), object(document)]))
}
