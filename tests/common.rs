//! What the tests share: the adapter, and the policy where there is none.

use std::io::Write as _;

use anygrad::gpu::{Choice, Gpu, Trust};

/// The adapter of this machine. Without one the test fails, unless `ANYGRAD_GPU=skip` says that it may be skipped, aloud.
pub(crate) fn gpu(trust: Trust) -> Option<Gpu> {
    let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
    match Gpu::open(&Choice::from(choice.as_str()), trust) {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var("ANYGRAD_GPU").is_ok_and(|policy| policy == "skip") => {
            say(&format!("SKIPPED, no adapter: {error}"));
            None
        }
        Err(error) => panic!("{error}; {} (or set ANYGRAD_GPU=skip)", error.help()),
    }
}

/// Says something that is seen even when the harness captures output.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
