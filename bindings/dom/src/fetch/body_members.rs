//! <https://fetch.spec.whatwg.org/#body>: the members that `Request` and `Response` share.

/// The methods of the mixin `Body`, for an object that has one.
macro_rules! body_members {
    () => {
        fn body(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<Held>, Exception> {
            HasBody::body_stream(self, realm)
        }

        fn body_used(self: &Arc<Self>, realm: &dyn Realm) -> Result<bool, Exception> {
            HasBody::body_used(self, realm)
        }

        fn array_buffer(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<Buffer>, Exception> {
            self.consume(realm, Package::ArrayBuffer)
        }

        fn blob(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
            self.consume(realm, Package::Blob)
        }

        fn bytes(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<Buffer>, Exception> {
            self.consume(realm, Package::Bytes)
        }

        fn form_data(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
            self.consume(realm, Package::FormData)
        }

        fn json(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<Value>, Exception> {
            self.consume(realm, Package::Json)
        }

        fn text(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<String>, Exception> {
            self.consume(realm, Package::Text)
        }

        fn text_stream(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
            HasBody::text_stream(self, realm)
        }
    };
}
pub(super) use body_members;
