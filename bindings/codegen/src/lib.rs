//! The bindings generator: WebIDL text in, descriptor tables and typed traits out.
//!
//! [`generate`] takes every `.webidl` text at once, merges partials, mixins and inheritance, and returns Rust source that
//! expects the module `crate::runtime` (of `longhaul-idl`, or imported from it) beside it:
//!
//! - for each interface a module with its `DESCRIPTOR`, and for native ones a trait `…Methods`, a trait `…Statics` where it
//!   has constructors or static members, and the glue from dynamic values to the traits;
//! - for each dictionary a struct, for each enumeration and union an enum.
//!
//! An interface marked `[LonghaulSelfHosted]` gets its descriptor only: a self-hosted core implements it.
//!
//! <https://webidl.spec.whatwg.org/>

#![forbid(unsafe_code)]

mod collect;
mod emit;
mod model;
mod names;
mod types;

use thiserror::Error;

/// Why the generator gave up. Every error names the text and, where there is one, the definition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not WebIDL that the parser understands.
    #[error("{file}: line {line}: cannot parse from {near:?}")]
    Syntax {
        /// The text's name.
        file: String,
        /// Where the first definition that does not parse begins.
        line: usize,
        /// The beginning of that definition.
        near: String,
    },
    /// A type or a definition is named that is nowhere defined.
    #[error("{file}: {definition}: {name} is not defined")]
    Undefined {
        /// The text's name.
        file: String,
        /// The definition that names it.
        definition: String,
        /// The name.
        name: String,
    },
    /// Two definitions have one name.
    #[error("{file}: {definition} is defined twice")]
    Duplicate {
        /// The text with the second definition.
        file: String,
        /// The name.
        definition: String,
    },
    /// A definition inherits from itself, or a typedef names itself.
    #[error("{file}: {definition} depends on itself")]
    Cycle {
        /// The text's name.
        file: String,
        /// The definition.
        definition: String,
    },
    /// An interface or a namespace does not say where it is exposed.
    #[error("{file}: {definition} has no [Exposed]")]
    NotExposed {
        /// The text's name.
        file: String,
        /// The definition.
        definition: String,
    },
    /// Something of WebIDL that the generator does not do.
    #[error("{file}: {definition}: {feature} is not supported")]
    Unsupported {
        /// The text's name.
        file: String,
        /// The definition.
        definition: String,
        /// What it is.
        feature: String,
    },
}

/// Makes Rust source of WebIDL texts, given as name and text.
///
/// # Errors
/// The first fault found; see [`enum@Error`].
pub fn generate(sources: &[(&str, &str)]) -> Result<String, Error> {
    let texts: Vec<(&str, String)> =
        sources.iter().map(|(name, text)| (*name, collect::prepare(text))).collect();
    let collected = collect::collect(&texts)?;
    let model = types::resolve(&collected)?;
    Ok(emit::emit(&model))
}

#[cfg(test)]
mod tests;
