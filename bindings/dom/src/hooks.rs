//! What the self-hosted core calls.

use std::sync::Arc;

use longhaul_idl::runtime::{Exception, Held, Hook, ObjectRef, Realm, TaskSource, Value};

use crate::background_fetch::update_ui;
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
    ("newCodec", streams::new_codec),
    ("newTextDecoder", streams::new_text_decoder),
    ("now", now),
    ("packageBody", fetch::package_body),
    ("pullBody", streams::pull_body),
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
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
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
