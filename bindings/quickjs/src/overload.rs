//! Telling types apart: unions and overloads.

use longhaul_idl::runtime::{ArgumentDescriptor, ExposureSet, IdlType, Overload};
use rquickjs::{Function, Result, Value as JsValue};

use crate::{
    from_js::{Converted, is_numeric, is_string},
    realm::Scope,
};

/// Which candidate a value goes to, and the iterator method that was asked for on the way.
struct Choice<'js> {
    candidate: usize,
    iterator: Option<Function<'js>>,
}

/// A candidate's flattened member types: the type itself, or a union's members, nullable or not.
fn members(of: &'static IdlType) -> (bool, &'static [IdlType]) {
    match of {
        IdlType::Nullable(inner) => (true, members(inner).1),
        IdlType::Union(members) => (false, members),
        other => (false, std::slice::from_ref(other)),
    }
}

impl<'js> Scope<'js> {
    /// The common steps of <https://webidl.spec.whatwg.org/#js-union> and
    /// <https://webidl.spec.whatwg.org/#js-overloads>: the first kind of type in the standards' order that takes the value.
    ///
    /// `candidates` are (what to give back, a type that is neither nullable nor a union).
    fn choose(&self, value: &JsValue<'js>, candidates: &[(usize, &IdlType)]) -> Result<Option<Choice<'js>>> {
        let found = |test: &dyn Fn(&IdlType) -> bool| {
            let candidate = candidates.iter().find(|(_, of)| test(of)).map(|(candidate, _)| *candidate);
            candidate.map(|candidate| Choice { candidate, iterator: None })
        };
        let object = |of: &IdlType| matches!(of, IdlType::Object);
        // undefined and null are dictionaries.
        if (value.is_undefined() || value.is_null())
            && let Some(choice) = found(&|of| matches!(of, IdlType::Dictionary(_)))
        {
            return Ok(Some(choice));
        }
        if value.is_object() {
            // Platform objects.
            if let Some(receiver) = self.receiver(value) {
                let interface = receiver.interface();
                let implements =
                    |of: &IdlType| matches!(of, IdlType::Interface(wanted) if interface.inherits(wanted));
                if let Some(choice) = found(&implements).or_else(|| found(&object)) {
                    return Ok(Some(choice));
                }
            }
            // Global objects, which another origin's are too.
            if self.is_global(value)
                && let Some(choice) = found(&|of| matches!(of, IdlType::GlobalProxy))
            {
                return Ok(Some(choice));
            }
            // Buffers and views.
            if let Some(buffer) = self.buffer_info(value)? {
                let takes =
                    |of: &IdlType| matches!(of, IdlType::Buffer { kinds, .. } if kinds.contains(buffer.kind));
                if let Some(choice) = found(&takes).or_else(|| found(&object)) {
                    return Ok(Some(choice));
                }
            }
            // Functions.
            if value.is_function() {
                let callback = |of: &IdlType| matches!(of, IdlType::Callback(_));
                if let Some(choice) = found(&callback).or_else(|| found(&object)) {
                    return Ok(Some(choice));
                }
            }
            // Sequences, where the value is iterable.
            let sequence = |of: &IdlType| matches!(of, IdlType::Sequence(_) | IdlType::FrozenArray(_));
            if let Some(mut choice) = found(&sequence)
                && let Some(iterator) = self.iterator_method(value)?
            {
                choice.iterator = Some(iterator);
                return Ok(Some(choice));
            }
            // Anything else that an object can be.
            let structured = |of: &IdlType| {
                matches!(
                    of,
                    IdlType::Dictionary(_)
                        | IdlType::Record(..)
                        | IdlType::CallbackInterface(_)
                        | IdlType::Object
                ) || matches!(of, IdlType::Callback(callback) if callback.treat_non_object_as_null)
            };
            if let Some(choice) = found(&structured) {
                return Ok(Some(choice));
            }
        }
        // Primitives of their own type.
        let by_type = if value.is_bool() {
            found(&|of| matches!(of, IdlType::Boolean))
        } else if value.is_number() {
            found(&is_numeric)
        } else if value.is_big_int() {
            found(&|of| matches!(of, IdlType::BigInt))
        } else if value.is_symbol() {
            found(&|of| matches!(of, IdlType::Symbol))
        } else {
            None
        };
        // Whatever converts from anything: strings, then numbers, then booleans.
        Ok(by_type
            .or_else(|| found(&is_string))
            .or_else(|| found(&is_numeric))
            .or_else(|| found(&|of| matches!(of, IdlType::Boolean)))
            .or_else(|| found(&|of| matches!(of, IdlType::BigInt)))
            .or_else(|| found(&|of| matches!(of, IdlType::Promise(_) | IdlType::Any))))
    }

    /// <https://webidl.spec.whatwg.org/#js-union>
    pub(crate) fn to_union(
        &self,
        value: JsValue<'js>,
        members: &'static [IdlType],
        what: &str,
    ) -> Result<Converted<'js>> {
        // 1. undefined, where it is a member.
        if value.is_undefined()
            && let Some(index) = members.iter().position(|member| matches!(member, IdlType::Undefined))
        {
            return Ok(Converted::Union(index, Box::new(Converted::Undefined)));
        }
        let candidates: Vec<(usize, &IdlType)> = members.iter().enumerate().collect();
        let Some(choice) = self.choose(&value, &candidates)? else {
            return Err(self.type_error(&format!("{what} is of none of the types that are taken")));
        };
        let index = choice.candidate;
        let converted = match (&members[index], choice.iterator) {
            (IdlType::Sequence(item), Some(iterator)) => {
                Converted::Sequence(self.to_items(&value, &iterator, item, what)?)
            }
            (IdlType::FrozenArray(item), Some(iterator)) => {
                Converted::FrozenArray(self.to_items(&value, &iterator, item, what)?)
            }
            (member, _) => self.convert_to(value, member, what)?,
        };
        Ok(Converted::Union(index, Box::new(converted)))
    }

    /// <https://webidl.spec.whatwg.org/#js-overloads>: which overload, and its converted arguments.
    pub(crate) fn resolve_overload(
        &self,
        overloads: &'static [Overload],
        args: &[JsValue<'js>],
        what: &str,
    ) -> Result<(usize, Vec<Converted<'js>>)> {
        let exposure: ExposureSet = self.state.exposure.set();
        let exposed: Vec<usize> = (0..overloads.len())
            .filter(|index| overloads[*index].condition.holds(exposure, self.state.secure_context))
            .collect();
        // 1. - 3. The overloads that take so many arguments.
        let most = exposed.iter().map(|index| {
            let overload = &overloads[*index];
            if overload.is_variadic() { usize::MAX } else { overload.arguments.len() }
        });
        let count = args.len().min(most.max().unwrap_or(0));
        let mut left: Vec<usize> = exposed
            .iter()
            .copied()
            .filter(|index| {
                let overload = &overloads[*index];
                overload.required() <= count && (overload.is_variadic() || count <= overload.arguments.len())
            })
            .collect();
        // 4. None: too few arguments.
        if left.is_empty() {
            let needed = exposed.iter().map(|index| overloads[*index].required()).min().unwrap_or(0);
            return Err(self
                .type_error(&format!("{what} needs at least {needed} argument(s), but got {}", args.len())));
        }
        // 7. - 12. The argument that tells them apart.
        let mut iterator = None;
        if left.len() > 1
            && let Some(place) = distinguishing_argument(overloads, &left, count)
        {
            let value = &args[place];
            let argument_of = |index: usize| argument_type(&overloads[index], place);
            // 12.1. undefined goes to an optional argument.
            let optional = left.iter().copied().find(|index| {
                value.is_undefined()
                    && overloads[*index].arguments.get(place).is_some_and(|argument| argument.optional)
            });
            let nullable = left.iter().copied().find(|index| {
                (value.is_null() || value.is_undefined())
                    && argument_of(*index).is_some_and(|of| members(of).0)
            });
            let chosen = match optional.or(nullable) {
                Some(index) => index,
                None => {
                    let mut candidates = Vec::new();
                    for index in &left {
                        if let Some(of) = argument_of(*index) {
                            candidates.extend(members(of).1.iter().map(|member| (*index, member)));
                        }
                    }
                    let Some(choice) = self.choose(value, &candidates)? else {
                        return Err(self.type_error(&format!(
                            "{what}: argument {} is of no type that is taken",
                            place + 1
                        )));
                    };
                    iterator = choice.iterator.map(|iterator| (place, iterator));
                    choice.candidate
                }
            };
            left = vec![chosen];
        }
        let index = left[0];
        let overload = &overloads[index];
        // 14., 15. The arguments, from the left.
        let mut converted = Vec::with_capacity(overload.arguments.len());
        for (place, argument) in overload.arguments.iter().enumerate() {
            let what = format!("{what}: argument {} ({})", place + 1, argument.name);
            if argument.variadic {
                let rest = args.iter().skip(place).take(count.saturating_sub(place));
                let rest = rest.map(|value| self.convert_to(value.clone(), &argument.r#type, &what));
                converted.push(Converted::Sequence(rest.collect::<Result<_>>()?));
                break;
            }
            let value = args.get(place).filter(|_| place < count);
            converted.push(match (value, &iterator, &argument.r#type) {
                // NOTE: the iterator method is asked for once only.
                (Some(value), Some((at, method)), IdlType::Sequence(item)) if *at == place => {
                    Converted::Sequence(self.to_items(value, method, item, &what)?)
                }
                _ => self.argument(argument, value, &what)?,
            });
        }
        Ok((index, converted))
    }

    /// An argument that is not variadic, or its default.
    pub(crate) fn argument(
        &self,
        argument: &'static ArgumentDescriptor,
        value: Option<&JsValue<'js>>,
        what: &str,
    ) -> Result<Converted<'js>> {
        let value = value.filter(|value| !(argument.optional && value.is_undefined()));
        match (value, argument.default) {
            (Some(value), _) => self.convert_to(value.clone(), &argument.r#type, what),
            (None, Some(default)) => self.default_value(&argument.r#type, default),
            (None, None) if argument.optional => Ok(Converted::Undefined),
            (None, None) => Err(self.type_error(&format!("{what} is missing"))),
        }
    }
}

fn argument_type(overload: &'static Overload, place: usize) -> Option<&'static IdlType> {
    let argument =
        overload.arguments.get(place).or_else(|| overload.arguments.last().filter(|last| last.variadic));
    argument.map(|argument| &argument.r#type)
}

/// <https://webidl.spec.whatwg.org/#dfn-distinguishing-argument-index>: the first place where the types differ.
fn distinguishing_argument(overloads: &'static [Overload], left: &[usize], count: usize) -> Option<usize> {
    (0..count).find(|place| {
        let mut types =
            left.iter().map(|index| argument_type(&overloads[*index], *place).map(|of| format!("{of:?}")));
        let first = types.next();
        types.any(|other| Some(other) != first)
    })
}
