//! The realms of an agent's windows: a page's own, its frames', and those that follow them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul::UserAgent;
use longhaul_dom::{WindowGlobal, WorkerThread};
use longhaul_idl::runtime::{AgentHandle, Exposure, Realm, RealmId};
use longhaul_quickjs::RealmOptions;

use super::event_loop::{Agent, with_engine};
use super::script_loading::PageModules;
use super::uncaught::{Place, error_reporter};
use super::window::{PageOptions, WindowHook};
use super::worker::Thread;

/// Makes realms with the engine of the thread that it is used on.
pub(super) struct WindowRealms {
    user_agent: UserAgent,
    agent: Arc<dyn AgentHandle>,
    end: Arc<dyn Fn(RealmId) + Send + Sync>,
    on_error: Arc<dyn Fn(String) + Send + Sync>,
    on_window: Option<WindowHook>,
    thread: Arc<dyn WorkerThread>,
    /// What runs in each realm.
    places: Mutex<HashMap<RealmId, Place>>,
}

impl WindowRealms {
    pub(super) fn of(agent: &Agent, options: &PageOptions) -> Arc<Self> {
        Arc::new(Self {
            user_agent: options.user_agent.clone(),
            agent: agent.handle(),
            end: agent.realm_ender(),
            on_error: options.on_error.clone(),
            on_window: options.on_window.clone(),
            thread: Arc::new(Thread(agent.shared.clone())),
            places: Mutex::default(),
        })
    }

    fn places(&self) -> MutexGuard<'_, HashMap<RealmId, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl longhaul_dom::WindowRealms for WindowRealms {
    fn create(&self, window: &Arc<WindowGlobal>) -> Result<(), String> {
        let environment = window.environment().clone();
        let modules = PageModules {
            user_agent: self.user_agent.clone(),
            client: environment.clone(),
            modules: window.modules(),
            thread: self.thread.clone(),
        };
        let place = Place::new(environment.creation_url.as_str());
        self.places().insert(window.realm_id(), place.clone());
        let options = RealmOptions {
            bindings: longhaul_dom::bindings(),
            core: longhaul_dom::core(),
            global: window.clone(),
            exposure: Exposure::Window,
            secure_context: environment.secure_context,
            agent: self.agent.clone(),
            id: window.realm_id(),
            on_error: error_reporter(place, self.on_error.clone()),
            modules: Some(Box::new(modules)),
        };
        window.set_agent(self.agent.clone());
        let made = with_engine(|engine| engine.create_realm(options));
        match made {
            Some(made) => made.map(drop).map_err(|error| error.to_string())?,
            None => return Err("the thread has no engine".to_owned()),
        }
        if let Some(hook) = &self.on_window {
            self.run(window.realm_id(), &mut |realm| hook(realm, window));
        }
        Ok(())
    }

    fn run(&self, realm: RealmId, task: &mut dyn FnMut(&dyn Realm)) {
        with_engine(|engine| engine.run_now(realm, task));
    }

    fn destroy(&self, realm: RealmId) {
        self.places().remove(&realm);
        (self.end)(realm);
    }

    fn script_begins(&self, realm: RealmId, url: &str) {
        if let Some(place) = self.places().get(&realm) {
            place.set(url);
        }
    }

    fn script_failed(&self, message: String) {
        (self.on_error)(message);
    }
}
