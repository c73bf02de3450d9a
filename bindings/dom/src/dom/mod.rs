//! <https://dom.spec.whatwg.org/>: the tree.

mod attributes;
mod character_data;
mod class;
pub(crate) mod collections;
mod css_style_declaration;
pub(crate) mod document;
pub(crate) mod element;
mod element_methods;
pub(crate) mod mutation;
pub(crate) mod node;
pub(crate) mod node_methods;
pub(crate) mod parent_node;
mod range;
mod selectors;
mod serialize;

pub(crate) use attributes::{Dataset, TokenList};
pub(crate) use css_style_declaration::{InlineStyle, is_written as is_style_written};
pub(crate) use element_methods::{by_class_name, by_tag_name, by_tag_name_ns};
pub(crate) use node_methods::{clone, document_of};
pub(crate) use parent_node::parent_node_methods;
pub(crate) use range::{Range, StaticRange};
pub(crate) use serialize::serialize;
