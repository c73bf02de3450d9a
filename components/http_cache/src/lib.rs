//! HTTP caching as RFC 9111 has it, for one user.
//!
//! [`HttpCache::lookup`] takes a request and says what to do: answer with what is stored, or go to the network, with what
//! headers, and tell the [`Exchange`] what came of it. Stored responses are found by partition, URL and the headers that
//! `Vary` names. Bodies are files, what is known of them is in rows; both are in the part of a profile that may be lost at
//! any time ([`longhaul_storage::Disposable`]), and nothing is given out whose checksum is wrong.
//!
//! The rules themselves ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111),
//! [5861](https://www.rfc-editor.org/rfc/rfc5861), [8246](https://www.rfc-editor.org/rfc/rfc8246), the Fetch Standard's
//! cache modes) are functions of a request, a stored response and a time, without I/O.

#![forbid(unsafe_code)]

mod body;
mod cache;
mod cache_control;
mod error;
mod exchange;
mod flight;
mod freshness;
mod growing;
mod memory;
mod message;
mod no_vary_search;
mod policy;
mod range;
mod storable;
mod stored;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod upkeep;
mod vary;
mod write;

pub use cache::{Answer, Config, HttpCache, Lookup, Summary};
pub use error::{BodyError, CacheError};
pub use exchange::{Exchange, Received, Source};
pub use growing::BodyStream;
pub use message::{CacheMode, Headers, RequestHead, ResponseHead};
