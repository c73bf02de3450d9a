//! The content security policies of a document, worker or request.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use content_security_policy::{CspList as ParsedList, Policy, PolicyDisposition, PolicySource};
use serde::{Deserialize, Serialize};

use crate::environment::CspDisposition;

/// Policies in order: what each says, and what it does. It is read as a slice of these.
///
/// They are parsed once, when they are first asked; copies share what came of it.
///
/// <https://w3c.github.io/webappsec-csp/#csp-list>
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(String, CspDisposition)>", into = "Vec<(String, CspDisposition)>")]
pub struct CspList {
    policies: Vec<(String, CspDisposition)>,
    parsed: Arc<OnceLock<ParsedList>>,
}

impl CspList {
    /// Adds a policy behind the others.
    pub fn push(&mut self, policy: String, disposition: CspDisposition) {
        self.extend([(policy, disposition)]);
    }

    /// Those that have a directive.
    pub(super) fn parsed(&self) -> &ParsedList {
        self.parsed.get_or_init(|| {
            let policies = self.policies.iter().map(|(policy, disposition)| {
                let disposition = match disposition {
                    CspDisposition::Enforce => PolicyDisposition::Enforce,
                    CspDisposition::Report => PolicyDisposition::Report,
                };
                Policy::parse(policy, PolicySource::Header, disposition)
            });
            ParsedList(policies.filter(|policy| !policy.directive_set.is_empty()).collect())
        })
    }
}

impl Deref for CspList {
    type Target = [(String, CspDisposition)];

    fn deref(&self) -> &[(String, CspDisposition)] {
        &self.policies
    }
}

impl Extend<(String, CspDisposition)> for CspList {
    fn extend<Policies: IntoIterator<Item = (String, CspDisposition)>>(&mut self, policies: Policies) {
        self.policies.extend(policies);
        // What was parsed before is that of the copies without these.
        self.parsed = Arc::default();
    }
}

impl From<Vec<(String, CspDisposition)>> for CspList {
    fn from(policies: Vec<(String, CspDisposition)>) -> CspList {
        CspList { policies, parsed: Arc::default() }
    }
}

impl FromIterator<(String, CspDisposition)> for CspList {
    fn from_iter<Policies: IntoIterator<Item = (String, CspDisposition)>>(policies: Policies) -> CspList {
        Vec::from_iter(policies).into()
    }
}

impl From<CspList> for Vec<(String, CspDisposition)> {
    fn from(list: CspList) -> Vec<(String, CspDisposition)> {
        list.policies
    }
}

impl PartialEq for CspList {
    fn eq(&self, other: &CspList) -> bool {
        self.policies == other.policies
    }
}

impl Eq for CspList {}

impl fmt::Debug for CspList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.policies.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_parsed_once_and_anew_with_one_more() {
        let mut list = CspList::from(vec![("img-src 'self'".to_owned(), CspDisposition::Enforce)]);
        let copy = list.clone();
        assert!(std::ptr::eq(list.parsed(), copy.parsed()));
        list.push("script-src 'none'".to_owned(), CspDisposition::Report);
        assert_eq!((list.parsed().0.len(), copy.parsed().0.len()), (2, 1));
        list.push("  ; ".to_owned(), CspDisposition::Enforce);
        assert_eq!((list.parsed().0.len(), list.len()), (2, 3), "one without directives says nothing");
    }

    #[test]
    fn it_is_stored_as_a_list() {
        let text = r#"[["img-src a.test","enforce"],["sandbox","report"]]"#;
        let list: CspList = serde_json::from_str(text).unwrap();
        assert_eq!(list[1], ("sandbox".to_owned(), CspDisposition::Report));
        assert_eq!(serde_json::to_string(&list).unwrap(), text);
    }
}
