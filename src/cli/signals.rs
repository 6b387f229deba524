//! Signals that ask for an end: the first is a wish, the second an order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Error, Result};
use crate::train::Stop;

/// From now on the first SIGINT or SIGTERM is told to `stop`, and one after it ends the process at once.
///
/// # Errors
/// If the system does not let its signals be caught.
pub(super) fn catch(stop: &Stop) -> Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In the order in which they run: what the second signal finds was set by the first.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&told))
            .and_then(|_| flag::register(signal, Arc::clone(&told)))
            .and_then(|_| {
                let number = usize::try_from(signal).unwrap_or_default();
                flag::register_usize(signal, stop.cell(), number)
            })
            .map_err(|error| Error::io(Path::new("signals"), "catch", error))?;
    }
    Ok(())
}
