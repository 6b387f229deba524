//! What a run folder, and the command line after it, say of a training, as JSON.

use serde::Serialize;

use crate::gpu::AdapterInfo;
use crate::train::{Ending, Outcome, Scores, Start, Tuning};

/// An adapter, as far as it explains a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterRecord {
    /// Its name, as the driver gives it.
    pub name: String,
    /// `Vulkan`, `Metal`, `DX12`.
    pub backend: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software`, `other`.
    pub kind: &'static str,
    /// Name and version of the driver.
    pub driver: String,
}

impl From<&Start> for AdapterRecord {
    fn from(start: &Start) -> Self {
        Self::from(&start.adapter)
    }
}

impl From<&AdapterInfo> for AdapterRecord {
    fn from(adapter: &AdapterInfo) -> Self {
        Self {
            name: adapter.name.clone(),
            backend: adapter.backend.clone(),
            kind: adapter.kind,
            driver: format!("{} {}", adapter.driver, adapter.driver_info)
                .trim()
                .to_owned(),
        }
    }
}

/// How many samples there are of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SampleCounts {
    /// Learned from.
    pub train: usize,
    /// Watched while training.
    pub validation: usize,
    /// Tested on at the end.
    pub test: usize,
}

impl From<[usize; 3]> for SampleCounts {
    fn from([train, validation, test]: [usize; 3]) -> Self {
        Self {
            train,
            validation,
            test,
        }
    }
}

/// The best epoch of a training that was monitored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BestRecord {
    /// What was monitored.
    pub metric: &'static str,
    /// Its value.
    pub value: f64,
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps done at its end.
    pub step: u64,
}

/// A finished training (`summary.json`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's name.
    pub name: String,
    /// The version of this program.
    pub version: &'static str,
    /// The seed.
    pub seed: u64,
    /// Where it was computed.
    pub adapter: AdapterRecord,
    /// The data set's name.
    pub data: String,
    /// How many samples.
    pub samples: SampleCounts,
    /// Trained numbers.
    pub parameters: usize,
    /// Peak memory on the adapter, as planned.
    pub planned_bytes: usize,
    /// Samples per step.
    pub batch: usize,
    /// Why it ended.
    pub ending: Ending,
    /// The best epoch, where one was looked for.
    pub best: Option<BestRecord>,
    /// Whether the weights are those of the best epoch, and not of the last step.
    pub restored: bool,
    /// Steps done.
    pub steps: u64,
    /// Over the training samples of the last epoch, each measured when it was trained on.
    pub train: Option<Scores>,
    /// Over the validation samples after the last epoch.
    pub validation: Option<Scores>,
    /// Over the test samples.
    pub test: Option<Scores>,
    /// Seconds of the training itself.
    pub seconds: f64,
    /// Seconds before the first step.
    pub startup_seconds: f64,
    /// Bytes read back from the adapter while training.
    pub bytes_read: u64,
    /// Waits in which the host stood still until the adapter had nothing left to do.
    pub blocking_waits: u64,
    /// Which ways the kernels were computed: they decide the bits. `--tune RUN` takes them from here.
    pub kernels: Tuning,
}

impl Summary {
    /// The summary of a training with the scores of its last epoch.
    pub fn new(
        start: &Start,
        outcome: &Outcome,
        train: Option<Scores>,
        validation: Option<Scores>,
    ) -> Self {
        Self {
            name: start.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            seed: start.seed,
            adapter: AdapterRecord::from(start),
            data: start.data.clone(),
            samples: SampleCounts::from(start.samples),
            parameters: start.parameters,
            planned_bytes: start.planned_bytes,
            batch: start.batch,
            ending: outcome.ending,
            best: outcome.best.map(|(metric, best)| BestRecord {
                metric: metric.word(),
                value: best.value,
                epoch: best.epoch,
                step: best.step,
            }),
            restored: outcome.restored,
            steps: outcome.steps,
            train,
            validation,
            test: outcome.test,
            seconds: outcome.train_seconds,
            startup_seconds: outcome.startup_seconds,
            bytes_read: outcome.bytes_read,
            blocking_waits: outcome.blocking_waits,
            kernels: start.kernels.clone(),
        }
    }
}
