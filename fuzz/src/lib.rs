//! What all binaries have besides their target.

pub use libfuzzer_sys::fuzz_target;

/// The binary of a target.
#[macro_export]
macro_rules! binary {
    ($target:path) => {
        $crate::fuzz_target!(|data: &[u8]| $target(data));

        /// What the sanitizer for leaks takes for one and is none.
        ///
        /// `BytesMut` that was read to its end points behind its memory, where the sanitizer does not look; hyper's buffers of idle
        /// connections are such. What would leak them would leak their owners too.
        #[unsafe(no_mangle)]
        extern "C" fn __lsan_default_suppressions() -> *const std::ffi::c_char {
            c"leak:bytes::bytes_mut::BytesMut>::reserve_inner\nleak:bytes::bytes_mut::BytesMut>::with_capacity\n".as_ptr()
        }

        /// Rust's own crates define some symbols twice, as the sanitizer sees it.
        ///
        /// OPTIMIZATION: what costs much at each allocation is kept small: the frames that are written down (as many as what is to be
        /// overlooked needs), what is kept of freed memory, and no bytes are filled in.
        #[unsafe(no_mangle)]
        extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
            c"detect_odr_violation=0:malloc_context_size=6:quarantine_size_mb=16:max_malloc_fill_size=0".as_ptr()
        }
    };
}
