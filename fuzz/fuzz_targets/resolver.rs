#![no_main]

longhaul_fuzz::network_binary!(longhaul_fuzz_targets::resolver);
