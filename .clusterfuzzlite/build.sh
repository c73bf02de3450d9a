#!/bin/bash -eu
# Builds every fuzz target into $OUT, each with its seeds and its dictionary. OSS-Fuzz and ClusterFuzzLite set the variables.
cd "$SRC/longhaul/fuzz"
# NOTE: the pinned compiler is the stable one; sanitizers want a nightly.
cargo +nightly fuzz build -O --debug-assertions
for target in fuzz_targets/*.rs; do
  name=$(basename "$target" .rs)
  cp "target/x86_64-unknown-linux-gnu/release/$name" "$OUT/"
  (cd "seeds/$name" && zip -q -r "$OUT/${name}_seed_corpus.zip" .)
  if [[ -f dictionaries/$name.dict ]]; then
    cp "dictionaries/$name.dict" "$OUT/"
  fi
  # Rust's own crates define some symbols twice.
  printf '[libfuzzer]\ntimeout = 25\nmax_len = %s\n[asan]\ndetect_odr_violation = 0\n' "$(sed -n "s/^$name //p" lengths)" > "$OUT/$name.options"
done
