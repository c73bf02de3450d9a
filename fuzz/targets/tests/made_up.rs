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

    fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize) % end.max(1)
    }

    /// Bytes out of nothing, or a seed that was changed in a few places.
    fn input(number: u64, material: &Material) -> Vec<u8> {
        let mut generator = Generator(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        generator.next();
        if number.is_multiple_of(3) {
            let length = generator.below(300);
            return (0..length).map(|_| (generator.next() >> 56) as u8).collect();
        }
        let mut input = material.seeds[generator.below(material.seeds.len())].clone();
        for _ in 0..=generator.below(8) {
            let at = generator.below(input.len() + 1);
            match generator.below(5) {
                0 => input.insert(at, (generator.next() >> 56) as u8),
                1 if at < input.len() => input[at] = (generator.next() >> 56) as u8,
                2 => drop(input.drain(at..(at + generator.below(8)).min(input.len()))),
                3 => {
                    let piece = input[at..(at + generator.below(24)).min(input.len())].to_vec();
                    let to = generator.below(input.len() + 1);
                    input.splice(to..to, piece);
                }
                _ if !material.words.is_empty() => {
                    let word = material.words[generator.below(material.words.len())].clone();
                    input.splice(at..at, word);
                }
                _ => {}
            }
        }
        input
    }
}

/// What inputs of a target are made from.
struct Material {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Material {
    fn of(target: &str) -> Material {
        let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in `fuzz/`");
        let folder = std::fs::read_dir(fuzz.join("seeds").join(target)).expect("it has seeds");
        let mut paths: Vec<_> = folder.map(|entry| entry.expect("it can be read").path()).collect();
        paths.sort();
        let seeds = paths.iter().map(|path| std::fs::read(path).expect("it can be read")).collect();
        let words =
            std::fs::read_to_string(fuzz.join(format!("dictionaries/{target}.dict"))).unwrap_or_default();
        Material { seeds, words: words.lines().map(unescape).collect() }
    }
}

/// A line of a dictionary: a word in quotes, bytes as `\xNN`.
fn unescape(line: &str) -> Vec<u8> {
    let mut rest =
        line.trim().trim_start_matches('"').strip_suffix('"').expect("a word in quotes").as_bytes();
    let mut word = Vec::new();
    while let [first, behind @ ..] = rest {
        if let [b'\\', b'x', high, low, behind @ ..] = rest {
            let digits = [*high, *low];
            let digits = std::str::from_utf8(&digits).expect("two digits");
            word.push(u8::from_str_radix(digits, 16).expect("two digits"));
            rest = behind;
        } else {
            word.push(*first);
            rest = behind;
        }
    }
    word
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn made_up_inputs_pass() {
    let (from, count) = (setting("FUZZ_FROM").unwrap_or(1), setting("FUZZ_INPUTS").unwrap_or(25));
    let only = std::env::var("FUZZ_TARGET").ok();
    for target in TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        let material = Material::of(target.name);
        for number in from..from + count {
            let input = Generator::input(number, &material);
            let run = std::panic::catch_unwind(|| (target.run)(&input));
            assert!(run.is_ok(), "{} fails input {number}: {}", target.name, input.escape_ascii());
        }
    }
}
