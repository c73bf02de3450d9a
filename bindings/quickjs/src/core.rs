//! The self-hosted core: its evaluation, and what it is given.

use std::sync::Arc;

use longhaul_idl::{
    DomException, QuotaExceededError,
    runtime::{
        Exposure, IdlType, IntegerConversion, IntegerType, ObjectRef, Realm as _, SelfHostedCore, TaskSource,
    },
    tables,
};
use rquickjs::{Function, Object, Persistent, Promise, Result, Value as JsValue, promise::PromiseState};

use crate::{compiled, realm::Scope, script_error::ScriptError};

/// What the names of the adapter's and the core's scripts begin with.
pub(crate) const INTERNAL: &str = "longhaul:";

const PRELUDE: &str = include_str!("prelude.js");
const LEGACY_PLATFORM_OBJECT: &str = include_str!("legacy_platform_object.js");
const OBSERVABLE_ARRAY: &str = include_str!("observable_array.js");
const GLOBAL_PROXY: &str = include_str!("global_proxy.js");

impl<'js> Scope<'js> {
    /// Evaluates a script of ours.
    fn evaluate_internal(
        &self,
        source: &'static str,
        wrap: impl FnOnce(&str) -> String,
        name: &str,
    ) -> Result<JsValue<'js>> {
        compiled::evaluate(&self.ctx, source, wrap, &format!("{INTERNAL}{name}"))
    }

    /// Evaluates the prelude and the core; gives what the core says of its interfaces.
    pub(crate) fn load_core(&self, core: &SelfHostedCore) -> Result<Object<'js>> {
        let helpers = self.evaluate_internal(PRELUDE, str::to_owned, "prelude")?;
        let helpers = helpers.into_object().ok_or(rquickjs::Error::Unknown)?;
        let primordials: Object<'js> = helpers.get("primordials")?;
        for (name, source) in [
            ("legacy platform objects", LEGACY_PLATFORM_OBJECT),
            ("observable arrays", OBSERVABLE_ARRAY),
            ("global proxies", GLOBAL_PROXY),
        ] {
            let make = self.evaluate_internal(source, str::to_owned, name)?.into_function();
            let made: Object<'js> = make.ok_or(rquickjs::Error::Unknown)?.call((primordials.clone(),))?;
            for entry in made.props::<String, JsValue<'js>>() {
                let (name, helper) = entry?;
                helpers.set(name, helper)?;
            }
        }
        {
            let mut roots = self.state.roots.borrow_mut();
            roots.helpers = Some(Persistent::save(&self.ctx, helpers.clone()));
            roots.global_object = Some(Persistent::save(&self.ctx, self.global_object()));
        }
        let null_object = || -> Result<Object<'js>> { self.helper("nullObject")?.call(()) };
        let (definitions, exports) = (null_object()?, null_object()?);
        self.state.roots.borrow_mut().core_exports = Some(Persistent::save(&self.ctx, exports.clone()));
        let make = "(function (definitions, exports, internal) { return { __proto__: null, internal, \
                    interface(name, definition) { definitions[name] = { __proto__: null, ...definition }; }, \
                    export(name, run) { exports[name] = run; } }; })";
        let make: Function<'js> = self
            .evaluate_internal(make, str::to_owned, "core")?
            .into_function()
            .ok_or(rquickjs::Error::Unknown)?;
        let object: Object<'js> = make.call((definitions.clone(), exports, null_object()?))?;
        let native = self.native()?;
        for (name, source) in core.sources {
            let wrap = |source: &str| {
                format!("(function (core, primordials, native) {{ \"use strict\"; {source}\n}})")
            };
            let run = self.evaluate_internal(source, wrap, &format!("core/{name}"))?;
            let run = run.into_function().ok_or(rquickjs::Error::Unknown)?;
            run.call::<_, ()>((object.clone(), primordials.clone(), native.clone()))?;
        }
        Ok(definitions)
    }

    /// The object `native` of the core.
    #[allow(clippy::too_many_lines, reason = "a table of small functions")]
    fn native(&self) -> Result<Object<'js>> {
        let native = Object::new_proto(self.ctx.clone(), None)?;
        native.set("global", self.global_object())?;
        native.set("secureContext", self.state.secure_context)?;
        let exposure: &[&str] = match self.state.exposure {
            Exposure::Window => &["Window"],
            Exposure::ServiceWorker => &["Worker", "ServiceWorker"],
            Exposure::DedicatedWorker => &["Worker", "DedicatedWorker"],
            _ => &["Worker", "SharedWorker"],
        };
        native.set("exposure", exposure.to_vec())?;
        for name in ["isConstructor", "transferBuffer"] {
            native.set(name, self.helper(name)?)?;
        }
        native.set(
            "slots",
            self.closure("slots", 1, |scope, _, args| {
                match args.first().and_then(|value| scope.receiver(value)) {
                    Some(receiver) => receiver.slots(scope).map(Object::into_value),
                    None => Ok(JsValue::new_undefined(scope.ctx.clone())),
                }
            })?,
        )?;
        native.set(
            "create",
            self.closure("create", 1, |scope, _, args| {
                let name = scope.name(args.first())?;
                let mounted =
                    scope.mounted_by_name(&name).filter(|mounted| mounted.binding.descriptor.self_hosted);
                let Some(mounted) = mounted else {
                    return Err(
                        scope.type_error(&format!("{name} is no self-hosted interface of this realm"))
                    );
                };
                let prototype = mounted.prototype.clone().restore(&scope.ctx)?;
                let receiver = scope.create_hosted(mounted.binding.descriptor, prototype)?;
                receiver.slots(scope)?;
                Ok(receiver.object().into_value())
            })?,
        )?;
        native.set(
            "implements",
            self.closure("implements", 2, |scope, _, args| {
                let name = scope.name(args.get(1))?;
                let mut interface =
                    args.first().and_then(|value| scope.receiver(value)).map(|receiver| receiver.interface());
                while let Some(found) = interface {
                    if found.name == name {
                        return Ok(JsValue::new_bool(scope.ctx.clone(), true));
                    }
                    interface = found.parent;
                }
                Ok(JsValue::new_bool(scope.ctx.clone(), false))
            })?,
        )?;
        native.set(
            "interfaceName",
            self.closure("interfaceName", 1, |scope, _, args| {
                match args.first().and_then(|value| scope.receiver(value)) {
                    Some(receiver) => scope.string_to_js(&receiver.interface().name.into()),
                    None => Ok(JsValue::new_undefined(scope.ctx.clone())),
                }
            })?,
        )?;
        native.set(
            "isExposed",
            self.closure("isExposed", 1, |scope, _, args| {
                let name = scope.name(args.first())?;
                Ok(JsValue::new_bool(scope.ctx.clone(), scope.mounted_by_name(&name).is_some()))
            })?,
        )?;
        native.set(
            "kindOf",
            self.closure("kindOf", 1, |scope, _, args| {
                let kind = args.first().map_or(0, kind_of);
                Ok(JsValue::new_number(scope.ctx.clone(), kind.into()))
            })?,
        )?;
        native.set(
            "domException",
            self.closure("domException", 2, |scope, _, args| {
                let (name, message) = (scope.name(args.first())?, scope.name(args.get(1))?);
                let object: ObjectRef = Arc::new(DomException::new(name, message));
                scope.wrap(&object).map(Object::into_value)
            })?,
        )?;
        native.set(
            "quotaExceeded",
            self.closure("quotaExceeded", 3, |scope, _, args| {
                let number = |index: usize| args.get(index).and_then(JsValue::as_number);
                let object: ObjectRef =
                    Arc::new(QuotaExceededError::new(scope.name(args.first())?, number(1), number(2)));
                scope.wrap(&object).map(Object::into_value)
            })?,
        )?;
        native.set(
            "convert",
            self.closure("convert", 2, |scope, _, args| {
                let name = scope.name(args.get(1))?;
                let value =
                    args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
                scope.convert_by_name(value, &name)
            })?,
        )?;
        native.set(
            "hook",
            self.closure("hook", 1, |scope, _, args| {
                let name = scope.name(args.first())?;
                let hook = scope.state.hooks.iter().find(|(known, _)| *known == name);
                let Some((_, hook)) = hook else {
                    return Err(scope.type_error(&format!("there is no hook {name}")));
                };
                let mut values = Vec::new();
                for value in args.iter().skip(1) {
                    values.push(scope.any_or_object(value.clone())?);
                }
                let value = hook(scope, values).map_err(|exception| scope.throw(exception))?;
                // NOTE: what the arguments kept is let go of now, and not at the end of a task that calls in a loop.
                scope.sweep();
                scope.to_js(value, None)
            })?,
        )?;
        native.set(
            "reportException",
            self.closure("reportException", 1, |scope, _, args| {
                let value =
                    args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
                scope.report(value);
                Ok(JsValue::new_undefined(scope.ctx.clone()))
            })?,
        )?;
        native.set(
            "queueTask",
            self.closure("queueTask", 2, |scope, _, args| {
                let source = match scope.name(args.first())?.as_str() {
                    "timer" => TaskSource::Timer,
                    "networking" => TaskSource::Networking,
                    "user-interaction" => TaskSource::UserInteraction,
                    "posted-message" => TaskSource::PostedMessage,
                    _ => TaskSource::Dom,
                };
                let Some(run) = args.get(1).filter(|run| run.is_function()) else {
                    return Err(scope.type_error("queueTask needs a function"));
                };
                let run = scope.keep(run.clone());
                let task = Box::new(move |realm: &dyn longhaul_idl::runtime::Realm| {
                    if let Err(exception) = realm.call(&run, None, Vec::new()) {
                        realm.report_exception(exception);
                    }
                });
                scope.agent().queue_task(source, scope.state.id, task);
                Ok(JsValue::new_undefined(scope.ctx.clone()))
            })?,
        )?;
        native.set(
            "markPromiseAsHandled",
            self.closure("markPromiseAsHandled", 1, |scope, _, args| {
                let ignore =
                    scope.closure("", 1, |scope, _, _| Ok(JsValue::new_undefined(scope.ctx.clone())))?;
                if let Some(promise) = args.first().filter(|promise| promise.is_promise()) {
                    let undefined = JsValue::new_undefined(scope.ctx.clone());
                    scope.helper("then")?.call::<_, ()>((promise.clone(), undefined, ignore))?;
                }
                Ok(JsValue::new_undefined(scope.ctx.clone()))
            })?,
        )?;
        native.set(
            "promiseState",
            self.closure("promiseState", 1, |scope, _, args| {
                let promise = args.first().cloned().and_then(JsValue::into_promise);
                let Some(promise) = promise else {
                    return Err(scope.type_error("promiseState needs a promise"));
                };
                scope.string_to_js(&state_name(&promise).into())
            })?,
        )?;
        native.set(
            "isDetached",
            self.closure("isDetached", 1, |scope, _, args| {
                let detached = args.first().map_or(Ok(false), |value| scope.is_detached(value))?;
                Ok(JsValue::new_bool(scope.ctx.clone(), detached))
            })?,
        )?;
        native.set(
            "isCallable",
            self.closure("isCallable", 1, |scope, _, args| {
                Ok(JsValue::new_bool(scope.ctx.clone(), args.first().is_some_and(JsValue::is_function)))
            })?,
        )?;
        Ok(native)
    }

    /// An argument that is a name.
    fn name(&self, value: Option<&JsValue<'js>>) -> Result<String> {
        match value {
            Some(value) if !value.is_undefined() => {
                let string = self.to_string(value.clone())?;
                Ok(self.dom_string(&string)?.into_usv_string())
            }
            _ => Ok(String::new()),
        }
    }

    /// `any` for a hook: native platform objects are given as themselves.
    fn any_or_object(&self, value: JsValue<'js>) -> Result<longhaul_idl::runtime::Value> {
        match self.receiver(&value).and_then(|receiver| receiver.native()) {
            Some(object) => Ok(longhaul_idl::runtime::Value::Object(object)),
            None => match self.buffer_info(&value)? {
                Some(buffer) => buffer.copy(self).map(longhaul_idl::runtime::Value::Buffer),
                None => self.any(value),
            },
        }
    }

    /// Converts to a type by its name: a dictionary, an enumeration, an interface, or a simple type.
    fn convert_by_name(&self, value: JsValue<'js>, name: &str) -> Result<JsValue<'js>> {
        if let Some(dictionary) = tables::DICTIONARIES.iter().find(|dictionary| dictionary.name == name) {
            return self.to_dictionary(&value, dictionary, name)?.into_js(self);
        }
        if let Some(enumeration) = tables::ENUMERATIONS.iter().find(|enumeration| enumeration.name == name) {
            return self.convert_to(value, &IdlType::Enumeration(enumeration), name)?.into_js(self);
        }
        if let Some(mounted) = self.mounted_by_name(name) {
            return self
                .convert_to(value, &IdlType::Interface(mounted.binding.descriptor), name)?
                .into_js(self);
        }
        let modulo = IntegerConversion::Modulo;
        let simple = match name {
            "boolean" => IdlType::Boolean,
            "DOMString" => IdlType::DomString,
            "USVString" => IdlType::UsvString,
            "ByteString" => IdlType::ByteString,
            "double" => IdlType::Double,
            "unrestricted double" => IdlType::UnrestrictedDouble,
            "long" => IdlType::Integer(IntegerType::Long, modulo),
            "unsigned long" => IdlType::Integer(IntegerType::UnsignedLong, modulo),
            "unsigned long long" => IdlType::Integer(IntegerType::UnsignedLongLong, modulo),
            "object" => IdlType::Object,
            _ => return Err(self.type_error(&format!("there is no type {name}"))),
        };
        self.convert_to(value, &simple, name)?.into_js(self)
    }

    /// <https://html.spec.whatwg.org/#report-an-exception>
    pub(crate) fn report(&self, value: JsValue<'js>) {
        let error = ScriptError::from_value(self, &value);
        // 5. In error reporting mode an error of the handlers goes to the host alone.
        let handled = if self.state.reporting.replace(true) {
            false
        } else {
            let muted = self.state.muted.get() || self.state.muted_files.borrow().contains(&error.file);
            let handled = self.report_to_core(value, &error, muted);
            self.state.reporting.set(false);
            handled
        };
        if !handled {
            (self.state.on_error)(error);
        }
    }

    fn report_to_core(&self, value: JsValue<'js>, error: &ScriptError, muted: bool) -> bool {
        let told = || -> Result<bool> {
            // 6. The page may not know what another origin's script threw; whoever looks at the host's lines may.
            if muted {
                let message = self.string_to_js(&"Script error.".into())?;
                let nowhere = self.string_to_js(&"".into())?;
                let zero = || self.number_to_js(0.0);
                let args = [JsValue::new_null(self.ctx.clone()), message, nowhere, zero(), zero()];
                return Ok(self
                    .call_export("reportException", &args)?
                    .is_some_and(|handled| handled.as_bool() == Some(true)));
            }
            let args = [
                value,
                self.string_to_js(&error.message.as_str().into())?,
                self.string_to_js(&error.file.as_str().into())?,
                self.number_to_js(error.line.into()),
                self.number_to_js(error.column.into()),
            ];
            Ok(self
                .call_export("reportException", &args)?
                .is_some_and(|handled| handled.as_bool() == Some(true)))
        };
        told().unwrap_or_else(|error| {
            let thrown = self.thrown(error);
            (self.state.on_error)(ScriptError::from_value(self, &thrown));
            false
        })
    }
}

/// Which kind of object the engine made this: equal for objects with the same internal slots, 0 for what is no object.
#[allow(unsafe_code, reason = "the engine tells an object's class only to C")]
fn kind_of(value: &JsValue<'_>) -> u32 {
    if !value.is_object() {
        return 0;
    }
    // SAFETY: the value is a live object of the engine for as long as it is borrowed, and the class is only read.
    unsafe { rquickjs::qjs::JS_GetClassID(value.as_raw()) }
}

fn state_name(promise: &Promise<'_>) -> &'static str {
    match promise.state() {
        PromiseState::Pending => "pending",
        PromiseState::Resolved => "fulfilled",
        PromiseState::Rejected => "rejected",
    }
}
