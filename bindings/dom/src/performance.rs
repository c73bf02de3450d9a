//! <https://w3c.github.io/hr-time/#sec-performance>

use std::sync::Arc;

use longhaul_idl::PerformanceMethods;
use longhaul_idl::runtime::{Dictionary, Exception, Held, Realm, Value};

/// <https://w3c.github.io/hr-time/#dom-performance>
pub(crate) struct Performance;

longhaul_idl::platform_object!(Performance => longhaul_idl::performance);

impl PerformanceMethods for Performance {
    fn now(self: &Arc<Self>, realm: &dyn Realm) -> Result<f64, Exception> {
        Ok(crate::global_scope(realm)?.now())
    }

    fn time_origin(self: &Arc<Self>, realm: &dyn Realm) -> Result<f64, Exception> {
        Ok(crate::global_scope(realm)?.time_origin())
    }

    fn to_json(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
        let members = Dictionary::new().with("timeOrigin", self.time_origin(realm)?);
        realm.hold(Value::Dictionary(members))
    }
}
