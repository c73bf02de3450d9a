//! Calling callback functions and the operations of callback interfaces, by their types.

use longhaul_idl::runtime::{ArgumentDescriptor, CallbackDescriptor, IdlType, InterfaceDescriptor, Value};
use rquickjs::{Function, Result, Value as JsValue};

use crate::{from_js::Converted, realm::Scope};

impl<'js> Scope<'js> {
    /// <https://webidl.spec.whatwg.org/#invoke-a-callback-function>
    pub(crate) fn callback(
        &self,
        callback: &JsValue<'js>,
        of: &'static CallbackDescriptor,
        this: Option<JsValue<'js>>,
        args: Vec<Value>,
    ) -> Result<Converted<'js>> {
        let what = of.name;
        let Some(function) = callback.as_function() else {
            // 3. What [LegacyTreatNonObjectAsNull] lets in and nobody can call gives undefined.
            if of.treat_non_object_as_null {
                return self.convert_to(JsValue::new_undefined(self.ctx.clone()), &of.returns, what);
            }
            return Err(self.type_error(&format!("{what} is not a function")));
        };
        let result = self.called(function, this, args, of.arguments);
        self.returned(result, &of.returns, what)
    }

    /// <https://webidl.spec.whatwg.org/#call-a-user-objects-operation>
    pub(crate) fn user_object(
        &self,
        object: &JsValue<'js>,
        of: &'static InterfaceDescriptor,
        this: Option<JsValue<'js>>,
        args: Vec<Value>,
    ) -> Result<Converted<'js>> {
        let operation = &of.operations[0];
        let overload = &operation.overloads[0];
        let what = format!("{}.{}", of.name, operation.name);
        // 8.-10. A function is the operation itself; of any other object it is asked for, and called on it.
        let result = match object.as_function() {
            Some(function) => self.called(function, this, args, overload.arguments),
            None => object
                .as_object()
                .ok_or_else(|| self.type_error(&format!("{what}: there is no object")))
                .and_then(|found| found.get::<_, JsValue<'js>>(operation.name))
                .and_then(|function| match function.as_function() {
                    Some(function) => self.called(function, Some(object.clone()), args, overload.arguments),
                    None => Err(self.type_error(&format!("{what} is not a function"))),
                }),
        };
        self.returned(result, &overload.returns, &what)
    }

    fn called(
        &self,
        function: &Function<'js>,
        this: Option<JsValue<'js>>,
        args: Vec<Value>,
        arguments: &'static [ArgumentDescriptor],
    ) -> Result<JsValue<'js>> {
        let last = arguments.len().saturating_sub(1);
        let args = args.into_iter().enumerate();
        let args = args.map(|(place, value)| {
            // NOTE: a variadic argument is the last one, and all that follow are of its type.
            self.to_js(value, arguments.get(place.min(last)).map(|argument| &argument.r#type))
        });
        let args: Vec<JsValue<'js>> = args.collect::<Result<_>>()?;
        let this = this.unwrap_or_else(|| JsValue::new_undefined(self.ctx.clone()));
        self.apply(function, Some(this), args)
    }

    /// What the call gave, converted. Where a promise is returned, what was thrown rejects it.
    fn returned(
        &self,
        result: Result<JsValue<'js>>,
        returns: &IdlType,
        what: &str,
    ) -> Result<Converted<'js>> {
        let value = match returns {
            IdlType::Promise(_) => self.or_rejected(result)?,
            _ => result?,
        };
        self.convert_to(value, returns, &format!("the result of {what}"))
    }
}
