//! A panic is a bug of this program. It is told in a civil way, with what a report of it needs.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Mutex;

use super::diagnostics::Object;
use super::output::Out;

/// The exit code of a bug: EX_SOFTWARE of sysexits.h.
pub(super) const EXIT_CODE: u8 = 70;

/// What panics said, in their order: other threads' may be the reason for the main one's.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether this thread has panicked already.
    static UNWINDS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`. If it panics, nothing has been printed, and what the panics said is given.
pub(super) fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Vec<String>> {
    panic::set_hook(Box::new(|info| {
        let text = describe(info);
        let mut said = SAID
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        said.push(text);
        // A second panic while the first of this thread unwinds ends the process here and now.
        if UNWINDS.replace(true) {
            let out = Out::new(false, false, super::output::ColorMode::Never);
            out.error(&message(&said), HELP);
        }
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let _ = panic::take_hook();
    let mut said = SAID
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let said = std::mem::take(&mut *said);
    result.map_err(|_| said)
}

/// Shows a bug. Gives the exit code.
pub(super) fn show(said: &[String], out: &Out) -> u8 {
    let message = message(said);
    out.error(&message, HELP);
    // Whoever cannot be told on standard output has been told on standard error.
    let _ = out.object(&Object::other("bug", EXIT_CODE, &message, HELP));
    EXIT_CODE
}

const HELP: &str = "please report it with the lines above and the command line; `RUST_BACKTRACE=1` adds where it came from";

fn message(said: &[String]) -> String {
    format!(
        "this is a bug of anygrad, not your mistake\n{}\nanygrad {} on {} {}",
        said.join("\n"),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("a panic without words");
    let place = info
        .location()
        .map(|place| format!(" ({}:{})", place.file(), place.line()))
        .unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("{what}{place}\n{backtrace}"),
        _ => format!("{what}{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_says_what_it_is_and_asks_for_a_report() {
        let text = message(&["index out of bounds (src/x.rs:3)".to_owned()]);
        assert!(text.contains("this is a bug of anygrad"), "{text}");
        assert!(text.contains("index out of bounds (src/x.rs:3)"), "{text}");
        assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
        assert!(HELP.contains("please report"), "{HELP}");
    }
}
