//! What platform objects may ask of the realm they run in.

use std::sync::Arc;

use longhaul_idl::runtime::{
    AgentHandle, CallbackDescriptor, Exception, ExposureSet, GlobalProxy, Held, IdlType, InterfaceDescriptor,
    ModuleType, ObjectRef, PromiseFuture, Realm, RealmId, Resolver, Value,
};
use rquickjs::{Result, Value as JsValue, context::EvalOptions};

use crate::realm::Scope;

impl<'js> Scope<'js> {
    /// The result of work in script, for Rust.
    fn out<T>(&self, result: Result<T>) -> std::result::Result<T, Exception> {
        result.map_err(|error| self.exception(error))
    }

    fn values(&self, args: Vec<Value>) -> Result<Vec<JsValue<'js>>> {
        args.into_iter().map(|value| self.to_js(value, None)).collect()
    }

    /// Whether a function that is neither the core's nor the adapter's is among those that run.
    fn is_script_on_stack(&self) -> bool {
        // NOTE: the engine does not say how deep the stack is. The core alone is never this deep.
        const DEEPEST: isize = 64;
        (0..DEEPEST).any(|level| {
            let name = self.ctx.script_or_module_name(level).and_then(|name| name.to_string().ok());
            name.is_some_and(|name| !name.starts_with(crate::core::INTERNAL))
        })
    }

    /// Runs a classic script.
    pub(crate) fn classic_script(&self, source: &[u8], file: &str) -> Result<JsValue<'js>> {
        let source = String::from_utf8_lossy(source).into_owned();
        if source.contains('\0') {
            let error = Exception::SyntaxError(format!("{file}: a script holds no U+0000"));
            return Err(self.throw(error));
        }
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(file.replace('\0', ""));
        self.ctx.eval_with_options(source, options)
    }
}

impl Realm for Scope<'_> {
    fn id(&self) -> RealmId {
        self.state.id
    }

    fn global(&self) -> ObjectRef {
        Arc::clone(&self.state.global)
    }

    fn caller(&self) -> RealmId {
        self.caller.as_ref().map_or(self.state.id, |caller| caller.id)
    }

    fn global_proxy(&self, held: &Held) -> Option<Arc<dyn GlobalProxy>> {
        crate::global_proxy::proxied(&self.kept(held)?)
    }

    fn exposure(&self) -> ExposureSet {
        self.state.exposure.set()
    }

    fn is_secure_context(&self) -> bool {
        self.state.secure_context
    }

    fn agent(&self) -> &Arc<dyn AgentHandle> {
        &self.state.agent
    }

    fn call(
        &self,
        callback: &Held,
        this: Option<Value>,
        args: Vec<Value>,
    ) -> std::result::Result<Value, Exception> {
        self.out((|| {
            let function = self.held_to_js(callback)?.into_function();
            let function = function.ok_or_else(|| self.type_error("the callback is not a function"))?;
            let this = this.map(|this| self.to_js(this, None)).transpose()?;
            let value = self.apply(&function, this, self.values(args)?)?;
            self.any(value)
        })())
    }

    fn invoke_callback(
        &self,
        callback: &Held,
        of: &'static CallbackDescriptor,
        this: Option<Value>,
        args: Vec<Value>,
    ) -> std::result::Result<Value, Exception> {
        self.out((|| {
            let callback = self.held_to_js(callback)?;
            let this = this.map(|this| self.to_js(this, None)).transpose()?;
            self.callback(&callback, of, this, args)?.into_value(self)
        })())
    }

    fn call_user_object(
        &self,
        object: &Held,
        of: &'static InterfaceDescriptor,
        this: Option<Value>,
        args: Vec<Value>,
    ) -> std::result::Result<Value, Exception> {
        self.out((|| {
            let object = self.held_to_js(object)?;
            let this = this.map(|this| self.to_js(this, None)).transpose()?;
            self.user_object(&object, of, this, args)?.into_value(self)
        })())
    }

    fn core(&self, function: &str, args: Vec<Value>) -> std::result::Result<Value, Exception> {
        self.out((|| {
            let args = self.values(args)?;
            match self.call_export(function, &args)? {
                Some(value) => self.any(value),
                None => Err(self.type_error(&format!("the core exports no {function}"))),
            }
        })())
    }

    fn report_exception(&self, exception: Exception) {
        match self.exception_to_js(exception) {
            Ok(value) => self.report(value),
            Err(error) => {
                let thrown = self.thrown(error);
                self.report(thrown);
            }
        }
    }

    fn exception_value(&self, exception: Exception) -> std::result::Result<Held, Exception> {
        let value = self.out(self.exception_to_js(exception))?;
        Ok(self.keep(value))
    }

    fn notify_rejections(&self) {
        self.tell_of_rejections();
    }

    fn hold(&self, value: Value) -> std::result::Result<Held, Exception> {
        let value = self.out(self.to_js(value, None))?;
        Ok(self.keep(value))
    }

    fn platform_object(&self, held: &Held) -> Option<ObjectRef> {
        self.receiver(&self.kept(held)?)?.native()
    }

    fn implements(&self, held: &Held, interface: &'static InterfaceDescriptor) -> bool {
        self.kept(held).is_some_and(|value| self.is_of(&value, interface))
    }

    fn convert(&self, held: &Held, to: &'static IdlType) -> std::result::Result<Value, Exception> {
        self.out((|| {
            let value = self.held_to_js(held)?;
            self.convert_to(value, to, "the value")?.into_value(self)
        })())
    }

    fn new_promise(&self) -> std::result::Result<(Held, Resolver), Exception> {
        let (promise, resolver) = self.out(self.promise())?;
        Ok((self.keep(promise), resolver))
    }

    fn settle(&self, resolver: Resolver, result: std::result::Result<Value, Exception>) {
        if let Err(error) = self.settle_promise(&resolver, result) {
            let thrown = self.thrown(error);
            self.report(thrown);
        }
    }

    fn observe_promise(&self, promise: &Held) -> PromiseFuture {
        let observed = self.held_to_js(promise).and_then(|value| self.observe(value));
        match self.out(observed) {
            Ok(future) => future,
            Err(exception) => Box::pin(std::future::ready(Err(exception))),
        }
    }

    fn write_buffer(&self, buffer: &Held, offset: usize, bytes: &[u8]) -> std::result::Result<(), Exception> {
        self.out((|| {
            let value = self.held_to_js(buffer)?;
            if self.write_into(&value, offset, bytes)? {
                Ok(())
            } else {
                Err(self.type_error("the buffer is detached or too short"))
            }
        })())
    }

    fn parse_json(&self, text: &str) -> std::result::Result<Value, Exception> {
        self.out((|| {
            let value: JsValue<'_> = self.helper("parse")?.call((text,))?;
            self.any(value)
        })())
    }

    fn to_json(&self, value: Value) -> std::result::Result<String, Exception> {
        self.out((|| {
            let value = self.to_js(value, None)?;
            let text: JsValue<'_> = self.helper("stringify")?.call((value,))?;
            match text.as_string() {
                Some(text) => Ok(self.dom_string(text)?.into_usv_string()),
                None => Err(self.type_error("the value has no JSON")),
            }
        })())
    }

    fn run_script(&self, source: &[u8], file: &str) -> std::result::Result<Value, Exception> {
        self.out(self.classic_script(source, file).and_then(|value| self.any(value)))
    }

    fn with_muted_errors(&self, file: &str, run: &mut dyn FnMut()) {
        self.state.muted_files.borrow_mut().insert(file.to_owned());
        let before = self.state.muted.replace(true);
        run();
        self.state.muted.set(before);
    }

    fn run_module(&self, source: &[u8], url: &str) -> std::result::Result<(), Exception> {
        self.out(self.module_script(source, url).map(drop))
    }

    fn microtask_checkpoint(&self) {
        let Some(shared) = self.state.shared.upgrade() else { return };
        if !self.is_script_on_stack() {
            shared.microtask_checkpoint(&self.ctx);
        }
    }

    fn import_module(&self, url: &str) -> std::result::Result<(), Exception> {
        let imported = self.imported(url, ModuleType::JavaScript);
        self.out(imported.and_then(|promise| self.report_rejection(promise)).map(drop))
    }

    fn import(&self, url: &str, module_type: ModuleType) -> std::result::Result<Value, Exception> {
        let imported = self.imported(url, module_type);
        self.out(imported.map(|promise| Value::Held(self.keep(promise.into_value()))))
    }
}
