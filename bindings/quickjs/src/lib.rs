//! The reference adapter: the façade mounted in QuickJS.
//!
//! An [`Engine`] is the JavaScript side of one agent. Its realms are made of descriptor tables ([`RealmOptions::bindings`]),
//! the objects behind them and a self-hosted core; the adapter itself knows no interface by name but `DOMException`, which
//! WebIDL defines.

#![deny(unsafe_code)]

mod buffers;
mod call;
mod callbacks;
mod compiled;
mod core;
mod define;
#[allow(unsafe_code, reason = "the engine's contexts outlive their owners here")]
mod ended;
mod engine;
mod from_js;
mod global_proxy;
mod install;
mod legacy_platform_object;
mod module_requests;
mod modules;
#[allow(unsafe_code, reason = "a class of the engine that its wrapper cannot make")]
mod named_properties;
mod numeric;
mod objects;
mod observable_array;
mod overload;
mod promises;
mod realm;
mod realm_impl;
mod script_error;
mod to_js;
#[allow(unsafe_code, reason = "the engine's lifetime trait can only be implemented by unsafe declarations")]
mod wrapper;

pub use engine::{Engine, EngineError, EngineLimits, InterruptHandle, RealmOptions};
pub use module_requests::module_requests;
pub use script_error::{ScriptError, ScriptErrorKind};
