//! Traits of native interfaces, and the glue from dynamic values to them.

use std::fmt::Write as _;

use crate::{
    emit::{
        RUNTIME,
        data::Unions,
        doc,
        rust_types::{argument_type, is_optional, return_type, rust_type},
    },
    model::{Interface, Kind, Model, Overload, Stringifier, Type},
    names,
};

/// A method of a generated trait.
struct Method {
    name: String,
    doc: String,
    /// Name and type.
    arguments: Vec<(String, String)>,
    returns: String,
    /// The pattern of the member part, and the expressions that take the arguments.
    pattern: String,
    takes: Vec<&'static str>,
}

/// The module of an interface, and its traits if it is native.
pub(crate) fn interface(out: &mut String, model: &Model, interface: &Interface, unions: &mut Unions) {
    let name = &trait_prefix(&interface.name);
    let native = !interface.self_hosted && interface.kind != Kind::CallbackInterface;
    let instance = native && interface.kind == Kind::Interface;
    let methods = if instance { methods(model, interface, false, unions) } else { Vec::new() };
    let statics = if native { methods_of_statics(model, interface, unions) } else { Vec::new() };
    let constructors = if native { constructors(model, interface, unions) } else { Vec::new() };
    let native_parent = interface.parent.as_deref().filter(|parent| !model.is_self_hosted(parent));

    if instance {
        let parent = native_parent.map_or_else(
            || format!("{RUNTIME}::PlatformObject"),
            |parent| format!("{}Methods", trait_prefix(parent)),
        );
        doc(out, "", &format!("The instance members of `{name}`."));
        _ = writeln!(out, "pub trait {name}Methods: {parent} {{");
        for method in &methods {
            signature(out, method, "self: &std::sync::Arc<Self>, ");
        }
        out.push_str("}\n\n");
    }
    let has_statics = native && interface.has_statics();
    if has_statics {
        doc(out, "", &format!("The constructors and static members of `{name}`."));
        _ = writeln!(out, "pub trait {name}Statics: 'static {{");
        for method in constructors.iter().chain(&statics) {
            signature(out, method, "");
        }
        out.push_str("}\n\n");
    }

    let identifier = &interface.name;
    doc(
        out,
        "",
        &format!(
            "The {} `{identifier}`.",
            if interface.kind == Kind::Namespace { "namespace" } else { "interface" }
        ),
    );
    _ = writeln!(out, "pub mod {} {{", names::snake(identifier));
    crate::emit::descriptors::interface(out, model, interface);
    if instance {
        invoke(out, name, &methods, native_parent);
    }
    if !statics.is_empty() {
        invoke_static(out, name, &statics);
    }
    if !constructors.is_empty() {
        construct(out, name, &constructors);
    }
    if interface.kind != Kind::CallbackInterface {
        binding(out, interface, has_statics, !constructors.is_empty(), !statics.is_empty());
    }
    out.push_str("}\n\n");
}

/// What the names of an interface's traits begin with: `console` has `ConsoleStatics`.
fn trait_prefix(identifier: &str) -> String {
    let mut chars = identifier.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

fn signature(out: &mut String, method: &Method, receiver: &str) {
    doc(out, "    ", &method.doc);
    doc(out, "    ", "");
    doc(out, "    ", "# Errors\n    /// What it throws.");
    let mut arguments = String::new();
    for (name, r#type) in &method.arguments {
        _ = write!(arguments, ", {name}: {type}", r#type = r#type);
    }
    _ = writeln!(
        out,
        "    fn {}({receiver}realm: &dyn {RUNTIME}::Realm{arguments}) -> Result<{}, {RUNTIME}::Exception>;",
        method.name, method.returns
    );
}

/// The name of the `n`th overload.
fn overloaded(name: &str, n: usize) -> String {
    if n == 0 {
        names::snake(name)
    } else {
        format!("{}_{}", names::snake(name).trim_end_matches('_'), n + 1)
    }
}

fn arguments(
    model: &Model,
    overload: &Overload,
    unions: &mut Unions,
) -> (Vec<(String, String)>, Vec<&'static str>) {
    let mut arguments = Vec::new();
    let mut takes = Vec::new();
    for argument in &overload.arguments {
        let name = match names::snake(&argument.name).as_str() {
            "realm" => "realm_".to_owned(),
            "self_" => "self_value".to_owned(),
            name => name.to_owned(),
        };
        arguments.push((name, argument_type(model, argument, unions)));
        let optional =
            is_optional(&argument.r#type, argument.optional, argument.default.as_ref()) && !argument.variadic;
        takes.push(if optional { "take_optional" } else { "take" });
    }
    (arguments, takes)
}

fn methods(model: &Model, interface: &Interface, is_static: bool, unions: &mut Unions) -> Vec<Method> {
    let mut methods = Vec::new();
    for (index, attribute) in interface.attributes.iter().enumerate() {
        if attribute.is_static != is_static || attribute.event_handler {
            continue;
        }
        let name = names::snake(&attribute.name);
        methods.push(Method {
            doc: format!("Gets `{}`.", attribute.name),
            arguments: Vec::new(),
            returns: return_type(model, &attribute.r#type, unions),
            pattern: format!("{RUNTIME}::MemberPart::Get({index})"),
            takes: Vec::new(),
            name: name.clone(),
        });
        if !attribute.readonly {
            methods.push(Method {
                doc: format!("Sets `{}`.", attribute.name),
                arguments: vec![("value".to_owned(), rust_type(model, &attribute.r#type, unions))],
                returns: "()".to_owned(),
                pattern: format!("{RUNTIME}::MemberPart::Set({index})"),
                takes: vec!["take"],
                name: format!("set_{}", name.trim_end_matches('_')),
            });
        }
    }
    for (index, operation) in interface.operations.iter().enumerate() {
        if operation.is_static != is_static {
            continue;
        }
        for (place, overload) in operation.overloads.iter().enumerate() {
            let (arguments, takes) = arguments(model, overload, unions);
            methods.push(Method {
                doc: format!("Runs `{}`.", operation.name),
                arguments,
                returns: return_type(model, &overload.returns, unions),
                pattern: format!("{RUNTIME}::MemberPart::Call {{ operation: {index}, overload: {place} }}"),
                takes,
                name: overloaded(&operation.name, place),
            });
        }
    }
    if !is_static && let Some(iterable) = &interface.iterable {
        let value = rust_type(model, &iterable.value, unions);
        let key = if iterable.key == Type::Undefined {
            value.clone()
        } else {
            rust_type(model, &iterable.key, unions)
        };
        if iterable.kind != "Async" {
            methods.push(Method {
                doc: "The value pairs to iterate over, as they are now.".to_owned(),
                arguments: Vec::new(),
                returns: format!("Vec<({key}, {value})>"),
                pattern: format!("{RUNTIME}::MemberPart::Pairs"),
                takes: Vec::new(),
                name: "pairs".to_owned(),
            });
        }
    }
    if !is_static && matches!(interface.stringifier, Some(Stringifier::Behaviour)) {
        methods.push(Method {
            doc: "The object as a string.".to_owned(),
            arguments: Vec::new(),
            returns: format!("{RUNTIME}::DomString"),
            pattern: format!("{RUNTIME}::MemberPart::Stringify"),
            takes: Vec::new(),
            name: "stringify".to_owned(),
        });
    }
    methods
}

fn methods_of_statics(model: &Model, interface: &Interface, unions: &mut Unions) -> Vec<Method> {
    methods(model, interface, true, unions)
}

fn constructors(model: &Model, interface: &Interface, unions: &mut Unions) -> Vec<Method> {
    let constructor = |(place, overload): (usize, &Overload)| {
        let (arguments, takes) = arguments(model, overload, unions);
        Method {
            name: overloaded("construct", place),
            doc: "Makes an object.".to_owned(),
            arguments,
            returns: format!("{RUNTIME}::ObjectRef"),
            pattern: place.to_string(),
            takes,
        }
    };
    interface.constructors.iter().enumerate().map(constructor).collect()
}

/// The arm that calls a method.
fn arm(out: &mut String, method: &Method, of: &str, receiver: &str) {
    _ = writeln!(out, "            {} => {{", method.pattern);
    let mut values = String::new();
    for (index, take) in method.takes.iter().enumerate() {
        _ = writeln!(out, "                let argument_{index} = args.{take}()?;");
        _ = write!(values, ", argument_{index}");
    }
    let call = format!("<T as super::{of}>::{}({receiver}realm{values})?", method.name);
    if of.ends_with("Statics") && method.pattern.parse::<usize>().is_ok() {
        _ = writeln!(out, "                Ok({call})");
    } else if method.pattern.ends_with("Pairs") {
        _ = writeln!(out, "                let pairs = {call}.into_iter().map(|(key, value)| {{");
        _ = writeln!(
            out,
            "                    {RUNTIME}::Value::Sequence(vec![{RUNTIME}::IntoIdl::into_idl(key), {RUNTIME}::IntoIdl::into_idl(value)])"
        );
        _ = writeln!(
            out,
            "                }});\n                Ok({RUNTIME}::Value::Sequence(pairs.collect()))"
        );
    } else {
        _ = writeln!(out, "                let value = {call};");
        _ = writeln!(out, "                Ok({RUNTIME}::IntoIdl::into_idl(value))");
    }
    out.push_str("            }\n");
}

/// The line that readies the arguments, if any arm takes one.
fn take_arguments(out: &mut String, methods: &[Method]) {
    if methods.iter().any(|method| !method.takes.is_empty()) {
        _ = writeln!(out, "        let mut args = {RUNTIME}::Arguments::new(args);");
    }
}

fn invoke(out: &mut String, name: &str, methods: &[Method], parent: Option<&str>) {
    doc(out, "    ", "Runs an instance member.");
    doc(out, "    ", "\n    /// # Errors\n    /// What the member throws.");
    _ = writeln!(
        out,
        "    #[allow(unused_variables, clippy::unit_arg, clippy::let_unit_value, reason = \"an interface may have no members, a member no value\")]"
    );
    _ = writeln!(
        out,
        "    pub fn invoke<T: super::{name}Methods>(this: std::sync::Arc<T>, realm: &dyn {RUNTIME}::Realm, member: {RUNTIME}::MemberId, args: Vec<{RUNTIME}::Value>) -> Result<{RUNTIME}::Value, {RUNTIME}::Exception> {{"
    );
    _ = writeln!(out, "        if *member.interface != DESCRIPTOR {{");
    match parent {
        Some(parent) => {
            _ = writeln!(
                out,
                "            return super::{}::invoke(this, realm, member, args);",
                names::snake(parent)
            );
        }
        None => _ = writeln!(out, "            return Err({RUNTIME}::no_such_member(member.interface));"),
    }
    out.push_str("        }\n");
    if methods.is_empty() {
        _ = writeln!(out, "        Err({RUNTIME}::no_such_member(&DESCRIPTOR))\n    }}\n");
        return;
    }
    take_arguments(out, methods);
    out.push_str("        match member.part {\n");
    for method in methods {
        arm(out, method, &format!("{name}Methods"), "&this, ");
    }
    _ = writeln!(out, "            _ => Err({RUNTIME}::no_such_member(&DESCRIPTOR)),\n        }}\n    }}\n");
}

fn invoke_static(out: &mut String, name: &str, methods: &[Method]) {
    doc(out, "    ", "Runs a static member.");
    doc(out, "    ", "\n    /// # Errors\n    /// What the member throws.");
    _ = writeln!(
        out,
        "    #[allow(unused_variables, clippy::unit_arg, clippy::let_unit_value, reason = \"a member may have no arguments and no value\")]"
    );
    _ = writeln!(
        out,
        "    pub fn invoke_static<T: super::{name}Statics>(realm: &dyn {RUNTIME}::Realm, member: {RUNTIME}::MemberId, args: Vec<{RUNTIME}::Value>) -> Result<{RUNTIME}::Value, {RUNTIME}::Exception> {{"
    );
    take_arguments(out, methods);
    out.push_str("        match member.part {\n");
    for method in methods {
        arm(out, method, &format!("{name}Statics"), "");
    }
    _ = writeln!(out, "            _ => Err({RUNTIME}::no_such_member(&DESCRIPTOR)),\n        }}\n    }}\n");
}

fn construct(out: &mut String, name: &str, constructors: &[Method]) {
    doc(out, "    ", "Runs a constructor.");
    doc(out, "    ", "\n    /// # Errors\n    /// What the constructor throws.");
    _ = writeln!(out, "    #[allow(unused_variables, reason = \"a constructor may have no arguments\")]");
    _ = writeln!(
        out,
        "    pub fn construct<T: super::{name}Statics>(realm: &dyn {RUNTIME}::Realm, constructor: usize, args: Vec<{RUNTIME}::Value>) -> Result<{RUNTIME}::ObjectRef, {RUNTIME}::Exception> {{"
    );
    take_arguments(out, constructors);
    out.push_str("        match constructor {\n");
    for method in constructors {
        arm(out, method, &format!("{name}Statics"), "");
    }
    _ = writeln!(out, "            _ => Err({RUNTIME}::no_such_member(&DESCRIPTOR)),\n        }}\n    }}\n");
}

fn binding(out: &mut String, interface: &Interface, generic: bool, constructs: bool, has_statics: bool) {
    let name = trait_prefix(&interface.name);
    doc(out, "    ", "The interface, for an adapter.");
    let parameter = if generic { format!("<T: super::{name}Statics>") } else { String::new() };
    _ = writeln!(out, "    pub fn binding{parameter}() -> {RUNTIME}::InterfaceBinding {{");
    let implementation = if interface.self_hosted {
        format!("{RUNTIME}::Implementation::SelfHosted")
    } else {
        let construct = if constructs { "Some(construct::<T>)" } else { "None" };
        let statics = if has_statics { "Some(invoke_static::<T>)" } else { "None" };
        format!("{RUNTIME}::Implementation::Native {{ construct: {construct}, statics: {statics} }}")
    };
    _ = writeln!(
        out,
        "        {RUNTIME}::InterfaceBinding {{ descriptor: &DESCRIPTOR, implementation: {implementation} }}\n    }}"
    );
}
