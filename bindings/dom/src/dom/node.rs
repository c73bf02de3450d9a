//! <https://dom.spec.whatwg.org/#nodes>: nodes and the links between them. Nothing here runs script.
//!
//! One Rust type stands behind every node interface; its [`Class`] says which one it shows. A node owns its first child and
//! its next sibling and knows the others weakly, so a tree that nothing refers to is freed at once. What keeps the whole of a
//! tree alive while script has any node of it is the self-hosted core (`tree.js`).

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use html5ever::{LocalName, Namespace, QualName};
use longhaul_idl::runtime::{
    DomString, Exception, InterfaceDescriptor, MemberId, ObjectRef, PlatformObject, Realm, RealmId, Value,
};

use super::class::{self, Class};
use super::document::DocumentData;
use super::element::ElementData;

pub(crate) type NodeRef = Arc<Node>;

/// <https://dom.spec.whatwg.org/#interface-node>
pub(crate) struct Node {
    me: Weak<Node>,
    class: &'static Class,
    realm: RealmId,
    document: Mutex<Weak<Node>>,
    links: Mutex<Links>,
    wrapped: AtomicBool,
    /// How deep the parser put it.
    depth: AtomicU32,
    pub(crate) data: NodeData,
}

#[derive(Default)]
struct Links {
    parent: Weak<Node>,
    previous: Weak<Node>,
    next: Option<NodeRef>,
    first: Option<NodeRef>,
    last: Weak<Node>,
}

/// What a node is.
pub(crate) enum NodeData {
    Document(Box<DocumentData>),
    Doctype {
        name: String,
        public_id: String,
        system_id: String,
    },
    /// The template that a fragment is the content of, if any.
    Fragment {
        host: Mutex<Weak<Node>>,
    },
    Text(Mutex<DomString>),
    CData(Mutex<DomString>),
    Comment(Mutex<DomString>),
    ProcessingInstruction {
        target: String,
        data: Mutex<DomString>,
    },
    Element(Box<ElementData>),
    Attribute {
        name: QualName,
        value: Mutex<DomString>,
        element: Mutex<Weak<Node>>,
    },
}

/// Counts every change of any tree or attribute: what was computed from a tree holds as long as this is the same.
static VERSION: AtomicU64 = AtomicU64::new(1);

pub(crate) fn version() -> u64 {
    VERSION.load(Ordering::Relaxed)
}

pub(crate) fn changed() {
    VERSION.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    pub(crate) fn new(
        class: &'static Class,
        realm: RealmId,
        document: Option<&NodeRef>,
        data: NodeData,
    ) -> NodeRef {
        let document = document.map(Arc::downgrade).unwrap_or_default();
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            class,
            realm,
            document: Mutex::new(document),
            links: Mutex::default(),
            wrapped: AtomicBool::new(false),
            depth: AtomicU32::new(0),
            data,
        })
    }

    pub(crate) fn text(document: &NodeRef, data: DomString) -> NodeRef {
        Self::new(&class::TEXT, document.realm, Some(document), NodeData::Text(Mutex::new(data)))
    }

    pub(crate) fn comment(document: &NodeRef, data: DomString) -> NodeRef {
        Self::new(&class::COMMENT, document.realm, Some(document), NodeData::Comment(Mutex::new(data)))
    }

    pub(crate) fn cdata(document: &NodeRef, data: DomString) -> NodeRef {
        Self::new(&class::CDATA_SECTION, document.realm, Some(document), NodeData::CData(Mutex::new(data)))
    }

    pub(crate) fn processing_instruction(document: &NodeRef, target: String, data: DomString) -> NodeRef {
        let data = NodeData::ProcessingInstruction { target, data: Mutex::new(data) };
        Self::new(&class::PROCESSING_INSTRUCTION, document.realm, Some(document), data)
    }

    pub(crate) fn doctype(document: &NodeRef, name: String, public_id: String, system_id: String) -> NodeRef {
        let data = NodeData::Doctype { name, public_id, system_id };
        Self::new(&class::DOCUMENT_TYPE, document.realm, Some(document), data)
    }

    pub(crate) fn fragment(document: &NodeRef) -> NodeRef {
        let data = NodeData::Fragment { host: Mutex::default() };
        Self::new(&class::DOCUMENT_FRAGMENT, document.realm, Some(document), data)
    }

    pub(crate) fn attribute(document: &NodeRef, name: QualName, value: DomString) -> NodeRef {
        let data = NodeData::Attribute { name, value: Mutex::new(value), element: Mutex::default() };
        Self::new(&class::ATTR, document.realm, Some(document), data)
    }

    /// This node, for what has only a reference.
    pub(crate) fn me(&self) -> Option<NodeRef> {
        self.me.upgrade()
    }

    pub(crate) fn realm_id(&self) -> RealmId {
        self.realm
    }

    pub(crate) fn class(&self) -> &'static Class {
        self.class
    }

    pub(crate) fn mark_wrapped(&self) {
        self.wrapped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_wrapped(&self) -> bool {
        self.wrapped.load(Ordering::Relaxed)
    }

    pub(crate) fn parser_depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    pub(crate) fn set_parser_depth(&self, depth: u32) {
        self.depth.store(depth, Ordering::Relaxed);
    }

    /// <https://dom.spec.whatwg.org/#concept-node-document>; a document's is itself.
    pub(crate) fn document(self: &Arc<Self>) -> Option<NodeRef> {
        match self.data {
            NodeData::Document(_) => Some(Arc::clone(self)),
            _ => lock(&self.document).upgrade(),
        }
    }

    pub(crate) fn set_document(&self, document: &NodeRef) {
        *lock(&self.document) = Arc::downgrade(document);
    }

    pub(crate) fn element(&self) -> Option<&ElementData> {
        match &self.data {
            NodeData::Element(element) => Some(element),
            _ => None,
        }
    }

    pub(crate) fn document_data(&self) -> Option<&DocumentData> {
        match &self.data {
            NodeData::Document(document) => Some(document),
            _ => None,
        }
    }

    /// The text of a character data node.
    pub(crate) fn character_data(&self) -> Option<&Mutex<DomString>> {
        match &self.data {
            NodeData::Text(data)
            | NodeData::CData(data)
            | NodeData::Comment(data)
            | NodeData::ProcessingInstruction { data, .. } => Some(data),
            _ => None,
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.data, NodeData::Text(_) | NodeData::CData(_))
    }

    pub(crate) fn is_element(&self) -> bool {
        matches!(self.data, NodeData::Element(_))
    }

    pub(crate) fn is_document(&self) -> bool {
        matches!(self.data, NodeData::Document(_))
    }

    pub(crate) fn is_fragment(&self) -> bool {
        matches!(self.data, NodeData::Fragment { .. })
    }

    /// Whether it is an HTML element of a local name.
    pub(crate) fn is_html(&self, name: &str) -> bool {
        self.element()
            .is_some_and(|element| element.name.ns == html5ever::ns!(html) && &*element.name.local == name)
    }

    pub(crate) fn html_name(&self) -> Option<&LocalName> {
        let element = self.element()?;
        (element.name.ns == html5ever::ns!(html)).then_some(&element.name.local)
    }

    pub(crate) fn namespace(&self) -> Option<&Namespace> {
        self.element().map(|element| &element.name.ns)
    }

    pub(crate) fn parent(&self) -> Option<NodeRef> {
        lock(&self.links).parent.upgrade()
    }

    pub(crate) fn first_child(&self) -> Option<NodeRef> {
        lock(&self.links).first.clone()
    }

    pub(crate) fn last_child(&self) -> Option<NodeRef> {
        lock(&self.links).last.upgrade()
    }

    pub(crate) fn next_sibling(&self) -> Option<NodeRef> {
        lock(&self.links).next.clone()
    }

    pub(crate) fn previous_sibling(&self) -> Option<NodeRef> {
        lock(&self.links).previous.upgrade()
    }

    pub(crate) fn children_list(&self) -> Vec<NodeRef> {
        let mut children = Vec::new();
        let mut next = self.first_child();
        while let Some(child) = next {
            next = child.next_sibling();
            children.push(child);
        }
        children
    }

    pub(crate) fn child_elements(&self) -> Vec<NodeRef> {
        let mut children = self.children_list();
        children.retain(|child| child.is_element());
        children
    }

    /// <https://dom.spec.whatwg.org/#concept-tree-root>
    pub(crate) fn root(self: &Arc<Self>) -> NodeRef {
        let mut root = Arc::clone(self);
        while let Some(parent) = root.parent() {
            root = parent;
        }
        root
    }

    /// <https://dom.spec.whatwg.org/#connected>
    pub(crate) fn is_connected_node(self: &Arc<Self>) -> bool {
        self.root().is_document()
    }

    /// <https://dom.spec.whatwg.org/#concept-tree-inclusive-ancestor>
    pub(crate) fn is_inclusive_ancestor_of(self: &Arc<Self>, other: &NodeRef) -> bool {
        let mut current = Some(Arc::clone(other));
        while let Some(node) = current {
            if Arc::ptr_eq(&node, self) {
                return true;
            }
            current = node.parent();
        }
        false
    }

    /// <https://dom.spec.whatwg.org/#concept-tree-host-including-inclusive-ancestor>
    pub(crate) fn is_host_including_inclusive_ancestor_of(self: &Arc<Self>, other: &NodeRef) -> bool {
        let mut current = Arc::clone(other);
        loop {
            if self.is_inclusive_ancestor_of(&current) {
                return true;
            }
            let root = current.root();
            let host = match &root.data {
                NodeData::Fragment { host } => lock(host).upgrade(),
                _ => None,
            };
            match host {
                Some(host) => current = host,
                None => return false,
            }
        }
    }

    /// The node after this one in tree order, within `root`.
    pub(crate) fn following(self: &Arc<Self>, root: &NodeRef) -> Option<NodeRef> {
        self.first_child().or_else(|| self.following_skipping_children(root))
    }

    /// As [`Self::following`], past this node's descendants.
    pub(crate) fn following_skipping_children(self: &Arc<Self>, root: &NodeRef) -> Option<NodeRef> {
        let mut current = Arc::clone(self);
        loop {
            if Arc::ptr_eq(&current, root) {
                return None;
            }
            if let Some(next) = current.next_sibling() {
                return Some(next);
            }
            current = current.parent()?;
        }
    }

    /// This node and its descendants, in tree order.
    pub(crate) fn inclusive_descendants(self: &Arc<Self>) -> Descendants {
        Descendants { root: Arc::clone(self), next: Some(Arc::clone(self)) }
    }

    /// Its descendants, in tree order.
    pub(crate) fn descendants(self: &Arc<Self>) -> Descendants {
        Descendants { root: Arc::clone(self), next: self.first_child() }
    }

    /// <https://dom.spec.whatwg.org/#concept-tree-index>
    pub(crate) fn index(&self) -> usize {
        let mut index = 0;
        let mut current = self.previous_sibling();
        while let Some(node) = current {
            index += 1;
            current = node.previous_sibling();
        }
        index
    }

    /// <https://dom.spec.whatwg.org/#concept-descendant-text-content>
    pub(crate) fn descendant_text(self: &Arc<Self>) -> String {
        let mut text = String::new();
        for node in self.descendants() {
            if let NodeData::Text(data) | NodeData::CData(data) = &node.data {
                text.push_str(&lock(data));
            }
        }
        text
    }

    /// <https://dom.spec.whatwg.org/#concept-child-text-content>
    pub(crate) fn child_text(&self) -> String {
        let mut text = String::new();
        for node in self.children_list() {
            if let NodeData::Text(data) | NodeData::CData(data) = &node.data {
                text.push_str(&lock(data));
            }
        }
        text
    }

    /// Puts a node that has no parent under this one, in front of `before` or at the end.
    pub(crate) fn link(self: &Arc<Self>, child: &NodeRef, before: Option<&NodeRef>) {
        debug_assert!(child.parent().is_none(), "a node has one parent");
        changed();
        let previous = match before {
            Some(before) => before.previous_sibling(),
            None => self.last_child(),
        };
        {
            let mut links = lock(&child.links);
            links.parent = Arc::downgrade(self);
            links.previous = previous.as_ref().map(Arc::downgrade).unwrap_or_default();
            links.next = before.cloned();
        }
        match before {
            Some(before) => lock(&before.links).previous = Arc::downgrade(child),
            None => lock(&self.links).last = Arc::downgrade(child),
        }
        match previous {
            Some(previous) => lock(&previous.links).next = Some(Arc::clone(child)),
            None => lock(&self.links).first = Some(Arc::clone(child)),
        }
    }

    /// Takes a node out of its parent.
    pub(crate) fn unlink(self: &Arc<Self>) {
        let Some(parent) = self.parent() else { return };
        changed();
        let (previous, next) = {
            let mut links = lock(&self.links);
            links.parent = Weak::new();
            (std::mem::take(&mut links.previous).upgrade(), links.next.take())
        };
        match &next {
            Some(next) => {
                lock(&next.links).previous = previous.as_ref().map(Arc::downgrade).unwrap_or_default();
            }
            None => lock(&parent.links).last = previous.as_ref().map(Arc::downgrade).unwrap_or_default(),
        }
        // NOTE: what is replaced is this node itself, which the caller has.
        let replaced = match &previous {
            Some(previous) => std::mem::replace(&mut lock(&previous.links).next, next),
            None => std::mem::replace(&mut lock(&parent.links).first, next),
        };
        drop(replaced);
    }
}

impl Drop for Node {
    /// Frees what only this node owned without a call per level: trees may be as deep as memory allows.
    fn drop(&mut self) {
        let links = self.links.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut owned: Vec<NodeRef> = links.first.take().into_iter().chain(links.next.take()).collect();
        let content = |data: &NodeData| match data {
            NodeData::Element(element) => element.take_content(),
            _ => None,
        };
        owned.extend(content(&self.data));
        while let Some(node) = owned.pop() {
            // NOTE: a node that somebody else still has keeps its own.
            if let Some(node) = Arc::into_inner(node) {
                let mut links = lock(&node.links);
                owned.extend(links.first.take());
                owned.extend(links.next.take());
                drop(links);
                owned.extend(content(&node.data));
            }
        }
    }
}

/// Nodes in tree order.
pub(crate) struct Descendants {
    root: NodeRef,
    next: Option<NodeRef>,
}

impl Iterator for Descendants {
    type Item = NodeRef;

    fn next(&mut self) -> Option<NodeRef> {
        let node = self.next.take()?;
        self.next = node.following(&self.root);
        Some(node)
    }
}

impl PlatformObject for Node {
    fn interface(&self) -> &'static InterfaceDescriptor {
        self.class.descriptor
    }

    fn invoke(
        self: Arc<Self>,
        realm: &dyn Realm,
        member: MemberId,
        args: Vec<Value>,
    ) -> Result<Value, Exception> {
        (self.class.invoke)(self, realm, member, args)
    }

    fn realm(&self) -> Option<RealmId> {
        Some(self.realm)
    }

    fn wrapped_eagerly(&self) -> bool {
        true
    }
}

/// An argument that IDL has checked to be a node.
pub(crate) fn node(object: &ObjectRef) -> Result<NodeRef, Exception> {
    object.downcast::<Node>().ok_or_else(|| Exception::type_error("the object is no node"))
}

pub(crate) fn object(node: NodeRef) -> ObjectRef {
    node
}

pub(crate) fn objects(node: Option<NodeRef>) -> Option<ObjectRef> {
    node.map(object)
}
