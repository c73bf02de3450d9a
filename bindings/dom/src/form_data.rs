//! <https://xhr.spec.whatwg.org/#interface-formdata>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul::fetch::MimeType;
use longhaul_idl::runtime::{Exception, ObjectRef, Realm};
use longhaul_idl::{FormDataEntryValue, FormDataMethods, FormDataStatics};
use url::form_urlencoded;

use crate::blob::{File, blob_data};
use crate::html::form_data_of;
use crate::multipart_form_data::parse_multipart;

/// <https://xhr.spec.whatwg.org/#formdata>
#[derive(Default)]
pub(crate) struct FormData {
    entries: Mutex<Vec<Entry>>,
}

longhaul_idl::platform_object!(FormData => longhaul_idl::form_data);

/// <https://xhr.spec.whatwg.org/#concept-formdata-entry-list>
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: EntryValue,
}

#[derive(Clone)]
pub(crate) enum EntryValue {
    Text(String),
    File(Arc<File>),
}

impl EntryValue {
    fn to_idl(&self) -> FormDataEntryValue {
        match self {
            Self::Text(text) => FormDataEntryValue::UsvString(text.clone()),
            Self::File(file) => FormDataEntryValue::File(Arc::clone(file) as ObjectRef),
        }
    }
}

impl FormData {
    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries as they are now.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.list().clone()
    }

    fn append_entry(&self, entry: Entry) {
        self.list().push(entry);
    }

    fn set_entry(&self, entry: Entry) {
        let mut list = self.list();
        let Some(first) = list.iter().position(|known| known.name == entry.name) else {
            list.push(entry);
            return;
        };
        let name = entry.name.clone();
        list[first] = entry;
        let mut index = 0;
        list.retain(|known| {
            index += 1;
            known.name != name || index - 1 == first
        });
    }
}

/// <https://html.spec.whatwg.org/#create-an-entry>, for a blob.
fn file_entry(
    realm: &dyn Realm,
    name: String,
    blob: &ObjectRef,
    filename: Option<String>,
) -> Result<Entry, Exception> {
    let file = match (blob.downcast::<File>(), filename) {
        (Some(file), None) => file,
        (Some(file), Some(filename)) => File::new(blob_data(blob)?, filename, file.last_modified()),
        (None, filename) => {
            let now = crate::global_scope(realm)?.wall_clock_milliseconds();
            File::new(blob_data(blob)?, filename.unwrap_or_else(|| "blob".to_owned()), now)
        }
    };
    Ok(Entry { name, value: EntryValue::File(file) })
}

impl FormDataStatics for FormData {
    fn construct(
        _: &dyn Realm,
        form: Option<ObjectRef>,
        submitter: Option<ObjectRef>,
    ) -> Result<ObjectRef, Exception> {
        let data = Self::default();
        // 1. The entries of a form.
        if let Some(form) = form {
            for (name, value) in form_data_of(&form, submitter.as_ref())? {
                data.append_entry(Entry { name, value: EntryValue::Text(value) });
            }
        }
        Ok(Arc::new(data))
    }
}

impl FormDataMethods for FormData {
    fn append(self: &Arc<Self>, _: &dyn Realm, name: String, value: String) -> Result<(), Exception> {
        self.append_entry(Entry { name, value: EntryValue::Text(value) });
        Ok(())
    }

    fn append_2(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: String,
        blob: ObjectRef,
        filename: Option<String>,
    ) -> Result<(), Exception> {
        self.append_entry(file_entry(realm, name, &blob, filename)?);
        Ok(())
    }

    fn delete(self: &Arc<Self>, _: &dyn Realm, name: String) -> Result<(), Exception> {
        self.list().retain(|entry| entry.name != name);
        Ok(())
    }

    fn get(self: &Arc<Self>, _: &dyn Realm, name: String) -> Result<Option<FormDataEntryValue>, Exception> {
        Ok(self.list().iter().find(|entry| entry.name == name).map(|entry| entry.value.to_idl()))
    }

    fn get_all(self: &Arc<Self>, _: &dyn Realm, name: String) -> Result<Vec<FormDataEntryValue>, Exception> {
        let list = self.list();
        Ok(list.iter().filter(|entry| entry.name == name).map(|entry| entry.value.to_idl()).collect())
    }

    fn has(self: &Arc<Self>, _: &dyn Realm, name: String) -> Result<bool, Exception> {
        Ok(self.list().iter().any(|entry| entry.name == name))
    }

    fn set(self: &Arc<Self>, _: &dyn Realm, name: String, value: String) -> Result<(), Exception> {
        self.set_entry(Entry { name, value: EntryValue::Text(value) });
        Ok(())
    }

    fn set_2(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: String,
        blob: ObjectRef,
        filename: Option<String>,
    ) -> Result<(), Exception> {
        self.set_entry(file_entry(realm, name, &blob, filename)?);
        Ok(())
    }

    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(String, FormDataEntryValue)>, Exception> {
        Ok(self.list().iter().map(|entry| (entry.name.clone(), entry.value.to_idl())).collect())
    }
}

/// <https://fetch.spec.whatwg.org/#dom-body-formdata>, with the bytes and the type of a body.
///
/// # Errors
/// A `TypeError` for another type, or for bytes that are not what it says.
pub(crate) fn parse_body(
    realm: &dyn Realm,
    bytes: &[u8],
    mime_type: Option<&MimeType>,
) -> Result<Arc<FormData>, Exception> {
    let form = FormData::default();
    match mime_type.map(MimeType::essence) {
        Some("multipart/form-data") => {
            let now = crate::global_scope(realm)?.wall_clock_milliseconds();
            let boundary = mime_type.and_then(|mime_type| mime_type.parameter("boundary"));
            let entries = boundary.and_then(|boundary| parse_multipart(bytes, boundary.as_bytes(), now));
            let entries = entries.ok_or_else(|| {
                Exception::type_error("the body is not what multipart/form-data looks like")
            })?;
            *form.list() = entries;
        }
        Some("application/x-www-form-urlencoded") => {
            let pairs = form_urlencoded::parse(bytes).into_owned();
            *form.list() =
                pairs.map(|(name, value)| Entry { name, value: EntryValue::Text(value) }).collect();
        }
        _ => return Err(Exception::type_error("the body is no form")),
    }
    Ok(Arc::new(form))
}
