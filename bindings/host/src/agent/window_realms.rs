//! The realms of an agent's windows: a page's own, its frames', and those that follow them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_dom::WindowGlobal;
use longhaul_idl::runtime::{AgentHandle, Exposure, ModuleParser, Realm, RealmId};
use longhaul_quickjs::RealmOptions;

use super::event_loop::{Agent, with_engine};
use super::uncaught::{Place, error_reporter};
use super::window::{PageOptions, WindowHook};

/// Makes realms with the engine of the thread that it is used on.
pub(super) struct WindowRealms {
    agent: Arc<dyn AgentHandle>,
    end: Arc<dyn Fn(RealmId) + Send + Sync>,
    on_error: Arc<dyn Fn(String) + Send + Sync>,
    on_window: Option<WindowHook>,
    /// What runs in each realm.
    places: Mutex<HashMap<RealmId, Place>>,
}

impl WindowRealms {
    pub(super) fn of(agent: &Agent, options: &PageOptions) -> Arc<Self> {
        Arc::new(Self {
            agent: agent.handle(),
            end: agent.realm_ender(),
            on_error: options.on_error.clone(),
            on_window: options.on_window.clone(),
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
            modules: Some(window.modules()),
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

    fn module_parser(&self) -> ModuleParser {
        longhaul_quickjs::module_requests
    }

    fn script_failed(&self, message: String) {
        (self.on_error)(message);
    }
}
