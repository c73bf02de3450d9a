//! The way between a test's windows and the host: messages out of each, answers back.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use longhaul_dom::{BrowsingContext, WindowGlobal};
use longhaul_idl::runtime::{AgentHandle, Held, Realm, RealmId, TaskSource, Value};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::driver::Driver;
use super::protocol::{Ending, Outcome};
use crate::report::{Status, SubtestResult};

/// What runs in each window before its first script, with a place for the settings.
const BOOTSTRAP: &str = include_str!("bootstrap.js");

/// One test's way. It is told of each window that is made.
pub(super) struct Session {
    driver: Driver,
    bootstrap: String,
    /// The browsing context of the test itself: only what its window reports counts.
    own: Mutex<Option<Arc<BrowsingContext>>>,
    outcome: mpsc::UnboundedSender<Outcome>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Message {
    Results { results: Results },
    Command { number: f64, name: String, parameters: serde_json::Value },
}

#[derive(Deserialize)]
struct Results {
    status: Status,
    message: Option<String>,
    subtests: Vec<SubtestResult>,
}

/// Where a window's messages come from and where answers go.
#[derive(Clone)]
struct Window {
    realm: RealmId,
    agent: Arc<dyn AgentHandle>,
    /// What the bootstrap gave.
    function: Held,
    is_own: bool,
}

impl Session {
    /// A session whose results go to `outcome`.
    pub(super) fn new(
        driver: Driver,
        timeout_multiplier: f64,
        outcome: mpsc::UnboundedSender<Outcome>,
    ) -> Arc<Session> {
        let settings = serde_json::json!({ "timeoutMultiplier": timeout_multiplier });
        let bootstrap = BOOTSTRAP.replacen("SETTINGS", &settings.to_string(), 1);
        Arc::new(Session { driver, bootstrap, own: Mutex::new(None), outcome })
    }

    /// A window was made: its scripts get a way here.
    pub(super) fn window_made(self: &Arc<Self>, realm: &dyn Realm, window: &Arc<WindowGlobal>) {
        let is_own = {
            let context = window.context();
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            // The first window is the page's.
            Arc::ptr_eq(own.get_or_insert_with(|| context.clone()), &context)
        };
        match realm.run_script(self.bootstrap.as_bytes(), "longhaul-wpt") {
            Ok(Value::Held(function)) => {
                let window = Window { realm: realm.id(), agent: realm.agent().clone(), function, is_own };
                self.listen(realm, window);
            }
            Ok(_) => self.failed("the bootstrap gave no function"),
            Err(exception) => realm.report_exception(exception),
        }
    }

    fn failed(&self, message: &str) {
        // Whoever ran the test has given up.
        let _ = self.outcome.send(Outcome::without_subtests(Status::Error, message));
    }

    /// Waits for the window's next message.
    fn listen(self: &Arc<Self>, realm: &dyn Realm, window: Window) {
        let next = match realm.call(&window.function, None, Vec::new()) {
            Ok(Value::Held(promise)) => realm.observe_promise(&promise),
            Ok(_) => return self.failed("the bootstrap gave no promise"),
            Err(exception) => return realm.report_exception(exception),
        };
        let session = self.clone();
        let agent = window.agent.clone();
        agent.spawn(
            async move {
                // Without an answer the window is gone.
                let Ok(Value::String(text)) = next.await else { return };
                let again = (session.clone(), window.clone());
                let listen = Box::new(move |realm: &dyn Realm| again.0.listen(realm, again.1));
                window.agent.queue_task(TaskSource::Dom, window.realm, listen);
                match serde_json::from_str(&text.into_usv_string()) {
                    Ok(message) => session.received(message, window).await,
                    Err(error) => session.failed(&format!("a message of the page cannot be read: {error}")),
                }
            }
            .boxed(),
        );
    }

    async fn received(self: Arc<Self>, message: Message, window: Window) {
        match message {
            Message::Results { results } if window.is_own => {
                let Results { status, message, subtests } = results;
                let outcome =
                    Outcome { ending: Ending::Over, status, message, subtests, console: Vec::new() };
                // Whoever ran the test has given up.
                let _ = self.outcome.send(outcome);
            }
            // Harnesses in frames and opened windows report to the test, which reports here.
            Message::Results { .. } => {}
            Message::Command { number, name, .. } if name == "restart" => {
                // There is nobody to answer to: the page is about to be gone.
                let _ = number;
                let outcome = Outcome {
                    ending: Ending::Restart,
                    ..Outcome::without_subtests(Status::Ok, String::new())
                };
                let _ = self.outcome.send(outcome);
            }
            Message::Command { number, name, .. } if name == "click" => {
                let click = Box::new(move |realm: &dyn Realm| {
                    let clicked = click(realm, &window.function, number);
                    answer(realm, &window.function, number, clicked.map(|()| "null".to_owned()));
                });
                window.agent.clone().queue_task(TaskSource::UserInteraction, window.realm, click);
            }
            Message::Command { number, name, parameters } => {
                let result = self.driver.command(&name, &parameters).await.map(|value| value.to_string());
                let settle =
                    Box::new(move |realm: &dyn Realm| answer(realm, &window.function, number, result));
                window.agent.clone().queue_task(TaskSource::UserInteraction, window.realm, settle);
            }
        }
    }
}

/// Settles a command.
fn answer(realm: &dyn Realm, function: &Held, number: f64, result: Result<String, String>) {
    let worked = result.is_ok();
    let text = result.unwrap_or_else(|reason| reason);
    let args = vec![Value::Number(number), Value::Boolean(worked), Value::String(text.into())];
    if let Err(exception) = realm.call(function, None, args) {
        realm.report_exception(exception);
    }
}

/// <https://w3c.github.io/webdriver/#element-click>: the events of a click by a user, which are trusted.
///
/// NOTE: there is no layout, so an element can be clicked wherever it is.
fn click(realm: &dyn Realm, function: &Held, number: f64) -> Result<(), String> {
    let args = vec![Value::String("element".into()), Value::Number(number)];
    let element = match realm.call(function, None, args) {
        Ok(Value::Held(element)) => element,
        Ok(_) => return Err("there is nothing to click".to_owned()),
        Err(_) => return Err("the element cannot be had".to_owned()),
    };
    longhaul_dom::notify_user_activation(realm);
    for name in ["mousedown", "mouseup", "click"] {
        let flag = |name: &str| (Value::String(name.into()), Value::Boolean(true));
        let init = Value::Record(vec![flag("bubbles"), flag("cancelable"), flag("composed")]);
        let args = vec![
            Value::Held(element.clone()),
            Value::String(name.into()),
            Value::String("MouseEvent".into()),
            init,
        ];
        if realm.core("fireEvent", args).is_err() {
            return Err(format!("{name} cannot be fired"));
        }
    }
    Ok(())
}
