//! Adding an interface takes its IDL, its Rust, and its place in the list: it stands beside all the others in a real window, and
//! the adapter has never heard of it.

#![allow(missing_docs, unreachable_pub, reason = "a test's own interface")]

#[path = "../support/plain_realm.rs"]
#[allow(dead_code, reason = "not every test needs all of it")]
mod plain_realm;

use std::sync::{Arc, Mutex, OnceLock};

use longhaul_idl::platform_object;
use longhaul_idl::runtime::{
    self, DomString, Exception, Exposure, Held, ObjectRef, PromiseOf, Realm, RealmId, Value,
};
use longhaul_quickjs::{Engine, EngineLimits, RealmOptions};

include!(concat!(env!("OUT_DIR"), "/thermometer.rs"));

#[derive(Default)]
struct Thermometer {
    degrees: Mutex<f64>,
    outside: OnceLock<Arc<Thermometer>>,
}

platform_object!(Thermometer => thermometer);

impl Thermometer {
    fn at(degrees: f64) -> Arc<Self> {
        Arc::new(Self { degrees: Mutex::new(degrees), outside: OnceLock::new() })
    }

    fn reading(&self, scale: Scale) -> Reading {
        let celsius = *self.degrees.lock().unwrap();
        let degrees = match scale {
            Scale::Celsius => celsius,
            Scale::Fahrenheit => celsius * 1.8 + 32.0,
        };
        Reading { degrees, scale }
    }
}

impl ThermometerStatics for Thermometer {
    fn construct(_: &dyn Realm, degrees: f64) -> Result<ObjectRef, Exception> {
        Ok(Self::at(degrees))
    }

    fn of(_: &dyn Realm, reading: Reading) -> Result<ObjectRef, Exception> {
        Ok(Self::at(match reading.scale {
            Scale::Celsius => reading.degrees,
            Scale::Fahrenheit => (reading.degrees - 32.0) / 1.8,
        }))
    }
}

impl ThermometerMethods for Thermometer {
    fn degrees(self: &Arc<Self>, _: &dyn Realm) -> Result<f64, Exception> {
        Ok(*self.degrees.lock().unwrap())
    }

    fn set_degrees(self: &Arc<Self>, _: &dyn Realm, value: f64) -> Result<(), Exception> {
        if value < -273.15 {
            return Err(Exception::range_error("nothing is as cold as that"));
        }
        *self.degrees.lock().unwrap() = value;
        Ok(())
    }

    fn outside(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(self.outside.get_or_init(|| Self::at(-4.0))) as ObjectRef)
    }

    fn measure(self: &Arc<Self>, _: &dyn Realm, scale: Scale) -> Result<PromiseOf<Reading>, Exception> {
        let thermometer = Arc::clone(self);
        Ok(PromiseOf::new(async move { Ok(thermometer.reading(scale)) }))
    }

    fn warn(self: &Arc<Self>, realm: &dyn Realm, alarm: Held) -> Result<bool, Exception> {
        call_alarm(realm, &alarm, None, self.reading(Scale::Celsius))
    }

    fn stringify(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(format!("{} °C", self.degrees.lock().unwrap()).into())
    }
}

/// An agent whose tasks run when the test says so.
#[derive(Default)]
struct Queue(Mutex<Vec<runtime::Task>>);

struct Handle(Arc<Queue>, tokio::runtime::Handle);

impl runtime::AgentHandle for Handle {
    fn spawn(&self, future: futures::future::BoxFuture<'static, ()>) {
        self.1.spawn(future);
    }

    fn queue_task(&self, _: runtime::TaskSource, _: RealmId, task: runtime::Task) {
        self.0.0.lock().unwrap().push(task);
    }
}

const SCRIPT: &str = "
    'use strict';
    const said = [];
    const say = (what) => said.push(String(what));
    const t = new Thermometer();
    say(t instanceof Thermometer && Object.prototype.toString.call(t));
    t.degrees = '30';
    say(t);
    say(t.outside === t.outside && t.outside.degrees);
    say(Thermometer.of({ degrees: 212, scale: 'fahrenheit' }).degrees === Thermometer.BOILING);
    say(t.warn(({ degrees, scale }) => degrees > 25 && scale));
    for (const run of [
        () => { t.degrees = -300; }, () => { t.degrees = NaN; }, () => Thermometer(), () => Thermometer.of({}),
        () => Thermometer.prototype.warn.call({}, () => true), () => { t.warn(() => { throw new URIError('mine'); }); },
    ]) {
        try { run(); say('nothing'); } catch (error) { say(error.name); }
    }
    t.measure('kelvin').catch((error) => say(error.name));
    t.measure('fahrenheit').then(({ degrees, scale }) => { say(degrees + scale); });
    // It is one among the others.
    say(structuredClone.length + new Headers([['a', String(t)]]).get('a').length);
    globalThis.said = said;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interface_of_ones_own_stands_beside_the_others() {
    let user_agent = plain_realm::user_agent().await;
    tokio::task::block_in_place(|| {
        let engine = Engine::new(EngineLimits::default()).expect("the engine starts");
        let queue = Arc::<Queue>::default();
        let global = plain_realm::window(&user_agent);
        let mut bindings = longhaul_dom::bindings();
        bindings.push(thermometer::binding::<Thermometer>());
        let realm = engine
            .create_realm(RealmOptions {
                bindings,
                core: longhaul_dom::core(),
                id: global.realm().unwrap_or_else(RealmId::next),
                global,
                exposure: Exposure::Window,
                secure_context: true,
                agent: Arc::new(Handle(Arc::clone(&queue), tokio::runtime::Handle::current())),
                on_error: Box::new(|error| panic!("{error}")),
                modules: None,
            })
            .expect("the realm is made");
        engine.evaluate_script(realm, SCRIPT.as_bytes(), "page.js").expect("the script is sound");
        let text = || match engine.evaluate_script(realm, b"said.join()", "text.js") {
            Ok(Value::String(text)) => text.to_string(),
            other => panic!("{other:?}"),
        };
        let expected = "[object Thermometer],30 °C,-4,true,true,\
            RangeError,TypeError,TypeError,TypeError,TypeError,URIError,6,TypeError";
        while text().split(',').count() < 14 {
            let tasks = std::mem::take(&mut *queue.0.lock().unwrap());
            tasks.into_iter().for_each(|task| engine.run_task(realm, task));
            std::thread::yield_now();
        }
        assert_eq!(text(), format!("{expected},86fahrenheit"));
    });
    user_agent.shutdown().await;
}
