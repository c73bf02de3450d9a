//! Parsing, and putting partials and mixins where they belong. Types stay as the parser gives them.

use std::collections::BTreeMap;

use weedle::{
    Definition, Definitions, Parse,
    argument::ArgumentList,
    attribute::{ExtendedAttribute, ExtendedAttributeList, IdentifierOrString},
    dictionary::DictionaryMember,
    interface::{
        InterfaceMember, OperationInterfaceMember, Special, StringifierOrInheritOrStatic, StringifierOrStatic,
    },
    mixin::MixinMember,
    namespace::NamespaceMember,
    types::{AttributedType, ReturnType, Type},
};

use crate::{Error, model::Kind};

/// What the parser does not know yet is written the way it does.
pub(crate) fn prepare(text: &str) -> String {
    text.replace("async_iterable<", "async iterable<")
}

/// An extended attribute: its name and what it was given.
#[derive(Clone, Debug)]
pub(crate) struct Attr<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: Vec<&'a str>,
    /// The arguments of `[LegacyFactoryFunction=Image(…)]`.
    pub(crate) arguments: Option<ArgumentList<'a>>,
}

pub(crate) type Attrs<'a> = Vec<Attr<'a>>;

/// The extended attributes of a list.
pub(crate) fn attrs<'a>(list: Option<&ExtendedAttributeList<'a>>) -> Attrs<'a> {
    let Some(list) = list else { return Vec::new() };
    let plain = |name, values| Attr { name, values, arguments: None };
    let attr = |attribute: &ExtendedAttribute<'a>| match attribute {
        ExtendedAttribute::ArgList(found) => plain(found.identifier.0, Vec::new()),
        ExtendedAttribute::NamedArgList(found) => Attr {
            name: found.lhs_identifier.0,
            values: vec![found.rhs_identifier.0],
            arguments: Some(found.args.body.clone()),
        },
        ExtendedAttribute::IdentList(found) => {
            plain(found.identifier.0, found.list.body.list.iter().map(|value| value.0).collect())
        }
        ExtendedAttribute::Ident(found) => {
            let value = match found.rhs {
                IdentifierOrString::Identifier(value) => value.0,
                IdentifierOrString::String(value) => value.0,
            };
            plain(found.lhs_identifier.0, vec![value])
        }
        ExtendedAttribute::Wildcard(found) => plain(found.lhs_identifier.0, vec!["*"]),
        ExtendedAttribute::NoArgs(found) => plain(found.0.0, Vec::new()),
    };
    list.body.list.iter().map(attr).collect()
}

/// Looks an extended attribute up.
pub(crate) fn attr<'b, 'a>(attrs: &'b Attrs<'a>, name: &str) -> Option<&'b Attr<'a>> {
    attrs.iter().find(|attr| attr.name == name)
}

/// Whether an extended attribute is there.
pub(crate) fn has(attrs: &Attrs<'_>, name: &str) -> bool {
    attr(attrs, name).is_some()
}

/// Every definition, by name, not yet resolved.
#[derive(Debug, Default)]
pub(crate) struct Collected<'a> {
    pub(crate) interfaces: BTreeMap<&'a str, RawInterface<'a>>,
    pub(crate) dictionaries: BTreeMap<&'a str, RawDictionary<'a>>,
    pub(crate) enumerations: BTreeMap<&'a str, Vec<&'a str>>,
    pub(crate) callbacks: BTreeMap<&'a str, RawCallback<'a>>,
    pub(crate) typedefs: BTreeMap<&'a str, RawTypedef<'a>>,
}

#[derive(Debug)]
pub(crate) struct RawInterface<'a> {
    pub(crate) file: &'a str,
    pub(crate) kind: Kind,
    pub(crate) attrs: Attrs<'a>,
    pub(crate) parent: Option<&'a str>,
    pub(crate) members: Vec<RawMember<'a>>,
}

/// A member, with the extended attributes of the partial or mixin it came in.
#[derive(Clone, Debug)]
pub(crate) struct RawMember<'a> {
    pub(crate) container: Attrs<'a>,
    pub(crate) attrs: Attrs<'a>,
    pub(crate) part: RawPart<'a>,
}

#[derive(Clone, Debug)]
pub(crate) enum RawPart<'a> {
    Constant {
        name: &'a str,
        value: weedle::literal::ConstValue<'a>,
    },
    Attribute {
        name: &'a str,
        r#type: AttributedType<'a>,
        readonly: bool,
        is_static: bool,
        stringifier: bool,
    },
    Constructor {
        arguments: ArgumentList<'a>,
    },
    Operation {
        name: &'a str,
        returns: ReturnType<'a>,
        arguments: ArgumentList<'a>,
        is_static: bool,
        stringifier: bool,
        special: Option<RawSpecial>,
    },
    /// A getter, setter or deleter without a name of its own.
    Special {
        special: RawSpecial,
        returns: ReturnType<'a>,
        arguments: ArgumentList<'a>,
    },
    Iterable {
        kind: &'static str,
        key: Option<AttributedType<'a>>,
        value: AttributedType<'a>,
        arguments: Option<ArgumentList<'a>>,
    },
    Stringifier,
    Unsupported(&'static str),
}

/// <https://webidl.spec.whatwg.org/#dfn-special-operation>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawSpecial {
    Getter,
    Setter,
    Deleter,
}

#[derive(Debug)]
pub(crate) struct RawDictionary<'a> {
    pub(crate) file: &'a str,
    pub(crate) parent: Option<&'a str>,
    pub(crate) members: Vec<DictionaryMember<'a>>,
}

#[derive(Debug)]
pub(crate) struct RawCallback<'a> {
    pub(crate) file: &'a str,
    pub(crate) attrs: Attrs<'a>,
    pub(crate) returns: ReturnType<'a>,
    pub(crate) arguments: ArgumentList<'a>,
}

#[derive(Debug)]
pub(crate) struct RawTypedef<'a> {
    pub(crate) file: &'a str,
    pub(crate) attrs: Attrs<'a>,
    pub(crate) r#type: Type<'a>,
}

struct Mixin<'a> {
    members: Vec<RawMember<'a>>,
}

fn parse<'a>(file: &'a str, text: &'a str) -> Result<Definitions<'a>, Error> {
    let syntax = |rest: &str| {
        let rest = rest.trim_start();
        let line = text[..text.len() - rest.len()].lines().count() + 1;
        Error::Syntax { file: file.to_owned(), line, near: rest.chars().take(60).collect() }
    };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    match Definitions::parse(text) {
        Ok((rest, definitions)) if rest.trim().is_empty() => Ok(definitions),
        Ok((rest, _)) => Err(syntax(rest)),
        Err(_) => Err(syntax(text)),
    }
}

/// Parses every text and merges partials and mixins.
pub(crate) fn collect<'a>(texts: &'a [(&'a str, String)]) -> Result<Collected<'a>, Error> {
    let mut collected = Collected::default();
    let mut mixins: BTreeMap<&str, Mixin<'_>> = BTreeMap::new();
    let mut partials = Vec::new();
    let mut includes = Vec::new();
    for (file, text) in texts {
        for definition in parse(file, text)? {
            if let Some(name) = defined_name(&definition)
                && (collected.defines(name) || mixins.contains_key(name))
            {
                return Err(Error::Duplicate { file: (*file).to_owned(), definition: name.to_owned() });
            }
            match definition {
                Definition::InterfaceMixin(found) => {
                    let container = attrs(found.attributes.as_ref());
                    let members = found
                        .members
                        .body
                        .into_iter()
                        .map(|member| mixin_member(member, &container))
                        .collect();
                    mixins.insert(found.identifier.0, Mixin { members });
                }
                Definition::IncludesStatement(found) => {
                    includes.push((*file, found.lhs_identifier.0, found.rhs_identifier.0));
                }
                Definition::PartialInterface(_)
                | Definition::PartialInterfaceMixin(_)
                | Definition::PartialNamespace(_)
                | Definition::PartialDictionary(_) => partials.push((*file, definition)),
                other => collected.add(file, other)?,
            }
        }
    }
    for (file, partial) in partials {
        let undefined = |name: &str| Error::Undefined {
            file: file.to_owned(),
            definition: format!("partial {name}"),
            name: name.to_owned(),
        };
        match partial {
            Definition::PartialInterface(found) => {
                let container = attrs(found.attributes.as_ref());
                let name = found.identifier.0;
                let interface = collected.interfaces.get_mut(name).ok_or_else(|| undefined(name))?;
                interface.members.extend(
                    found.members.body.into_iter().map(|member| interface_member(member, &container)),
                );
            }
            Definition::PartialInterfaceMixin(found) => {
                let container = attrs(found.attributes.as_ref());
                let name = found.identifier.0;
                let mixin = mixins.get_mut(name).ok_or_else(|| undefined(name))?;
                mixin
                    .members
                    .extend(found.members.body.into_iter().map(|member| mixin_member(member, &container)));
            }
            Definition::PartialNamespace(found) => {
                let container = attrs(found.attributes.as_ref());
                let name = found.identifier.0;
                let interface = collected.interfaces.get_mut(name).ok_or_else(|| undefined(name))?;
                interface.members.extend(
                    found.members.body.into_iter().map(|member| namespace_member(member, &container)),
                );
            }
            Definition::PartialDictionary(found) => {
                let name = found.identifier.0;
                let dictionary = collected.dictionaries.get_mut(name).ok_or_else(|| undefined(name))?;
                dictionary.members.extend(found.members.body);
            }
            _ => unreachable!("only partials were put aside"),
        }
    }
    for (file, interface, mixin) in includes {
        let undefined = |name: &str| Error::Undefined {
            file: file.to_owned(),
            definition: format!("{interface} includes {mixin}"),
            name: name.to_owned(),
        };
        let members = mixins.get(mixin).ok_or_else(|| undefined(mixin))?.members.clone();
        collected.interfaces.get_mut(interface).ok_or_else(|| undefined(interface))?.members.extend(members);
    }
    Ok(collected)
}

fn defined_name<'a>(definition: &Definition<'a>) -> Option<&'a str> {
    Some(match definition {
        Definition::Callback(found) => found.identifier.0,
        Definition::CallbackInterface(found) => found.identifier.0,
        Definition::Interface(found) => found.identifier.0,
        Definition::InterfaceMixin(found) => found.identifier.0,
        Definition::Namespace(found) => found.identifier.0,
        Definition::Dictionary(found) => found.identifier.0,
        Definition::Enum(found) => found.identifier.0,
        Definition::Typedef(found) => found.identifier.0,
        _ => return None,
    })
}

impl<'a> Collected<'a> {
    fn defines(&self, name: &str) -> bool {
        self.interfaces.contains_key(name)
            || self.dictionaries.contains_key(name)
            || self.enumerations.contains_key(name)
            || self.callbacks.contains_key(name)
            || self.typedefs.contains_key(name)
    }

    fn add(&mut self, file: &'a str, definition: Definition<'a>) -> Result<(), Error> {
        match definition {
            Definition::Interface(found) => {
                let members = found
                    .members
                    .body
                    .into_iter()
                    .map(|member| interface_member(member, &Vec::new()))
                    .collect();
                let parent = found.inheritance.map(|inheritance| inheritance.identifier.0);
                let attrs = attrs(found.attributes.as_ref());
                let interface = RawInterface { file, kind: Kind::Interface, attrs, parent, members };
                self.interfaces.insert(found.identifier.0, interface);
            }
            Definition::CallbackInterface(found) => {
                let members = found
                    .members
                    .body
                    .into_iter()
                    .map(|member| interface_member(member, &Vec::new()))
                    .collect();
                let attrs = attrs(found.attributes.as_ref());
                let interface =
                    RawInterface { file, kind: Kind::CallbackInterface, attrs, parent: None, members };
                self.interfaces.insert(found.identifier.0, interface);
            }
            Definition::Namespace(found) => {
                let members = found
                    .members
                    .body
                    .into_iter()
                    .map(|member| namespace_member(member, &Vec::new()))
                    .collect();
                let attrs = attrs(found.attributes.as_ref());
                let interface = RawInterface { file, kind: Kind::Namespace, attrs, parent: None, members };
                self.interfaces.insert(found.identifier.0, interface);
            }
            Definition::Dictionary(found) => {
                let parent = found.inheritance.map(|inheritance| inheritance.identifier.0);
                let dictionary = RawDictionary { file, parent, members: found.members.body };
                self.dictionaries.insert(found.identifier.0, dictionary);
            }
            Definition::Enum(found) => {
                let values = found.values.body.list.iter().map(|value| value.0).collect();
                self.enumerations.insert(found.identifier.0, values);
            }
            Definition::Typedef(found) => {
                let mut all = attrs(found.attributes.as_ref());
                all.extend(attrs(found.type_.attributes.as_ref()));
                let typedef = RawTypedef { file, attrs: all, r#type: found.type_.type_ };
                self.typedefs.insert(found.identifier.0, typedef);
            }
            Definition::Callback(found) => {
                let attrs = attrs(found.attributes.as_ref());
                let callback =
                    RawCallback { file, attrs, returns: found.return_type, arguments: found.arguments.body };
                self.callbacks.insert(found.identifier.0, callback);
            }
            Definition::Implements(found) => {
                return Err(Error::Unsupported {
                    file: file.to_owned(),
                    definition: found.lhs_identifier.0.to_owned(),
                    feature: "implements".to_owned(),
                });
            }
            _ => unreachable!("partials, mixins and includes are handled by the caller"),
        }
        Ok(())
    }
}

fn interface_member<'a>(member: InterfaceMember<'a>, container: &Attrs<'a>) -> RawMember<'a> {
    let (list, part) = match member {
        InterfaceMember::Const(found) => {
            (found.attributes, RawPart::Constant { name: found.identifier.0, value: found.const_value })
        }
        InterfaceMember::Attribute(found) => {
            let part = RawPart::Attribute {
                name: found.identifier.0,
                r#type: found.type_,
                readonly: found.readonly.is_some(),
                is_static: matches!(found.modifier, Some(StringifierOrInheritOrStatic::Static(_))),
                stringifier: matches!(found.modifier, Some(StringifierOrInheritOrStatic::Stringifier(_))),
            };
            (found.attributes, part)
        }
        InterfaceMember::Constructor(found) => {
            (found.attributes, RawPart::Constructor { arguments: found.args.body })
        }
        InterfaceMember::Operation(found) => operation(found),
        InterfaceMember::Iterable(weedle::interface::IterableInterfaceMember::Single(found)) => {
            (found.attributes, iterable("Values", None, found.generics.body))
        }
        InterfaceMember::Iterable(weedle::interface::IterableInterfaceMember::Double(found)) => {
            let (key, _, value) = found.generics.body;
            (found.attributes, iterable("Pairs", Some(key), value))
        }
        InterfaceMember::AsyncIterable(weedle::interface::AsyncIterableInterfaceMember::Single(found)) => {
            let arguments = found.args.map(|args| args.body);
            let value = found.generics.body;
            (found.attributes, RawPart::Iterable { kind: "Async", key: None, value, arguments })
        }
        InterfaceMember::AsyncIterable(weedle::interface::AsyncIterableInterfaceMember::Double(found)) => {
            let arguments = found.args.map(|args| args.body);
            let (key, _, value) = found.generics.body;
            (found.attributes, RawPart::Iterable { kind: "Async", key: Some(key), value, arguments })
        }
        InterfaceMember::Maplike(found) => {
            let kind = if found.readonly.is_some() { "ReadonlyMaplike" } else { "Maplike" };
            let (key, _, value) = found.generics.body;
            (found.attributes, iterable(kind, Some(key), value))
        }
        InterfaceMember::Setlike(found) => {
            let kind = if found.readonly.is_some() { "ReadonlySetlike" } else { "Setlike" };
            (found.attributes, iterable(kind, None, found.generics.body))
        }
        InterfaceMember::Stringifier(found) => (found.attributes, RawPart::Stringifier),
    };
    RawMember { container: container.clone(), attrs: attrs(list.as_ref()), part }
}

fn iterable<'a>(
    kind: &'static str,
    key: Option<AttributedType<'a>>,
    value: AttributedType<'a>,
) -> RawPart<'a> {
    RawPart::Iterable { kind, key, value, arguments: None }
}

fn operation<'a>(found: OperationInterfaceMember<'a>) -> (Option<ExtendedAttributeList<'a>>, RawPart<'a>) {
    let stringifier = matches!(found.modifier, Some(StringifierOrStatic::Stringifier(_)));
    let special = match found.special {
        None => None,
        Some(Special::Getter(_)) => Some(RawSpecial::Getter),
        Some(Special::Setter(_)) => Some(RawSpecial::Setter),
        Some(Special::Deleter(_)) => Some(RawSpecial::Deleter),
        Some(Special::LegacyCaller(_)) => {
            return (found.attributes, RawPart::Unsupported("a legacy caller"));
        }
    };
    let part = match (found.identifier, special) {
        (None, Some(special)) => {
            RawPart::Special { special, returns: found.return_type, arguments: found.args.body }
        }
        (None, None) if stringifier => RawPart::Stringifier,
        (None, None) => RawPart::Unsupported("an operation without a name"),
        (Some(identifier), special) => RawPart::Operation {
            name: identifier.0,
            returns: found.return_type,
            arguments: found.args.body,
            is_static: matches!(found.modifier, Some(StringifierOrStatic::Static(_))),
            stringifier,
            special,
        },
    };
    (found.attributes, part)
}

fn mixin_member<'a>(member: MixinMember<'a>, container: &Attrs<'a>) -> RawMember<'a> {
    let (list, part) = match member {
        MixinMember::Const(found) => {
            (found.attributes, RawPart::Constant { name: found.identifier.0, value: found.const_value })
        }
        MixinMember::Operation(found) => {
            let stringifier = found.stringifier.is_some();
            let part = match found.identifier {
                None if stringifier => RawPart::Stringifier,
                None => RawPart::Unsupported("an operation without a name"),
                Some(identifier) => RawPart::Operation {
                    name: identifier.0,
                    returns: found.return_type,
                    arguments: found.args.body,
                    is_static: false,
                    stringifier,
                    special: None,
                },
            };
            (found.attributes, part)
        }
        MixinMember::Attribute(found) => {
            let part = RawPart::Attribute {
                name: found.identifier.0,
                r#type: found.type_,
                readonly: found.readonly.is_some(),
                is_static: false,
                stringifier: found.stringifier.is_some(),
            };
            (found.attributes, part)
        }
        MixinMember::Stringifier(found) => (found.attributes, RawPart::Stringifier),
    };
    RawMember { container: container.clone(), attrs: attrs(list.as_ref()), part }
}

fn namespace_member<'a>(member: NamespaceMember<'a>, container: &Attrs<'a>) -> RawMember<'a> {
    let (list, part) = match member {
        NamespaceMember::Const(found) => {
            (found.attributes, RawPart::Constant { name: found.identifier.0, value: found.const_value })
        }
        NamespaceMember::Operation(found) => {
            let part = match found.identifier {
                None => RawPart::Unsupported("an operation without a name"),
                Some(identifier) => RawPart::Operation {
                    name: identifier.0,
                    returns: found.return_type,
                    arguments: found.args.body,
                    is_static: true,
                    stringifier: false,
                    special: None,
                },
            };
            (found.attributes, part)
        }
        NamespaceMember::Attribute(found) => {
            let part = RawPart::Attribute {
                name: found.identifier.0,
                r#type: found.type_,
                readonly: true,
                is_static: true,
                stringifier: false,
            };
            (found.attributes, part)
        }
    };
    RawMember { container: container.clone(), attrs: attrs(list.as_ref()), part }
}
