//! What `tracing` is told of a fetch unless an embedder watches by itself.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{FakeNetwork, cors, redirect, reply, run, text};

/// A span or an event: its fields, and for an event the span it came in.
#[derive(Clone, Debug, Default)]
struct Told {
    fields: BTreeMap<&'static str, String>,
    span: Option<u64>,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

/// Takes down what this crate tells.
#[derive(Clone, Default)]
struct Log {
    spans: Arc<Mutex<Vec<Told>>>,
    events: Arc<Mutex<Vec<Told>>>,
    entered: Arc<Mutex<Vec<u64>>>,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("longhaul_fetch")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = Told::default();
        span.record(&mut told);
        let mut spans = self.spans.lock().unwrap();
        spans.push(told);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut self.spans.lock().unwrap()[span.into_u64() as usize - 1]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut told = Told { span: self.entered.lock().unwrap().last().copied(), ..Told::default() };
        event.record(&mut told);
        self.events.lock().unwrap().push(told);
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.entered.lock().unwrap().pop(), Some(span.into_u64()));
    }
}

#[test]
fn each_fetch_is_a_span_and_each_step_an_event_in_it() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let network = FakeNetwork::new(|seen| match seen.target.as_str() {
                "/one" => redirect(302, "/two"),
                "/far" => redirect(302, "ftp://elsewhere.example/"),
                _ => reply(201, &[], "here"),
            });
            let both = futures::future::join(run(&network, cors("/one")), run(&network, cors("/far")));
            let (good, bad) = both.await;
            assert_eq!(text(good).await, "here");
            assert!(bad.reason().is_some());
        });
    });
    let spans = log.spans.lock().unwrap();
    let fetches: Vec<_> = spans.iter().filter(|span| span.fields.contains_key("url")).collect();
    let [good, bad] = fetches[..] else { panic!("{spans:?}") };
    assert_eq!((good.fields["method"].as_str(), good.fields["status"].as_str()), ("GET", "201"));
    assert!(good.fields["url"].ends_with("/one") && !good.fields.contains_key("reason"));
    assert!(bad.fields["reason"].contains("ftp") && !bad.fields.contains_key("status"));
    let events = log.events.lock().unwrap();
    assert!(events.iter().all(|event| event.span.is_some()), "{events:?}");
    let messages = |span: u64| -> Vec<String> {
        let of_span = events.iter().filter(|event| event.span == Some(span));
        of_span
            .map(|event| event.fields.get("step").or(event.fields.get("message")).unwrap().clone())
            .collect()
    };
    assert_eq!(messages(1).first().map(String::as_str), Some("fetch"));
    assert_eq!(messages(1).iter().filter(|message| *message == "response").count(), 2);
    assert_eq!(messages(1).last().map(String::as_str), Some("\"finished\""));
    assert!(messages(2).iter().any(|message| message == "network error"), "{events:?}");
}
