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
        #[unsafe(no_mangle)]
        extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
            c"detect_odr_violation=0".as_ptr()
        }
    };
}
