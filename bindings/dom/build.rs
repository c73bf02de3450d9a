//! Makes the interface that one of this crate's tests adds. Nothing of it is in the library.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    const SOURCE: &str = "tests/adding_an_interface/thermometer.webidl";
    println!("cargo::rerun-if-changed={SOURCE}");
    let text = fs::read_to_string(SOURCE)?;
    let generated = longhaul_codegen::generate(&[(SOURCE, &text)])?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("thermometer.rs"), generated)?;
    Ok(())
}
