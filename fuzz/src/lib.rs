//! What all binaries have besides their target.

pub use libfuzzer_sys::fuzz_target;

/// The binary of a target.
///
/// OPTIMIZATION: what costs much at each allocation is kept small: the frames that are written down, what is kept of freed memory, and no
/// bytes are filled in. `ASAN_OPTIONS=malloc_context_size=30` shows more of a defect once there is one.
#[macro_export]
macro_rules! binary {
    ($target:path) => {
        $crate::fuzz_target!(|data: &[u8]| $target(data));
        $crate::sanitizer_options!(
            c"detect_odr_violation=0:detect_stack_use_after_return=0:malloc_context_size=2:quarantine_size_mb=1:\
              thread_local_quarantine_size_kb=64:max_malloc_fill_size=0"
        );
    };
}

/// The binary of a target with hyper in it.
#[macro_export]
macro_rules! network_binary {
    ($target:path) => {
        $crate::fuzz_target!(|data: &[u8]| $target(data));
        // As many frames are written down as what is to be overlooked needs.
        $crate::sanitizer_options!(
            c"detect_odr_violation=0:detect_stack_use_after_return=0:malloc_context_size=6:quarantine_size_mb=4:\
              thread_local_quarantine_size_kb=64:max_malloc_fill_size=0"
        );

        /// What the sanitizer for leaks takes for one and is none.
        ///
        /// `BytesMut` that was read to its end points behind its memory, where the sanitizer does not look; hyper's buffers of idle
        /// connections are such. What would leak them would leak their owners too.
        #[unsafe(no_mangle)]
        extern "C" fn __lsan_default_suppressions() -> *const std::ffi::c_char {
            c"leak:bytes::bytes_mut::BytesMut>::reserve_inner\nleak:bytes::bytes_mut::BytesMut>::with_capacity\n".as_ptr()
        }
    };
}

/// What AddressSanitizer is told. Rust's own crates define some symbols twice, as it sees it.
#[doc(hidden)]
#[macro_export]
macro_rules! sanitizer_options {
    ($options:literal) => {
        #[unsafe(no_mangle)]
        extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
            $options.as_ptr()
        }
    };
}
