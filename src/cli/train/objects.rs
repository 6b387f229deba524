//! A training as machines read it: one object a line, `start`, then an `epoch` each, last `end`.

use std::path::Path;

use serde::Serialize;

use crate::report::{AdapterRecord, BestRecord, SampleCounts, Summary};
use crate::train::{self, Ending, Scores};

/// Before the first step.
#[derive(Serialize)]
pub(super) struct Start<'a> {
    event: &'static str,
    run: String,
    name: &'a str,
    version: &'static str,
    adapter: AdapterRecord,
    seed: u64,
    data: &'a str,
    samples: SampleCounts,
    sample_shape: [usize; 3],
    classes: usize,
    regression: bool,
    parameters: usize,
    planned_bytes: usize,
    data_bytes: usize,
    batch: usize,
    micro_batch: usize,
    steps: u64,
    steps_per_epoch: u64,
    resumed_from_step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<&'a train::Transfer>,
    layers: Vec<Layer<'a>>,
}

/// A layer.
#[derive(Serialize)]
struct Layer<'a> {
    name: &'a str,
    kind: &'a str,
    output: &'a [usize],
    parameters: usize,
}

impl<'a> Start<'a> {
    pub(super) fn new(start: &'a train::Start, run: &Path) -> Self {
        let layers = start.layers.iter().map(|layer| Layer {
            name: &layer.name,
            kind: &layer.kind,
            output: &layer.output,
            parameters: layer.parameters,
        });
        Self {
            event: "start",
            run: run.display().to_string(),
            name: &start.name,
            version: env!("CARGO_PKG_VERSION"),
            adapter: AdapterRecord::from(start),
            seed: start.seed,
            data: &start.data,
            samples: SampleCounts::from(start.samples),
            sample_shape: start.sample_shape,
            classes: start.classes,
            regression: start.regression,
            parameters: start.parameters,
            planned_bytes: start.planned_bytes,
            data_bytes: start.data_bytes,
            batch: start.batch,
            micro_batch: start.micro_batch,
            steps: start.steps,
            steps_per_epoch: start.steps_per_epoch,
            resumed_from_step: start.resumed.as_ref().map(|resumed| resumed.step),
            transfer: start.transfer.as_ref(),
            layers: layers.collect(),
        }
    }
}

/// After an epoch.
#[derive(Serialize)]
pub(super) struct Epoch {
    event: &'static str,
    epoch: u64,
    step: u64,
    train: Scores,
    validation: Option<Scores>,
    learning_rate: f32,
    samples_per_second: f64,
    seconds: f64,
}

impl From<&train::Epoch> for Epoch {
    fn from(epoch: &train::Epoch) -> Self {
        Self {
            event: "epoch",
            epoch: epoch.epoch,
            step: epoch.step,
            train: epoch.train,
            validation: epoch.validation,
            learning_rate: epoch.learning_rate,
            samples_per_second: epoch.samples_per_second,
            seconds: epoch.seconds,
        }
    }
}

/// A state of the training that was kept.
#[derive(Serialize)]
pub(super) struct Checkpoint {
    event: &'static str,
    step: u64,
    path: String,
}

impl Checkpoint {
    pub(super) fn new(step: u64, path: &Path) -> Self {
        Self {
            event: "checkpoint",
            step,
            path: path.display().to_string(),
        }
    }
}

/// A training that went back to a state that it had before.
#[derive(Serialize)]
pub(super) struct Rollback {
    event: &'static str,
    why: String,
    step: u64,
    learning_rate_factor: f64,
    times: u32,
}

impl From<&train::RolledBack> for Rollback {
    fn from(back: &train::RolledBack) -> Self {
        Self {
            event: "rollback",
            why: back.why.clone(),
            step: back.step,
            learning_rate_factor: back.learning_rate_factor,
            times: back.times[0],
        }
    }
}

/// Whether one batch was learned by heart.
#[derive(Serialize)]
pub(super) struct Overfit {
    event: &'static str,
    samples: usize,
    steps: u64,
    first_loss: f32,
    last_loss: f32,
    learned: bool,
}

impl From<&train::Overfit> for Overfit {
    fn from(overfit: &train::Overfit) -> Self {
        Self {
            event: "overfit",
            samples: overfit.samples,
            steps: overfit.steps,
            first_loss: overfit.first,
            last_loss: overfit.last,
            learned: overfit.is_learned(),
        }
    }
}

/// The result.
#[derive(Serialize)]
pub(super) struct End {
    event: &'static str,
    run: String,
    ending: Ending,
    best: Option<BestRecord>,
    restored: bool,
    test: Option<Scores>,
    steps: u64,
    seconds: f64,
    startup_seconds: f64,
    bytes_read: u64,
    blocking_waits: u64,
}

impl End {
    pub(super) fn new(summary: &Summary, run: &Path) -> Self {
        Self {
            event: "end",
            run: run.display().to_string(),
            ending: summary.ending,
            best: summary.best,
            restored: summary.restored,
            test: summary.test,
            steps: summary.steps,
            seconds: summary.seconds,
            startup_seconds: summary.startup_seconds,
            bytes_read: summary.bytes_read,
            blocking_waits: summary.blocking_waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fabricated;

    #[test]
    fn the_start_has_what_a_reader_of_runs_wants() {
        let start = fabricated::start();
        let object = serde_json::to_value(Start::new(&start, Path::new("runs/digits"))).unwrap();
        assert_eq!(object["event"], "start");
        assert_eq!(object["run"], "runs/digits");
        assert_eq!(object["adapter"]["driver"], "radv Mesa 25.0.7");
        assert_eq!(object["samples"]["train"], 1293);
        assert_eq!(object["layers"][0]["output"], serde_json::json!([8, 8, 16]));
        assert_eq!(object["planned_bytes"], 2_000_000);
    }

    #[test]
    fn an_epoch_without_validation_says_null() {
        let object = serde_json::to_string(&Epoch::from(&fabricated::epoch(1, None))).unwrap();
        assert_eq!(
            object,
            r#"{"event":"epoch","epoch":1,"step":41,"train":{"loss":0.5,"accuracy":0.875},"validation":null,"learning_rate":0.01,"samples_per_second":12345.5,"seconds":1.5}"#
        );
    }

    #[test]
    fn the_end_has_scores_times_and_counters() {
        let summary = Summary::new(&fabricated::start(), &fabricated::outcome(), None, None);
        let object = serde_json::to_value(End::new(&summary, Path::new("runs/digits"))).unwrap();
        assert_eq!(object["event"], "end");
        assert_eq!(object["test"]["loss"], 0.0625);
        assert_eq!(object["bytes_read"], 1234);
        assert_eq!(object["blocking_waits"], 0);
    }
}
