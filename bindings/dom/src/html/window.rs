//! <https://html.spec.whatwg.org/#the-window-object>

use std::sync::{Arc, Mutex, PoisonError};

use longhaul_idl::runtime::{ByteString, DomString, Exception, Held, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{RequestInfo, RequestInit, TimerHandler, WindowMethods};

use super::window_or_worker_global_scope::{self as mixin, window_or_worker_global_scope_members};
use super::{Document, GlobalOptions, GlobalScope, Location, Navigator};

/// The global object of a page.
pub struct WindowGlobal {
    scope: Arc<GlobalScope>,
    document: Arc<Document>,
    location: Arc<Location>,
    navigator: Arc<Navigator>,
    name: Mutex<DomString>,
}

longhaul_idl::platform_object!(WindowGlobal => longhaul_idl::window);

impl WindowGlobal {
    /// The window of a page that is about to be loaded, with the title of its document.
    pub fn new(options: GlobalOptions, title: &str) -> Arc<Self> {
        let scope = GlobalScope::new(options);
        let location = Arc::new(Location::new(scope.settings().creation_url.clone()));
        Arc::new(Self {
            document: Document::new(title, Arc::clone(&location)),
            location,
            navigator: Arc::new(Navigator::default()),
            name: Mutex::default(),
            scope,
        })
    }

    pub(crate) fn scope(&self) -> Arc<GlobalScope> {
        Arc::clone(&self.scope)
    }

    pub(super) fn document_object(&self) -> Arc<Document> {
        Arc::clone(&self.document)
    }
}

impl WindowMethods for WindowGlobal {
    window_or_worker_global_scope_members!();

    fn window(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(realm.global())
    }

    fn self_(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(realm.global())
    }

    fn document(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.document_object())
    }

    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.name.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn set_name(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    fn location(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.location) as ObjectRef)
    }

    fn frames(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(realm.global())
    }

    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        // NOTE: the number of child navigables, and there are none.
        Ok(0)
    }

    fn top(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(Some(realm.global()))
    }

    fn parent(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(Some(realm.global()))
    }

    fn post_message(
        self: &Arc<Self>,
        realm: &dyn Realm,
        message: Value,
        target_origin: String,
        transfer: Vec<Held>,
    ) -> Result<(), Exception> {
        super::messaging::window_post_message(realm, message, &target_origin, transfer)
    }

    fn post_message_2(
        self: &Arc<Self>,
        realm: &dyn Realm,
        message: Value,
        options: longhaul_idl::WindowPostMessageOptions,
    ) -> Result<(), Exception> {
        super::messaging::window_post_message(realm, message, &options.target_origin, options.transfer)
    }

    fn navigator(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.navigator) as ObjectRef)
    }
}
