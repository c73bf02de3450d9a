//! The engine-neutral types of the façade. Nothing in here knows a JavaScript engine, and nothing in here knows an
//! interface by name.
//!
//! <https://webidl.spec.whatwg.org/>

mod binding;
mod convert;
mod descriptor;
mod exception;
mod global_proxy;
mod held;
mod module;
mod object;
mod promise;
mod realm;
mod reflect;
mod string;
mod types;
mod value;

pub use binding::{Construct, Hook, Implementation, InterfaceBinding, InvokeStatic, SelfHostedCore};
pub use convert::{Arguments, FromIdl, IntoIdl, no_such_member, present_arguments};
pub use descriptor::{
    ArgumentDescriptor, AttributeDescriptor, CallbackDescriptor, Condition, ConstantDescriptor,
    ConstantValue, DefaultValue, DictionaryDescriptor, DictionaryMemberDescriptor, EnumerationDescriptor,
    Exposure, ExposureSet, FactoryDescriptor, InterfaceDescriptor, InterfaceKind, IterableDescriptor,
    IterableKind, OperationDescriptor, Overload, SpecialDescriptor, SpecialsDescriptor, Stringifier,
};
pub use exception::{DOM_EXCEPTION_CODES, Exception, dom_exception_code};
pub use global_proxy::{CrossOriginProperty, GlobalProxy};
pub use held::{Held, ReleaseQueue};
pub use module::{
    ModuleFailure, ModuleLoader, ModuleParser, ModuleRequest, ModuleSource, ModuleState, ModuleSyntaxError,
    ModuleType,
};
pub use object::{MemberId, MemberPart, ObjectRef, PlatformObject};
pub use promise::{PromiseFuture, PromiseOf};
pub use realm::{AgentHandle, Realm, RealmId, Resolver, Task, TaskSource};
pub use reflect::{Reflection, ReflectionKind, Reflects, reflected, set_reflected};
pub use string::{ByteString, DomString};
pub use types::{BufferKind, BufferKinds, IdlType, IntegerConversion, IntegerType};
pub use value::{Buffer, Dictionary, InRealm, Record, Value};
