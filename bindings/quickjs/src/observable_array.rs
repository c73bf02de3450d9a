//! Attributes whose value is an `ObservableArray`.
//!
//! <https://webidl.spec.whatwg.org/#js-observable-arrays>

use longhaul_idl::runtime::{IdlType, InterfaceDescriptor, MemberId, MemberPart, Value};
use rquickjs::{Object, Result, Value as JsValue};

use crate::{objects::Receiver, realm::Scope};

impl<'js> Scope<'js> {
    /// The exotic object that an attribute gives, the same one for as long as its holder lives.
    pub(crate) fn observable_array(
        &self,
        receiver: &Receiver<'js>,
        interface: &'static InterfaceDescriptor,
        index: usize,
        item: &'static IdlType,
    ) -> Result<JsValue<'js>> {
        if let Some(known) = receiver.kept(&self.ctx, interface, index) {
            return Ok(known);
        }
        let name = interface.attributes[index].name;
        let what = format!("{}.{name}", interface.name);
        let operations: Object<'js> = self.helper("nullObject")?.call(())?;
        operations.set(
            "convert",
            self.closure("", 1, move |scope, _, args| {
                let undefined = || JsValue::new_undefined(scope.ctx.clone());
                let value = args.first().cloned().unwrap_or_else(undefined);
                scope.convert_to(value, item, &what)?.into_js(scope)
            })?,
        )?;
        for (key, part) in
            [("set", MemberPart::ObservableSet(index)), ("delete", MemberPart::ObservableDelete(index))]
        {
            let run = self.closure("", 3, move |scope, _, args| {
                scope.observed(interface, part, &format!("{key} {name}"), item, args)
            })?;
            operations.set(key, run)?;
        }
        let array: JsValue<'js> = self.helper("observableArray")?.call((receiver.object(), operations))?;
        receiver.keep(&self.ctx, interface, index, array.clone());
        Ok(array)
    }

    /// Runs one of the attribute's algorithms on `args[0]`: an index, and a value that was converted before.
    fn observed(
        &self,
        interface: &'static InterfaceDescriptor,
        part: MemberPart,
        key: &str,
        item: &'static IdlType,
        args: &[JsValue<'js>],
    ) -> Result<JsValue<'js>> {
        let undefined = JsValue::new_undefined(self.ctx.clone());
        let receiver = self.this(args.first().unwrap_or(&undefined), interface, key)?;
        if interface.self_hosted {
            let hosted = self.mounted(interface).and_then(|mounted| mounted.hosted.clone());
            let hosted = hosted.ok_or(rquickjs::Error::Unknown)?.restore(&self.ctx)?;
            let Some(function) = hosted.get::<_, JsValue<'js>>(key)?.into_function() else {
                return Err(self.type_error(&format!("the core's {} has no \"{key}\"", interface.name)));
            };
            let slots = receiver.slots(self)?.into_value();
            let values = [slots].into_iter().chain(args.iter().skip(1).cloned());
            return self.apply(&function, Some(receiver.object().into_value()), values);
        }
        let object =
            receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
        let mut values = vec![Value::Number(args.get(1).and_then(JsValue::as_number).unwrap_or_default())];
        if matches!(part, MemberPart::ObservableSet(_)) {
            let value = args.get(2).cloned().unwrap_or(undefined.clone());
            values.push(self.convert_to(value, item, key)?.into_value(self)?);
        }
        self.invoke(object, MemberId { interface, part }, values)?;
        Ok(undefined)
    }
}
