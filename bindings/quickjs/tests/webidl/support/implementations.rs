//! The test's interfaces in Rust.

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicI32, Ordering},
};

use longhaul_idl::{
    platform_object,
    runtime::{
        Buffer, ByteString, DomString, Exception, GlobalProxy, Held, InterfaceBinding, ObjectRef, PromiseOf,
        Realm, Record, Value,
    },
};

use crate::*;

pub fn bindings() -> Vec<InterfaceBinding> {
    let mut all = super::legacy::bindings();
    all.extend(super::callbacks::bindings());
    all.extend([
        doubling::binding::<Doubling>(),
        counter::binding::<Counter>(),
        event::binding(),
        detail_event::binding(),
        event_target::binding(),
        chunks::binding(),
        test_global::binding(),
        place::binding(),
        worker_only::binding(),
        secure_only::binding(),
        bare::binding(),
        paint::binding::<Paint>(),
        convert::binding::<Convert>(),
        pairs::binding::<Pairs>(),
        lookup::binding::<Lookup>(),
        members::binding::<Members>(),
        tools::binding::<Tools>(),
    ]);
    all
}

#[derive(Default)]
pub struct TestGlobal {
    counter: OnceLock<Arc<Counter>>,
    place: OnceLock<Arc<Place>>,
    pub other: Mutex<Option<Arc<dyn GlobalProxy>>>,
    adopted: Mutex<Option<Value>>,
}

impl TestGlobal {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
}

platform_object!(TestGlobal => test_global);

impl TestGlobalMethods for TestGlobal {
    fn window(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.clone())
    }
    fn self_(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(realm.global())
    }
    fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("http://test".into())
    }
    fn counter(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.counter.get_or_init(|| Counter::new(0)).clone())
    }
    fn greet(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        Ok(format!("hi {name}").into())
    }
    fn adopt(self: &Arc<Self>, _: &dyn Realm, value: Value) -> Result<(), Exception> {
        *self.adopted.lock().unwrap() = Some(value);
        Ok(())
    }
    fn adopted(self: &Arc<Self>, _: &dyn Realm) -> Result<Value, Exception> {
        Ok(self.adopted.lock().unwrap().take().unwrap_or(Value::Undefined))
    }
    fn throws(self: &Arc<Self>, realm: &dyn Realm, kind: DomString) -> Result<DomString, Exception> {
        Err(match &*kind {
            "type" => Exception::type_error("a type"),
            "range" => Exception::range_error("a range"),
            "quota" => {
                Exception::QuotaExceeded { quota: Some(10.0), requested: Some(20.0), message: "full".into() }
            }
            "value" => Exception::Held(realm.hold(Value::Number(42.0))?),
            _ => Exception::dom("NotFoundError", "nowhere"),
        })
    }
    fn panics(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        panic!("on purpose")
    }
    fn secret(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("secret".into())
    }
    fn named_get(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        Ok(format!("named {name}").into())
    }
    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        Ok(vec!["frame1".into(), "greet".into(), "addEventListener".into()])
    }
    fn other(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
        Ok(self.other.lock().unwrap().clone().map(Value::GlobalProxy))
    }
    fn place(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.place.get_or_init(Arc::default).clone())
    }
    fn called_by(self: &Arc<Self>, realm: &dyn Realm) -> Result<u64, Exception> {
        Ok(realm.caller().0)
    }
    fn same_window(
        self: &Arc<Self>,
        realm: &dyn Realm,
        other: WindowProxyOrDomString,
    ) -> Result<bool, Exception> {
        let known = self.other.lock().unwrap().clone();
        Ok(match other {
            WindowProxyOrDomString::WindowProxy(Value::Held(held)) => {
                realm.global_proxy(&held).zip(known).is_some_and(|(given, known)| Arc::ptr_eq(&given, &known))
            }
            _ => false,
        })
    }
}

/// What a location is to a global.
#[derive(Default)]
pub struct Place(Mutex<String>);

platform_object!(Place => place);

impl PlaceMethods for Place {
    fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.0.lock().unwrap().clone())
    }
    fn set_href(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        *self.0.lock().unwrap() = value;
        Ok(())
    }
    fn replace(self: &Arc<Self>, _: &dyn Realm, url: String) -> Result<(), Exception> {
        *self.0.lock().unwrap() = format!("replaced {url}");
        Ok(())
    }
}

pub struct Counter {
    value: AtomicI32,
    step: AtomicI32,
    inner: OnceLock<Arc<Counter>>,
    peer: Mutex<Option<ObjectRef>>,
}

static MADE: AtomicI32 = AtomicI32::new(0);

impl Counter {
    pub fn new(start: i32) -> Arc<Self> {
        MADE.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self::bare(start))
    }

    fn bare(start: i32) -> Self {
        Self {
            value: AtomicI32::new(start),
            step: AtomicI32::new(1),
            inner: OnceLock::new(),
            peer: Mutex::default(),
        }
    }
}

platform_object!(Counter => counter);

/// The members of `Counter`, for it and for what inherits it.
trait HasCounter: runtime::PlatformObject + Sized {
    fn base(&self) -> &Counter;
}

impl HasCounter for Counter {
    fn base(&self) -> &Counter {
        self
    }
}

impl HasCounter for Doubling {
    fn base(&self) -> &Counter {
        &self.0
    }
}

impl<T: HasCounter> CounterMethods for T {
    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<i32, Exception> {
        Ok(self.base().value.load(Ordering::Relaxed))
    }
    fn step(self: &Arc<Self>, _: &dyn Realm) -> Result<i32, Exception> {
        Ok(self.base().step.load(Ordering::Relaxed))
    }
    fn set_step(self: &Arc<Self>, _: &dyn Realm, value: i32) -> Result<(), Exception> {
        self.base().step.store(value, Ordering::Relaxed);
        Ok(())
    }
    fn self_(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.clone())
    }
    fn ready(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<i32>, Exception> {
        Ok(PromiseOf::new(async { Ok(7) }))
    }
    fn factors(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<i32>, Exception> {
        Ok(vec![2, 3])
    }
    fn inner(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.base().inner.get_or_init(|| Counter::new(0)).clone())
    }
    fn add(
        self: &Arc<Self>,
        _: &dyn Realm,
        amount: i32,
        times: i32,
        more: Vec<i32>,
    ) -> Result<i32, Exception> {
        let sum = amount * times + more.iter().sum::<i32>();
        Ok(self.base().value.fetch_add(sum, Ordering::Relaxed) + sum)
    }
    fn later(self: &Arc<Self>, _: &dyn Realm, amount: i32) -> Result<PromiseOf<i32>, Exception> {
        if amount == 13 {
            return Err(Exception::range_error("unlucky"));
        }
        let this = self.clone();
        Ok(PromiseOf::new(async move {
            if amount < 0 {
                return Err(Exception::dom("AbortError", "negative"));
            }
            Ok(this.base().value.fetch_add(amount, Ordering::Relaxed) + amount)
        }))
    }
    fn list(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Vec<i32>>, Exception> {
        Ok(PromiseOf::new(async { Ok(vec![1, 2]) }))
    }
    fn list_now(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Vec<i32>>, Exception> {
        Ok(PromiseOf::resolved(vec![3, 4]))
    }
    fn peer(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(self.base().peer.lock().unwrap().clone())
    }
    fn set_peer(self: &Arc<Self>, _: &dyn Realm, value: Option<ObjectRef>) -> Result<(), Exception> {
        *self.base().peer.lock().unwrap() = value;
        Ok(())
    }
    fn fresh(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Counter::new(0))
    }
}

impl CounterStatics for Counter {
    fn construct(_: &dyn Realm, start: i32) -> Result<ObjectRef, Exception> {
        Ok(Self::new(start))
    }
    fn of(_: &dyn Realm, start: i32) -> Result<ObjectRef, Exception> {
        Ok(Self::new(start))
    }
    fn made(_: &dyn Realm) -> Result<i32, Exception> {
        Ok(MADE.load(Ordering::Relaxed))
    }
}

pub struct Doubling(Counter);

platform_object!(Doubling => doubling);

impl DoublingMethods for Doubling {
    fn doubled(self: &Arc<Self>, _: &dyn Realm) -> Result<i32, Exception> {
        Ok(self.0.value.load(Ordering::Relaxed) * 2)
    }
}

impl DoublingStatics for Doubling {
    fn construct(_: &dyn Realm, start: i32) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self(Counter::bare(start))))
    }
}

pub struct Paint(Mutex<Color>);

platform_object!(Paint => paint);

impl PaintStatics for Paint {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self(Mutex::new(Color::Empty))))
    }
}

impl PaintMethods for Paint {
    fn color(self: &Arc<Self>, _: &dyn Realm) -> Result<Color, Exception> {
        Ok(*self.0.lock().unwrap())
    }
    fn set_color(self: &Arc<Self>, _: &dyn Realm, value: Color) -> Result<(), Exception> {
        *self.0.lock().unwrap() = value;
        Ok(())
    }
    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(format!("paint {}", self.0.lock().unwrap().as_str()).into())
    }
}

pub struct Convert;

platform_object!(Convert => convert);

impl ConvertStatics for Convert {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

fn buffer_text(buffer: &Buffer) -> Result<DomString, Exception> {
    Ok(format!("{}:{:?}", buffer.kind.name(), &*buffer.bytes).into())
}

#[rustfmt::skip]
impl ConvertMethods for Convert {
    fn byte(self: &Arc<Self>, _: &dyn Realm, v: i8) -> Result<i8, Exception> { Ok(v) }
    fn octet(self: &Arc<Self>, _: &dyn Realm, v: u8) -> Result<u8, Exception> { Ok(v) }
    fn plain(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> { Ok(1 << 40) }
    fn enforced(self: &Arc<Self>, _: &dyn Realm, v: u32) -> Result<u32, Exception> { Ok(v) }
    fn clamped(self: &Arc<Self>, _: &dyn Realm, v: u8) -> Result<u8, Exception> { Ok(v) }
    fn unrestricted(self: &Arc<Self>, _: &dyn Realm, v: f64) -> Result<f64, Exception> { Ok(v) }
    fn restricted(self: &Arc<Self>, _: &dyn Realm, v: f64) -> Result<f64, Exception> { Ok(v) }
    fn single(self: &Arc<Self>, _: &dyn Realm, v: f32) -> Result<f32, Exception> { Ok(v) }
    fn boolean(self: &Arc<Self>, _: &dyn Realm, v: bool) -> Result<bool, Exception> { Ok(v) }
    fn dom_string(self: &Arc<Self>, _: &dyn Realm, v: DomString) -> Result<DomString, Exception> { Ok(v) }
    fn null_to_empty(self: &Arc<Self>, _: &dyn Realm, v: DomString) -> Result<DomString, Exception> { Ok(v) }
    fn usv_string(self: &Arc<Self>, _: &dyn Realm, v: String) -> Result<String, Exception> { Ok(v) }
    fn byte_string(self: &Arc<Self>, _: &dyn Realm, v: ByteString) -> Result<ByteString, Exception> { Ok(v) }
    fn nullable(self: &Arc<Self>, _: &dyn Realm, v: Option<DomString>) -> Result<Option<DomString>, Exception> { Ok(v) }
    fn color(self: &Arc<Self>, _: &dyn Realm, v: Color) -> Result<Color, Exception> { Ok(v) }
    fn sequence(self: &Arc<Self>, _: &dyn Realm, v: Vec<i32>) -> Result<Vec<i32>, Exception> { Ok(v) }
    fn record(self: &Arc<Self>, _: &dyn Realm, v: Record<DomString, i32>) -> Result<Record<DomString, i32>, Exception> { Ok(v) }
    fn usv_record(self: &Arc<Self>, _: &dyn Realm, v: Record<String, i32>) -> Result<Record<String, i32>, Exception> { Ok(v) }
    fn dictionary(self: &Arc<Self>, _: &dyn Realm, v: Derived) -> Result<DomString, Exception> {
        Ok(format!("{} {} {:?} {:?} {:?} {:?}", v.a, v.b, v.list, v.color, v.thing, v.clamped).into())
    }
    fn optional_dictionary(self: &Arc<Self>, _: &dyn Realm, v: Nothing) -> Result<DomString, Exception> {
        Ok(format!("{v:?}").into())
    }
    fn mixed(self: &Arc<Self>, _: &dyn Realm, v: CounterOrSequenceOfDomStringOrBaseOrBooleanOrDoubleOrDomString) -> Result<DomString, Exception> {
        use CounterOrSequenceOfDomStringOrBaseOrBooleanOrDoubleOrDomString as Mixed;
        Ok(match v {
            Mixed::Counter(counter) => format!("counter {:?}", counter.downcast::<Counter>().is_some()),
            Mixed::SequenceOfDomString(list) => format!("list {list:?}"),
            Mixed::Base(base) => format!("base {}", base.a),
            Mixed::Boolean(value) => format!("boolean {value}"),
            Mixed::Double(value) => format!("double {value}"),
            Mixed::DomString(value) => format!("string {value}"),
        }.into())
    }
    fn maybe(self: &Arc<Self>, _: &dyn Realm, v: Option<Option<LongOrDomString>>) -> Result<DomString, Exception> {
        Ok(match v {
            None => "absent".into(),
            Some(None) => "null".into(),
            Some(Some(LongOrDomString::Long(v))) => format!("long {v}").into(),
            Some(Some(LongOrDomString::DomString(v))) => format!("string {v}").into(),
        })
    }
    fn counter(self: &Arc<Self>, _: &dyn Realm, v: ObjectRef) -> Result<DomString, Exception> { Ok(format!("{v:?}").into()) }
    fn target(self: &Arc<Self>, realm: &dyn Realm, v: Held) -> Result<DomString, Exception> {
        Ok(format!("{:?} {}", realm.platform_object(&v), realm.implements(&v, &event_target::DESCRIPTOR)).into())
    }
    fn object(self: &Arc<Self>, _: &dyn Realm, v: Held) -> Result<Held, Exception> { Ok(v) }
    fn symbol(self: &Arc<Self>, _: &dyn Realm, v: Held) -> Result<Held, Exception> { Ok(v) }
    fn any(self: &Arc<Self>, _: &dyn Realm, v: Value) -> Result<Value, Exception> { Ok(v) }
    fn call_back(self: &Arc<Self>, realm: &dyn Realm, v: Held, x: i32) -> Result<Value, Exception> {
        realm.call(&v, Some(Value::Object(self.clone())), vec![Value::Number(x.into())])
    }
    fn buffer_source(self: &Arc<Self>, _: &dyn Realm, v: Buffer) -> Result<DomString, Exception> { buffer_text(&v) }
    fn bytes(self: &Arc<Self>, _: &dyn Realm, v: Buffer) -> Result<DomString, Exception> { buffer_text(&v) }
    fn shared(self: &Arc<Self>, _: &dyn Realm, v: Buffer) -> Result<DomString, Exception> { buffer_text(&v) }
    fn make_bytes(self: &Arc<Self>, _: &dyn Realm, v: Vec<u8>) -> Result<Buffer, Exception> { Ok(Buffer::uint8_array(v)) }
    fn fill(self: &Arc<Self>, realm: &dyn Realm, v: Buffer, with: u8) -> Result<(), Exception> {
        let bytes = vec![with; v.bytes.len().max(1)];
        realm.write_buffer(&v.held.expect("it came from script"), 0, &bytes)
    }
    fn same(self: &Arc<Self>, _: &dyn Realm, v: Buffer) -> Result<Buffer, Exception> { Ok(v) }
    fn promise(self: &Arc<Self>, realm: &dyn Realm, v: Held) -> Result<PromiseOf<Value>, Exception> {
        Ok(PromiseOf::Future(realm.observe_promise(&v)))
    }
    fn long_or_undefined(self: &Arc<Self>, _: &dyn Realm, v: LongOrUndefined) -> Result<LongOrUndefined, Exception> { Ok(v) }
    fn frozen(self: &Arc<Self>, _: &dyn Realm, v: Vec<i32>) -> Result<Vec<i32>, Exception> { Ok(v) }
    fn overload(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> { Ok("none".into()) }
    fn overload_2(self: &Arc<Self>, _: &dyn Realm, v: i32) -> Result<DomString, Exception> { Ok(format!("long {v}").into()) }
    fn overload_3(self: &Arc<Self>, _: &dyn Realm, v: DomString, _: ObjectRef) -> Result<DomString, Exception> { Ok(format!("counter {v}").into()) }
    fn overload_4(self: &Arc<Self>, _: &dyn Realm, v: DomString, list: Vec<i32>) -> Result<DomString, Exception> { Ok(format!("list {v} {list:?}").into()) }
    fn overload_5(self: &Arc<Self>, _: &dyn Realm, v: DomString, _: Nothing, z: Option<i32>) -> Result<DomString, Exception> { Ok(format!("dictionary {v} {z:?}").into()) }
    fn json(self: &Arc<Self>, realm: &dyn Realm, text: DomString) -> Result<Value, Exception> { realm.parse_json(&text) }
}

pub struct Pairs(Mutex<Vec<(DomString, DomString)>>);

platform_object!(Pairs => pairs);

impl PairsStatics for Pairs {
    fn construct(_: &dyn Realm, init: Vec<Vec<DomString>>) -> Result<ObjectRef, Exception> {
        let pair = |pair: Vec<DomString>| match <[DomString; 2]>::try_from(pair) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => Err(Exception::type_error("not a pair")),
        };
        Ok(Arc::new(Self(Mutex::new(init.into_iter().map(pair).collect::<Result<_, _>>()?))))
    }
}

impl PairsMethods for Pairs {
    fn append(self: &Arc<Self>, _: &dyn Realm, key: DomString, value: DomString) -> Result<(), Exception> {
        self.0.lock().unwrap().push((key, value));
        Ok(())
    }
    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(DomString, DomString)>, Exception> {
        Ok(self.0.lock().unwrap().clone())
    }
}

pub struct Lookup;

platform_object!(Lookup => lookup);

impl LookupStatics for Lookup {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

impl LookupMethods for Lookup {
    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(DomString, i32)>, Exception> {
        Ok(vec![("one".into(), 1), ("2".into(), 2)])
    }
}

pub struct Members;

platform_object!(Members => members);

impl MembersStatics for Members {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

impl MembersMethods for Members {
    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(DomString, DomString)>, Exception> {
        Ok(vec![("a".into(), "a".into()), ("b".into(), "b".into())])
    }
}

pub struct Tools;

impl ToolsStatics for Tools {
    fn version(_: &dyn Realm) -> Result<i32, Exception> {
        Ok(3)
    }
    fn join(_: &dyn Realm, parts: Vec<DomString>) -> Result<DomString, Exception> {
        Ok(parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join("+").into())
    }
}
