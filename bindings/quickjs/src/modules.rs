//! <https://html.spec.whatwg.org/#module-script>, its loading.

use std::rc::{Rc, Weak};

use rquickjs::{
    Ctx, Error, Module, Result,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
};

use crate::{engine::Shared, realm::RealmState, to_js::data};

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
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let realm = self.realm(ctx);
        match realm.as_ref().and_then(|realm| realm.modules.as_ref()) {
            None => Err(Error::new_resolving_message(base, name, "the realm loads no modules")),
            Some(modules) => {
                modules.resolve(base, name).map_err(|why| Error::new_resolving_message(base, name, why))
            }
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
        let realm = self.realm(ctx);
        match realm.as_ref().and_then(|realm| realm.modules.as_ref()) {
            None => Err(Error::new_loading_message(name, "the realm loads no modules")),
            Some(modules) => {
                let source = modules.load(name).map_err(|why| Error::new_loading_message(name, why))?;
                declare(ctx, name, source)
            }
        }
    }
}

/// <https://html.spec.whatwg.org/#hostgetimportmetaproperties>: a module that knows its URL.
pub(crate) fn declare<'js>(ctx: &Ctx<'js>, url: &str, source: Vec<u8>) -> Result<Module<'js, Declared>> {
    let module = Module::declare(ctx.clone(), url, source)?;
    module.meta()?.prop("url", data(url))?;
    Ok(module)
}
