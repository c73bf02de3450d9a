//! <https://dom.spec.whatwg.org/>: the tree.

mod attributes;
mod character_data;
mod class;
pub(crate) mod collections;
pub(crate) mod document;
pub(crate) mod element;
mod element_methods;
pub(crate) mod mutation;
pub(crate) mod node;
pub(crate) mod node_methods;
pub(crate) mod parent_node;
mod selectors;
mod serialize;

pub(crate) use attributes::{Dataset, TokenList};
pub(crate) use element_methods::{by_class_name, by_tag_name, by_tag_name_ns};
pub(crate) use node_methods::{clone, document_of};
pub(crate) use parent_node::parent_node_methods;
pub(crate) use serialize::serialize;
