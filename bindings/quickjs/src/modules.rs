//! <https://html.spec.whatwg.org/#module-script>: how modules come to the engine.
//!
//! The engine asks for a module's imports while it declares the module, and cannot wait then; nor does it bear that an import fails
//! half way through a graph (it lets go of the importer, which others of a cycle may point to). So a graph is declared only once the
//! realm's loader has all of it and [`parsed`](crate::module_requests) it: nothing can fail any more but memory.
//!
//! What a script imports while it runs and is not there yet, the engine gets in two steps: a module in its place, whose namespace
//! has a `then`. The promise of the import asks that for the real one, which may take its time.

use std::rc::{Rc, Weak};

use longhaul_idl::runtime::{
    Exception, ModuleFailure, ModuleRequest, ModuleState, ModuleSyntaxError, ModuleType, Value,
};
use rquickjs::{
    Coerced, Ctx, Error, FromJs as _, Module, Persistent, Result, Value as JsValue,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
    object::Property,
};

use crate::{
    core::INTERNAL,
    engine::Shared,
    module_requests::{module_requests, module_type},
    realm::{RealmState, Scope},
    to_js::data,
};

/// The name of a JSON module begins with it: programs may have the same address.
const JSON: &str = "longhaul:json ";
/// The name of what stands in the place of a module that is still to come begins with it.
const TO_COME: &str = "longhaul:import ";

/// The engine has one loader a runtime; this one asks the realm's.
pub(crate) struct Modules(pub(crate) Weak<Shared>);

impl Modules {
    fn scope<'js>(&self, ctx: &Ctx<'js>) -> Result<Scope<'js>> {
        let realm: Option<Rc<RealmState>> = self.0.upgrade().and_then(|shared| shared.realm_of(ctx));
        realm.map(|realm| Scope::new(ctx.clone(), realm)).ok_or(Error::Unknown)
    }
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let scope = self.scope(ctx)?;
        let stage = &scope.state.modules_stage;
        match stage.get() {
            // The realm asks for a module by its name.
            Stage::Named => {
                stage.set(Stage::Idle);
                Ok(name.to_owned())
            }
            Stage::Declaring => scope.static_import(base, name, attributes.as_ref()),
            Stage::Idle => scope.dynamic_import(base, name, attributes.as_ref()),
        }
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let scope = self.scope(ctx)?;
        if let Some(rest) = name.strip_prefix(TO_COME) {
            return scope.declare_to_come(name, rest);
        }
        let (url, module_type) = match name.strip_prefix(JSON) {
            Some(url) => (url, ModuleType::Json),
            None => (name, ModuleType::JavaScript),
        };
        let source = scope.loader()?.source(url, module_type);
        let source = source.ok_or_else(|| scope.type_error(&format!("{url} has not been fetched")))?;
        match module_type {
            ModuleType::JavaScript => scope.declare_module(url, &source.base_url, source.text),
            ModuleType::Json => scope.declare_json(name, &source.text),
        }
    }
}

/// What the engine is doing with modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It runs scripts, which may import.
    #[default]
    Idle,
    /// It declares a module, and asks for what that imports statically.
    Declaring,
    /// It is asked for a module by its name.
    Named,
}

/// What the engine knows a module by.
fn name_of(url: &str, module_type: ModuleType) -> String {
    match module_type {
        ModuleType::JavaScript => url.to_owned(),
        ModuleType::Json => format!("{JSON}{url}"),
    }
}

impl<'js> Scope<'js> {
    fn loader(&self) -> Result<&dyn longhaul_idl::runtime::ModuleLoader> {
        if self.state.modules_broken.get() {
            return Err(self.type_error("the realm has lost a module for want of memory, and loads no more"));
        }
        self.state.modules.as_deref().ok_or_else(|| self.type_error("the realm loads no modules"))
    }

    /// <https://html.spec.whatwg.org/#hostloadimportedmodule>, for a module of a graph that is all there.
    fn static_import(
        &self,
        base: &str,
        specifier: &str,
        attributes: Option<&ImportAttributes<'js>>,
    ) -> Result<String> {
        let module_type = self.known_type(module_type(attributes)?)?;
        let url = self.loader()?.resolve(base, specifier).map_err(|why| self.type_error(&why))?;
        Ok(name_of(&url, module_type))
    }

    /// <https://html.spec.whatwg.org/#hostloadimportedmodule>, for `import()`.
    fn dynamic_import(
        &self,
        base: &str,
        specifier: &str,
        attributes: Option<&ImportAttributes<'js>>,
    ) -> Result<String> {
        let loader = self.loader()?;
        // 1. Service workers have what they had when they were installed.
        if !loader.allows_dynamic_import() {
            return Err(self.type_error("import() is not allowed here"));
        }
        // 4. Attributes and types that there are.
        let module_type = self.known_type(module_type(attributes)?)?;
        // What the prelude imports has its address.
        if base.starts_with(INTERNAL) {
            return self.is_ready(specifier, module_type).map(|()| name_of(specifier, module_type));
        }
        // 5.–7. The address.
        let url = loader.resolve(base, specifier).map_err(|why| self.type_error(&why))?;
        match loader.state(&url, module_type) {
            ModuleState::Ready => Ok(name_of(&url, module_type)),
            ModuleState::Failed(failure) => Err(self.module_failure(failure)),
            ModuleState::Absent => {
                let kind = if module_type == ModuleType::Json { "json" } else { "js" };
                // NOTE: an address holds no line feed.
                Ok(format!("{TO_COME}{kind}\n{url}\n{base}"))
            }
        }
    }

    fn known_type(&self, module_type: Option<ModuleType>) -> Result<ModuleType> {
        module_type.ok_or_else(|| self.type_error("there are no modules of that type"))
    }

    /// Throws why a module cannot be run. What is wrong with a text is the same error each time.
    fn module_failure(&self, failure: ModuleFailure) -> Error {
        let (key, exception) = match failure {
            ModuleFailure::Fetch(reason) => return self.type_error(&reason),
            ModuleFailure::Resolution { url, reason } => {
                (format!("{url}\n{reason}"), Err(Exception::type_error(reason)))
            }
            ModuleFailure::Syntax { url, error } => {
                (format!("{url}\n{}:{}:{}", error.line, error.column, error.message), Ok((url, error)))
            }
        };
        let known = self.state.roots.borrow().module_failures.get(&key).cloned();
        let error = match known {
            Some(error) => error.restore(&self.ctx),
            None => match exception {
                Ok((url, error)) => self.syntax_error(&url, &error),
                Err(exception) => self.exception_to_js(exception),
            },
        };
        match error {
            Ok(error) => {
                let saved = Persistent::save(&self.ctx, error.clone());
                self.state.roots.borrow_mut().module_failures.insert(key, saved);
                self.ctx.throw(error)
            }
            Err(error) => error,
        }
    }

    fn syntax_error(&self, url: &str, error: &ModuleSyntaxError) -> Result<JsValue<'js>> {
        let value = self.exception_to_js(Exception::SyntaxError(error.message.clone()))?;
        if let Some(object) = value.as_object() {
            let stack = format!("    at {url}:{}:{}\n", error.line, error.column);
            object.prop("stack", Property::from(stack).writable().configurable())?;
        }
        Ok(value)
    }

    /// Declares something, in whose course the engine asks for static imports.
    fn declaring<T>(&self, declare: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = self.state.modules_stage.replace(Stage::Declaring);
        let declared = declare();
        self.state.modules_stage.set(before);
        if declared.is_err() {
            // NOTE: what the engine has kept may point to what it has let go of.
            self.state.modules_broken.set(true);
        }
        declared
    }

    /// <https://html.spec.whatwg.org/#hostgetimportmetaproperties>: a module that knows its URL, and where what it imports is. Its text
    /// is known to parse, and what it imports to be there.
    fn declare_module(&self, name: &str, base_url: &str, text: String) -> Result<Module<'js, Declared>> {
        let module = self.declaring(|| Module::declare(self.ctx.clone(), name, text))?;
        let meta = module.meta()?;
        meta.prop("url", data(base_url))?;
        let base = name.to_owned();
        let resolve = self.closure("resolve", 1, move |scope, _, args| {
            let specifier =
                args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
            let specifier = Coerced::<rquickjs::String<'_>>::from_js(&scope.ctx, specifier)?;
            let specifier = scope.dom_string(&specifier)?;
            let resolved =
                scope.loader()?.resolve(&base, &specifier).map_err(|why| scope.type_error(&why))?;
            scope.string_to_js(&resolved.as_str().into())
        })?;
        meta.prop("resolve", data(resolve))?;
        Ok(module)
    }

    /// <https://html.spec.whatwg.org/#creating-a-json-module-script>
    fn declare_json(&self, name: &str, text: &str) -> Result<Module<'js, Declared>> {
        let value: JsValue<'js> = self.helper("parse")?.call((text,))?;
        let module =
            self.declaring(|| Module::declare(self.ctx.clone(), name, "export default import.meta.value;"))?;
        module.meta()?.prop("value", data(value))?;
        Ok(module)
    }

    /// What stands in the place of a module that is still to come.
    fn declare_to_come(&self, name: &str, rest: &str) -> Result<Module<'js, Declared>> {
        let mut parts = rest.splitn(3, '\n');
        let (Some(kind), Some(url), Some(base)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::Unknown);
        };
        let module_type = if kind == "json" { ModuleType::Json } else { ModuleType::JavaScript };
        let (url, base) = (url.to_owned(), base.to_owned());
        let then = self.closure("then", 2, move |scope, _, args| {
            let loading = scope.loader()?.import(&base, &url, module_type);
            let url = url.clone();
            let come = Box::pin(async move {
                loading.await;
                Ok(Value::in_realm(move |realm| realm.import(&url, module_type)))
            });
            let promise = scope.to_js(Value::Promise(come), None)?;
            if let Some(resolve) = args.first().and_then(JsValue::as_function) {
                resolve.call::<_, ()>((promise,))?;
            }
            Ok(JsValue::new_undefined(scope.ctx.clone()))
        })?;
        let module = self
            .declaring(|| Module::declare(self.ctx.clone(), name, "export const then = import.meta.then;"))?;
        module.meta()?.prop("then", data(then))?;
        Ok(module)
    }

    /// Evaluates a module script that is at no address; what its promise rejects with is reported.
    pub(crate) fn module_script(&self, source: &[u8], url: &str) -> Result<rquickjs::Promise<'js>> {
        let text = String::from_utf8_lossy(source).into_owned();
        let requests = match module_requests(&text, ModuleType::JavaScript) {
            Ok(requests) => requests,
            Err(error) => {
                let error = self.syntax_error(url, &error)?;
                return Err(self.ctx.throw(error));
            }
        };
        for request in requests {
            self.is_there(url, &request)?;
        }
        let url = url.replace('\0', "");
        let module = self.declare_module(&url, &url, text)?;
        let (_, promise) = module.eval()?;
        self.report_rejection(promise)
    }

    /// Throws unless a static import can be linked.
    fn is_there(&self, base: &str, request: &ModuleRequest) -> Result<()> {
        let loader = self.loader()?;
        let module_type = self.known_type(request.module_type)?;
        let url = loader.resolve(base, &request.specifier).map_err(|why| self.type_error(&why))?;
        self.is_ready(&url, module_type)
    }

    fn is_ready(&self, url: &str, module_type: ModuleType) -> Result<()> {
        match self.loader()?.state(url, module_type) {
            ModuleState::Ready => Ok(()),
            ModuleState::Failed(failure) => Err(self.module_failure(failure)),
            ModuleState::Absent => Err(self.type_error(&format!("{url} has not been fetched"))),
        }
    }

    /// Evaluates the module at an address, once; gives the promise of its namespace.
    pub(crate) fn imported(&self, url: &str, module_type: ModuleType) -> Result<rquickjs::Promise<'js>> {
        self.is_ready(url, module_type)?;
        if module_type == ModuleType::Json {
            return self.helper("importJson")?.call((url,));
        }
        let stage = &self.state.modules_stage;
        let before = stage.replace(Stage::Named);
        let promise = Module::import(&self.ctx, url.replace('\0', ""));
        stage.set(before);
        promise
    }

    /// What a promise of the realm's own is rejected with is reported.
    pub(crate) fn report_rejection(&self, promise: rquickjs::Promise<'js>) -> Result<rquickjs::Promise<'js>> {
        let report = self.closure("", 1, |scope, _, args| {
            let reason = args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
            scope.report(reason);
            Ok(JsValue::new_undefined(scope.ctx.clone()))
        })?;
        let undefined = JsValue::new_undefined(self.ctx.clone());
        self.helper("then")?.call::<_, ()>((promise.clone(), undefined, report))?;
        Ok(promise)
    }
}
