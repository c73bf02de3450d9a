//! The same work beside peers, in one run: each file in `benches/` is one question, and prints ratios.
//!
//! `cargo bench -p longhaul-bench --bench http_cache`

#![forbid(unsafe_code)]
