//! Everything of wgpu: adapters, the device, buffers, pipelines, the executor, reading back, timing.
//!
//! Invariant: nothing outside this room names wgpu, and nothing in it knows what a layer is.

mod adapter;
mod device;
mod executor;
mod memory;
mod pipelines;
mod readback;
mod stopwatch;
mod trusted;
mod tune;

pub use adapter::{AdapterInfo, Choice, Limits, list};
pub use device::{Gpu, Trust};
pub use executor::{Executor, Kernels};
pub use memory::Memory;
pub use readback::{Counters, Readback};
pub use stopwatch::{Lap, Laps, Stopwatch};
pub use trusted::quiet_drivers;
pub use tune::measure;
