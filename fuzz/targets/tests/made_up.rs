//! Inputs made up on a stable compiler: too few to find what hides, enough to see that targets and rules stand.
//!
//! `FUZZ_INPUTS` says how many a target gets, `FUZZ_TARGET` which target alone, `FUZZ_FROM` the first input's number.

use longhaul_fuzz_targets::TARGETS;

struct Generator(u64);

impl Generator {
    /// <https://en.wikipedia.org/wiki/Xorshift#xorshift*>
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn input(number: u64) -> Vec<u8> {
        let mut generator = Generator(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        generator.next();
        let length = generator.next() % 300;
        (0..length).map(|_| (generator.next() >> 56) as u8).collect()
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn made_up_inputs_pass() {
    let (from, count) = (setting("FUZZ_FROM").unwrap_or(1), setting("FUZZ_INPUTS").unwrap_or(25));
    let only = std::env::var("FUZZ_TARGET").ok();
    for target in TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        for number in from..from + count {
            let input = Generator::input(number);
            let run = std::panic::catch_unwind(|| (target.run)(&input));
            assert!(run.is_ok(), "{} fails input {number}: {}", target.name, input.escape_ascii());
        }
    }
}
