//! Promises between script and Rust, and those nobody handles.

use std::rc::Rc;

use futures::channel::oneshot;
use longhaul_idl::runtime::{Exception, IdlType, PromiseFuture, Resolver, Task, Value};
use rquickjs::{Ctx, Function, Object, Persistent, Result, Value as JsValue};

use crate::{call::FunctionKind, engine::Notice, realm::Scope, script_error::ScriptError, wrapper};

/// The task that settles a promise with what its future gave.
pub(crate) fn settle_task(
    resolver: Resolver,
    result: std::result::Result<Value, Exception>,
    of: Option<&'static IdlType>,
) -> Task {
    let result = result.map(|value| of_type(value, of));
    Box::new(move |realm| realm.settle(resolver, result))
}

/// A value that knows what it is without its type. NOTE: the type only matters for arrays that are frozen.
pub(crate) fn of_type(value: Value, of: Option<&IdlType>) -> Value {
    match (of, value) {
        (Some(IdlType::FrozenArray(_)), Value::Sequence(items)) => Value::FrozenArray(items),
        (_, value) => value,
    }
}

/// A rejected promise that had no handler when it was rejected.
pub(crate) struct Rejection {
    pub(crate) promise: Persistent<JsValue<'static>>,
    pub(crate) reason: Persistent<JsValue<'static>>,
    /// The script that ran when it was rejected, for reasons that know no place; empty if none did.
    file: String,
}

impl<'js> Scope<'js> {
    /// A pending promise and its resolver's number.
    pub(crate) fn promise(&self) -> Result<(JsValue<'js>, Resolver)> {
        let (promise, resolve, reject) = self.ctx.promise()?;
        let number = self.state.next_number();
        let functions = (Persistent::save(&self.ctx, resolve), Persistent::save(&self.ctx, reject));
        self.state.roots.borrow_mut().resolvers.insert(number, functions);
        Ok((promise.into_value(), Resolver { realm: self.state.id, number }))
    }

    /// Settles a promise of [`Self::promise`].
    pub(crate) fn settle_promise(
        &self,
        resolver: &Resolver,
        result: std::result::Result<Value, Exception>,
    ) -> Result<()> {
        let functions = self.state.roots.borrow_mut().resolvers.remove(&resolver.number);
        let Some((resolve, reject)) = functions else { return Ok(()) };
        let outcome = match result {
            Ok(value) => self.to_js(value, None).map_err(|error| self.thrown(error)),
            Err(exception) => Err(self.exception_to_js(exception)?),
        };
        let (function, value): (Function<'js>, JsValue<'js>) = match outcome {
            Ok(value) => (resolve.restore(&self.ctx)?, value),
            Err(reason) => (reject.restore(&self.ctx)?, reason),
        };
        function.call((value,))
    }

    /// A promise rejected with a reason.
    pub(crate) fn rejected(&self, reason: JsValue<'js>) -> Result<JsValue<'js>> {
        let (promise, _, reject) = self.ctx.promise()?;
        reject.call::<_, ()>((reason,))?;
        Ok(promise.into_value())
    }

    /// Waits for a promise of script.
    pub(crate) fn observe(&self, value: JsValue<'js>) -> Result<PromiseFuture> {
        let promise: JsValue<'js> = self.helper("promiseResolve")?.call((value,))?;
        let (sender, receiver) = oneshot::channel::<std::result::Result<Value, Exception>>();
        let sender = Rc::new(std::cell::Cell::new(Some(sender)));
        let fulfilled = {
            let sender = Rc::clone(&sender);
            self.closure("", 1, move |scope, _, args| {
                let value = args.first().cloned().map_or(Ok(Value::Undefined), |value| scope.any(value))?;
                if let Some(sender) = sender.take() {
                    _ = sender.send(Ok(value));
                }
                Ok(JsValue::new_undefined(scope.ctx.clone()))
            })?
        };
        let rejected = self.closure("", 1, move |scope, _, args| {
            let reason = args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
            if let Some(sender) = sender.take() {
                _ = sender.send(Err(Exception::Held(scope.keep(reason))));
            }
            Ok(JsValue::new_undefined(scope.ctx.clone()))
        })?;
        self.helper("then")?.call::<_, ()>((promise, fulfilled, rejected))?;
        Ok(Box::pin(async move {
            receiver
                .await
                .unwrap_or_else(|_| Err(Exception::dom("AbortError", "the promise's realm is gone")))
        }))
    }

    /// A function of this realm that runs Rust. The closure must hold no value of the engine.
    pub(crate) fn closure(
        &self,
        name: &str,
        length: usize,
        run: impl for<'a> Fn(&Scope<'a>, &JsValue<'a>, &[JsValue<'a>]) -> Result<JsValue<'a>> + 'static,
    ) -> Result<Function<'js>> {
        wrapper::function(&self.ctx, &self.state, name, length, FunctionKind::Closure(Rc::new(run)))
    }

    /// <https://html.spec.whatwg.org/#notify-about-rejected-promises>, in the task of this realm.
    pub(crate) fn tell_of_rejections(&self) {
        let Some(shared) = self.state.shared.upgrade() else { return };
        while let Some(notice) = shared.next_notice(self.state.id) {
            let Notice { rejection, handled, .. } = notice;
            let told = match handled {
                false => self.notify_rejection(rejection),
                true => rejection.promise.restore(&self.ctx).and_then(|promise| {
                    let reason = rejection.reason.restore(&self.ctx)?;
                    self.notify_handled(promise, reason)
                }),
            };
            if let Err(error) = told {
                let thrown = self.thrown(error);
                self.report(thrown);
            }
        }
    }

    fn notify_rejection(&self, rejection: Rejection) -> Result<()> {
        let promise = rejection.promise.restore(&self.ctx)?;
        let reason = rejection.reason.restore(&self.ctx)?;
        // 4.1. Handled since.
        self.helper("rejectedAdd")?.call::<_, ()>((promise.clone(),))?;
        // 4.2., 4.3. The event; whoever does not cancel it leaves the error to the host.
        let handled = self.call_export("unhandledRejection", &[promise, reason.clone()])?;
        if handled.is_none_or(|handled| !handled.as_bool().unwrap_or(false)) {
            let mut error = ScriptError::from_value(self, &reason);
            if error.file.is_empty() {
                error.file = rejection.file;
            }
            error.message = format!("unhandled rejection: {}", error.message);
            (self.state.on_error)(error);
        }
        Ok(())
    }

    /// A rejected promise that was told of has a handler after all.
    fn notify_handled(&self, promise: JsValue<'js>, reason: JsValue<'js>) -> Result<()> {
        let told: bool = self.helper("rejectedTake")?.call((promise.clone(),))?;
        if told {
            self.call_export("rejectionHandled", &[promise, reason])?;
        }
        Ok(())
    }

    /// Calls what the core exports under a name, if it does.
    pub(crate) fn call_export(&self, name: &str, args: &[JsValue<'js>]) -> Result<Option<JsValue<'js>>> {
        let exports = self.state.roots.borrow().core_exports.clone();
        let Some(exports) = exports else { return Ok(None) };
        let exports: Object<'js> = exports.restore(&self.ctx)?;
        let function: JsValue<'js> = exports.get(name)?;
        let Some(function) = function.into_function() else { return Ok(None) };
        self.apply(&function, None, args.iter().cloned()).map(Some)
    }

    /// Calls a function with any number of arguments.
    pub(crate) fn apply(
        &self,
        function: &Function<'js>,
        this: Option<JsValue<'js>>,
        values: impl IntoIterator<Item = JsValue<'js>>,
    ) -> Result<JsValue<'js>> {
        let mut args = rquickjs::function::Args::new_unsized(self.ctx.clone());
        if let Some(this) = this {
            args.this(this)?;
        }
        args.push_args(values)?;
        function.call_arg(args)
    }
}

/// What the engine tells of rejections; kept until the microtask checkpoint is over.
pub(crate) fn saved<'js>(ctx: &Ctx<'js>, promise: JsValue<'js>, reason: JsValue<'js>) -> Rejection {
    let file = running_script(ctx);
    Rejection { promise: Persistent::save(ctx, promise), reason: Persistent::save(ctx, reason), file }
}

/// The innermost script on the stack that is none of ours.
fn running_script(ctx: &Ctx<'_>) -> String {
    // NOTE: the engine does not say how deep the stack is.
    const DEEPEST: isize = 16;
    let names = (0..DEEPEST).filter_map(|level| ctx.script_or_module_name(level)?.to_string().ok());
    let mut scripts = names.filter(|name| !name.starts_with(crate::core::INTERNAL));
    scripts.next().unwrap_or_default()
}
