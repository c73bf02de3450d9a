//! Windows as clients of service workers: <https://w3c.github.io/ServiceWorker/#service-worker-client>

use std::sync::{Arc, Weak};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::fetch::{EnvironmentSettings, serialize_origin};
use longhaul::service_worker::{ClientKind, FrameType, WindowHost};
use longhaul_idl::runtime::{Realm, TaskSource};
use url::Url;

use super::WindowGlobal;
use super::browsing_context::BrowsingContext;
use super::navigate::{Navigation, navigate};

/// What service workers ask of a window.
struct Host {
    context: Weak<BrowsingContext>,
    window: Weak<WindowGlobal>,
}

impl WindowHost for Host {
    fn is_visible(&self) -> bool {
        self.context.upgrade().is_some_and(|context| !context.is_closed())
    }

    fn has_focus(&self) -> bool {
        self.context.upgrade().is_some_and(|context| context.has_focus())
    }

    fn focus(&self) {
        let (Some(context), Some(window)) = (self.context.upgrade(), self.window.upgrade()) else { return };
        let Some(agent) = window.agent() else { return };
        let focus = move |realm: &dyn Realm| super::focus::focus(realm, &context);
        agent.queue_task(TaskSource::UserInteraction, window.realm_id(), Box::new(focus));
    }

    fn ancestor_origins(&self) -> Vec<String> {
        let mut origins = Vec::new();
        let mut parent = self.context.upgrade().and_then(|context| context.parent());
        while let Some(context) = parent {
            if let Some(window) = context.active() {
                origins.push(serialize_origin(&window.scope().settings().origin));
            }
            parent = context.parent();
        }
        origins
    }

    fn navigate(&self, url: Url) -> BoxFuture<'static, Result<Option<String>, String>> {
        let gone = || std::future::ready(Err("the window is gone".to_owned())).boxed();
        let (Some(context), Some(window)) = (self.context.upgrade(), self.window.upgrade()) else {
            return gone();
        };
        let is_active = context.active().is_some_and(|active| Arc::ptr_eq(&active, &window));
        let Some(agent) = window.agent().filter(|_| is_active && !context.is_closed()) else { return gone() };
        let (sender, committed) = tokio::sync::oneshot::channel();
        let realm = window.realm_id();
        let origin = window.scope().settings().origin.clone();
        let go = move |realm: &dyn Realm| {
            let mut navigation = Navigation::from_window(&window);
            navigation.committed = Some(sender);
            navigate(realm, &context, url, navigation);
        };
        agent.queue_task(TaskSource::Navigation, realm, Box::new(go));
        async move {
            match committed.await {
                // 7.4. One of another origin is not shown.
                Ok(window) => {
                    let settings = Arc::clone(window.environment());
                    Ok((settings.origin == origin).then(|| settings.id.clone()))
                }
                Err(_) => Err("the navigation came to nothing".to_owned()),
            }
        }
        .boxed()
    }
}

impl WindowGlobal {
    /// Makes the window a client that service workers may control: by the worker that its document was fetched through, or, where
    /// the document has no address of its own, by the one of `creator`.
    pub fn register_client(self: &Arc<Self>, creator: Option<&str>) {
        let context = self.context();
        let frame_type = match (context.frame().is_some(), context.is_auxiliary()) {
            (true, _) => FrameType::Nested,
            (false, true) => FrameType::Auxiliary,
            (false, false) => FrameType::TopLevel,
        };
        let kind = ClientKind::Window(frame_type);
        let host: Arc<dyn WindowHost> =
            Arc::new(Host { context: Arc::downgrade(&context), window: Arc::downgrade(self) });
        let scope = self.scope();
        let settings = Arc::clone(scope.settings());
        let service_workers = scope.user_agent().service_workers();
        match inherits_from(&settings, creator) {
            Some(creator) => {
                service_workers.register_inheriting_client(settings, kind, Some(host), creator);
            }
            None => {
                service_workers.register_client_as(settings, kind, Some(host));
            }
        }
    }

    /// Its document has taken the place of the initial one: the client has another URL now, and may be controlled by another
    /// worker, as [`Self::register_client`] says. `reserved` is the id that its fetch had.
    pub(super) fn update_client(&self, reserved: &str, creator: Option<&str>) {
        let scope = self.scope();
        let settings = Arc::clone(scope.settings());
        let creator = inherits_from(&settings, creator);
        scope.user_agent().service_workers().replace_document(settings, reserved, creator);
    }
}

/// Whose controller a document has that has no address of its own.
fn inherits_from<'a>(settings: &EnvironmentSettings, creator: Option<&'a str>) -> Option<&'a str> {
    creator.filter(|_| matches!(settings.creation_url.scheme(), "about" | "blob"))
}
