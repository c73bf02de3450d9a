//! Interfaces that call callbacks, and such that have observable arrays.

use std::sync::{Arc, Mutex};

use longhaul_idl::{
    platform_object,
    runtime::{DomString, Exception, Held, InterfaceBinding, ObjectRef, PromiseOf, Realm, Value},
};

use super::Counter;
use crate::*;

pub fn bindings() -> Vec<InterfaceBinding> {
    vec![visitor::binding(), caller::binding::<Caller>(), shelf::binding::<Shelf>(), hosted_shelf::binding()]
}

pub struct Caller;

platform_object!(Caller => caller);

impl CallerStatics for Caller {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

impl CallerMethods for Caller {
    // What the callback throws, the caller throws.
    fn transform(
        self: &Arc<Self>,
        realm: &dyn Realm,
        callback: Held,
        x: i32,
        label: Option<DomString>,
        more: Vec<Value>,
    ) -> Result<u8, Exception> {
        call_transform(realm, &callback, Some(Value::Object(self.clone())), x, label, more)
    }

    // What the callback throws is reported, and the caller goes on.
    fn reported(self: &Arc<Self>, realm: &dyn Realm, callback: Held) -> Result<bool, Exception> {
        match call_transform(realm, &callback, None, 1, None, Vec::new()) {
            Ok(_) => Ok(false),
            Err(exception) => {
                realm.report_exception(exception);
                Ok(true)
            }
        }
    }

    fn soon(
        self: &Arc<Self>,
        realm: &dyn Realm,
        callback: Held,
        what: DomString,
    ) -> Result<PromiseOf<Value>, Exception> {
        let promise = call_soon(realm, &callback, None, what)?;
        let observed = realm.observe_promise(&promise);
        Ok(PromiseOf::new(async move {
            observed.await.map(|value| Value::String(format!("observed {value:?}").into()))
        }))
    }

    fn shape(self: &Arc<Self>, realm: &dyn Realm, callback: Held) -> Result<DomString, Exception> {
        let base = Base { a: "base".into(), b: 3 };
        let counter: ObjectRef = Counter::new(8);
        let result = call_shape(realm, &callback, None, vec![1, 2], Some(counter), base)?;
        Ok(format!("{:?} {:?}", result.names, result.color).into())
    }

    fn lenient(self: &Arc<Self>, realm: &dyn Realm, callback: Held) -> Result<DomString, Exception> {
        call_lenient(realm, &callback, None)
    }

    fn visit(
        self: &Arc<Self>,
        realm: &dyn Realm,
        visitor: Held,
        nodes: Vec<ObjectRef>,
    ) -> Result<Vec<u16>, Exception> {
        let last = nodes.len().saturating_sub(1);
        let nodes = nodes.into_iter().enumerate();
        nodes
            .map(|(index, node)| {
                call_visitor(realm, &visitor, Some(Value::String("this".into())), node, index == last)
            })
            .collect()
    }
}

#[derive(Default)]
pub struct Shelf {
    counters: Mutex<Vec<ObjectRef>>,
    log: Mutex<String>,
}

platform_object!(Shelf => shelf);

impl ShelfStatics for Shelf {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}

impl ShelfMethods for Shelf {
    fn set_indexed_counters(
        self: &Arc<Self>,
        _: &dyn Realm,
        index: u32,
        value: ObjectRef,
    ) -> Result<(), Exception> {
        let mut counters = self.counters.lock().unwrap();
        if counters.iter().any(|known| Arc::ptr_eq(known, &value)) {
            return Err(Exception::dom("NotAllowedError", "it is there already"));
        }
        counters.insert(index as usize, value);
        Ok(())
    }

    fn delete_indexed_counters(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<(), Exception> {
        self.counters.lock().unwrap().remove(index as usize);
        Ok(())
    }

    fn set_indexed_bytes(self: &Arc<Self>, _: &dyn Realm, index: u32, value: u8) -> Result<(), Exception> {
        *self.log.lock().unwrap() += &format!("+{index}:{value} ");
        Ok(())
    }

    fn delete_indexed_bytes(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<(), Exception> {
        *self.log.lock().unwrap() += &format!("-{index} ");
        Ok(())
    }

    fn log(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(std::mem::take(&mut *self.log.lock().unwrap()).into())
    }

    fn total(self: &Arc<Self>, realm: &dyn Realm) -> Result<i32, Exception> {
        let counters = self.counters.lock().unwrap().clone();
        counters
            .into_iter()
            .map(|counter| counter.downcast::<Counter>().map_or(Ok(0), |counter| counter.value(realm)))
            .sum()
    }
}
