//! The `longhaul` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    longhaul_host::commands::main()
}
