//! What a module's text imports: <https://tc39.es/ecma262/#sec-parsemodule>, away from any realm.

use std::{cell::RefCell, rc::Rc};

use longhaul_idl::runtime::{ModuleRequest, ModuleSyntaxError, ModuleType};
use rquickjs::{
    Context, Ctx, Error, Module, Result, Runtime,
    loader::{ImportAttributes, Loader, Resolver},
    module::Declared,
};

use crate::script_error::position;

/// What parsing a text may use, in bytes. Texts have a limit of their own.
const MEMORY: usize = 512 << 20;
/// What it may use of the stack of the thread that it runs on, in bytes.
const STACK: usize = 256 << 10;

/// The static imports of a text, each once and in their order, if it is a module of its type.
///
/// # Errors
/// Why it is none.
pub fn module_requests(
    text: &str,
    module_type: ModuleType,
) -> std::result::Result<Vec<ModuleRequest>, ModuleSyntaxError> {
    let failed = |error: Error| ModuleSyntaxError { message: error.to_string(), line: 0, column: 0 };
    if text.contains('\0') {
        let message = "a script holds no U+0000".to_owned();
        return Err(ModuleSyntaxError { message, line: 1, column: 1 });
    }
    let runtime = Runtime::new().map_err(failed)?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(STACK);
    let found = Rc::new(RefCell::new(Vec::new()));
    runtime.set_loader(Collector(Rc::clone(&found)), Collector(Rc::clone(&found)));
    let context = Context::full(&runtime).map_err(failed)?;
    let parsed = context.with(|ctx| {
        let parsed = match module_type {
            ModuleType::JavaScript => Module::declare(ctx.clone(), TEXT, text).map(drop),
            ModuleType::Json => ctx.json_parse(text).map(drop),
        };
        parsed.map_err(|error| syntax_error(&ctx, error))
    });
    drop((context, runtime));
    parsed?;
    Ok(found.take())
}

/// What the text is called while it is parsed.
const TEXT: &str = "text";

fn syntax_error(ctx: &Ctx<'_>, error: Error) -> ModuleSyntaxError {
    let thrown = match error {
        Error::Exception => ctx.catch(),
        other => return ModuleSyntaxError { message: other.to_string(), line: 0, column: 0 },
    };
    let text = |name: &str| -> String {
        thrown.as_object().and_then(|error| error.get(name).ok()).unwrap_or_default()
    };
    let (_, line, column) = position(&text("stack"));
    ModuleSyntaxError { message: text("message"), line, column }
}

/// Writes down what the engine asks for while it parses; what it gets is empty.
struct Collector(Rc<RefCell<Vec<ModuleRequest>>>);

impl Resolver for Collector {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        _: &str,
        name: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let module_type = module_type(attributes.as_ref())?;
        self.0.borrow_mut().push(ModuleRequest { specifier: name.to_owned(), module_type });
        Ok("nothing".to_owned())
    }
}

impl Loader for Collector {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        Module::declare(ctx.clone(), name, "")
    }
}

/// <https://html.spec.whatwg.org/#module-type-from-module-request>; none for a type, or an attribute, that there is not.
pub(crate) fn module_type(attributes: Option<&ImportAttributes<'_>>) -> Result<Option<ModuleType>> {
    let Some(attributes) = attributes else { return Ok(Some(ModuleType::JavaScript)) };
    for key in attributes.keys() {
        if key? != "type" {
            return Ok(None);
        }
    }
    Ok(match attributes.get_type()?.as_deref() {
        None => Some(ModuleType::JavaScript),
        Some("json") => Some(ModuleType::Json),
        Some(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(text: &str) -> Vec<String> {
        let requests = module_requests(text, ModuleType::JavaScript).unwrap();
        let word = |request: ModuleRequest| match request.module_type {
            Some(ModuleType::JavaScript) => request.specifier,
            other => format!("{} {other:?}", request.specifier),
        };
        requests.into_iter().map(word).collect()
    }

    #[test]
    fn every_form_of_a_declaration_is_seen() {
        let text = r#"import "a"; import b from 'b'; import * as c from "c"; import { d, d as e, "f g" as h } from "d";
            import i, { x } from "e"; import f, * as g from "f"; export * from "g"; export * as k from 'h';
            export { i as j } from "i"; import from from "j"; import/* x */"k"; import json from "l" with { type: "json" };
            import "l"; import "a"; import 'es\x63aped'; export { m } from "m" with { type: "css" }; import "n" with { other: "x" }"#;
        assert_eq!(
            requests(text),
            [
                "a",
                "b",
                "c",
                "d",
                "e",
                "f",
                "g",
                "h",
                "i",
                "j",
                "k",
                "l Some(Json)",
                "l",
                "escaped",
                "m None",
                "n None"
            ]
        );
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let text = r#"// import "a"
            /* import "b" */ const t = `import "c" ${ `${ { } }` } import "d"`; const s = 'import "e"';
            if (t) { import("f"); } t.import("g"); export const z = "h"; export default "i"; export { z as j };
            const r = /import "k"[/"']/; const q = t / 2 / "l"; const n = import.meta.url; await 0;
            export function from() {} "m"; import "real";"#;
        assert_eq!(requests(text), ["real"]);
    }

    #[test]
    fn what_is_no_module_says_where() {
        let error = module_requests("import 'a';\n  var 1", ModuleType::JavaScript).unwrap_err();
        assert_eq!((error.line, error.column > 0), (2, true), "{error:?}");
        for text in ["import {", "`${", "/[", "export * from", "\0", "with (x) {}", "await = 1"] {
            assert!(module_requests(text, ModuleType::JavaScript).is_err(), "{text}");
        }
        let deep = "[".repeat(1 << 20);
        assert!(module_requests(&deep, ModuleType::JavaScript).is_err());
        assert!(module_requests(&deep, ModuleType::Json).is_err());
    }

    #[test]
    fn json_is_parsed_as_json() {
        assert_eq!(module_requests(r#"{ "__proto__": [1, "\ud800"] }"#, ModuleType::Json), Ok(vec![]));
        for text in ["", "{", "undefined", "'a'", "[1,]"] {
            assert!(module_requests(text, ModuleType::Json).is_err(), "{text}");
        }
    }
}
