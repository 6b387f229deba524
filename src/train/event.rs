//! What a training tells the outside while it runs.

use super::tuning::Tuning;
use crate::gpu::AdapterInfo;
use crate::nn::LayerSummary;

/// Mean loss and share of right answers over some samples.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Scores {
    /// Mean loss.
    pub loss: f64,
    /// Correct predictions over samples, 0 to 1.
    pub accuracy: f64,
}

/// Everything known before the first step.
#[derive(Clone, Debug)]
pub struct Start {
    /// The run's name.
    pub name: String,
    /// The adapter.
    pub adapter: AdapterInfo,
    /// The seed.
    pub seed: u64,
    /// The data set's name.
    pub data: String,
    /// Samples of (training, validation, test).
    pub samples: [usize; 3],
    /// Height, width, channels of a sample.
    pub sample_shape: [usize; 3],
    /// The number of classes.
    pub classes: usize,
    /// The layers in order.
    pub layers: Vec<LayerSummary>,
    /// Trained numbers in all layers.
    pub parameters: usize,
    /// Peak memory on the adapter, as planned: parameters, gradients, moments, activations, the data set.
    pub planned_bytes: usize,
    /// Of these, the data set.
    pub data_bytes: usize,
    /// Samples per step.
    pub batch: usize,
    /// Steps of the whole training.
    pub steps: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Which ways the kernels are computed.
    pub kernels: Tuning,
}

/// How far the training is; about ten times a second at most.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps done since the training began.
    pub step: u64,
    /// Over the epoch so far.
    pub train: Scores,
    /// Samples trained per second since the training began, without the start-up.
    pub samples_per_second: f64,
}

/// The end of an epoch (the last one may be cut short by `train.steps`).
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps done since the training began.
    pub step: u64,
    /// Over the training samples, each measured when it was trained on.
    pub train: Scores,
    /// Over the validation samples at the end of the epoch, if there are any.
    pub validation: Option<Scores>,
    /// Samples trained per second in this epoch.
    pub samples_per_second: f64,
    /// Seconds since the first step.
    pub seconds: f64,
}

/// The losses of some steps, each before its update, as they arrive.
#[derive(Clone, Debug)]
pub struct Steps {
    /// The first of the steps, from 1.
    pub first: u64,
    /// The mean loss over the batch of each step.
    pub losses: Vec<f32>,
}

/// What a training tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// Before the first step.
    Start(Box<Start>),
    /// Every step, some at a time.
    Steps(Steps),
    /// Now and then.
    Progress(Progress),
    /// After each epoch.
    Epoch(Epoch),
}

/// The result of a training.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The trained weights in the layout of files (PyTorch's), by name.
    pub weights: super::weights::Weights,
    /// What `predict` and `eval` must know beside the configuration and the weights.
    pub model: Model,
    /// Over the test samples, if there are any.
    pub test: Option<Scores>,
    /// Steps done.
    pub steps: u64,
    /// Seconds from the call to the first step: reading, planning, compiling.
    pub startup_seconds: f64,
    /// Seconds of the training itself.
    pub train_seconds: f64,
    /// Bytes read back from the adapter while training.
    pub bytes_read: u64,
    /// Waits while training in which the host stood still until the adapter had nothing left to do.
    pub blocking_waits: u64,
    /// Buffers made while training: those that metrics are copied into, which are used again and again.
    pub buffers_made: u64,
    /// Where the time went, if that was asked.
    pub profile: Option<super::Profile>,
}

/// What is known of a trained network beside its configuration and weights (`model.json` of a run folder).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Height, width, channels of a sample.
    pub sample_shape: [usize; 3],
    /// Pixels are divided by this.
    pub divide_by: f32,
    /// Then this is subtracted, per channel.
    pub mean: Vec<f32>,
    /// Then divided by this, per channel.
    pub std: Vec<f32>,
}
