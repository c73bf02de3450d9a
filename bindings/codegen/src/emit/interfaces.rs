//! Traits of native interfaces, and the glue from dynamic values to them.

use std::fmt::Write as _;

use crate::{
    emit::{
        RUNTIME,
        data::Unions,
        doc, quoted,
        rust_types::{argument_type, is_optional, return_type, rust_type},
    },
    model::{Integer, Interface, Kind, Model, Overload, Special, Stringifier, Type},
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
    /// What the trait provides for those who do not write it.
    provided: Option<String>,
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
        let reflects = interface.attributes.iter().any(|attribute| attribute.reflect.is_some());
        let parent = if reflects { format!("{parent} + {RUNTIME}::Reflects") } else { parent };
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
        invoke(out, name, interface, &methods, native_parent);
    }
    if !statics.is_empty() {
        invoke_static(out, name, &statics);
    }
    if !constructors.is_empty() {
        construct(out, name, &constructors);
    }
    // <https://webidl.spec.whatwg.org/#legacy-callback-interface-object>: for their constants.
    if interface.kind != Kind::CallbackInterface || !interface.constants.is_empty() {
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
        "    fn {}({receiver}realm: &dyn {RUNTIME}::Realm{arguments}) -> Result<{}, {RUNTIME}::Exception>{}",
        method.name,
        method.returns,
        method.provided.as_ref().map_or(";".to_owned(), |body| format!(" {{ {body} }}"))
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
        if attribute.is_static != is_static || attribute.event_handler || attribute.reflect.is_some() {
            continue;
        }
        let name = names::snake(&attribute.name);
        if let Type::ObservableArray(item) = &attribute.r#type {
            observable_array(&mut methods, &attribute.name, index, rust_type(model, item, unions));
            continue;
        }
        methods.push(Method {
            doc: format!("Gets `{}`.", attribute.name),
            arguments: Vec::new(),
            returns: return_type(model, &attribute.r#type, unions),
            pattern: format!("{RUNTIME}::MemberPart::Get({index})"),
            takes: Vec::new(),
            name: name.clone(),
            provided: None,
        });
        if !attribute.readonly {
            methods.push(Method {
                doc: format!("Sets `{}`.", attribute.name),
                arguments: vec![("value".to_owned(), rust_type(model, &attribute.r#type, unions))],
                returns: "()".to_owned(),
                pattern: format!("{RUNTIME}::MemberPart::Set({index})"),
                takes: vec!["take"],
                name: format!("set_{}", name.trim_end_matches('_')),
                provided: None,
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
                provided: None,
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
        if !["Async", "Values"].contains(&iterable.kind) {
            methods.push(Method {
                doc: "The value pairs to iterate over, as they are now.".to_owned(),
                arguments: Vec::new(),
                returns: format!("Vec<({key}, {value})>"),
                pattern: format!("{RUNTIME}::MemberPart::Pairs"),
                takes: Vec::new(),
                name: "pairs".to_owned(),
                provided: None,
            });
        }
        if ["Maplike", "Setlike"].contains(&iterable.kind) {
            let mut entries = Vec::new();
            writable_entries(&mut entries, iterable.kind == "Maplike", &key, &value);
            // NOTE: an operation of that name takes the place of what the declaration gives.
            entries.retain(|method| {
                let declared = method.name.rsplit_once('_').map(|(_, name)| name);
                !interface.operations.iter().any(|operation| Some(operation.name.as_str()) == declared)
            });
            methods.extend(entries);
        }
    }
    if !is_static {
        special_methods(&mut methods, model, interface, unions);
    }
    if !is_static && matches!(interface.stringifier, Some(Stringifier::Behaviour)) {
        methods.push(Method {
            doc: "The object as a string.".to_owned(),
            arguments: Vec::new(),
            returns: format!("{RUNTIME}::DomString"),
            pattern: format!("{RUNTIME}::MemberPart::Stringify"),
            takes: Vec::new(),
            name: "stringify".to_owned(),
            provided: None,
        });
    }
    methods
}

/// The algorithms of an `ObservableArray`, whose list the adapter keeps.
///
/// <https://webidl.spec.whatwg.org/#observable-array-attribute-set-an-indexed-value>
fn observable_array(methods: &mut Vec<Method>, attribute: &str, index: usize, item: String) {
    let name = names::snake(attribute);
    let name = name.trim_end_matches('_');
    let at = ("index".to_owned(), "u32".to_owned());
    methods.push(Method {
        name: format!("set_indexed_{name}"),
        doc: format!("A value of `{attribute}` is about to be set, or to be appended."),
        arguments: vec![at.clone(), ("value".to_owned(), item)],
        returns: "()".to_owned(),
        pattern: format!("{RUNTIME}::MemberPart::ObservableSet({index})"),
        takes: vec!["take"; 2],
        provided: None,
    });
    methods.push(Method {
        name: format!("delete_indexed_{name}"),
        doc: format!(
            "A value of `{attribute}` is about to be removed, or to be replaced by one that is set next."
        ),
        arguments: vec![at],
        returns: "()".to_owned(),
        pattern: format!("{RUNTIME}::MemberPart::ObservableDelete({index})"),
        takes: vec!["take"],
        provided: None,
    });
}

/// What a maplike or setlike that script may write needs beside its entries.
fn writable_entries(methods: &mut Vec<Method>, is_map: bool, key: &str, value: &str) {
    let mut method = |name: &str, part: &str, doc: &str, arguments: Vec<(&str, &str)>, returns: &str| {
        methods.push(Method {
            name: name.to_owned(),
            doc: doc.to_owned(),
            takes: vec!["take"; arguments.len()],
            arguments: arguments
                .into_iter()
                .map(|(name, r#type)| (name.to_owned(), r#type.to_owned()))
                .collect(),
            returns: returns.to_owned(),
            pattern: format!("{RUNTIME}::MemberPart::{part}"),
            provided: None,
        });
    };
    if is_map {
        let arguments = vec![("key", key), ("value", value)];
        method("map_set", "EntrySet", "Sets an entry, as `set` of `Map` does.", arguments, "()");
        method(
            "map_delete",
            "EntryDelete",
            "Removes an entry; whether there was one.",
            vec![("key", key)],
            "bool",
        );
        method("map_clear", "EntriesClear", "Removes every entry.", Vec::new(), "()");
    } else {
        method("set_add", "EntrySet", "Adds an entry, as `add` of `Set` does.", vec![("value", value)], "()");
        method(
            "set_delete",
            "EntryDelete",
            "Removes an entry; whether there was one.",
            vec![("value", value)],
            "bool",
        );
        method("set_clear", "EntriesClear", "Removes every entry.", Vec::new(), "()");
    }
}

/// The methods behind special operations without a name, and the names of named properties.
fn special_methods(methods: &mut Vec<Method>, model: &Model, interface: &Interface, unions: &mut Unions) {
    for (specials, prefix, part, key, key_type) in [
        (&interface.indexed, "indexed", "Indexed", "index", "u32".to_owned()),
        (&interface.named, "named", "Named", "name", format!("{RUNTIME}::DomString")),
    ] {
        let Some(specials) = specials else { continue };
        let unnamed = |special: &'_ Option<Special>| {
            special
                .as_ref()
                .filter(|special| special.operation.is_none())
                .map(|special| special.r#type.clone())
        };
        let mut method = |name: &str, suffix: &str, doc: &str, value: Option<String>, returns: String| {
            let mut arguments = vec![(key.to_owned(), key_type.clone())];
            arguments.extend(value.map(|value| ("value".to_owned(), value)));
            methods.push(Method {
                name: format!("{prefix}_{name}"),
                doc: doc.to_owned(),
                takes: vec!["take"; arguments.len()],
                arguments,
                returns,
                pattern: format!("{RUNTIME}::MemberPart::{part}{suffix}"),
                provided: None,
            });
        };
        if let Some(r#type) = unnamed(&specials.getter) {
            method("get", "Get", "Gets a property.", None, return_type(model, &r#type, unions));
        }
        if let Some(r#type) = unnamed(&specials.setter) {
            method(
                "set",
                "Set",
                "Sets a property.",
                Some(rust_type(model, &r#type, unions)),
                "()".to_owned(),
            );
        }
        if let Some(r#type) = unnamed(&specials.deleter) {
            method("delete", "Delete", "Deletes a property.", None, return_type(model, &r#type, unions));
        }
    }
    if interface.named.is_some() {
        methods.push(Method {
            name: "supported_property_names".to_owned(),
            doc: "The names of the named properties, in order.".to_owned(),
            arguments: Vec::new(),
            returns: format!("Vec<{RUNTIME}::DomString>"),
            pattern: format!("{RUNTIME}::MemberPart::SupportedNames"),
            takes: Vec::new(),
            provided: None,
        });
        methods.push(Method {
            name: "supports_property_name".to_owned(),
            doc: "Whether a name is one of the named properties'.".to_owned(),
            arguments: vec![("name".to_owned(), format!("{RUNTIME}::DomString"))],
            returns: "bool".to_owned(),
            pattern: format!("{RUNTIME}::MemberPart::SupportsName"),
            takes: vec!["take"],
            provided: Some("Ok(self.supported_property_names(realm)?.contains(&name))".to_owned()),
        });
    }
}

/// The arms of attributes that reflect content attributes.
fn reflections(out: &mut String, interface: &Interface) {
    for (index, attribute) in interface.attributes.iter().enumerate() {
        let Some(reflect) = &attribute.reflect else { continue };
        let nullable = matches!(attribute.r#type, Type::Nullable(_));
        let inner = match &attribute.r#type {
            Type::Nullable(inner) => inner,
            other => other,
        };
        let default = reflect.default.as_deref();
        let kind = match inner {
            Type::Boolean => "Boolean".to_owned(),
            Type::Integer(Integer::UnsignedLong, _) => {
                format!("UnsignedLong {{ default: {} }}", default.unwrap_or("0.0"))
            }
            Type::Integer(..) => format!("Long {{ default: {} }}", default.unwrap_or("0.0")),
            Type::Double | Type::UnrestrictedDouble => {
                format!("Double {{ default: {} }}", default.unwrap_or("0.0"))
            }
            _ if reflect.url => "Url".to_owned(),
            _ if !reflect.keywords.is_empty() => {
                let keywords: Vec<String> = reflect.keywords.iter().map(|word| quoted(word)).collect();
                let word = |word: &Option<String>| {
                    word.as_ref().map_or("None".to_owned(), |word| format!("Some({})", quoted(word)))
                };
                format!(
                    "Enumerated {{ keywords: &[{}], missing: {}, invalid: {}, nullable: {nullable} }}",
                    keywords.join(", "),
                    word(&reflect.missing),
                    word(&reflect.invalid)
                )
            }
            _ => format!("String {{ nullable: {nullable} }}"),
        };
        let reflection = format!(
            "&{RUNTIME}::Reflection {{ attribute: {}, kind: {RUNTIME}::ReflectionKind::{kind} }}",
            quoted(&reflect.attribute)
        );
        _ = writeln!(
            out,
            "            {RUNTIME}::MemberPart::Get({index}) => {RUNTIME}::reflected(&*this, realm, {reflection}),"
        );
        if !attribute.readonly {
            _ = writeln!(
                out,
                "            {RUNTIME}::MemberPart::Set({index}) => {RUNTIME}::set_reflected(&*this, realm, {reflection}, args.take()?).map(|()| {RUNTIME}::Value::Undefined),"
            );
        }
    }
}

fn methods_of_statics(model: &Model, interface: &Interface, unions: &mut Unions) -> Vec<Method> {
    let mut methods = methods(model, interface, true, unions);
    methods.extend(factories(model, interface, unions));
    methods
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
            provided: None,
        }
    };
    interface.constructors.iter().enumerate().map(constructor).collect()
}

/// <https://webidl.spec.whatwg.org/#LegacyFactoryFunction>
fn factories(model: &Model, interface: &Interface, unions: &mut Unions) -> Vec<Method> {
    let mut methods = Vec::new();
    for (index, (name, overloads)) in interface.factories.iter().enumerate() {
        for (place, overload) in overloads.iter().enumerate() {
            let (arguments, takes) = arguments(model, overload, unions);
            methods.push(Method {
                name: overloaded(&format!("factory_{}", names::snake(name)), place),
                doc: format!("Makes an object by `new {name}`."),
                arguments,
                returns: format!("{RUNTIME}::ObjectRef"),
                pattern: format!("{RUNTIME}::MemberPart::Factory {{ factory: {index}, overload: {place} }}"),
                takes,
                provided: None,
            });
        }
    }
    methods
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
fn take_arguments(out: &mut String, methods: &[Method], reflects: bool) {
    if reflects || methods.iter().any(|method| !method.takes.is_empty()) {
        _ = writeln!(out, "        let mut args = {RUNTIME}::Arguments::new(args);");
    }
}

fn invoke(out: &mut String, name: &str, interface: &Interface, methods: &[Method], parent: Option<&str>) {
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
    let reflects = interface.attributes.iter().any(|attribute| attribute.reflect.is_some());
    if methods.is_empty() && !reflects {
        _ = writeln!(out, "        Err({RUNTIME}::no_such_member(&DESCRIPTOR))\n    }}\n");
        return;
    }
    take_arguments(out, methods, reflects);
    out.push_str("        match member.part {\n");
    reflections(out, interface);
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
    take_arguments(out, methods, false);
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
    take_arguments(out, constructors, false);
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
