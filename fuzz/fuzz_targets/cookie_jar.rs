#![no_main]

longhaul_fuzz::binary!(longhaul_fuzz_targets::cookie_jar);
