//! Files that the server makes up, so that a big example need not be in the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The manifest's file name in a served folder.
pub const MANIFEST_NAME: &str = "longhaul-serve.json";

/// The longest generated file: the largest length that JavaScript counts exactly.
const LONGEST: u64 = (1 << 53) - 1;

/// The longest manifest that is read.
const MANIFEST_LIMIT: u64 = 1024 * 1024;

/// One generated file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedFile {
    /// The media type; from the name when absent.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// The length in bytes.
    pub size: u64,
    /// What its bytes are made from.
    #[serde(default)]
    pub seed: u64,
    /// Whether it takes what is sent to it with `POST`, and answers how much that was.
    #[serde(default)]
    pub uploads: bool,
}

impl GeneratedFile {
    /// The strong validator.
    pub fn entity_tag(&self) -> String {
        format!("\"generated-{:x}-{:x}\"", self.seed, self.size)
    }

    /// The bytes from `offset`, as many as `buffer` takes. The caller stays inside `size`.
    pub fn fill(&self, offset: u64, buffer: &mut [u8]) {
        let mut position = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let word = word(self.seed, position / 8).to_le_bytes();
            let within = (position % 8) as usize;
            let count = rest.len().min(8 - within);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&word[within..within + count]);
            rest = later;
            position += count as u64;
        }
    }
}

/// The eight bytes at `index`: the splitmix64 generator's output function at that step of its sequence.
fn word(seed: u64, index: u64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed =
        seed.wrapping_mul(STEP).rotate_left(17).wrapping_add(index.wrapping_add(1).wrapping_mul(STEP));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The generated files of a folder, by the path of their URL.
pub type GeneratedFiles = BTreeMap<String, GeneratedFile>;

/// Reads the manifest of `folder`; a folder without one has no generated files.
pub fn read_manifest(folder: &Path) -> Result<GeneratedFiles, ManifestError> {
    let path = folder.join(MANIFEST_NAME);
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(GeneratedFiles::new()),
        Err(source) => return Err(ManifestError::Read { path, source }),
    };
    if !metadata.is_file() || metadata.len() > MANIFEST_LIMIT {
        return Err(ManifestError::Entry {
            path,
            entry: "the manifest".into(),
            problem: "is no file of at most 1 MiB",
        });
    }
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(ManifestError::Read { path, source }),
    };
    let files: GeneratedFiles = match serde_json::from_str(&text) {
        Ok(files) => files,
        Err(source) => return Err(ManifestError::Syntax { path, source }),
    };
    for (entry, file) in &files {
        let problem = if !entry.starts_with('/') || entry.ends_with('/') {
            "is no absolute path of a file"
        } else if entry.split('/').any(|segment| matches!(segment, "." | ".."))
            || entry.contains(['?', '#', '%', '\0'])
        {
            "is no plain path"
        } else if file.size > LONGEST {
            "is larger than 2^53 - 1 bytes"
        } else if file.media_type.as_ref().is_some_and(|value| !is_field_value(value)) {
            "has a type that no header can carry"
        } else {
            continue;
        };
        return Err(ManifestError::Entry { path, entry: entry.clone(), problem });
    }
    Ok(files)
}

fn is_field_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no JSON of the right shape.
    #[error("{path}: it is no manifest: {source}", path = path.display())]
    Syntax {
        /// The manifest.
        path: PathBuf,
        /// Where, and what was expected.
        source: serde_json::Error,
    },
    /// One entry cannot be served.
    #[error("{path}: {entry:?} {problem}", path = path.display())]
    Entry {
        /// The manifest.
        path: PathBuf,
        /// The entry's path.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(seed: u64) -> GeneratedFile {
        GeneratedFile { media_type: None, size: 1 << 20, seed, uploads: false }
    }

    #[test]
    fn any_range_has_the_bytes_of_the_whole() {
        let file = file(5);
        let mut whole = vec![0; 4096];
        file.fill(0, &mut whole);
        for (first, length) in [(0, 1), (1, 7), (7, 2), (8, 8), (13, 1000), (4095, 1)] {
            let mut part = vec![0; length];
            file.fill(first as u64, &mut part);
            assert_eq!(part, whole[first..first + length], "{first}+{length}");
        }
    }

    #[test]
    fn seeds_differ_and_the_bytes_stay_what_they_were() {
        let mut five = [0; 16];
        let mut six = [0; 16];
        file(5).fill(0, &mut five);
        file(6).fill(0, &mut six);
        assert_ne!(five, six);
        let mut sum = 0_u64;
        let mut bytes = vec![0; 1 << 16];
        file(5).fill(0, &mut bytes);
        for byte in bytes {
            sum = sum.wrapping_mul(31).wrapping_add(u64::from(byte));
        }
        // A change of the generator would change files that a profile has half downloaded under the same entity tag.
        assert_eq!(sum, PINNED);
    }

    const PINNED: u64 = 5_188_935_306_011_233_712;

    #[test]
    fn faults_of_a_manifest_name_the_entry() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write =
            |text: &str| std::fs::write(folder.path().join(MANIFEST_NAME), text).expect("it is writable");
        assert_eq!(read_manifest(folder.path()).expect("no manifest is fine").len(), 0);
        write(r#"{ "/a.bin": { "size": 3 } }"#);
        assert_eq!(read_manifest(folder.path()).expect("it is sound")["/a.bin"].size, 3);
        for (text, part) in [
            (r#"{ "a.bin": { "size": 3 } }"#, "a.bin"),
            (r#"{ "/../a.bin": { "size": 3 } }"#, "plain path"),
            (r#"{ "/a.bin": { "size": 9007199254740992 } }"#, "2^53"),
            (r#"{ "/a.bin": { "size": 1, "type": "a\nb" } }"#, "header"),
            (r#"{ "/a.bin": { "size": -1 } }"#, "line 1"),
            (r#"{ "/a.bin": { "size": 1, "colour": 3 } }"#, "colour"),
            ("[", "line 1"),
        ] {
            write(text);
            let error = read_manifest(folder.path()).expect_err(text).to_string();
            assert!(error.contains(part) && error.contains(MANIFEST_NAME), "{text}: {error}");
        }
    }
}
