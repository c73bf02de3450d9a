//! Makes the interfaces that this crate's own tests mount. Nothing of it is in the library.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    const SOURCE: &str = "tests/webidl/interfaces.webidl";
    println!("cargo::rerun-if-changed={SOURCE}");
    let text = fs::read_to_string(SOURCE)?;
    let generated = longhaul_codegen::generate(&[(SOURCE, &text)])?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("test_interfaces.rs"), generated)?;
    Ok(())
}
