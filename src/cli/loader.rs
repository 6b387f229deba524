//! Keeps a library of the system from talking over us.

use std::ffi::OsString;

/// Starts the program anew, in this very process, with an environment that keeps the Vulkan loader's layers silent.
///
/// Where a Linux machine has no `XDG_RUNTIME_DIR` (containers, services), Mesa's layer that ranks GPUs looks for a Wayland
/// display at every enumeration, and libwayland writes an error to standard error for it, which `--quiet` could not keep. Any
/// path without a display stops it. A process cannot change its environment safely while it runs; hence the new start, which
/// takes a millisecond and happens once, since the variable is set then. If it fails there is a needless line, no more.
#[cfg(target_os = "linux")]
pub(super) fn hush(args: &[OsString]) {
    use std::os::unix::process::CommandExt as _;

    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    let is_set = std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty());
    let (Ok(program), [name, args @ ..]) = (std::env::current_exe(), args) else {
        return;
    };
    if !is_set {
        let mut command = std::process::Command::new(program);
        let _ = command
            .arg0(name)
            .args(args)
            .env(VARIABLE, "/dev/null")
            .exec();
    }
}

/// Other systems have no such library.
#[cfg(not(target_os = "linux"))]
pub(super) fn hush(_args: &[OsString]) {}
