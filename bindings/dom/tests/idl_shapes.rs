//! Every interface's shape against its IDL, in every kind of agent: the descriptor tables say what a realm must show, and a
//! script looks whether it does. Whatever is added to the IDL is covered by that.

#[path = "support/plain_realm.rs"]
mod plain_realm;
#[allow(dead_code, reason = "not every test needs all of it")]
mod support;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use longhaul_idl::runtime::{
    ConstantValue, Exposure, IdlType, InterfaceDescriptor, InterfaceKind, IterableKind, Overload, Value,
};
use longhaul_quickjs::{Engine, EngineLimits};

use support::server::Answer;
use support::suite::Browser;

const CHECKS: &str = include_str!("scripts/idl_shapes.js");

/// A list of texts as a JavaScript array.
fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// What a realm of a kind must show of an interface, as a JavaScript object.
fn expected(interface: &InterfaceDescriptor, exposure: Exposure, is_secure: bool) -> String {
    let exists = |condition: &longhaul_idl::runtime::Condition| condition.holds(exposure.set(), is_secure);
    let length = |overloads: &[Overload]| {
        let exposed = overloads.iter().filter(|overload| exists(&overload.condition));
        exposed.map(Overload::required).min()
    };
    let number = |length: Option<usize>| length.map_or("null".to_owned(), |length| length.to_string());
    let attributes = interface.attributes.iter().filter(|attribute| exists(&attribute.condition)).map(|attribute| {
        let settable = !attribute.readonly
            || attribute.put_forwards.is_some()
            || attribute.replaceable
            || attribute.lenient_setter;
        format!(
            "{{name:{:?},settable:{settable},isStatic:{},unforgeable:{},promises:{},lenient:{},handler:{}}}",
            attribute.name,
            attribute.is_static,
            attribute.unforgeable,
            matches!(attribute.r#type, IdlType::Promise(_)),
            attribute.lenient_this,
            attribute.event_handler,
        )
    });
    let operations = interface.operations.iter().filter_map(|operation| {
        let length = length(operation.overloads)?;
        let promises =
            operation.overloads.iter().any(|overload| matches!(overload.returns, IdlType::Promise(_)));
        Some(format!(
            "{{name:{:?},length:{length},isStatic:{},unforgeable:{},promises:{promises}}}",
            operation.name,
            operation.is_static || interface.kind == InterfaceKind::Namespace,
            operation.unforgeable
        ))
    });
    let constants =
        interface.constants.iter().filter(|constant| exists(&constant.condition)).map(|constant| {
            let value = match constant.value {
                ConstantValue::Boolean(value) => value.to_string(),
                ConstantValue::Number(value) => value.to_string(),
            };
            format!("{{name:{:?},value:{value}}}", constant.name)
        });
    let iterable = interface.iterable.as_ref().map_or("null", |iterable| match iterable.kind {
        IterableKind::Pairs => "'pairs'",
        IterableKind::Values => "'values'",
        IterableKind::Async => "'async'",
        IterableKind::ReadonlyMaplike | IterableKind::Maplike => "'map'",
        _ => "'set'",
    });
    let aliases = interface.window_aliases.iter().filter(|_| exposure == Exposure::Window);
    format!(
        "{{name:{:?},parent:{},isNamespace:{},isCallback:{},isExposed:{},isGlobal:{},hasObject:{},length:{},attributes:{},operations:{},constants:{},iterable:{iterable},indexed:{},stringifies:{},aliases:{},factories:{},namesGlobal:{}}}",
        interface.name,
        interface.parent.map_or("null".to_owned(), |parent| format!("{:?}", parent.name)),
        interface.kind == InterfaceKind::Namespace,
        interface.kind == InterfaceKind::CallbackInterface,
        exists(&interface.condition),
        interface.global,
        !interface.no_interface_object,
        number(length(interface.constructors)),
        list(attributes),
        list(operations),
        list(constants),
        interface.indexed.is_some(),
        interface.stringifier.is_some() || interface.operations.iter().any(|operation| operation.stringifier),
        list(aliases.map(|alias| format!("{alias:?}"))),
        list(interface.factories.iter().map(|factory| format!("{:?}", factory.name))),
        interface.global && interface.named.is_some(),
    )
}

/// Every interface that there is.
fn interfaces() -> Vec<&'static InterfaceDescriptor> {
    let mut all: Vec<&InterfaceDescriptor> =
        longhaul_dom::bindings().iter().map(|binding| binding.descriptor).collect();
    all.extend(longhaul_idl::core_bindings().iter().map(|binding| binding.descriptor));
    all
}

/// The script that looks at all of them in a kind of agent.
fn script(exposure: Exposure) -> String {
    let descriptions = list(interfaces().iter().map(|interface| expected(interface, exposure, true)));
    format!("{CHECKS}\nshapes({descriptions})")
}

/// The faults in what the script gave.
fn faults(exposure: Exposure, result: &str) -> String {
    let (passed, found) = result.split_once('\n').expect("two parts");
    println!("{exposure:?}: {passed} checks");
    assert!(passed.parse::<usize>().expect("a number") > 1000, "only {passed} checks");
    found.lines().filter(|line| !line.is_empty()).fold(String::new(), |mut faults, fault| {
        let _ = writeln!(faults, "{exposure:?}: {fault}");
        faults
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_interface_has_the_shape_of_its_idl() {
    let user_agent = plain_realm::user_agent().await;
    tokio::task::block_in_place(|| {
        let mut all = String::new();
        for (exposure, global) in plain_realm::globals(&user_agent) {
            let engine = Engine::new(EngineLimits::default()).expect("the engine starts");
            let errors = Arc::new(Mutex::new(Vec::new()));
            let realm = plain_realm::realm(&engine, global, exposure, &errors).expect("the realm is made");
            let result =
                engine.evaluate_script(realm, script(exposure).as_bytes(), "shapes.js").expect("it runs");
            let Value::String(result) = result else { panic!("{result:?}") };
            all += &faults(exposure, &result);
        }
        assert!(all.is_empty(), "{all}");
    });
    user_agent.shutdown().await;
}

/// A service worker's global object stands for a worker that is registered: here is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_interface_has_the_shape_of_its_idl_in_a_service_worker() {
    // The last statement's value is the result.
    let script = script(Exposure::ServiceWorker).replacen("\nshapes(", "\nconst result = shapes(", 1);
    let script = format!("{script};\nconsole.log('shapes: ' + result);");
    let answers = HashMap::from([("/sw.js", Answer::ok("text/javascript", script))]);
    let browser = Browser::start(answers).await;
    let page = browser.window("navigator.serviceWorker.register('/sw.js')", "page.js").await;
    let (before, result) = tokio::task::block_in_place(|| browser.wait_for("log: shapes: "));
    assert!(before.is_empty(), "{before:#?}");
    let faults = faults(Exposure::ServiceWorker, &result);
    assert!(faults.is_empty(), "{faults}");
    page.stop();
    browser.user_agent.shutdown().await;
}
