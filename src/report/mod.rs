//! What a training leaves behind: a folder of plain files, and the way back from it to a trained network.
//!
//! ```text
//! runs/digits/config.toml           every setting, defaults written out
//!             model.json            classes, sample shape, normalisation
//!             weights.safetensors   the weights, in PyTorch's layout
//!             weights-last.safetensors   the weights of the last step, where weights.safetensors are an average
//!             metrics.csv           a line per epoch, written as it ends
//!             metrics.jsonl         the same as JSON
//!             events.out.tfevents…  the same for TensorBoard
//!             environment.json      program, command, adapter, driver, limits
//!             report.html           the run as a page; loss.svg, confusion.svg and samples.png are its pictures
//!             README.md             the run as a model card
//!             summary.json          scores and circumstances; written last, so it marks a finished run
//!             checkpoints/step-N/   the whole state after so many steps, to go on from
//!             kernels.json          which ways its kernels are computed
//!             init.safetensors      the weights it began with, where they were given
//!             trace.json            the kernels of some steps, with `--profile`
//! ```
//!
//! Invariant: a file is there whole or not at all; only the metrics grow, a line at a time.

mod atomic;
mod card;
mod checkpoints;
mod compare;
mod curve;
mod disk;
mod document;
mod environment;
mod folder;
mod folds;
mod font;
mod journal;
mod load;
mod numbers;
mod page;
mod pictures;
mod predictions;
mod records;
mod svg;
mod table;
mod tensorboard;
mod trace;

pub use checkpoints::Found;
pub use compare::Comparison;
pub use curve::write_curve;
use document::Document;
pub use folder::{Begun, RunFolder};
pub use folds::{FoldScores, Folds, FoldsFolder, Spread};
pub use load::{kernels, load};
pub use predictions::write_predictions;
pub use records::{AdapterRecord, BestRecord, SampleCounts, Summary};
pub use table::Table;

/// Writes a file that is there whole or not at all.
///
/// # Errors
/// Whatever the system refuses.
pub fn write_file(path: &std::path::Path, bytes: &[u8]) -> crate::error::Result<()> {
    atomic::write(&disk::System, path, bytes)
}

/// Every setting, defaults written out.
const CONFIG: &str = "config.toml";
/// Classes, sample shape, normalisation.
const MODEL: &str = "model.json";
/// The weights.
const WEIGHTS: &str = "weights.safetensors";
/// The weights of the last step, where the others are an average.
const LAST_WEIGHTS: &str = "weights-last.safetensors";
/// Which ways its kernels are computed.
const KERNELS: &str = "kernels.json";
/// The weights it began with, where they were given.
const INIT: &str = "init.safetensors";
/// Held by the process that writes the run.
const LOCK: &str = ".lock";
/// A line per epoch.
const METRICS: &str = "metrics.csv";
/// Program, command, adapter, driver, limits.
const ENVIRONMENT: &str = "environment.json";
/// Scores and circumstances; the mark of a finished run.
const SUMMARY: &str = "summary.json";
/// The kernels of the first steps, for Perfetto.
const TRACE: &str = "trace.json";

/// A training that never happened, for tests of what is told of one.
#[cfg(test)]
pub(crate) mod fabricated {
    use super::{Document, Table};
    use crate::config::{self, Config};
    use crate::gpu::Lap;
    use crate::gpu::{AdapterInfo, Limits};
    use crate::metrics::{Classification, Predictions};
    use crate::nn::LayerSummary;
    use crate::train::checkpoint::{Buffer, Circumstances, HostState};
    use crate::train::{
        Checkpoint, Classes, Ending, Epoch, Evaluation, KernelProfile, Measured, Metric, Mistake,
        Model, Outcome, Profile, Scores, Start, Weights,
    };

    pub(crate) fn adapter() -> AdapterInfo {
        AdapterInfo {
            name: "Radeon RX 6700".to_owned(),
            backend: "Vulkan".to_owned(),
            kind: "discrete GPU",
            driver: "radv".to_owned(),
            driver_info: "Mesa 25.0.7".to_owned(),
            subgroups: [32, 64],
            limits: Limits {
                max_binding_bytes: 1 << 31,
                max_buffer_bytes: 1 << 32,
                max_storage_buffers: 16,
                max_workgroup_invocations: 1024,
                max_workgroup_bytes: 32768,
            },
            features: vec!["timestamps", "subgroups"],
        }
    }

    pub(crate) fn profile() -> Profile {
        let kernels = [
            ("conv1/conv2d.forward", "conv2d.forward", 4000.0),
            ("conv1/max_pool2d.forward", "max_pool2d.forward", 2000.0),
            ("dense1/matmul.forward", "matmul.forward_nt", 1000.0),
        ];
        let lap = |begin, end| Lap { begin, end };
        Profile {
            kernels: kernels
                .map(|(label, kernel, nanoseconds)| KernelProfile {
                    label: label.to_owned(),
                    kernel: kernel.to_owned(),
                    flops: 8000,
                    bytes: 4000,
                    nanoseconds,
                })
                .to_vec(),
            steps: 2,
            trace: vec![vec![
                lap(0.0, 2000.0),
                lap(2000.0, 3000.0),
                lap(3500.0, 4000.0),
            ]],
        }
    }

    pub(crate) fn shipped() -> Config {
        let (name, text) = config::SHIPPED[0];
        config::parse(name, text, &[]).unwrap()
    }

    pub(crate) fn start() -> Start {
        Start {
            name: "digits".to_owned(),
            adapter: adapter(),
            seed: 1,
            data: "digits".to_owned(),
            samples: [1293, 144, 360],
            sample_shape: [8, 8, 1],
            classes: 2,
            regression: false,
            text: false,
            layers: [
                ("conv1", "conv2d 3×3, relu", vec![8, 8, 16], 160),
                ("flatten1", "flatten", vec![1024], 0),
                ("dense1", "dense", vec![2], 13_546),
            ]
            .map(|(name, kind, output, parameters)| LayerSummary {
                name: name.to_owned(),
                kind: kind.to_owned(),
                output,
                parameters,
            })
            .to_vec(),
            parameters: 13_706,
            planned_bytes: 2_000_000,
            data_bytes: 115_008,
            batch: 32,
            micro_batch: 32,
            steps: 820,
            steps_per_epoch: 41,
            kernels: crate::train::Tuning::default(),
            resumed: None,
            transfer: None,
            notes: Vec::new(),
        }
    }

    /// Two samples, of which the second is taken for the other class.
    fn evaluation() -> Evaluation {
        let predictions = Predictions::new(2, vec![0.75, 0.25, 0.875, 0.125], vec![0, 1]);
        Evaluation {
            samples: 2,
            scores: Scores {
                loss: 0.0625,
                metric: Metric::Accuracy(0.5),
            },
            names: vec!["0".to_owned(), "1".to_owned()],
            measured: Measured::Classes(Box::new(Classes {
                scores: Classification::of(&predictions, &[]),
                predictions,
            })),
        }
    }

    /// A run whose test is looked at.
    pub(super) fn with_document<T>(tell: impl FnOnce(&Document<'_>) -> T) -> T {
        let start = start();
        let mut outcome = outcome();
        outcome.evaluation = Some(evaluation());
        outcome.mistakes = vec![Mistake {
            sample: 1,
            label: 1,
            guess: 0,
            confidence: 0.875,
            pixels: (0..64).collect(),
        }];
        let columns = ["epoch", "step", "train_loss", "validation_loss"];
        let table = Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: vec![vec![Some(1.0), Some(41.0), Some(0.5), None]],
        };
        tell(&Document {
            start: &start,
            outcome: &outcome,
            table,
            config: "seed = 1\n".to_owned(),
        })
    }

    pub(crate) fn outcome() -> Outcome {
        Outcome {
            weights: Weights::default(),
            raw_weights: None,
            model: Model {
                classes: vec!["0".to_owned(), "1".to_owned()],
                sample_shape: [8, 8, 1],
                divide_by: 240.0,
                mean: vec![0.0],
                std: vec![1.0],
                encoding: None,
                targets: None,
                text: false,
            },
            test: Some(Scores {
                loss: 0.0625,
                metric: Metric::Accuracy(0.975),
            }),
            evaluation: None,
            mistakes: Vec::new(),
            ending: Ending::Complete,
            best: None,
            restored: false,
            steps: 820,
            startup_seconds: 0.5,
            train_seconds: 3.25,
            bytes_read: 1234,
            blocking_waits: 0,
            buffers_made: 4,
            profile: None,
        }
    }

    pub(crate) fn checkpoint(step: u64) -> Checkpoint {
        let host = HostState {
            step,
            seconds: 1.5,
            ..HostState::default()
        };
        Checkpoint {
            host,
            circumstances: Circumstances {
                version: "0.1.0".to_owned(),
                adapter: "Radeon RX 6700 (Vulkan)".to_owned(),
                driver: "radv".to_owned(),
                data: "digits".to_owned(),
                data_sha256: "00".to_owned(),
                choices: std::collections::BTreeMap::new(),
                kernels: vec!["relu".to_owned()],
            },
            weights: Weights::default(),
            buffers: ["counters", "first moments"]
                .map(|name| Buffer {
                    name: name.to_owned(),
                    words: vec![7; 4],
                })
                .to_vec(),
        }
    }

    pub(crate) fn epoch(number: u64, validation: Option<Scores>) -> Epoch {
        Epoch {
            epoch: number,
            step: 41 * number,
            train: Scores {
                loss: 0.5,
                metric: Metric::Accuracy(0.875),
            },
            validation,
            learning_rate: 0.01,
            samples_per_second: 12345.5,
            seconds: 1.5,
        }
    }
}
