//! <https://url.spec.whatwg.org/#interface-urlsearchparams>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, Record};
use longhaul_idl::{
    SequenceOfSequenceOfUsvStringOrRecordOfUsvStringToUsvStringOrUsvString as Init, URLSearchParamsMethods,
    URLSearchParamsStatics,
};
use url::form_urlencoded;

/// <https://url.spec.whatwg.org/#urlsearchparams>
pub(crate) struct URLSearchParams {
    list: Mutex<Vec<(String, String)>>,
    /// The URL whose query this is, if it is one's.
    url: Option<Arc<Mutex<url::Url>>>,
}

longhaul_idl::platform_object!(URLSearchParams => longhaul_idl::url_search_params);

impl URLSearchParams {
    fn new(list: Vec<(String, String)>) -> Arc<Self> {
        Arc::new(Self { list: Mutex::new(list), url: None })
    }

    /// The parameters of a URL object.
    pub(crate) fn of_url(query: &str, url: Arc<Mutex<url::Url>>) -> Arc<Self> {
        Arc::new(Self { list: Mutex::new(parse(query)), url: Some(url) })
    }

    fn list(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the query that the URL has now.
    pub(crate) fn replace(&self, query: &str) {
        *self.list() = parse(query);
    }

    /// <https://url.spec.whatwg.org/#concept-urlencoded-serializer>
    pub(crate) fn serialize(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.list().iter()).finish()
    }

    /// Changes the list, then the URL's query.
    ///
    /// <https://url.spec.whatwg.org/#concept-urlsearchparams-update>
    fn change(&self, change: impl FnOnce(&mut Vec<(String, String)>)) {
        change(&mut self.list());
        // 1. Nobody's query.
        let Some(url) = &self.url else { return };
        // 2.–4. The URL's query, `null` when empty.
        let query = self.serialize();
        let mut record = url.lock().unwrap_or_else(PoisonError::into_inner);
        record.set_query((!query.is_empty()).then_some(query.as_str()));
    }
}

/// <https://url.spec.whatwg.org/#concept-urlencoded-parser>
fn parse(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

impl URLSearchParamsStatics for URLSearchParams {
    /// <https://url.spec.whatwg.org/#dom-urlsearchparams-urlsearchparams>
    fn construct(_: &dyn Realm, init: Init) -> Result<ObjectRef, Exception> {
        let list = match init {
            // 1. A leading `?` is not part of the query.
            Init::UsvString(text) => parse(text.strip_prefix('?').unwrap_or(&text)),
            // 2.1. Pairs.
            Init::SequenceOfSequenceOfUsvString(pairs) => pairs
                .into_iter()
                .map(|pair| {
                    <[String; 2]>::try_from(pair).map(|[name, value]| (name, value)).map_err(|pair| {
                        Exception::type_error(format!("a pair has two items, this one has {}", pair.len()))
                    })
                })
                .collect::<Result<_, _>>()?,
            // 2.2. A record.
            Init::RecordOfUsvStringToUsvString(Record(pairs)) => pairs,
        };
        Ok(Self::new(list))
    }
}

impl URLSearchParamsMethods for URLSearchParams {
    fn size(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(self.list().len()).unwrap_or(u32::MAX))
    }

    fn append(self: &Arc<Self>, _: &dyn Realm, name: String, value: String) -> Result<(), Exception> {
        self.change(|list| list.push((name, value)));
        Ok(())
    }

    fn delete(self: &Arc<Self>, _: &dyn Realm, name: String, value: Option<String>) -> Result<(), Exception> {
        self.change(|list| {
            list.retain(|(n, v)| *n != name || value.as_ref().is_some_and(|value| v != value))
        });
        Ok(())
    }

    fn get(self: &Arc<Self>, _: &dyn Realm, name: String) -> Result<Option<String>, Exception> {
        Ok(self.list().iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone()))
    }

    fn get_all(self: &Arc<Self>, _: &dyn Realm, name: String) -> Result<Vec<String>, Exception> {
        Ok(self.list().iter().filter(|(n, _)| *n == name).map(|(_, value)| value.clone()).collect())
    }

    fn has(self: &Arc<Self>, _: &dyn Realm, name: String, value: Option<String>) -> Result<bool, Exception> {
        Ok(self.list().iter().any(|(n, v)| *n == name && value.as_ref().is_none_or(|value| v == value)))
    }

    /// <https://url.spec.whatwg.org/#dom-urlsearchparams-set>
    fn set(self: &Arc<Self>, _: &dyn Realm, name: String, value: String) -> Result<(), Exception> {
        self.change(|list| {
            // 1. The first one gets the value, the others go.
            match list.iter().position(|(n, _)| *n == name) {
                Some(first) => {
                    let mut index = 0;
                    list.retain(|(n, _)| {
                        let keep = *n != name || index == first;
                        index += 1;
                        keep
                    });
                    list[first].1 = value;
                }
                // 2. Else it is added.
                None => list.push((name, value)),
            }
        });
        Ok(())
    }

    fn sort(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        // By code units, pairs of one name in their order.
        self.change(|list| list.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16())));
        Ok(())
    }

    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(String, String)>, Exception> {
        Ok(self.list().clone())
    }

    fn stringify(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.serialize().into())
    }
}
