//! <https://fetch.spec.whatwg.org/#headers-class>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul::fetch::{
    HeaderList, is_forbidden_request_header, is_forbidden_response_header_name, is_header_name,
    is_header_value, is_no_cors_safelisted_request_header, is_no_cors_safelisted_request_header_name,
    is_privileged_no_cors_request_header_name, normalize_header_value,
};
use longhaul_idl::runtime::{ByteString, Exception, ObjectRef, Realm, Record};
use longhaul_idl::{HeadersInit, HeadersMethods, HeadersStatics};

/// <https://fetch.spec.whatwg.org/#concept-headers-guard>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    None,
    Immutable,
    Request,
    RequestNoCors,
    Response,
}

/// <https://fetch.spec.whatwg.org/#headers>
pub(crate) struct Headers {
    state: Mutex<State>,
}

struct State {
    list: HeaderList,
    guard: Guard,
}

/// What validating a header comes to.
enum Verdict {
    Allowed,
    Ignored,
}

longhaul_idl::platform_object!(Headers => longhaul_idl::headers);

impl Headers {
    pub(crate) fn new(list: HeaderList, guard: Guard) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { list, guard }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the header list.
    pub(crate) fn list(&self) -> HeaderList {
        self.state().list.clone()
    }

    /// Puts a new list in the place of the old one.
    pub(crate) fn set_list(&self, list: HeaderList) {
        self.state().list = list;
    }

    pub(crate) fn guard(&self) -> Guard {
        self.state().guard
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.state().list.contains(name)
    }

    /// Adds a header that is not the author's.
    pub(crate) fn append_unguarded(&self, name: &str, value: &[u8]) {
        self.state().list.append(name, value);
    }

    /// <https://fetch.spec.whatwg.org/#concept-headers-append>
    pub(crate) fn append_header(&self, name: &[u8], value: &[u8]) -> Result<(), Exception> {
        // 1. Without whitespace around it.
        let value = normalize_header_value(value);
        let mut state = self.state();
        // 2. Is it one, and may it be here?
        if let Verdict::Ignored = state.validate(name, value)? {
            return Ok(());
        }
        // 3. Without CORS, the combined value has to be safe.
        if state.guard == Guard::RequestNoCors {
            let combined = match state.list.get(name) {
                Some(mut before) => {
                    before.extend_from_slice(b", ");
                    before.extend_from_slice(value);
                    before
                }
                None => value.to_vec(),
            };
            if !is_no_cors_safelisted_request_header(name, &combined) {
                return Ok(());
            }
        }
        // 4. Added.
        state.list.append(name, value);
        // 5. What only privileged code may have set goes.
        state.remove_privileged_no_cors_request_headers();
        Ok(())
    }

    /// <https://fetch.spec.whatwg.org/#concept-headers-fill>
    pub(crate) fn fill(&self, init: HeadersInit) -> Result<(), Exception> {
        match init {
            // 1. Pairs.
            HeadersInit::SequenceOfSequenceOfByteString(headers) => {
                for header in headers {
                    let [name, value] = <[ByteString; 2]>::try_from(header).map_err(|header| {
                        Exception::type_error(format!(
                            "a header has two items, this one has {}",
                            header.len()
                        ))
                    })?;
                    self.append_header(&name, &value)?;
                }
            }
            // 2. A record.
            HeadersInit::RecordOfByteStringToByteString(Record(headers)) => {
                for (name, value) in headers {
                    self.append_header(&name, &value)?;
                }
            }
        }
        Ok(())
    }
}

impl State {
    /// <https://fetch.spec.whatwg.org/#headers-validate>
    fn validate(&self, name: &[u8], value: &[u8]) -> Result<Verdict, Exception> {
        // 1. Name and value are what their names say.
        check_name(name)?;
        if !is_header_value(value) {
            return Err(Exception::type_error(format!("the value of the header {} is not one", shown(name))));
        }
        match self.guard {
            // 2. Nothing may change.
            Guard::Immutable => Err(Exception::type_error("these headers cannot be changed")),
            // 3.–4. Headers that are not the author's to set.
            Guard::Request if is_forbidden_request_header(name, value) => Ok(Verdict::Ignored),
            Guard::Response if is_forbidden_response_header_name(name) => Ok(Verdict::Ignored),
            // 5. Fine.
            _ => Ok(Verdict::Allowed),
        }
    }

    /// <https://fetch.spec.whatwg.org/#concept-headers-remove-privileged-no-cors-request-headers>
    fn remove_privileged_no_cors_request_headers(&mut self) {
        if self.guard == Guard::RequestNoCors {
            self.list.retain(|name, _| !is_privileged_no_cors_request_header_name(name));
        }
    }
}

fn check_name(name: &[u8]) -> Result<(), Exception> {
    if is_header_name(name) {
        Ok(())
    } else {
        Err(Exception::type_error(format!("\"{}\" is not a header name", shown(name))))
    }
}

fn shown(bytes: &[u8]) -> String {
    crate::shown(&String::from_utf8_lossy(bytes))
}

impl HeadersStatics for Headers {
    fn construct(_: &dyn Realm, init: Option<HeadersInit>) -> Result<ObjectRef, Exception> {
        // 1. Anything may be set.
        let headers = Self::new(HeaderList::new(), Guard::None);
        // 2. What is given.
        if let Some(init) = init {
            headers.fill(init)?;
        }
        Ok(headers)
    }
}

impl HeadersMethods for Headers {
    fn append(self: &Arc<Self>, _: &dyn Realm, name: ByteString, value: ByteString) -> Result<(), Exception> {
        self.append_header(&name, &value)
    }

    /// <https://fetch.spec.whatwg.org/#dom-headers-delete>
    fn delete(self: &Arc<Self>, _: &dyn Realm, name: ByteString) -> Result<(), Exception> {
        let mut state = self.state();
        // 1. May it be touched?
        if let Verdict::Ignored = state.validate(&name, b"")? {
            return Ok(());
        }
        // 2. Without CORS only harmless ones.
        if state.guard == Guard::RequestNoCors
            && !is_no_cors_safelisted_request_header_name(&name)
            && !is_privileged_no_cors_request_header_name(&name)
        {
            return Ok(());
        }
        // 3. Nothing to do.
        if !state.list.contains(&*name) {
            return Ok(());
        }
        // 4.–5. Gone, and what only privileged code may have set.
        state.list.delete(&*name);
        state.remove_privileged_no_cors_request_headers();
        Ok(())
    }

    fn get(self: &Arc<Self>, _: &dyn Realm, name: ByteString) -> Result<Option<ByteString>, Exception> {
        check_name(&name)?;
        Ok(self.state().list.get(&*name).map(ByteString))
    }

    fn get_set_cookie(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<ByteString>, Exception> {
        Ok(self.state().list.values("Set-Cookie").map(ByteString::from).collect())
    }

    fn has(self: &Arc<Self>, _: &dyn Realm, name: ByteString) -> Result<bool, Exception> {
        check_name(&name)?;
        Ok(self.state().list.contains(&*name))
    }

    /// <https://fetch.spec.whatwg.org/#dom-headers-set>
    fn set(self: &Arc<Self>, _: &dyn Realm, name: ByteString, value: ByteString) -> Result<(), Exception> {
        // 1. Without whitespace around it.
        let value = normalize_header_value(&value);
        let mut state = self.state();
        // 2. Is it one, and may it be here?
        if let Verdict::Ignored = state.validate(&name, value)? {
            return Ok(());
        }
        // 3. Without CORS only safe values.
        if state.guard == Guard::RequestNoCors && !is_no_cors_safelisted_request_header(&name, value) {
            return Ok(());
        }
        // 4.–5. Set; what only privileged code may have set goes.
        state.list.set(&*name, value);
        state.remove_privileged_no_cors_request_headers();
        Ok(())
    }

    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(ByteString, ByteString)>, Exception> {
        let sorted = self.state().list.sort_and_combine();
        Ok(sorted.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
