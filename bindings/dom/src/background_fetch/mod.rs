//! <https://wicg.github.io/background-fetch/>

mod background_fetch_manager;
mod background_fetch_record;
mod background_fetch_registration;
mod instances;
mod update_ui;

pub(crate) use background_fetch_manager::BackgroundFetchManager;
pub(crate) use background_fetch_record::BackgroundFetchRecord;
pub(crate) use background_fetch_registration::BackgroundFetchRegistration;

pub(crate) use instances::BackgroundFetchRegistrations;
pub(crate) use update_ui::update_ui;

use longhaul::background_fetch::{self, FetchError, FetchErrorClass};
use longhaul_idl::ImageResource;
use longhaul_idl::runtime::Exception;
use url::Url;

fn fetch_exception(error: &FetchError) -> Exception {
    let message = error.to_string();
    match error.class() {
        FetchErrorClass::Type => Exception::TypeError(message),
        FetchErrorClass::NotAllowed => Exception::dom("NotAllowedError", message),
        // NOTE: how much there is and how much was asked for is not told.
        FetchErrorClass::QuotaExceeded => Exception::QuotaExceeded { quota: None, requested: None, message },
        FetchErrorClass::Abort => Exception::dom("AbortError", message),
    }
}

/// Icons with their URLs resolved; one whose URL is none stays as it is, and is never fetched.
fn icons(icons: Vec<ImageResource>, base: &Url) -> Vec<background_fetch::ImageResource> {
    let icon = |icon: ImageResource| background_fetch::ImageResource {
        src: base.join(&icon.src).map_or(icon.src, String::from),
        sizes: icon.sizes.map(Into::into),
        r#type: icon.type_.map(Into::into),
        label: icon.label.map(Into::into),
    };
    icons.into_iter().map(icon).collect()
}
