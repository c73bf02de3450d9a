//! Service worker clients: who they are, and which worker controls them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures::future::BoxFuture;
use longhaul_fetch::EnvironmentSettings;
use url::Url;

use crate::deliveries::{Deliverer, Deliveries, deliveries};
use crate::messages::ClientMessages;
use crate::register::RegisterError;
use crate::service_worker::{Worker, WorkerHandle, WorkerId, WorkerState};
use crate::service_worker_registration::{Registration, Slot};
use crate::service_workers::{Inner, ServiceWorkers, State};

/// What sort of client one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// A document in a window or frame.
    Window(FrameType),
    /// A dedicated worker.
    DedicatedWorker,
    /// A shared worker.
    SharedWorker,
}

/// <https://w3c.github.io/ServiceWorker/#enumdef-frametype>, of a window
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// A window that another opened.
    Auxiliary,
    /// A window.
    TopLevel,
    /// A frame in a document.
    Nested,
}

/// What is asked of whoever has a window client's browsing context.
pub trait WindowHost: Send + Sync + 'static {
    /// Whether the user could see the document.
    fn is_visible(&self) -> bool;

    /// Whether the document has the focus.
    fn has_focus(&self) -> bool;

    /// Gives the document the focus.
    fn focus(&self);

    /// The origins of the documents around it, the nearest first.
    fn ancestor_origins(&self) -> Vec<String>;

    /// Navigates the browsing context, and gives the id of the client that is there afterwards; nothing, if that one is of
    /// another origin.
    fn navigate(&self, url: Url) -> BoxFuture<'static, Result<Option<String>, String>>;
}

/// A client as it is at the moment.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientSnapshot {
    /// Its environment's id.
    pub id: String,
    /// Its creation URL.
    pub url: Url,
    /// What it is.
    pub kind: ClientKind,
    /// Whether the user could see it.
    pub is_visible: bool,
    /// Whether it has the focus.
    pub is_focused: bool,
    /// The origins around it.
    pub ancestor_origins: Vec<String>,
    /// Who navigates it, if anybody does.
    pub host: Option<Arc<dyn WindowHost>>,
}

/// The clients, and those to be.
#[derive(Default)]
pub(crate) struct Clients {
    map: HashMap<String, Client>,
    /// What Handle Fetch found for clients whose response is on its way.
    reserved: VecDeque<(String, Option<Arc<Registration>>)>,
    /// Orders clients by their creation.
    created: u64,
    /// Orders windows by when they had the focus.
    focused: u64,
}

/// More navigations than these are not under way at a time; the oldest of more are matched once more by their URL.
const MOST_RESERVED: usize = 1024;

/// <https://w3c.github.io/ServiceWorker/#dfn-service-worker-client>
pub(crate) struct Client {
    environment: Arc<EnvironmentSettings>,
    /// What decides which registration it is of: its URL, or that of who made it where it has no address of its own.
    ///
    /// DEVIATION: the standard has the URL alone, which no scope is ever part of there; web-platform-tests asserts that such workers
    /// are claimed.
    scope_url: Url,
    kind: ClientKind,
    host: Option<Arc<dyn WindowHost>>,
    created: u64,
    /// When it had the focus last; 0 for never.
    focused: u64,
    controller: Option<Controller>,
    observers: Vec<Deliverer<Option<WorkerHandle>>>,
    pub(crate) messages: ClientMessages,
}

/// A client's active service worker, with its registration.
#[derive(Clone)]
struct Controller {
    registration: Arc<Registration>,
    worker: Arc<Worker>,
}

impl ServiceWorkers {
    /// Adds a top-level page, or a dedicated worker.
    pub fn register_client(&self, environment: Arc<EnvironmentSettings>) -> Option<WorkerHandle> {
        let kind = match environment.is_window {
            true => ClientKind::Window(FrameType::TopLevel),
            false => ClientKind::DedicatedWorker,
        };
        self.register_client_as(environment, kind, None)
    }

    /// Adds a page or worker. It is controlled by the worker that its own fetch went to; one that was not fetched, by the
    /// active worker of the registration that its URL matches.
    pub fn register_client_as(
        &self,
        environment: Arc<EnvironmentSettings>,
        kind: ClientKind,
        host: Option<Arc<dyn WindowHost>>,
    ) -> Option<WorkerHandle> {
        let mut state = self.inner.state();
        let controller = state.controller_for(&environment, &environment.id);
        let scope_url = environment.creation_url.clone();
        state.add_client(environment, scope_url, kind, host, controller)
    }

    /// Adds a page or worker that was not fetched over HTTP (`about:blank`, `about:srcdoc`, `blob:`): it is controlled by what
    /// controls its creator, if they are of one origin.
    pub fn register_inheriting_client(
        &self,
        environment: Arc<EnvironmentSettings>,
        kind: ClientKind,
        host: Option<Arc<dyn WindowHost>>,
        creator_id: &str,
    ) -> Option<WorkerHandle> {
        let mut state = self.inner.state();
        let (controller, scope_url) = state.inherited(&environment, creator_id);
        state.add_client(environment, scope_url, kind, host, controller)
    }

    /// A window shows a document of its own in the place of its initial one: the client has another URL. It is controlled by the
    /// worker that the document's fetch went to, for which it had the id `reserved_id`; where it was not fetched, by what
    /// controls its creator. Its messages and observers stay.
    pub fn replace_document(
        &self,
        environment: Arc<EnvironmentSettings>,
        reserved_id: &str,
        creator_id: Option<&str>,
    ) {
        let left = {
            let mut state = self.inner.state();
            let (controller, scope_url) = match creator_id {
                Some(creator) => state.inherited(&environment, creator),
                None => (state.controller_for(&environment, reserved_id), environment.creation_url.clone()),
            };
            let Some(client) = state.client_mut(&environment.id) else { return };
            (client.environment, client.scope_url) = (environment, scope_url);
            std::mem::replace(&mut client.controller, controller)
        };
        if let Some(left) = left {
            self.inner.after_unload(&left.registration);
        }
    }

    /// Removes a page or worker that is gone.
    ///
    /// <https://w3c.github.io/ServiceWorker/#on-client-unload>
    pub fn unregister_client(&self, client_id: &str) {
        let removed = self.inner.state().clients.map.remove(client_id);
        if let Some(controller) = removed.and_then(|client| client.controller) {
            self.inner.after_unload(&controller.registration);
        }
    }

    /// The worker that controls a client.
    pub fn controller(&self, client_id: &str) -> Option<WorkerHandle> {
        let state = self.inner.state();
        Some(state.client(client_id)?.controller.as_ref()?.worker.handle())
    }

    /// The client's controllers from now on, each a reason to fire `controllerchange`. Ends with the client.
    pub fn observe_controller(&self, client_id: &str) -> Deliveries<Option<WorkerHandle>> {
        let (deliverer, observed) = deliveries();
        if let Some(client) = self.inner.state().client_mut(client_id) {
            client.observers.push(deliverer);
        }
        observed
    }

    /// Makes an active worker the controller of every client that its registration matches.
    ///
    /// <https://w3c.github.io/ServiceWorker/#clients-claim>
    pub fn claim(&self, worker: WorkerId) -> Result<(), RegisterError> {
        let found = self.inner.state().find_worker(worker);
        match found {
            Some((registration, worker)) => self.inner.claim(&registration, &worker),
            None => Err(RegisterError::NoWorker(worker.to_string())),
        }
    }

    /// A client of a storage key.
    ///
    /// <https://w3c.github.io/ServiceWorker/#clients-get>
    pub fn client(&self, storage_key: &str, client_id: &str) -> Option<ClientSnapshot> {
        let (client, is_focused) = {
            let state = self.inner.state();
            let client = state.client(client_id).filter(|it| it.environment.storage_key == storage_key)?;
            (client.parts(), state.is_focused(client))
        };
        Some(client.snapshot(is_focused))
    }

    /// The secure clients of a storage key, only those that `controlled_by` controls if it is given: windows first, those that
    /// had the focus before the others and the last of these first; otherwise the oldest first.
    ///
    /// <https://w3c.github.io/ServiceWorker/#clients-matchall>
    pub fn match_clients(&self, storage_key: &str, controlled_by: Option<WorkerId>) -> Vec<ClientSnapshot> {
        let parts: Vec<(ClientParts, bool)> = {
            let state = self.inner.state();
            let mut matched: Vec<&Client> = state
                .clients
                .map
                .values()
                .filter(|client| {
                    client.environment.storage_key == storage_key
                        && client.environment.secure_context
                        && controlled_by.is_none_or(|worker| {
                            client
                                .controller
                                .as_ref()
                                .is_some_and(|controller| controller.worker.id == worker)
                        })
                })
                .collect();
            matched.sort_by_key(|client| {
                (
                    !matches!(client.kind, ClientKind::Window(_)),
                    std::cmp::Reverse(client.focused),
                    client.created,
                )
            });
            matched.into_iter().map(|client| (client.parts(), state.is_focused(client))).collect()
        };
        // NOTE: the hosts are asked outside of the lock.
        parts.into_iter().map(|(parts, is_focused)| parts.snapshot(is_focused)).collect()
    }

    /// Tells that a window has the focus now.
    pub fn set_focused_client(&self, client_id: &str) {
        self.set_focused_clients([client_id]);
    }

    /// Tells that a window has the focus now, with those around it.
    pub fn set_focused_clients<'a>(&self, client_ids: impl IntoIterator<Item = &'a str>) {
        let mut state = self.inner.state();
        state.clients.focused += 1;
        let focused = state.clients.focused;
        for id in client_ids {
            if let Some(client) = state.client_mut(id) {
                client.focused = focused;
            }
        }
    }
}

impl Inner {
    pub(crate) fn claim(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> Result<(), RegisterError> {
        let left = {
            let mut state = self.state();
            // 1. Only an active worker may.
            if !registration.slots().active.as_ref().is_some_and(|active| Arc::ptr_eq(active, worker)) {
                return Err(RegisterError::NoWorker(registration.scope.to_string()));
            }
            state.claim_clients(registration, worker)
        };
        // 3.6. What the clients used before may be free now.
        for registration in left {
            self.after_unload(&registration);
        }
        Ok(())
    }

    /// What a client used may be cleared or replaced now.
    fn after_unload(self: &Arc<Self>, registration: &Arc<Registration>) {
        self.try_clear_if_unregistered(registration);
        self.try_activate(registration);
    }
}

impl State {
    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.map.get(id)
    }

    pub(crate) fn client_mut(&mut self, id: &str) -> Option<&mut Client> {
        self.clients.map.get_mut(id)
    }

    /// The registration whose worker controls a client.
    pub(crate) fn controller_of(&self, id: &str) -> Option<Arc<Registration>> {
        Some(self.client(id)?.controller.as_ref()?.registration.clone())
    }

    /// Remembers what is to control a client once it is there.
    pub(crate) fn reserve_controller(&mut self, id: &str, registration: Option<&Arc<Registration>>) {
        let reserved = &mut self.clients.reserved;
        reserved.retain(|(known, _)| known != id);
        if reserved.len() == MOST_RESERVED {
            reserved.pop_front();
        }
        reserved.push_back((id.to_owned(), registration.cloned()));
    }

    /// Whether something is known of what is to control a client.
    pub(crate) fn has_reserved_controller(&self, id: &str) -> bool {
        self.clients.reserved.iter().any(|(known, _)| known == id)
    }

    /// Whether a client uses the registration.
    pub(crate) fn is_used(&self, registration: &Arc<Registration>) -> bool {
        self.clients.map.values().any(|client| client.uses(registration))
    }

    /// Steps 8-9 of Activate: the clients of the registration follow it to its new worker.
    pub(crate) fn hand_over_clients(&mut self, registration: &Arc<Registration>, worker: &Arc<Worker>) {
        for client in self.clients.map.values_mut().filter(|client| client.uses(registration)) {
            client.set_controller(registration.clone(), worker.clone());
        }
    }

    /// The clients of a registration that is cleared have no controller any more.
    pub(crate) fn take_controller_away(&mut self, registration: &Arc<Registration>) {
        for client in self.clients.map.values_mut().filter(|client| client.uses(registration)) {
            client.controller = None;
            client.observers.retain(|observer| observer.tell(None));
        }
    }

    fn add_client(
        &mut self,
        environment: Arc<EnvironmentSettings>,
        scope_url: Url,
        kind: ClientKind,
        host: Option<Arc<dyn WindowHost>>,
        controller: Option<Controller>,
    ) -> Option<WorkerHandle> {
        let worker = controller.as_ref().map(|controller| controller.worker.handle());
        self.clients.created += 1;
        let client = Client {
            created: self.clients.created,
            focused: 0,
            scope_url,
            kind,
            host,
            controller,
            observers: Vec::new(),
            messages: ClientMessages::default(),
            environment: environment.clone(),
        };
        self.clients.map.insert(environment.id.clone(), client);
        worker
    }

    /// What controls a client whose creator made it without a fetch, and the URL that decides that.
    fn inherited(&self, environment: &EnvironmentSettings, creator_id: &str) -> (Option<Controller>, Url) {
        let creator = self.client(creator_id).filter(|creator| {
            creator.environment.origin == environment.origin && environment.origin.is_tuple()
        });
        let controller = creator.and_then(|creator| creator.controller.clone());
        (controller, creator.map_or(&environment.creation_url, |creator| &creator.scope_url).clone())
    }

    /// What controls a client that was fetched under an id.
    fn controller_for(&mut self, environment: &EnvironmentSettings, reserved_id: &str) -> Option<Controller> {
        let reserved = &mut self.clients.reserved;
        let place = reserved.iter().position(|(known, _)| known == reserved_id);
        let reserved = place.and_then(|place| reserved.remove(place));
        if !environment.secure_context {
            return None;
        }
        let registration = match reserved {
            Some((_, registration)) => registration?,
            None => self.match_registration(&environment.storage_key, &environment.creation_url)?,
        };
        let worker = registration.worker(Slot::Active)?;
        (worker.state() != WorkerState::Redundant).then_some(Controller { registration, worker })
    }

    /// The window that had the focus last has it, where nobody knows better.
    fn is_focused(&self, client: &Client) -> bool {
        client.focused != 0 && client.focused == self.clients.focused
    }

    /// Gives the registrations that the claimed clients used before.
    fn claim_clients(
        &mut self,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> Vec<Arc<Registration>> {
        // 3.2-3.5. Secure clients of the storage key whose URL matches this registration.
        let claimed: Vec<String> = self
            .clients
            .map
            .iter()
            .filter(|(_, client)| {
                let environment = &client.environment;
                environment.secure_context
                    && environment.storage_key == registration.storage_key
                    && self
                        .match_registration(&environment.storage_key, &client.scope_url)
                        .is_some_and(|matched| Arc::ptr_eq(&matched, registration))
                    && !client.controller.as_ref().is_some_and(|known| Arc::ptr_eq(&known.worker, worker))
            })
            .map(|(id, _)| id.clone())
            .collect();
        let mut left = Vec::new();
        for id in claimed {
            if let Some(client) = self.client_mut(&id) {
                left.extend(client.set_controller(registration.clone(), worker.clone()));
            }
        }
        left
    }
}

/// What of a client a snapshot is made of.
struct ClientParts {
    environment: Arc<EnvironmentSettings>,
    kind: ClientKind,
    host: Option<Arc<dyn WindowHost>>,
}

impl ClientParts {
    fn snapshot(self, is_focused: bool) -> ClientSnapshot {
        ClientSnapshot {
            id: self.environment.id.clone(),
            url: self.environment.creation_url.clone(),
            kind: self.kind,
            is_visible: self.host.as_ref().is_none_or(|host| host.is_visible()),
            is_focused: self.host.as_ref().map_or(is_focused, |host| host.has_focus()),
            ancestor_origins: self.host.as_ref().map(|host| host.ancestor_origins()).unwrap_or_default(),
            host: self.host,
        }
    }
}

impl Client {
    fn parts(&self) -> ClientParts {
        ClientParts { environment: self.environment.clone(), kind: self.kind, host: self.host.clone() }
    }

    fn uses(&self, registration: &Arc<Registration>) -> bool {
        self.controller.as_ref().is_some_and(|controller| Arc::ptr_eq(&controller.registration, registration))
    }

    /// Sets the controller and tells the client. Gives the registration that it used before.
    ///
    /// <https://w3c.github.io/ServiceWorker/#notify-controller-change>
    fn set_controller(
        &mut self,
        registration: Arc<Registration>,
        worker: Arc<Worker>,
    ) -> Option<Arc<Registration>> {
        let handle = worker.handle();
        let before = self.controller.replace(Controller { registration, worker });
        self.observers.retain(|observer| observer.tell(Some(handle.clone())));
        before.map(|before| before.registration)
    }
}

impl std::fmt::Debug for ClientSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSnapshot")
            .field("id", &self.id)
            .field("url", &self.url.as_str())
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
