#![no_main]

longhaul_fuzz::binary!(longhaul_fuzz_targets::cors_headers);
