//! What a training leaves behind: a folder of plain files, and the way back from it to a trained network.
//!
//! ```text
//! runs/digits/config.toml           every setting, defaults written out
//!             model.json            classes, sample shape, normalisation
//!             weights.safetensors   the weights, in PyTorch's layout
//!             metrics.csv           a line per epoch, written as it ends
//!             summary.json          scores and circumstances; written last, so it marks a finished run
//! ```
//!
//! Invariant: a file is there whole or not at all; only `metrics.csv` grows, a line at a time.

pub mod atomic;
#[cfg(test)]
pub(crate) mod fabricated;
mod folder;
mod load;
mod records;

pub use folder::RunFolder;
pub use load::load;
pub use records::{AdapterRecord, SampleCounts, Summary};

/// Every setting, defaults written out.
const CONFIG: &str = "config.toml";
/// Classes, sample shape, normalisation.
const MODEL: &str = "model.json";
/// The weights.
const WEIGHTS: &str = "weights.safetensors";
/// A line per epoch.
const METRICS: &str = "metrics.csv";
/// Scores and circumstances; the mark of a finished run.
const SUMMARY: &str = "summary.json";
