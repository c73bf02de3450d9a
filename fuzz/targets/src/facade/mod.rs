//! The façade, mounted in QuickJS.

pub(crate) mod page;
pub(crate) mod request_constructor;
pub(crate) mod scripts;
mod watchdog;
