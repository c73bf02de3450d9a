//! <https://w3c.github.io/ServiceWorker/#client-interface>

use std::sync::Arc;

use longhaul::service_worker::{self, ClientKind, ClientSnapshot};
use longhaul_idl::runtime::{DomString, Exception, Held, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{ClientMethods, ClientType, DocumentVisibilityState, FrameType, WindowClientMethods};

use super::clients::worker_global;

/// <https://w3c.github.io/ServiceWorker/#client>, of a worker
pub(crate) struct Client(ClientSnapshot);

/// <https://w3c.github.io/ServiceWorker/#windowclient>
pub(crate) struct WindowClient(ClientSnapshot);

longhaul_idl::platform_object!(Client => longhaul_idl::client);
longhaul_idl::platform_object!(WindowClient => longhaul_idl::window_client);

/// <https://w3c.github.io/ServiceWorker/#create-client-algorithm> and Create Window Client
pub(super) fn client_object(snapshot: ClientSnapshot) -> ObjectRef {
    match snapshot.kind {
        ClientKind::Window(_) => Arc::new(WindowClient(snapshot)),
        ClientKind::DedicatedWorker | ClientKind::SharedWorker => Arc::new(Client(snapshot)),
    }
}

macro_rules! client_members {
    ($($object:ty),*) => {$(
        impl $object {
            fn post(
                self: &Arc<Self>,
                realm: &dyn Realm,
                message: Value,
                transfer: Vec<Held>,
            ) -> Result<(), Exception> {
                super::messages::post_to_client(realm, &self.0.id, message, transfer)
            }
        }

        impl ClientMethods for $object {
            crate::html::post_message_members!();

            fn url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(self.0.url.to_string())
            }

            fn frame_type(self: &Arc<Self>, _: &dyn Realm) -> Result<FrameType, Exception> {
                Ok(match self.0.kind {
                    ClientKind::Window(service_worker::FrameType::Auxiliary) => FrameType::Auxiliary,
                    ClientKind::Window(service_worker::FrameType::TopLevel) => FrameType::TopLevel,
                    ClientKind::Window(service_worker::FrameType::Nested) => FrameType::Nested,
                    ClientKind::DedicatedWorker | ClientKind::SharedWorker => FrameType::None,
                })
            }

            fn id(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
                Ok(self.0.id.as_str().into())
            }

            fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<ClientType, Exception> {
                Ok(match self.0.kind {
                    ClientKind::Window(_) => ClientType::Window,
                    ClientKind::DedicatedWorker => ClientType::Worker,
                    ClientKind::SharedWorker => ClientType::Sharedworker,
                })
            }
        }
    )*};
}
client_members!(Client, WindowClient);

impl WindowClientMethods for WindowClient {
    fn visibility_state(self: &Arc<Self>, _: &dyn Realm) -> Result<DocumentVisibilityState, Exception> {
        Ok(match self.0.is_visible {
            true => DocumentVisibilityState::Visible,
            false => DocumentVisibilityState::Hidden,
        })
    }

    fn focused(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.0.is_focused)
    }

    fn ancestor_origins(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<String>, Exception> {
        Ok(self.0.ancestor_origins.clone())
    }

    /// <https://w3c.github.io/ServiceWorker/#client-focus>
    fn focus(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
        // 1. Not out of the blue.
        if !worker_global(realm)?.consume_interaction() {
            return Err(Exception::dom(
                "InvalidAccessError",
                "the user has done nothing that would allow it",
            ));
        }
        // 4. The window has the focus, unless it is gone.
        let scope = crate::global_scope(realm)?;
        let service_workers = scope.user_agent().service_workers();
        service_workers.set_focused_client(&self.0.id);
        if let Some(host) = &self.0.host {
            host.focus();
        }
        match service_workers.client(&scope.settings().storage_key, &self.0.id) {
            Some(snapshot) => Ok(PromiseOf::resolved(client_object(snapshot))),
            None => Err(Exception::type_error("the window is gone")),
        }
    }

    /// <https://w3c.github.io/ServiceWorker/#client-navigate>
    fn navigate(
        self: &Arc<Self>,
        realm: &dyn Realm,
        url: String,
    ) -> Result<PromiseOf<Option<ObjectRef>>, Exception> {
        let scope = crate::global_scope(realm)?;
        // 1.–3. A URL that is a place.
        let url = super::clients::parse_window_url(&scope.settings().api_base_url, &url)?;
        // 4. One's own clients only.
        let service_workers = scope.user_agent().service_workers().clone();
        let own = worker_global(realm)?.description().worker_scope.service_worker();
        if service_workers.controller(&self.0.id) != Some(own) {
            return Err(Exception::type_error("the client is not controlled by this worker"));
        }
        let Some(host) = self.0.host.clone() else {
            return Err(Exception::type_error("the window cannot be navigated"));
        };
        // 7. The navigation, and what is there afterwards.
        let storage_key = scope.settings().storage_key.clone();
        crate::promise::promise_in_realm(realm, async move {
            let client = host.navigate(url).await.map_err(Exception::type_error)?;
            Ok(match client.and_then(|id| service_workers.client(&storage_key, &id)) {
                Some(snapshot) => Value::Object(client_object(snapshot)),
                None => Value::Null,
            })
        })
    }
}
