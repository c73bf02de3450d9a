//! Dictionaries, enumerations and unions.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    emit::{
        RUNTIME, doc,
        rust_types::{default_value, is_optional, rust_type},
        type_name,
    },
    model::{Dictionary, DictionaryMember, Model, Type},
    names,
};

/// The unions that Rust code needs, found while the rest is written.
#[derive(Debug, Default)]
pub(crate) struct Unions(BTreeMap<String, Vec<Type>>);

impl Unions {
    pub(crate) fn add(&mut self, name: &str, members: &[Type]) {
        self.0.entry(name.to_owned()).or_insert_with(|| members.to_vec());
    }

    /// Writes every union, and those their members need.
    pub(crate) fn emit(mut self, out: &mut String, model: &Model) {
        let mut done: BTreeMap<String, Vec<Type>> = BTreeMap::new();
        loop {
            let next = self.0.iter().find(|(name, _)| !done.contains_key(*name));
            let Some((name, members)) = next.map(|(name, members)| (name.clone(), members.clone())) else {
                break;
            };
            self.union(out, model, &name, &members);
            done.insert(name, members);
        }
    }

    fn union(&mut self, out: &mut String, model: &Model, name: &str, members: &[Type]) {
        doc(out, "", &format!("The union `{name}`."));
        _ = writeln!(out, "#[derive(Debug)]\npub enum {name} {{");
        let mut variants = Vec::new();
        for member in members {
            let variant = type_name(member);
            doc(out, "    ", &format!("`{variant}`."));
            if *member == Type::Undefined {
                _ = writeln!(out, "    {variant},");
            } else {
                let r#type = rust_type(model, member, self);
                _ = writeln!(out, "    {variant}({type}),", r#type = r#type);
            }
            variants.push((variant, *member == Type::Undefined));
        }
        out.push_str("}\n\n");
        _ = writeln!(out, "impl {RUNTIME}::FromIdl for {name} {{");
        _ = writeln!(
            out,
            "    fn from_idl(value: {RUNTIME}::Value) -> Result<Self, {RUNTIME}::Exception> {{"
        );
        _ = writeln!(out, "        let {RUNTIME}::Value::Union(index, value) = value else {{");
        let message = format!("expected a value of {name}");
        _ = writeln!(
            out,
            "            return Err({RUNTIME}::Exception::type_error({message:?}));\n        }};"
        );
        out.push_str("        match index {\n");
        for (index, (variant, unit)) in variants.iter().enumerate() {
            if *unit {
                _ = writeln!(out, "            {index} => Ok(Self::{variant}),");
            } else {
                _ = writeln!(
                    out,
                    "            {index} => {RUNTIME}::FromIdl::from_idl(*value).map(Self::{variant}),"
                );
            }
        }
        _ = writeln!(
            out,
            "            _ => Err({RUNTIME}::Exception::type_error({message:?})),\n        }}\n    }}\n}}\n"
        );
        _ = writeln!(
            out,
            "impl {RUNTIME}::IntoIdl for {name} {{\n    fn into_idl(self) -> {RUNTIME}::Value {{"
        );
        out.push_str("        match self {\n");
        for (index, (variant, unit)) in variants.iter().enumerate() {
            let (pattern, value) = if *unit {
                (String::new(), format!("{RUNTIME}::Value::Undefined"))
            } else {
                ("(value)".to_owned(), format!("{RUNTIME}::IntoIdl::into_idl(value)"))
            };
            _ = writeln!(
                out,
                "            Self::{variant}{pattern} => {RUNTIME}::Value::Union({index}, Box::new({value})),"
            );
        }
        out.push_str("        }\n    }\n}\n\n");
    }
}

/// The members of a dictionary, inherited ones first.
fn all_members<'a>(model: &'a Model, dictionary: &'a Dictionary) -> Vec<&'a DictionaryMember> {
    let parent = dictionary.parent.as_ref().and_then(|name| model.dictionaries.get(name));
    let mut members = parent.map_or(Vec::new(), |parent| all_members(model, parent));
    members.extend(&dictionary.members);
    members
}

/// A dictionary as a struct.
pub(crate) fn dictionary(
    out: &mut String,
    model: &Model,
    name: &str,
    dictionary: &Dictionary,
    unions: &mut Unions,
) {
    let members = all_members(model, dictionary);
    let field = |member: &DictionaryMember| names::snake(&member.name);
    let optional =
        |member: &DictionaryMember| is_optional(&member.r#type, !member.required, member.default.as_ref());
    doc(out, "", &format!("The dictionary `{name}`."));
    _ = writeln!(out, "#[derive(Debug)]\npub struct {name} {{");
    for member in &members {
        doc(out, "    ", &format!("`{}`", member.name));
        let plain = rust_type(model, &member.r#type, unions);
        let plain = if optional(member) { format!("Option<{plain}>") } else { plain };
        _ = writeln!(out, "    pub {}: {plain},", field(member));
    }
    out.push_str("}\n\n");

    _ = writeln!(out, "impl {RUNTIME}::FromIdl for {name} {{");
    _ = writeln!(out, "    fn from_idl(value: {RUNTIME}::Value) -> Result<Self, {RUNTIME}::Exception> {{");
    let binding = if members.is_empty() { "_" } else { "mut dictionary" };
    _ = writeln!(
        out,
        "        let {binding} = <{RUNTIME}::Dictionary as {RUNTIME}::FromIdl>::from_idl(value)?;"
    );
    out.push_str("        Ok(Self {\n");
    for member in &members {
        let key = &member.name;
        let value = if optional(member) {
            format!("dictionary.take_optional({key:?})?")
        } else if let Some(default) = &member.default {
            let default = default_value(&member.r#type, default);
            format!("{RUNTIME}::FromIdl::from_idl(dictionary.take({key:?}).unwrap_or_else(|| {default}))?")
        } else if member.required {
            format!("dictionary.take_required({key:?})?")
        } else {
            format!("dictionary.take({key:?}).unwrap_or({RUNTIME}::Value::Undefined)")
        };
        _ = writeln!(out, "            {}: {value},", field(member));
    }
    out.push_str("        })\n    }\n}\n\n");

    _ = writeln!(out, "impl {RUNTIME}::IntoIdl for {name} {{\n    fn into_idl(self) -> {RUNTIME}::Value {{");
    let binding = if members.is_empty() { "dictionary" } else { "mut dictionary" };
    _ = writeln!(out, "        let {binding} = {RUNTIME}::Dictionary::new();");
    for member in &members {
        let (field, key) = (field(member), &member.name);
        if optional(member) {
            _ = writeln!(out, "        if let Some(value) = self.{field} {{");
            _ = writeln!(
                out,
                "            dictionary.insert({key:?}, {RUNTIME}::IntoIdl::into_idl(value));\n        }}"
            );
        } else {
            _ = writeln!(
                out,
                "        dictionary.insert({key:?}, {RUNTIME}::IntoIdl::into_idl(self.{field}));"
            );
        }
    }
    _ = writeln!(out, "        {RUNTIME}::Value::Dictionary(dictionary)\n    }}\n}}\n");

    // What takes the parent takes this too, and leaves out what it adds.
    if let Some((parent, inherited)) = dictionary
        .parent
        .as_ref()
        .zip(dictionary.parent.as_ref().and_then(|parent| model.dictionaries.get(parent)))
    {
        _ = writeln!(out, "impl From<{name}> for {parent} {{\n    fn from(dictionary: {name}) -> Self {{");
        let fields: Vec<String> = all_members(model, inherited)
            .into_iter()
            .map(|member| format!("{0}: dictionary.{0}", field(member)))
            .collect();
        let binding = if fields.is_empty() { "        _ = dictionary;\n" } else { "" };
        _ = writeln!(out, "{binding}        Self {{ {} }}\n    }}\n}}\n", fields.join(", "));
    }

    if members.iter().all(|member| !member.required) {
        _ = writeln!(out, "impl Default for {name} {{\n    fn default() -> Self {{");
        _ = writeln!(out, "        let empty = {RUNTIME}::Value::Dictionary({RUNTIME}::Dictionary::new());");
        _ = writeln!(
            out,
            "        {RUNTIME}::FromIdl::from_idl(empty).expect(\"every member has a default or is optional\")"
        );
        out.push_str("    }\n}\n\n");
    }
}

/// An enumeration as an enum.
pub(crate) fn enumeration(out: &mut String, name: &str, values: &[String]) {
    doc(out, "", &format!("The enumeration `{name}`."));
    _ = writeln!(out, "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\npub enum {name} {{");
    for value in values {
        doc(out, "    ", &format!("`{value:?}`"));
        _ = writeln!(out, "    {},", names::pascal(value));
    }
    out.push_str("}\n\n");
    _ = writeln!(out, "impl {name} {{");
    doc(out, "    ", "Every value.");
    let all: Vec<String> = values.iter().map(|value| format!("Self::{}", names::pascal(value))).collect();
    _ = writeln!(out, "    pub const ALL: &[Self] = &[{}];\n", all.join(", "));
    doc(out, "    ", "The value as script sees it.");
    out.push_str("    pub const fn as_str(self) -> &'static str {\n        match self {\n");
    for value in values {
        _ = writeln!(out, "            Self::{} => {value:?},", names::pascal(value));
    }
    out.push_str("        }\n    }\n\n");
    doc(out, "    ", "The value of this name.");
    out.push_str("    pub fn from_name(name: &str) -> Option<Self> {\n");
    out.push_str("        Self::ALL.iter().copied().find(|value| value.as_str() == name)\n    }\n}\n\n");
    _ = writeln!(out, "impl {RUNTIME}::FromIdl for {name} {{");
    _ = writeln!(out, "    fn from_idl(value: {RUNTIME}::Value) -> Result<Self, {RUNTIME}::Exception> {{");
    _ = writeln!(out, "        let name = <{RUNTIME}::DomString as {RUNTIME}::FromIdl>::from_idl(value)?;");
    let message = format!("not a value of {name}");
    _ = writeln!(
        out,
        "        Self::from_name(&name).ok_or_else(|| {RUNTIME}::Exception::type_error({message:?}))"
    );
    out.push_str("    }\n}\n\n");
    _ = writeln!(out, "impl {RUNTIME}::IntoIdl for {name} {{\n    fn into_idl(self) -> {RUNTIME}::Value {{");
    _ = writeln!(out, "        {RUNTIME}::IntoIdl::into_idl(self.as_str())\n    }}\n}}\n");
}
