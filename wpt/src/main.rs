//! The `longhaul-wpt` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    longhaul_wpt::commands::main()
}
