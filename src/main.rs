//! The `anygrad` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    anygrad::cli::run(std::env::args_os())
}
