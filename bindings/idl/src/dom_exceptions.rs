//! <https://webidl.spec.whatwg.org/#idl-DOMException> and <https://webidl.spec.whatwg.org/#quotaexceedederror>

use std::sync::Arc;

use crate::{
    DOMExceptionMethods, DOMExceptionStatics, QuotaExceededErrorMethods, QuotaExceededErrorOptions,
    QuotaExceededErrorStatics, dom_exception, platform_object, quota_exceeded_error,
    runtime::{DomString, Exception, InterfaceBinding, ObjectRef, Realm, dom_exception_code},
};

/// The interfaces that every realm has whatever else is mounted in it. The adapter adds them by itself.
pub fn core_bindings() -> Vec<InterfaceBinding> {
    vec![dom_exception::binding::<DomException>(), quota_exceeded_error::binding::<QuotaExceededError>()]
}

/// A `DOMException` object.
#[derive(Debug)]
pub struct DomException {
    name: DomString,
    message: DomString,
}

impl DomException {
    /// An exception of this name.
    pub fn new(name: impl Into<DomString>, message: impl Into<DomString>) -> Self {
        Self { name: name.into(), message: message.into() }
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

platform_object!(DomException => dom_exception);

impl DOMExceptionStatics for DomException {
    fn construct(_: &dyn Realm, message: DomString, name: DomString) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self { name, message }))
    }
}

impl DOMExceptionMethods for DomException {
    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.name.clone())
    }

    fn message(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.message.clone())
    }

    fn code(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(dom_exception_code(&self.name))
    }
}

/// A `QuotaExceededError` object.
#[derive(Debug)]
pub struct QuotaExceededError {
    message: DomString,
    quota: Option<f64>,
    requested: Option<f64>,
}

impl QuotaExceededError {
    /// An error with what may be told.
    pub fn new(message: impl Into<DomString>, quota: Option<f64>, requested: Option<f64>) -> Self {
        Self { message: message.into(), quota, requested }
    }
}

platform_object!(QuotaExceededError => quota_exceeded_error);

impl QuotaExceededErrorStatics for QuotaExceededError {
    fn construct(
        _: &dyn Realm,
        message: DomString,
        options: QuotaExceededErrorOptions,
    ) -> Result<ObjectRef, Exception> {
        let QuotaExceededErrorOptions { quota, requested } = options;
        // 3., 4. Neither may be negative, and what was requested is more than the quota.
        if quota.is_some_and(|quota| quota < 0.0) || requested.is_some_and(|requested| requested < 0.0) {
            return Err(Exception::range_error("quota and requested must not be negative"));
        }
        // 5. What was requested may not be less than the quota.
        if let (Some(quota), Some(requested)) = (quota, requested)
            && requested < quota
        {
            return Err(Exception::range_error("requested must not be less than quota"));
        }
        Ok(Arc::new(Self { message, quota, requested }))
    }
}

impl DOMExceptionMethods for QuotaExceededError {
    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("QuotaExceededError".into())
    }

    fn message(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.message.clone())
    }

    fn code(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(dom_exception_code("QuotaExceededError"))
    }
}

impl QuotaExceededErrorMethods for QuotaExceededError {
    fn quota(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<f64>, Exception> {
        Ok(self.quota)
    }

    fn requested(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<f64>, Exception> {
        Ok(self.requested)
    }
}
