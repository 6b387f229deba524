//! How a training is steered from outside: where it begins, when it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::checkpoint::Resume;
use super::lr_find::Range;

/// How a training is steered from outside. The default: it begins at the beginning and nobody stops it.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// The state to go on from.
    pub resume: Option<Arc<Resume>>,
    /// Ends the training early.
    pub stop: Stop,
    /// Seconds after which the training ends with what it has: after the step under way.
    pub time: Option<Duration>,
    /// A learning rate for each step, in place of that of the configuration.
    pub rates: Option<Range>,
}

/// A request to stop, from another thread or a signal handler: the number of the signal, or 0 while the training shall go on.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// The cell that a signal handler sets.
    pub fn cell(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }

    /// Asks for an end, as the signal of this number does.
    pub fn request(&self, signal: u8) {
        self.0.store(usize::from(signal), Ordering::Relaxed);
    }

    /// The signal that asked for an end.
    pub fn requested(&self) -> Option<u8> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(u8::try_from(signal).unwrap_or(u8::MAX)),
        }
    }
}
