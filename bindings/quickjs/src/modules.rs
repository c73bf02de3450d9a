//! <https://html.spec.whatwg.org/#module-script>, its loading.

use std::rc::{Rc, Weak};

use rquickjs::{
    Coerced, Ctx, Error, FromJs as _, Module, Result, Value as JsValue,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
};

use crate::{
    engine::Shared,
    realm::{RealmState, Scope},
    to_js::data,
};

/// Where a realm's modules come from. Called on the agent's thread; it may block.
pub trait ModuleLoader {
    /// The address of a specifier in the module `base`.
    ///
    /// # Errors
    /// Why it has none, for people.
    fn resolve(&self, base: &str, specifier: &str) -> std::result::Result<String, String>;

    /// The source at an address.
    ///
    /// # Errors
    /// Why there is none, for people.
    fn load(&self, url: &str) -> std::result::Result<Vec<u8>, String>;
}

/// The engine has one loader a runtime; this one asks the realm's.
pub(crate) struct Modules(pub(crate) Weak<Shared>);

impl Modules {
    fn realm(&self, ctx: &Ctx<'_>) -> Option<Rc<RealmState>> {
        self.0.upgrade()?.realm_of(ctx)
    }

    /// What an import rejects with. <https://html.spec.whatwg.org/#hostloadimportedmodule>
    fn type_error(&self, ctx: &Ctx<'_>, why: &str) -> Error {
        match self.realm(ctx) {
            Some(realm) => Scope::new(ctx.clone(), realm).type_error(why),
            None => Error::Unknown,
        }
    }
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let resolved = match self.realm(ctx).as_ref().and_then(|realm| realm.modules.as_ref()) {
            None => Err("the realm loads no modules".to_owned()),
            Some(modules) => modules.resolve(base, name),
        };
        resolved.map_err(|why| self.type_error(ctx, &why))
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let Some(realm) = self.realm(ctx) else { return Err(Error::Unknown) };
        let loaded = match &realm.modules {
            None => Err("the realm loads no modules".to_owned()),
            Some(modules) => modules.load(name),
        };
        let scope = Scope::new(ctx.clone(), realm);
        match loaded {
            Ok(source) => scope.declare_module(name, source),
            Err(why) => Err(scope.type_error(&why)),
        }
    }
}

impl<'js> Scope<'js> {
    /// <https://html.spec.whatwg.org/#hostgetimportmetaproperties>: a module that knows its URL, and where what it imports is.
    pub(crate) fn declare_module(&self, url: &str, source: Vec<u8>) -> Result<Module<'js, Declared>> {
        let module = Module::declare(self.ctx.clone(), url, source)?;
        let meta = module.meta()?;
        meta.prop("url", data(url))?;
        let base = url.to_owned();
        let resolve = self.closure("resolve", 1, move |scope, _, args| {
            let specifier =
                args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
            let specifier = Coerced::<rquickjs::String<'_>>::from_js(&scope.ctx, specifier)?;
            let specifier = scope.dom_string(&specifier)?;
            let resolved = match &scope.state.modules {
                Some(modules) => modules.resolve(&base, &specifier),
                None => Err("the realm loads no modules".to_owned()),
            };
            let resolved = resolved.map_err(|why| scope.type_error(&why))?;
            scope.string_to_js(&resolved.as_str().into())
        })?;
        meta.prop("resolve", data(resolve))?;
        Ok(module)
    }
}
