//! The `anygrad` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    anygrad::gpu::quiet_drivers();
    anygrad::cli::run(std::env::args_os())
}
