//! <https://console.spec.whatwg.org/#console-namespace>; the text is made in the core, where the values are.

use longhaul_idl::ConsoleStatics;
use longhaul_idl::runtime::{DomString, Exception, Held, Realm, Value};

/// The namespace `console`.
// FIXME: its prototype should be an empty object of its own, and trace() should tell the stack.
pub(crate) struct Console;

fn call(realm: &dyn Realm, member: &str, first: Value, second: Value) -> Result<(), Exception> {
    realm.core("console", vec![Value::String(member.into()), first, second]).map(drop)
}

macro_rules! of_data {
    ($($name:ident => $member:literal),*) => {$(
        fn $name(realm: &dyn Realm, data: Vec<Value>) -> Result<(), Exception> {
            call(realm, $member, Value::Sequence(data), Value::Undefined)
        }
    )*};
}

macro_rules! of_label {
    ($($name:ident => $member:literal),*) => {$(
        fn $name(realm: &dyn Realm, label: DomString) -> Result<(), Exception> {
            call(realm, $member, Value::String(label), Value::Undefined)
        }
    )*};
}

impl ConsoleStatics for Console {
    of_data!(
        debug => "debug", error => "error", info => "info", log => "log", trace => "trace", warn => "warn", dirxml => "log",
        group => "group", group_collapsed => "group"
    );
    of_label!(count => "count", count_reset => "countReset", time => "time", time_end => "timeEnd");

    fn assert(realm: &dyn Realm, condition: bool, data: Vec<Value>) -> Result<(), Exception> {
        call(realm, "assert", Value::Boolean(condition), Value::Sequence(data))
    }

    fn clear(realm: &dyn Realm) -> Result<(), Exception> {
        call(realm, "clear", Value::Undefined, Value::Undefined)
    }

    fn table(realm: &dyn Realm, data: Value, _: Option<Vec<DomString>>) -> Result<(), Exception> {
        call(realm, "table", data, Value::Undefined)
    }

    fn dir(realm: &dyn Realm, item: Value, _: Option<Option<Held>>) -> Result<(), Exception> {
        call(realm, "dir", item, Value::Undefined)
    }

    fn group_end(realm: &dyn Realm) -> Result<(), Exception> {
        call(realm, "groupEnd", Value::Undefined, Value::Undefined)
    }

    fn time_log(realm: &dyn Realm, label: DomString, data: Vec<Value>) -> Result<(), Exception> {
        call(realm, "timeLog", Value::String(label), Value::Sequence(data))
    }
}
