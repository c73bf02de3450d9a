//! Functions that call callbacks, by their types.

use std::fmt::Write as _;

use crate::{
    emit::{
        RUNTIME,
        data::Unions,
        doc,
        rust_types::{argument_type, is_optional, rust_type},
    },
    model::{Argument, Kind, Model, Type},
    names,
};

/// A function for every callback function and every callback interface.
pub(crate) fn callbacks(out: &mut String, model: &Model, unions: &mut Unions) {
    for (name, callback) in &model.callbacks {
        let call = format!(
            "realm.invoke_callback(callback, &crate::tables::{}, this, args)",
            names::screaming(name)
        );
        doc(out, "", &format!("Invokes a callback function `{name}`."));
        function(out, model, unions, name, (&callback.arguments, &callback.returns), &call);
    }
    let interfaces = model.interfaces.values().filter(|interface| interface.kind == Kind::CallbackInterface);
    for interface in interfaces {
        // NOTE: a callback interface has one operation, without overloads.
        let operation = interface.operations.first().and_then(|operation| operation.overloads.first());
        let Some(overload) = operation else { continue };
        let module = names::snake(&interface.name);
        let call = format!("realm.call_user_object(callback, &crate::{module}::DESCRIPTOR, this, args)");
        doc(out, "", &format!("Calls the operation of a callback interface `{}`.", interface.name));
        let types = (overload.arguments.as_slice(), &overload.returns);
        function(out, model, unions, &interface.name, types, &call);
    }
}

fn function(
    out: &mut String,
    model: &Model,
    unions: &mut Unions,
    name: &str,
    (arguments, returns): (&[Argument], &Type),
    call: &str,
) {
    doc(out, "", "");
    doc(out, "", "# Errors\n/// What it throws, or the conversion of its result.");
    out.push_str("#[allow(clippy::too_many_arguments, reason = \"as many as its definition has\")]\n");
    let name = names::snake(name);
    _ = write!(
        out,
        "pub fn call_{}(realm: &dyn {RUNTIME}::Realm, callback: &{RUNTIME}::Held, this: Option<{RUNTIME}::Value>",
        name.trim_end_matches('_')
    );
    let names: Vec<String> = (0..arguments.len()).map(|index| format!("argument_{index}")).collect();
    for (name, argument) in names.iter().zip(arguments) {
        _ = write!(out, ", {name}: {}", argument_type(model, argument, unions));
    }
    let returned = match returns {
        Type::Undefined => "()".to_owned(),
        returns => rust_type(model, returns, unions),
    };
    _ = writeln!(out, ") -> Result<{returned}, {RUNTIME}::Exception> {{");
    let variadic = arguments.last().is_some_and(|last| last.variadic);
    let plain = arguments.iter().zip(&names).filter(|(argument, _)| !argument.variadic);
    let values: Vec<String> = plain
        .map(|(argument, name)| {
            match is_optional(&argument.r#type, argument.optional, argument.default.as_ref()) {
                true => format!("{name}.map({RUNTIME}::IntoIdl::into_idl)"),
                false => format!("Some({RUNTIME}::IntoIdl::into_idl({name}))"),
            }
        })
        .collect();
    let more = match names.last().filter(|_| variadic) {
        Some(name) => format!("{name}.into_iter().map({RUNTIME}::IntoIdl::into_idl).collect()"),
        None => "Vec::new()".to_owned(),
    };
    _ = writeln!(out, "    let args = {RUNTIME}::present_arguments([{}], {more});", values.join(", "));
    match returns {
        Type::Undefined => _ = writeln!(out, "    {call}.map(drop)\n}}\n"),
        _ => _ = writeln!(out, "    {RUNTIME}::FromIdl::from_idl({call}?)\n}}\n"),
    }
}
