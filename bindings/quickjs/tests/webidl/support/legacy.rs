//! The test's interfaces with indexed or named properties and their relatives.

use std::sync::{Arc, Mutex};

use longhaul_idl::{
    platform_object,
    runtime::{DomString, Exception, InterfaceBinding, ObjectRef, PlatformObject, Realm, Reflects},
};

use crate::*;

pub fn bindings() -> Vec<InterfaceBinding> {
    vec![
        listing::binding::<Listing>(),
        named_listing::binding::<NamedListing>(),
        writable::binding::<Writable>(),
        dataset::binding::<Dataset>(),
        hosted_names::binding(),
        hosted_range::binding(),
        picture_element::binding::<PictureElement>(),
        registry::binding::<Registry>(),
        states::binding::<States>(),
        hidden::binding(),
        aliased::binding::<Aliased>(),
        reflecting::binding::<Reflecting>(),
    ]
}

pub struct Listing(Vec<DomString>);
pub struct NamedListing(Listing);

platform_object!(Listing => listing);
platform_object!(NamedListing => named_listing);

trait HasItems: PlatformObject + Sized {
    fn items(&self) -> &[DomString];
}
impl HasItems for Listing {
    fn items(&self) -> &[DomString] {
        &self.0
    }
}
impl HasItems for NamedListing {
    fn items(&self) -> &[DomString] {
        &self.0.0
    }
}

impl<T: HasItems> ListingMethods for T {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(self.items().len()).unwrap())
    }
    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<Option<DomString>, Exception> {
        Ok(self.items().get(index as usize).cloned())
    }
}
impl ListingStatics for Listing {
    fn construct(_: &dyn Realm, items: Vec<DomString>) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self(items)))
    }
}
impl NamedListingMethods for NamedListing {
    fn named_item(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<Option<DomString>, Exception> {
        Ok(self.items().iter().find(|item| **item == name).map(|item| format!("named {item}").into()))
    }
    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        Ok(self.items().to_vec())
    }
}
impl NamedListingStatics for NamedListing {
    fn construct(_: &dyn Realm, items: Vec<DomString>) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self(Listing(items))))
    }
}

#[derive(Default)]
pub struct Writable(Mutex<Vec<i32>>);
platform_object!(Writable => writable);
impl WritableMethods for Writable {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(u32::try_from(self.0.lock().unwrap().len()).unwrap())
    }
    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<i32, Exception> {
        Ok(self.0.lock().unwrap()[index as usize])
    }
    fn indexed_set(self: &Arc<Self>, _: &dyn Realm, index: u32, value: i32) -> Result<(), Exception> {
        let mut items = self.0.lock().unwrap();
        if index as usize >= items.len() {
            items.resize(index as usize + 1, 0);
        }
        items[index as usize] = value;
        Ok(())
    }
}
impl WritableStatics for Writable {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}

#[derive(Default)]
pub struct Dataset(Mutex<Vec<(DomString, DomString)>>);
platform_object!(Dataset => dataset);
impl DatasetMethods for Dataset {
    fn named_get(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<DomString, Exception> {
        let items = self.0.lock().unwrap();
        Ok(items.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap_or_default())
    }
    fn named_set(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: DomString,
        value: DomString,
    ) -> Result<(), Exception> {
        if name.contains('-') {
            return Err(Exception::dom("SyntaxError", "no dashes"));
        }
        let mut items = self.0.lock().unwrap();
        items.retain(|(key, _)| *key != name);
        items.push((name, value));
        Ok(())
    }
    fn named_delete(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<(), Exception> {
        self.0.lock().unwrap().retain(|(key, _)| *key != name);
        Ok(())
    }
    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        Ok(self.0.lock().unwrap().iter().map(|(key, _)| key.clone()).collect())
    }
}
impl DatasetStatics for Dataset {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}

pub struct PictureElement(DomString);
platform_object!(PictureElement => picture_element);
impl PictureElementMethods for PictureElement {
    fn size(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.0.clone())
    }
}
impl PictureElementStatics for PictureElement {
    fn factory_picture(
        _: &dyn Realm,
        width: Option<u32>,
        height: Option<u32>,
    ) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self(format!("{width:?} {height:?}").into())))
    }
}

#[derive(Default)]
pub struct Registry(Mutex<Vec<(DomString, i32)>>);
platform_object!(Registry => registry);
impl RegistryMethods for Registry {
    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(DomString, i32)>, Exception> {
        Ok(self.0.lock().unwrap().clone())
    }
    fn map_set(self: &Arc<Self>, _: &dyn Realm, key: DomString, value: i32) -> Result<(), Exception> {
        let mut entries = self.0.lock().unwrap();
        match entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, slot)) => *slot = value,
            None => entries.push((key, value)),
        }
        Ok(())
    }
    fn map_delete(self: &Arc<Self>, _: &dyn Realm, key: DomString) -> Result<bool, Exception> {
        let mut entries = self.0.lock().unwrap();
        let before = entries.len();
        entries.retain(|(known, _)| *known != key);
        Ok(entries.len() != before)
    }
    fn map_clear(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.0.lock().unwrap().clear();
        Ok(())
    }
}
impl RegistryStatics for Registry {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}

#[derive(Default)]
pub struct States(Mutex<Vec<f64>>);
platform_object!(States => states);
impl StatesMethods for States {
    fn clear(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        self.0.lock().unwrap().clear();
        Ok("declared".into())
    }
    fn pairs(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<(f64, f64)>, Exception> {
        Ok(self.0.lock().unwrap().iter().map(|value| (*value, *value)).collect())
    }
    fn set_add(self: &Arc<Self>, _: &dyn Realm, value: f64) -> Result<(), Exception> {
        let mut items = self.0.lock().unwrap();
        if !items.iter().any(|known| known.to_bits() == value.to_bits()) {
            items.push(value);
        }
        Ok(())
    }
    fn set_delete(self: &Arc<Self>, _: &dyn Realm, value: f64) -> Result<bool, Exception> {
        let mut items = self.0.lock().unwrap();
        let before = items.len();
        items.retain(|known| known.to_bits() != value.to_bits());
        Ok(items.len() != before)
    }
}
impl StatesStatics for States {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}

pub struct Aliased;
platform_object!(Aliased => aliased);
impl AliasedMethods for Aliased {}
impl AliasedStatics for Aliased {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

/// An element of sorts.
#[derive(Default)]
pub struct Reflecting(Mutex<Vec<(String, DomString)>>);
platform_object!(Reflecting => reflecting);
impl Reflects for Reflecting {
    fn content_attribute(&self, _: &dyn Realm, name: &str) -> Option<DomString> {
        self.0.lock().unwrap().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
    fn set_content_attribute(
        &self,
        _: &dyn Realm,
        name: &str,
        value: Option<DomString>,
    ) -> Result<(), Exception> {
        let mut attributes = self.0.lock().unwrap();
        attributes.retain(|(known, _)| known != name);
        attributes.extend(value.map(|value| (name.to_owned(), value)));
        Ok(())
    }
    fn resolve_url(&self, _: &dyn Realm, url: &str) -> Option<String> {
        (!url.contains(' ')).then(|| format!("http://test/{url}"))
    }
}
impl ReflectingMethods for Reflecting {
    fn get_attribute(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
    ) -> Result<Option<DomString>, Exception> {
        Ok(self.content_attribute(realm, &name))
    }
    fn set_attribute(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
        value: DomString,
    ) -> Result<(), Exception> {
        self.set_content_attribute(realm, &name, Some(value))
    }
}
impl ReflectingStatics for Reflecting {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}
