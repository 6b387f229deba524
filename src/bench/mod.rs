//! How fast: what an adapter can do at most, what each kernel makes of it, and whole training steps.
//!
//! Probes measure what limits (arithmetic, memory, dispatches); every other figure is a share of them, which carries over from
//! machine to machine where seconds do not. Invariant: what is wrong is not timed.

mod clock;
mod kernels;
mod probe;
mod shapes;
mod training;

pub use clock::{Effort, Timing};
pub use kernels::{KernelBench, kernels, op_names};
pub use probe::{Figure, Probes, measure};
pub use training::{NetBench, step};

use crate::plan::Kernel;

/// What work takes of an adapter: floating-point operations, bytes moved, dispatches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Floating-point operations, a multiply-add counted as two.
    pub flops: u64,
    /// Bytes between memory and the adapter, at least.
    pub bytes: u64,
    /// Kernel launches.
    pub dispatches: u64,
}

impl Work {
    /// The work of some kernels.
    pub fn of<'k>(kernels: impl IntoIterator<Item = &'k Kernel>) -> Self {
        let mut work = Self::default();
        for kernel in kernels {
            work.flops += kernel.flops;
            work.bytes += kernel.traffic_bytes() as u64;
            work.dispatches += 1;
        }
        work
    }
}

/// The least seconds that an adapter needs for kernels one after the other: each is limited by arithmetic, by memory, or by what a
/// dispatch costs.
pub fn roofline<'k>(probes: &Probes, kernels: impl IntoIterator<Item = &'k Kernel>) -> f64 {
    let kernels = kernels.into_iter();
    kernels
        .map(|kernel| probes.roof_seconds(&Work::of([kernel])))
        .sum()
}
