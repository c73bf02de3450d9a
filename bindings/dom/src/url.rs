//! <https://url.spec.whatwg.org/#url-class>

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use longhaul_idl::URLMethods;
use longhaul_idl::URLStatics;
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use url::quirks;

use crate::url_search_params::URLSearchParams;

/// <https://url.spec.whatwg.org/#url>
pub(crate) struct UrlObject {
    /// Shared with the object behind `searchParams`.
    record: Arc<Mutex<url::Url>>,
    search_params: OnceLock<Arc<URLSearchParams>>,
}

longhaul_idl::platform_object!(UrlObject => longhaul_idl::url);

impl UrlObject {
    fn new(record: url::Url) -> Arc<Self> {
        Arc::new(Self { record: Arc::new(Mutex::new(record)), search_params: OnceLock::new() })
    }

    fn record(&self) -> MutexGuard<'_, url::Url> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record; its query is then the parameters' too. A setter that fails changes nothing and says nothing.
    fn change<E>(&self, change: impl FnOnce(&mut url::Url) -> Result<(), E>) -> Result<(), Exception> {
        let query = {
            let mut record = self.record();
            let _ = change(&mut record);
            record.query().unwrap_or_default().to_owned()
        };
        if let Some(params) = self.search_params.get() {
            params.replace(&query);
        }
        Ok(())
    }
}

/// <https://url.spec.whatwg.org/#api-url-parser>
fn api_parse(url: &str, base: Option<&str>) -> Option<url::Url> {
    // 1. The base, if there is one, on its own.
    let base = match base {
        Some(base) => Some(url::Url::parse(base).ok()?),
        None => None,
    };
    // 2. The URL against it.
    url::Url::options().base_url(base.as_ref()).parse(url).ok()
}

impl URLStatics for UrlObject {
    fn construct(_: &dyn Realm, url: String, base: Option<String>) -> Result<ObjectRef, Exception> {
        match api_parse(&url, base.as_deref()) {
            Some(record) => Ok(Self::new(record)),
            None => Err(Exception::type_error(format!("\"{}\" is not a URL", crate::shown(&url)))),
        }
    }

    fn parse(_: &dyn Realm, url: String, base: Option<String>) -> Result<Option<ObjectRef>, Exception> {
        Ok(api_parse(&url, base.as_deref()).map(|record| Self::new(record) as ObjectRef))
    }

    fn create_object_url(realm: &dyn Realm, object: ObjectRef) -> Result<DomString, Exception> {
        crate::object_urls::create_object_url(realm, &object).map(Into::into)
    }

    fn revoke_object_url(realm: &dyn Realm, url: DomString) -> Result<(), Exception> {
        crate::object_urls::revoke_object_url(realm, &url)
    }

    fn can_parse(_: &dyn Realm, url: String, base: Option<String>) -> Result<bool, Exception> {
        Ok(api_parse(&url, base.as_deref()).is_some())
    }
}

impl URLMethods for UrlObject {
    fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.record().to_string())
    }

    fn set_href(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        match url::Url::parse(&value) {
            Ok(record) => self.change(|own| {
                *own = record;
                Ok::<(), ()>(())
            }),
            Err(_) => Err(Exception::type_error(format!("\"{}\" is not a URL", crate::shown(&value)))),
        }
    }

    fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        // NOTE: what a blob URL names must be a URL of HTTP itself.
        let record = self.record();
        if record.scheme() == "blob" {
            let inner = url::Url::parse(record.path()).ok();
            let inner = inner.filter(|inner| matches!(inner.scheme(), "http" | "https"));
            return Ok(inner.map_or_else(|| "null".to_owned(), |inner| quirks::origin(&inner)));
        }
        Ok(quirks::origin(&record))
    }

    fn protocol(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::protocol(&self.record()).to_owned())
    }

    fn set_protocol(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| quirks::set_protocol(record, &value))
    }

    fn username(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::username(&self.record()).to_owned())
    }

    fn set_username(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| quirks::set_username(record, &value))
    }

    fn password(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::password(&self.record()).to_owned())
    }

    fn set_password(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| quirks::set_password(record, &value))
    }

    fn host(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::host(&self.record()).to_owned())
    }

    fn set_host(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| quirks::set_host(record, &value))
    }

    fn hostname(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::hostname(&self.record()).to_owned())
    }

    fn set_hostname(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| quirks::set_hostname(record, &value))
    }

    fn port(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::port(&self.record()).to_owned())
    }

    fn set_port(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| quirks::set_port(record, &value))
    }

    fn pathname(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::pathname(&self.record()).to_owned())
    }

    fn set_pathname(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| {
            quirks::set_pathname(record, &value);
            Ok::<(), ()>(())
        })
    }

    fn search(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::search(&self.record()).to_owned())
    }

    fn set_search(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| {
            quirks::set_search(record, &value);
            Ok::<(), ()>(())
        })
    }

    fn search_params(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        let params = self.search_params.get_or_init(|| {
            let query = self.record().query().unwrap_or_default().to_owned();
            URLSearchParams::of_url(&query, self.record.clone())
        });
        Ok(params.clone())
    }

    fn hash(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(quirks::hash(&self.record()).to_owned())
    }

    fn set_hash(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        self.change(|record| {
            quirks::set_hash(record, &value);
            Ok::<(), ()>(())
        })
    }

    fn to_json(self: &Arc<Self>, realm: &dyn Realm) -> Result<String, Exception> {
        self.href(realm)
    }
}
