use crate::{Error, generate};

fn made(text: &str) -> String {
    generate(&[("a.webidl", text)]).unwrap()
}

fn failed(text: &str) -> Error {
    generate(&[("a.webidl", text)]).unwrap_err()
}

#[test]
fn partials_mixins_and_files_are_merged() {
    let text = generate(&[
        ("b.webidl", "partial interface A { undefined two(); }; A includes M; partial interface mixin M { undefined four(); };"),
        ("a.webidl", "[Exposed=*] interface A { undefined one(); }; interface mixin M { undefined three(); };"),
    ])
    .unwrap();
    for name in ["one", "two", "three", "four"] {
        assert!(text.contains(&format!("fn {name}(self: &std::sync::Arc<Self>")), "{name}");
    }
}

#[test]
fn traits_have_typed_signatures() {
    let text = made(
        "[Exposed=*] interface A { constructor(optional USVString url); readonly attribute DOMString? name; attribute long type;
           Promise<sequence<octet>> read(optional D options = {}, any... rest); static boolean is(A other); };
         dictionary D { required ByteString key; double size; };",
    );
    for line in [
        "pub trait AMethods: crate::runtime::PlatformObject {",
        "fn construct(realm: &dyn crate::runtime::Realm, url: Option<String>) -> Result<crate::runtime::ObjectRef, crate::runtime::Exception>;",
        "fn name(self: &std::sync::Arc<Self>, realm: &dyn crate::runtime::Realm) -> Result<Option<crate::runtime::DomString>, crate::runtime::Exception>;",
        "fn type_(self: &std::sync::Arc<Self>,",
        "fn set_type(self: &std::sync::Arc<Self>, realm: &dyn crate::runtime::Realm, value: i32)",
        "options: crate::D, rest: Vec<crate::runtime::Value>) -> Result<crate::runtime::PromiseOf<Vec<u8>>, crate::runtime::Exception>;",
        "fn is(realm: &dyn crate::runtime::Realm, other: crate::runtime::ObjectRef) -> Result<bool, crate::runtime::Exception>;",
        "pub key: crate::runtime::ByteString,",
        "pub size: Option<f64>,",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("impl Default for D"), "a required member has no default");
}

#[test]
fn self_hosted_interfaces_have_descriptors_only() {
    let text = made(
        "[Exposed=*, LonghaulSelfHosted] interface A { undefined f(); }; [Exposed=*] interface B : A { undefined g(A a); };",
    );
    assert!(!text.contains("trait AMethods"));
    assert!(text.contains("pub trait BMethods: crate::runtime::PlatformObject"));
    assert!(text.contains("a: crate::runtime::Held"));
    assert!(text.contains("parent: Some(&super::a::DESCRIPTOR)"));
}

#[test]
fn unions_are_flattened_and_named() {
    let text = made(
        "typedef (DOMString or sequence<long>) Inner; typedef (Inner or boolean?) Outer;
         [Exposed=*] interface A { undefined f(Outer o, (long or Outer) p, (ArrayBuffer or ArrayBufferView) b); };",
    );
    assert!(text.contains("o: Option<crate::Outer>"), "{text}");
    assert!(text.contains("pub enum LongOrDomStringOrSequenceOfLongOrBoolean"), "{text}");
    assert!(text.contains("SequenceOfLong(Vec<i32>)"));
    assert!(text.contains("b: crate::runtime::Buffer"));
}

#[test]
fn overloads_are_grouped_and_event_handlers_left_to_the_core() {
    let text = made(
        "[LegacyTreatNonObjectAsNull] callback H = any (DOMString e); typedef H? EventHandler;
         [Exposed=*] interface A { undefined f(long a); undefined f(DOMString a, long b); attribute EventHandler onx; };",
    );
    assert!(text.contains("fn f(self") && text.contains("fn f_2(self"));
    assert!(text.contains("event_handler: true") && !text.contains("fn onx"));
}

#[test]
fn exposure_narrows_from_the_interface_to_the_member() {
    let text =
        made("[Exposed=(Window,Worker)] interface A { [Exposed=Window, SecureContext] undefined f(); };");
    assert!(text.contains("from_bits(0b1111), secure_context: false"));
    assert!(text.contains("from_bits(0b0001), secure_context: true"));
}

#[test]
fn errors_name_the_text_and_the_definition() {
    let error = failed("[Exposed=*] interface A { undefined f(B b); };");
    assert_eq!(error, Error::Undefined { file: "a.webidl".into(), definition: "A".into(), name: "B".into() });
    assert_eq!(error.to_string(), "a.webidl: A: B is not defined");
    assert!(matches!(failed("[Exposed=*] interface A { };\n\ninterface {"), Error::Syntax { line: 3, .. }));
    assert!(matches!(failed("interface A { };"), Error::NotExposed { .. }));
    assert!(matches!(failed("dictionary A { }; dictionary A { };"), Error::Duplicate { .. }));
    assert!(matches!(failed("dictionary A : B { }; dictionary B : A { };"), Error::Cycle { .. }));
    assert!(matches!(failed("typedef A B; typedef B A; dictionary D { A a; };"), Error::Cycle { .. }));
    assert!(matches!(failed("partial interface A { };"), Error::Undefined { .. }));
    assert!(matches!(failed("A includes M;"), Error::Undefined { .. }));
    assert!(matches!(
        failed("[Exposed=*] interface A { getter long (boolean i); };"),
        Error::Unsupported { .. }
    ));
    assert!(matches!(failed("[Exposed=*] interface A { iterable<long>; };"), Error::Unsupported { .. }));
}

#[test]
fn special_operations_and_what_stands_beside_them() {
    let text = made(
        "[Exposed=*, LegacyFactoryFunction=Image(optional long width), LegacyOverrideBuiltIns] interface A {
           readonly attribute unsigned long length;
           getter DOMString? item(unsigned long index);
           getter DOMString (DOMString name); setter undefined (DOMString name, DOMString value); deleter undefined (DOMString name);
           iterable<DOMString?>;
         };
         [Exposed=*] interface B { maplike<DOMString, long>; undefined clear(); };
         [Exposed=Window] interface C { [Reflect=\"data-x\"] attribute DOMString x; [ReflectURL] attribute USVString href; };",
    );
    for part in [
        "fn item(self",
        "fn named_get(self",
        "fn named_set(self",
        "fn named_delete(self",
        "fn supports_property_name(self",
        "fn factory_image(realm",
        "override_built_ins: true",
        "IterableKind::Values",
        "fn map_set(self",
        "crate::runtime::PlatformObject + crate::runtime::Reflects",
        "attribute: \"data-x\"",
        "ReflectionKind::Url",
    ] {
        assert!(text.contains(part), "{part}");
    }
    for part in [
        "fn indexed_get",
        "fn map_clear",
        "fn pairs(self: &std::sync::Arc<Self>, realm: &dyn crate::runtime::Realm) -> Result<Vec<(crate::runtime::DomString, crate::runtime::DomString",
        "fn href",
    ] {
        assert!(!text.contains(part), "{part}");
    }
}

#[test]
fn constants_and_defaults_keep_their_values() {
    let text = made(
        "[Exposed=*] interface A { const unsigned long MASK = 0x1F; const short LOW = -3; };
         dictionary D { double ratio = -1.5; unrestricted double far = Infinity; DOMString text = \"a\\b\"; sequence<long> list = []; (long or DOMString) either = \"x\"; };",
    );
    for part in [
        "Number(31.0)",
        "Number(-3.0)",
        "Number(-1.5)",
        "Number(f64::INFINITY)",
        "EmptySequence",
        "Value::Union(1, Box::new(",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
