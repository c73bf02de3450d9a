//! Runs the generator over every `.webidl` text.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=webidl");
    let mut paths: Vec<PathBuf> =
        fs::read_dir("webidl")?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "webidl"));
    paths.sort();
    let mut texts = Vec::new();
    for path in &paths {
        texts.push((path.display().to_string(), fs::read_to_string(path)?));
    }
    let sources: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let generated = longhaul_codegen::generate(&sources)?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("generated.rs"), generated)?;
    Ok(())
}
