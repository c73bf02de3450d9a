//! What a page says about a background fetch besides its requests.

use serde::{Deserialize, Serialize};

/// <https://www.w3.org/TR/image-resource/#dom-imageresource>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageResource {
    /// Where the image is; resolved against the page's base URL.
    pub src: String,
    /// Its sizes, as in the `sizes` attribute of a `link` element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<String>,
    /// Its MIME type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// A text in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// <https://wicg.github.io/background-fetch/#dictdef-backgroundfetchoptions>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackgroundFetchOptions {
    /// What the display shows.
    pub title: String,
    /// Icons for the display to choose from.
    pub icons: Vec<ImageResource>,
    /// The most bytes of response bodies there will be; 0 says nothing.
    pub download_total: u64,
}
