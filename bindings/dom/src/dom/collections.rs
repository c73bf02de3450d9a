//! <https://dom.spec.whatwg.org/#old-style-collections>, <https://dom.spec.whatwg.org/#interface-nodelist>

use std::sync::{Arc, Mutex, Weak};

use html5ever::{LocalName, Namespace, ns};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, RealmId};
use longhaul_idl::{HTMLCollectionMethods, NodeListMethods};

use super::element::qualified;
use super::node::{Node, NodeRef, lock, object, objects, version};

/// Which descendants of a root a live list shows.
pub(crate) enum Filter {
    ChildNodes,
    ChildElements,
    /// By qualified name; for HTML elements in an HTML document by the second, the first in lower case.
    TagName(String, Option<String>),
    TagNameNs(Option<Namespace>, Option<LocalName>),
    /// Every one of them; whether ASCII case counts.
    ClassName(Vec<String>, bool),
    /// The `name` attribute.
    Name(String),
    /// HTML elements.
    Html(fn(&NodeRef) -> bool),
}

impl Filter {
    fn takes(&self, node: &NodeRef) -> bool {
        let Some(element) = node.element() else { return false };
        match self {
            Self::ChildNodes | Self::ChildElements => true,
            Self::TagName(name, lower) => {
                if name == "*" {
                    return true;
                }
                let name = match lower {
                    Some(lower) if element.name.ns == ns!(html) => lower,
                    _ => name,
                };
                match &element.name.prefix {
                    None => *name == *element.name.local,
                    Some(_) => *name == qualified(&element.name),
                }
            }
            Self::TagNameNs(namespace, local) => {
                namespace.as_ref().is_none_or(|namespace| *namespace == element.name.ns)
                    && local.as_ref().is_none_or(|local| *local == element.name.local)
            }
            Self::ClassName(classes, exact) => {
                !classes.is_empty()
                    && node.attr("class").is_some_and(|value| {
                        let has = |wanted: &String| {
                            value.split_ascii_whitespace().any(|class| {
                                if *exact { class == wanted } else { class.eq_ignore_ascii_case(wanted) }
                            })
                        };
                        classes.iter().all(has)
                    })
            }
            Self::Name(name) => element.name.ns == ns!(html) && node.attr("name").as_ref() == Some(name),
            Self::Html(takes) => element.name.ns == ns!(html) && takes(node),
        }
    }
}

/// The nodes of a root that a filter takes, computed again whenever something has changed.
pub(crate) struct Live {
    root: NodeRef,
    filter: Filter,
    cache: Mutex<(u64, Vec<Weak<Node>>)>,
}

impl Live {
    fn new(root: &NodeRef, filter: Filter) -> Self {
        Self { root: Arc::clone(root), filter, cache: Mutex::new((0, Vec::new())) }
    }

    fn with<T>(&self, take: impl FnOnce(&[Weak<Node>]) -> T) -> T {
        let mut cache = lock(&self.cache);
        if cache.0 != version() {
            let weak = |node: NodeRef| Arc::downgrade(&node);
            let nodes = match &self.filter {
                Filter::ChildNodes => self.root.children_list().into_iter().map(weak).collect(),
                Filter::ChildElements => self.root.child_elements().into_iter().map(weak).collect(),
                filter => self.root.descendants().filter(|node| filter.takes(node)).map(weak).collect(),
            };
            *cache = (version(), nodes);
        }
        take(&cache.1)
    }

    fn length(&self) -> u32 {
        self.with(|nodes| u32::try_from(nodes.len()).unwrap_or(u32::MAX))
    }

    fn item(&self, index: u32) -> Option<NodeRef> {
        self.with(|nodes| nodes.get(index as usize).and_then(Weak::upgrade))
    }

    fn all(&self) -> Vec<NodeRef> {
        self.with(|nodes| nodes.iter().filter_map(Weak::upgrade).collect())
    }
}

/// <https://dom.spec.whatwg.org/#interface-htmlcollection>
pub(crate) struct HtmlCollection(Live);

longhaul_idl::platform_object!(HtmlCollection => longhaul_idl::html_collection, realm of 0.root);

impl HtmlCollection {
    pub(crate) fn of(root: &NodeRef, filter: Filter) -> ObjectRef {
        Arc::new(Self(Live::new(root, filter)))
    }

    fn named(&self, name: &str) -> Option<NodeRef> {
        if name.is_empty() {
            return None;
        }
        let is = |node: &NodeRef| {
            node.attr("id").as_deref() == Some(name)
                || node.namespace() == Some(&ns!(html)) && node.attr("name").as_deref() == Some(name)
        };
        self.0.all().into_iter().find(is)
    }
}

impl HTMLCollectionMethods for HtmlCollection {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.0.length())
    }

    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.0.item(index)))
    }

    fn named_item(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.named(&name)))
    }

    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        let mut names: Vec<DomString> = Vec::new();
        for node in self.0.all() {
            let name = (node.namespace() == Some(&ns!(html))).then(|| node.attr_dom("name")).flatten();
            for name in node.attr_dom("id").into_iter().chain(name) {
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }

    fn supports_property_name(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<bool, Exception> {
        Ok(self.named(&name).is_some())
    }
}

/// <https://dom.spec.whatwg.org/#interface-nodelist>
pub(crate) enum NodeList {
    Live(Live),
    Fixed(RealmId, Vec<NodeRef>),
}

longhaul_idl::platform_object!(NodeList => longhaul_idl::node_list, realm |list| list.realm_id());

impl NodeList {
    fn realm_id(&self) -> RealmId {
        match self {
            Self::Live(live) => live.root.realm_id(),
            Self::Fixed(realm, _) => *realm,
        }
    }

    pub(crate) fn live(root: &NodeRef, filter: Filter) -> ObjectRef {
        Arc::new(Self::Live(Live::new(root, filter)))
    }

    /// A list that stays as it is; an empty one belongs to whoever asks.
    pub(crate) fn fixed(nodes: Vec<NodeRef>) -> ObjectRef {
        let realm = nodes.first().map_or(RealmId(0), |node| node.realm_id());
        Arc::new(Self::Fixed(realm, nodes))
    }
}

impl NodeListMethods for NodeList {
    fn item(self: &Arc<Self>, _: &dyn Realm, index: u32) -> Result<Option<ObjectRef>, Exception> {
        Ok(match &**self {
            Self::Live(live) => objects(live.item(index)),
            Self::Fixed(_, nodes) => nodes.get(index as usize).cloned().map(object),
        })
    }

    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(match &**self {
            Self::Live(live) => live.length(),
            Self::Fixed(_, nodes) => u32::try_from(nodes.len()).unwrap_or(u32::MAX),
        })
    }
}
