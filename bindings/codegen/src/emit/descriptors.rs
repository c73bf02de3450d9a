//! Descriptor tables.

use std::fmt::Write as _;

use crate::{
    emit::{RUNTIME, doc, quoted},
    model::{
        Argument, Condition, Conversion, Integer, Interface, Kind, Literal, Model, Overload, Special,
        Specials, Stringifier, Type,
    },
    names,
};

/// The `DESCRIPTOR` of an interface.
pub(crate) fn interface(out: &mut String, model: &Model, interface: &Interface) {
    let kind = match interface.kind {
        Kind::Interface => "Interface",
        Kind::CallbackInterface => "CallbackInterface",
        Kind::Namespace => "Namespace",
    };
    doc(out, "    ", "The interface's shape.");
    _ = writeln!(
        out,
        "    pub static DESCRIPTOR: {RUNTIME}::InterfaceDescriptor = {RUNTIME}::InterfaceDescriptor {{"
    );
    _ = writeln!(out, "        name: {},", quoted(&interface.name));
    _ = writeln!(out, "        kind: {RUNTIME}::InterfaceKind::{kind},");
    let parent = interface.parent.as_ref().filter(|parent| model.interfaces.contains_key(*parent));
    match parent {
        Some(parent) => {
            _ = writeln!(out, "        parent: Some(&super::{}::DESCRIPTOR),", names::snake(parent))
        }
        None => out.push_str("        parent: None,\n"),
    }
    _ = writeln!(out, "        condition: {},", condition(&interface.condition));
    _ = writeln!(out, "        self_hosted: {},", interface.self_hosted);
    _ = writeln!(out, "        global: {},", interface.global);
    _ = writeln!(out, "        no_interface_object: {},", interface.no_interface_object);
    let aliases: Vec<String> = interface.window_aliases.iter().map(|name| quoted(name)).collect();
    _ = writeln!(out, "        window_aliases: &[{}],", aliases.join(", "));
    _ = writeln!(out, "        constructors: &[{}],", overloads(&interface.constructors));
    out.push_str("        attributes: &[\n");
    for attribute in &interface.attributes {
        let forwards = attribute
            .put_forwards
            .as_ref()
            .map_or("None".to_owned(), |name| format!("Some({})", quoted(name)));
        _ = writeln!(
            out,
            "            {RUNTIME}::AttributeDescriptor {{ name: {}, r#type: {}, condition: {}, readonly: {}, is_static: {}, same_object: {}, new_object: {}, unforgeable: {}, replaceable: {}, lenient_setter: {}, lenient_this: {}, put_forwards: {forwards}, event_handler: {} }},",
            quoted(&attribute.name),
            idl_type(&attribute.r#type),
            condition(&attribute.condition),
            attribute.readonly,
            attribute.is_static,
            attribute.same_object,
            attribute.new_object,
            attribute.unforgeable,
            attribute.replaceable,
            attribute.lenient_setter,
            attribute.lenient_this,
            attribute.event_handler,
        );
    }
    out.push_str("        ],\n        operations: &[\n");
    for operation in &interface.operations {
        _ = writeln!(
            out,
            "            {RUNTIME}::OperationDescriptor {{ name: {}, is_static: {}, unforgeable: {}, stringifier: {}, overloads: &[{}] }},",
            quoted(&operation.name),
            operation.is_static,
            operation.unforgeable,
            operation.stringifier,
            overloads(&operation.overloads),
        );
    }
    out.push_str("        ],\n        constants: &[\n");
    for constant in &interface.constants {
        let value = match &constant.value {
            Literal::Boolean(value) => format!("Boolean({value})"),
            Literal::Number(value) => format!("Number({value})"),
            _ => unreachable!("constants are booleans and numbers"),
        };
        _ = writeln!(
            out,
            "            {RUNTIME}::ConstantDescriptor {{ name: {}, value: {RUNTIME}::ConstantValue::{value}, condition: {} }},",
            quoted(&constant.name),
            condition(&constant.condition),
        );
    }
    out.push_str("        ],\n");
    match &interface.iterable {
        Some(iterable) => {
            _ = writeln!(
                out,
                "        iterable: Some({RUNTIME}::IterableDescriptor {{ kind: {RUNTIME}::IterableKind::{}, key: {}, value: {}, arguments: &[{}] }}),",
                iterable.kind,
                idl_type(&iterable.key),
                idl_type(&iterable.value),
                arguments(&iterable.arguments),
            );
        }
        None => out.push_str("        iterable: None,\n"),
    }
    let stringifier = match interface.stringifier {
        Some(Stringifier::Attribute(index)) => format!("Some({RUNTIME}::Stringifier::Attribute({index}))"),
        Some(Stringifier::Behaviour) => format!("Some({RUNTIME}::Stringifier::Behaviour)"),
        None => "None".to_owned(),
    };
    _ = writeln!(out, "        stringifier: {stringifier},");
    out.push_str("        factories: &[\n");
    for (name, list) in &interface.factories {
        _ = writeln!(
            out,
            "            {RUNTIME}::FactoryDescriptor {{ name: {}, overloads: &[{}] }},",
            quoted(name),
            overloads(list)
        );
    }
    out.push_str("        ],\n");
    _ = writeln!(out, "        indexed: {},", specials(interface.indexed.as_ref()));
    _ = writeln!(out, "        named: {},", specials(interface.named.as_ref()));
    _ = writeln!(out, "        override_built_ins: {},", interface.override_built_ins);
    _ = writeln!(out, "        unenumerable_named: {},", interface.unenumerable_named);
    let unscopables: Vec<String> = interface.unscopables.iter().map(|name| quoted(name)).collect();
    _ = writeln!(out, "        unscopables: &[{}],", unscopables.join(", "));
    _ = writeln!(out, "        empty_prototype: {},\n    }};\n", interface.empty_prototype);
}

fn specials(specials: Option<&Specials>) -> String {
    let Some(specials) = specials else { return "None".to_owned() };
    let one = |special: &Option<Special>| {
        special.as_ref().map_or("None".to_owned(), |special| {
            let operation = special
                .operation
                .map_or("None".to_owned(), |(place, overload)| format!("Some(({place}, {overload}))"));
            format!(
                "Some({RUNTIME}::SpecialDescriptor {{ r#type: {}, operation: {operation} }})",
                idl_type(&special.r#type)
            )
        })
    };
    format!(
        "Some({RUNTIME}::SpecialsDescriptor {{ getter: {}, setter: {}, deleter: {} }})",
        one(&specials.getter),
        one(&specials.setter),
        one(&specials.deleter)
    )
}

/// The tables of what is no interface: dictionaries, enumerations, callbacks; and every interface in one list.
pub(crate) fn tables(out: &mut String, model: &Model) {
    doc(out, "", "The tables of dictionaries, enumerations and callbacks.");
    out.push_str("pub mod tables {\n");
    for (name, dictionary) in &model.dictionaries {
        doc(out, "    ", &format!("The dictionary `{name}`."));
        let parent = match &dictionary.parent {
            Some(parent) => format!("Some(&{})", names::screaming(parent)),
            None => "None".to_owned(),
        };
        _ = writeln!(
            out,
            "    pub static {}: {RUNTIME}::DictionaryDescriptor = {RUNTIME}::DictionaryDescriptor {{ name: {}, parent: {parent}, members: &[",
            names::screaming(name),
            quoted(name),
        );
        for member in &dictionary.members {
            _ = writeln!(
                out,
                "        {RUNTIME}::DictionaryMemberDescriptor {{ name: {}, r#type: {}, required: {}, default: {} }},",
                quoted(&member.name),
                idl_type(&member.r#type),
                member.required,
                default(member.default.as_ref()),
            );
        }
        out.push_str("    ] };\n");
    }
    for (name, values) in &model.enumerations {
        doc(out, "    ", &format!("The enumeration `{name}`."));
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        _ = writeln!(
            out,
            "    pub static {}: {RUNTIME}::EnumerationDescriptor = {RUNTIME}::EnumerationDescriptor {{ name: {}, values: &[{}] }};",
            names::screaming(name),
            quoted(name),
            values.join(", "),
        );
    }
    for (name, callback) in &model.callbacks {
        doc(out, "    ", &format!("The callback `{name}`."));
        _ = writeln!(
            out,
            "    pub static {}: {RUNTIME}::CallbackDescriptor = {RUNTIME}::CallbackDescriptor {{ name: {}, arguments: &[{}], returns: {}, treat_non_object_as_null: {} }};",
            names::screaming(name),
            quoted(name),
            arguments(&callback.arguments),
            idl_type(&callback.returns),
            callback.treat_non_object_as_null,
        );
    }
    list(
        out,
        "DICTIONARIES",
        "DictionaryDescriptor",
        "dictionary",
        model.dictionaries.keys().map(|name| names::screaming(name)),
    );
    list(
        out,
        "ENUMERATIONS",
        "EnumerationDescriptor",
        "enumeration",
        model.enumerations.keys().map(|name| names::screaming(name)),
    );
    list(
        out,
        "CALLBACKS",
        "CallbackDescriptor",
        "callback",
        model.callbacks.keys().map(|name| names::screaming(name)),
    );
    let interfaces = model.interfaces.keys().map(|name| format!("super::{}::DESCRIPTOR", names::snake(name)));
    list(out, "INTERFACES", "InterfaceDescriptor", "interface", interfaces);
    out.push_str("}\n");
}

fn list(out: &mut String, name: &str, r#type: &str, what: &str, items: impl Iterator<Item = String>) {
    doc(out, "    ", &format!("Every {what}."));
    let items: Vec<String> = items.map(|item| format!("&{item}")).collect();
    _ = writeln!(
        out,
        "    pub static {name}: &[&{RUNTIME}::{type}] = &[{}];",
        items.join(", "),
        r#type = r#type
    );
}

fn condition(condition: &Condition) -> String {
    let bits: u8 = condition
        .exposure
        .iter()
        .map(|global| match *global {
            "Window" => 1,
            "ServiceWorker" => 2,
            "DedicatedWorker" => 4,
            _ => 8,
        })
        .sum();
    format!(
        "{RUNTIME}::Condition {{ exposure: {RUNTIME}::ExposureSet::from_bits({bits:#06b}), secure_context: {} }}",
        condition.secure_context
    )
}

fn overloads(overloads: &[Overload]) -> String {
    let overload = |overload: &Overload| {
        format!(
            "{RUNTIME}::Overload {{ arguments: &[{}], returns: {}, condition: {} }}",
            arguments(&overload.arguments),
            idl_type(&overload.returns),
            condition(&overload.condition),
        )
    };
    overloads.iter().map(overload).collect::<Vec<_>>().join(", ")
}

fn arguments(arguments: &[Argument]) -> String {
    let argument = |argument: &Argument| {
        format!(
            "{RUNTIME}::ArgumentDescriptor {{ name: {}, r#type: {}, optional: {}, variadic: {}, default: {} }}",
            quoted(&argument.name),
            idl_type(&argument.r#type),
            argument.optional,
            argument.variadic,
            default(argument.default.as_ref()),
        )
    };
    arguments.iter().map(argument).collect::<Vec<_>>().join(", ")
}

fn default(literal: Option<&Literal>) -> String {
    let Some(literal) = literal else { return "None".to_owned() };
    let value = match literal {
        Literal::Null => "Null".to_owned(),
        Literal::Boolean(value) => format!("Boolean({value})"),
        Literal::Number(value) => format!("Number({value})"),
        Literal::String(value) => format!("String({})", quoted(value)),
        Literal::EmptySequence => "EmptySequence".to_owned(),
        Literal::EmptyDictionary => "EmptyDictionary".to_owned(),
    };
    format!("Some({RUNTIME}::DefaultValue::{value})")
}

/// A type as an expression of `IdlType`.
fn idl_type(r#type: &Type) -> String {
    let variant = match r#type {
        Type::Any => "Any".to_owned(),
        Type::Undefined => "Undefined".to_owned(),
        Type::Boolean => "Boolean".to_owned(),
        Type::Integer(integer, conversion) => {
            let integer = match integer {
                Integer::Byte => "Byte",
                Integer::Octet => "Octet",
                Integer::Short => "Short",
                Integer::UnsignedShort => "UnsignedShort",
                Integer::Long => "Long",
                Integer::UnsignedLong => "UnsignedLong",
                Integer::LongLong => "LongLong",
                Integer::UnsignedLongLong => "UnsignedLongLong",
            };
            let conversion = match conversion {
                Conversion::Modulo => "Modulo",
                Conversion::EnforceRange => "EnforceRange",
                Conversion::Clamp => "Clamp",
            };
            format!("Integer({RUNTIME}::IntegerType::{integer}, {RUNTIME}::IntegerConversion::{conversion})")
        }
        Type::Float => "Float".to_owned(),
        Type::UnrestrictedFloat => "UnrestrictedFloat".to_owned(),
        Type::Double => "Double".to_owned(),
        Type::UnrestrictedDouble => "UnrestrictedDouble".to_owned(),
        Type::BigInt => "BigInt".to_owned(),
        Type::DomString { null_to_empty: false } => "DomString".to_owned(),
        Type::DomString { null_to_empty: true } => "DomStringNullToEmpty".to_owned(),
        Type::ByteString => "ByteString".to_owned(),
        Type::UsvString => "UsvString".to_owned(),
        Type::Object => "Object".to_owned(),
        Type::Symbol => "Symbol".to_owned(),
        Type::GlobalProxy => "GlobalProxy".to_owned(),
        Type::Interface(name) => format!("Interface(&crate::{}::DESCRIPTOR)", names::snake(name)),
        Type::Dictionary(name) => format!("Dictionary(&crate::tables::{})", names::screaming(name)),
        Type::Enumeration(name) => format!("Enumeration(&crate::tables::{})", names::screaming(name)),
        Type::Callback(name) => format!("Callback(&crate::tables::{})", names::screaming(name)),
        Type::CallbackInterface(name) => {
            format!("CallbackInterface(&crate::{}::DESCRIPTOR)", names::snake(name))
        }
        Type::Nullable(inner) => format!("Nullable(&{})", idl_type(inner)),
        Type::Sequence(inner) => format!("Sequence(&{})", idl_type(inner)),
        Type::FrozenArray(inner) => format!("FrozenArray(&{})", idl_type(inner)),
        Type::ObservableArray(inner) => format!("ObservableArray(&{})", idl_type(inner)),
        Type::Record(key, value) => format!("Record(&{}, &{})", idl_type(key), idl_type(value)),
        Type::Promise(inner) => format!("Promise(&{})", idl_type(inner)),
        Type::Union { members, .. } => {
            format!("Union(&[{}])", members.iter().map(idl_type).collect::<Vec<_>>().join(", "))
        }
        Type::Buffer { kinds, shared, resizable } => {
            let mut set = format!("{RUNTIME}::BufferKinds::default()");
            for (index, kind) in kinds.iter().enumerate() {
                let one = format!("{RUNTIME}::BufferKinds::of({RUNTIME}::BufferKind::{kind})");
                set = if index == 0 { one } else { format!("{set}.union({one})") };
            }
            format!("Buffer {{ kinds: {set}, allow_shared: {shared}, allow_resizable: {resizable} }}")
        }
    };
    format!("{RUNTIME}::IdlType::{variant}")
}
