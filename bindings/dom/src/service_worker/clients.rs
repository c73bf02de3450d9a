//! <https://w3c.github.io/ServiceWorker/#clients-interface>

use std::sync::Arc;

use longhaul::service_worker::{ClientKind, OpenWindowError};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{ClientOrUndefined, ClientQueryOptions, ClientType, ClientsMethods};
use url::Url;

use super::client::client_object;
use super::register_exception;
use crate::html::ServiceWorkerGlobal;

/// <https://w3c.github.io/ServiceWorker/#clients>
pub(crate) struct Clients;

longhaul_idl::platform_object!(Clients => longhaul_idl::clients);

pub(super) fn worker_global(realm: &dyn Realm) -> Result<Arc<ServiceWorkerGlobal>, Exception> {
    realm
        .global()
        .downcast::<ServiceWorkerGlobal>()
        .ok_or_else(|| Exception::type_error("the realm is not a service worker's"))
}

/// The URL of a place that a window may be sent to.
pub(super) fn parse_window_url(base: &Url, url: &str) -> Result<Url, Exception> {
    let parsed = base
        .join(url)
        .map_err(|_| Exception::type_error(format!("\"{}\" is not a URL", crate::shown(url))))?;
    if parsed.as_str() == "about:blank" {
        return Err(Exception::type_error("about:blank is no place to go"));
    }
    Ok(parsed)
}

impl ClientsMethods for Clients {
    /// <https://w3c.github.io/ServiceWorker/#clients-get>
    fn get(
        self: &Arc<Self>,
        realm: &dyn Realm,
        id: DomString,
    ) -> Result<PromiseOf<ClientOrUndefined>, Exception> {
        let scope = crate::global_scope(realm)?;
        let found = scope.user_agent().service_workers().client(&scope.settings().storage_key, &id);
        Ok(PromiseOf::new(async move {
            Ok(match found {
                Some(snapshot) => ClientOrUndefined::Client(client_object(snapshot)),
                None => ClientOrUndefined::Undefined,
            })
        }))
    }

    /// <https://w3c.github.io/ServiceWorker/#clients-matchall>
    fn match_all(
        self: &Arc<Self>,
        realm: &dyn Realm,
        options: ClientQueryOptions,
    ) -> Result<PromiseOf<Vec<ObjectRef>>, Exception> {
        let scope = crate::global_scope(realm)?;
        let own = worker_global(realm)?.description().id;
        let controlled_by = (!options.include_uncontrolled).then_some(own);
        // 2.1.–2.4. The clients, in order.
        let service_workers = scope.user_agent().service_workers();
        let mut clients = service_workers.match_clients(&scope.settings().storage_key, controlled_by);
        clients.retain(|client| match options.type_ {
            ClientType::All => true,
            ClientType::Window => matches!(client.kind, ClientKind::Window(_)),
            ClientType::Worker => client.kind == ClientKind::DedicatedWorker,
            ClientType::Sharedworker => client.kind == ClientKind::SharedWorker,
        });
        // 2.5. Objects for them.
        Ok(PromiseOf::new(async move { Ok(clients.into_iter().map(client_object).collect()) }))
    }

    /// <https://w3c.github.io/ServiceWorker/#clients-openwindow>
    fn open_window(
        self: &Arc<Self>,
        realm: &dyn Realm,
        url: String,
    ) -> Result<PromiseOf<Option<ObjectRef>>, Exception> {
        let scope = crate::global_scope(realm)?;
        // 1.–3. A URL that is a place.
        let url = parse_window_url(&scope.settings().api_base_url, &url)?;
        // 4. Not out of the blue.
        if !worker_global(realm)?.consume_interaction() {
            return Err(Exception::dom(
                "InvalidAccessError",
                "the user has done nothing that would allow it",
            ));
        }
        // 7. The embedder opens it.
        let service_workers = scope.user_agent().service_workers().clone();
        let storage_key = scope.settings().storage_key.clone();
        let opening = service_workers.open_window(url, Arc::clone(scope.settings()));
        crate::promise::promise_in_realm(realm, async move {
            let id = opening.await.map_err(|error| match error {
                OpenWindowError::Unsupported => Exception::dom("InvalidAccessError", error.to_string()),
                error => Exception::type_error(error.to_string()),
            })?;
            // 7.3.1. One of another storage key is none of the worker's business.
            Ok(match service_workers.client(&storage_key, &id) {
                Some(snapshot) => Value::Object(client_object(snapshot)),
                None => Value::Null,
            })
        })
    }

    /// <https://w3c.github.io/ServiceWorker/#clients-claim>
    fn claim(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<()>, Exception> {
        worker_global(realm)?.description().worker_scope.claim().map_err(register_exception)?;
        Ok(PromiseOf::resolved(()))
    }
}
