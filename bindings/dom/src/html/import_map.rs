//! <https://html.spec.whatwg.org/#import-maps>

use std::collections::HashMap;

use serde_json::{Map, Value};
use url::Url;

/// Where specifiers lead: each an address, or known to have none.
type Specifiers = Vec<(String, Option<Url>)>;

/// <https://html.spec.whatwg.org/#import-map>
#[derive(Clone, Debug, Default)]
pub(super) struct ImportMap {
    imports: Specifiers,
    scopes: Vec<(String, Specifiers)>,
    /// What texts at addresses must be.
    integrity: HashMap<Url, String>,
}

/// Why a text is no import map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ImportMapError {
    /// It is no JSON.
    Syntax(String),
    /// It is JSON of another shape.
    Shape(&'static str),
}

fn url_like(specifier: &str, base: &Url) -> Option<Url> {
    match ["/", "./", "../"].iter().any(|start| specifier.starts_with(start)) {
        true => base.join(specifier).ok(),
        false => Url::parse(specifier).ok(),
    }
}

/// <https://html.spec.whatwg.org/#sorting-and-normalizing-a-module-specifier-map>: longer ones come first.
fn normalized(map: &Map<String, Value>, base: &Url) -> Specifiers {
    let mut specifiers: Specifiers = map
        .iter()
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| {
            let key = url_like(key, base).map_or_else(|| key.clone(), String::from);
            let address = value.as_str().and_then(|text| url_like(text, base));
            let address = address.filter(|address| !key.ends_with('/') || address.as_str().ends_with('/'));
            (key, address)
        })
        .collect();
    specifiers.sort_by(|(one, _), (other, _)| other.encode_utf16().cmp(one.encode_utf16()));
    specifiers
}

impl ImportMap {
    /// <https://html.spec.whatwg.org/#parse-an-import-map-string>
    pub(super) fn parse(text: &str, base: &Url) -> Result<Self, ImportMapError> {
        let parsed: Value =
            serde_json::from_str(text).map_err(|error| ImportMapError::Syntax(error.to_string()))?;
        let Value::Object(parsed) = parsed else {
            return Err(ImportMapError::Shape("an import map is an object"));
        };
        let object = |value: Option<&Value>, message| match value {
            None => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(_) => Err(ImportMapError::Shape(message)),
        };
        let imports = normalized(&object(parsed.get("imports"), "its imports are an object")?, base);
        let mut scopes = Vec::new();
        for (prefix, specifiers) in object(parsed.get("scopes"), "its scopes are an object")? {
            let specifiers = object(Some(&specifiers), "each of its scopes is an object")?;
            if let Ok(prefix) = base.join(&prefix) {
                scopes.push((prefix.into(), normalized(&specifiers, base)));
            }
        }
        scopes.sort_by(|(one, _), (other, _): &(String, _)| other.encode_utf16().cmp(one.encode_utf16()));
        // <https://html.spec.whatwg.org/#normalizing-a-module-integrity-map>
        let integrity = object(parsed.get("integrity"), "its integrity is an object")?;
        let of_address =
            |(key, value): (String, Value)| Some((url_like(&key, base)?, value.as_str()?.to_owned()));
        let integrity = integrity.into_iter().filter_map(of_address).collect();
        Ok(Self { imports, scopes, integrity })
    }

    /// <https://html.spec.whatwg.org/#merge-existing-and-new-import-maps>: what is there already stays as it is.
    pub(super) fn merge(&mut self, new: Self) {
        let merge = |into: &mut Specifiers, from: Specifiers| {
            for (key, address) in from {
                if !into.iter().any(|(known, _)| *known == key) {
                    into.push((key, address));
                }
            }
            into.sort_by(|(one, _), (other, _)| other.encode_utf16().cmp(one.encode_utf16()));
        };
        merge(&mut self.imports, new.imports);
        for (prefix, specifiers) in new.scopes {
            match self.scopes.iter_mut().find(|(known, _)| *known == prefix) {
                Some((_, into)) => merge(into, specifiers),
                None => self.scopes.push((prefix, specifiers)),
            }
        }
        self.scopes.sort_by(|(one, _), (other, _)| other.encode_utf16().cmp(one.encode_utf16()));
        for (url, metadata) in new.integrity {
            self.integrity.entry(url).or_insert(metadata);
        }
    }

    /// <https://html.spec.whatwg.org/#resolve-a-module-integrity-metadata>
    pub(super) fn integrity_of(&self, url: &Url) -> String {
        self.integrity.get(url).cloned().unwrap_or_default()
    }

    /// <https://html.spec.whatwg.org/#resolve-a-module-specifier>; why not, for people.
    pub(super) fn resolve(&self, base: &str, specifier: &str) -> Result<Url, String> {
        let base = Url::parse(base).map_err(|error| error.to_string());
        let as_url = match &base {
            Ok(base) => url_like(specifier, base),
            Err(_) => Url::parse(specifier).ok(),
        };
        let normalized = as_url.as_ref().map_or_else(|| specifier.to_owned(), Url::to_string);
        let base = base.map(String::from).unwrap_or_default();
        for (prefix, specifiers) in &self.scopes {
            if (*prefix == base || prefix.ends_with('/') && base.starts_with(prefix.as_str()))
                && let Some(found) = in_map(specifiers, &normalized, as_url.as_ref())?
            {
                return Ok(found);
            }
        }
        if let Some(found) = in_map(&self.imports, &normalized, as_url.as_ref())? {
            return Ok(found);
        }
        as_url.ok_or_else(|| {
            format!("the module specifier “{specifier}” is no URL and does not start with /, ./ or ../")
        })
    }
}

/// <https://html.spec.whatwg.org/#resolving-an-imports-match>
fn in_map(specifiers: &Specifiers, normalized: &str, as_url: Option<&Url>) -> Result<Option<Url>, String> {
    let blocked = || format!("the import map gives “{normalized}” no address");
    for (key, address) in specifiers {
        if key == normalized {
            return address.clone().map(Some).ok_or_else(blocked);
        }
        let is_special = as_url.is_none_or(Url::is_special);
        if key.ends_with('/') && is_special && normalized.starts_with(key.as_str()) {
            let address = address.as_ref().ok_or_else(blocked)?;
            let url = address.join(&normalized[key.len()..]).map_err(|_| blocked())?;
            // It may not lead out of where the prefix leads.
            return match url.as_str().starts_with(address.as_str()) {
                true => Ok(Some(url)),
                false => Err(blocked()),
            };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://a.example/page").unwrap()
    }

    fn map(text: &str) -> ImportMap {
        ImportMap::parse(text, &base()).unwrap()
    }

    #[test]
    fn the_longest_match_in_the_nearest_scope_counts() {
        let map = map(
            r#"{ "imports": { "lib": "/lib.js", "lib/": "/lib/", "lib/deep/": "/deep/", "none": null, "bad": "not a url" },
                "scopes": { "/in/": { "lib": "/in.js" }, "/in/deeper/": { "lib": "/deeper.js" } } }"#,
        );
        let resolve = |base: &str, specifier: &str| {
            map.resolve(&format!("https://a.example{base}"), specifier).map(|url| url.path().to_owned())
        };
        assert_eq!(resolve("/x", "lib").as_deref(), Ok("/lib.js"));
        assert_eq!(resolve("/x", "lib/a").as_deref(), Ok("/lib/a"));
        assert_eq!(resolve("/x", "lib/deep/a").as_deref(), Ok("/deep/a"));
        assert_eq!(resolve("/in/x", "lib").as_deref(), Ok("/in.js"));
        assert_eq!(resolve("/in/deeper/x", "lib").as_deref(), Ok("/deeper.js"));
        assert_eq!(resolve("/in/x", "lib/a").as_deref(), Ok("/lib/a"));
        assert_eq!(resolve("/x", "./y").as_deref(), Ok("/y"));
        for bad in ["none", "bad", "unknown", "lib/../../out"] {
            assert!(resolve("/x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_map_is_refused() {
        assert!(matches!(ImportMap::parse("{", &base()), Err(ImportMapError::Syntax(_))));
        for text in ["[]", "1", r#"{"imports": 1}"#, r#"{"scopes": []}"#, r#"{"scopes": {"/": 1}}"#] {
            assert!(matches!(ImportMap::parse(text, &base()), Err(ImportMapError::Shape(_))), "{text}");
        }
    }

    #[test]
    fn a_later_map_adds_and_changes_nothing() {
        let mut first = map(r#"{ "imports": { "a": "/1.js" } }"#);
        first.merge(map(
            r#"{ "imports": { "a": "/2.js", "b": "/b.js" }, "scopes": { "/s/": { "a": "/s.js" } } }"#,
        ));
        let path = |base: &str, specifier: &str| first.resolve(base, specifier).unwrap().path().to_owned();
        assert_eq!(path("https://a.example/x", "a"), "/1.js");
        assert_eq!(path("https://a.example/x", "b"), "/b.js");
        assert_eq!(path("https://a.example/s/x", "a"), "/s.js");
    }
}
