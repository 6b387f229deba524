//! What a training tells the outside while it runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::evaluate::Evaluation;
use super::mistakes::Mistake;
use super::monitor::Best;
use super::tuning::Tuning;
use crate::config::Monitored;
use crate::data::table::Encoding;
use crate::data::{Known, Scale};
use crate::gpu::AdapterInfo;
use crate::graph::DType;
use crate::nn::{LayerSummary, Signal};

/// How well a network does on some samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Mean loss.
    pub loss: f64,
    /// What people want to know.
    #[serde(flatten)]
    pub metric: Metric,
}

/// A figure that says more than the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Of a classification: correct predictions over samples, 0 to 1.
    Accuracy(f64),
    /// Of a regression: the root of the mean squared error, in the units of the targets.
    Rmse(f64),
}

impl Metric {
    /// Its name, as in `accuracy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy(_) => "accuracy",
            Self::Rmse(_) => "rmse",
        }
    }

    /// The figure.
    pub fn value(self) -> f64 {
        let (Self::Accuracy(value) | Self::Rmse(value)) = self;
        value
    }
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
    /// The number of classes, or of the numbers that a regression predicts.
    pub classes: usize,
    /// Whether numbers are predicted, not classes.
    pub regression: bool,
    /// Whether samples are windows of a text, each character of which gives the next.
    pub text: bool,
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
    /// Samples that are computed at a time; a step adds up the gradients of as many parts as it takes.
    pub micro_batch: usize,
    /// Steps of the whole training.
    pub steps: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Which ways the kernels are computed.
    pub kernels: Tuning,
    /// What it begins with of another network's weights, where `init_from` names one.
    pub transfer: Option<super::weights::Transfer>,
    /// The step that the training goes on from, and the epochs that are complete, where it was begun before.
    pub resumed: Option<Resumed>,
    /// What to know of it.
    pub notes: Vec<String>,
}

/// What was there of a training that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumed {
    /// Steps done.
    pub step: u64,
    /// The epochs that are complete.
    pub epochs: Vec<Epoch>,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps done since the training began.
    pub step: u64,
    /// Over the training samples, each measured when it was trained on.
    pub train: Scores,
    /// Over the validation samples at the end of the epoch, if there are any.
    pub validation: Option<Scores>,
    /// The learning rate of the last step.
    pub learning_rate: f32,
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
    /// The learning rate of the update of each step.
    pub learning_rates: Vec<f32>,
}

/// What a training tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// While the data is read: samples that are there, of so many.
    Reading {
        /// Samples read.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Before the first step.
    Start(Box<Start>),
    /// Every step, some at a time.
    Steps(Steps),
    /// Now and then.
    Progress(Progress),
    /// After each epoch.
    Epoch(Epoch),
    /// The state of the training, to be kept.
    Checkpoint(Arc<Checkpoint>),
    /// The training went back to a state that it had before.
    Rollback(RolledBack),
}

/// A training that went back.
#[derive(Clone, Debug)]
pub struct RolledBack {
    /// What was not a number.
    pub why: String,
    /// The steps that are done now.
    pub step: u64,
    /// The epochs that are complete now.
    pub epochs: Vec<Epoch>,
    /// What the learning rate is multiplied by from now on, against what the configuration says.
    pub learning_rate_factor: f64,
    /// How often it has gone back by now, and how often it may.
    pub times: [u32; 2],
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All its steps are done.
    Complete,
    /// It no longer got better.
    EarlyStopping,
    /// Its time was over.
    TimeIsUp,
}

/// The result of a training.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The trained weights in the layout of files (PyTorch's), by name.
    ///
    /// Where the configuration asks for it, their average over the steps.
    pub weights: super::weights::Weights,
    /// The weights of the last step, where `weights` are an average.
    pub raw_weights: Option<super::weights::Weights>,
    /// What `predict` and `eval` must know beside the configuration and the weights.
    pub model: Model,
    /// Over the test samples, if there are any.
    pub test: Option<Scores>,
    /// What is measured on them.
    pub evaluation: Option<Evaluation>,
    /// The most confident mistakes among them.
    pub mistakes: Vec<Mistake>,
    /// Why it ended.
    pub ending: Ending,
    /// The best epoch by the metric that was monitored, if one was.
    pub best: Option<(Monitored, Best)>,
    /// Whether the weights are those of the best epoch, and not of the last step.
    pub restored: bool,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The names of the classes; none for a regression.
    pub classes: Vec<String>,
    /// Height, width, channels of a sample.
    pub sample_shape: [usize; 3],
    /// Raw numbers are divided by this.
    pub divide_by: f32,
    /// Then this is subtracted, per channel.
    pub mean: Vec<f32>,
    /// Then divided by this, per channel.
    pub std: Vec<f32>,
    /// How the cells of a table become numbers, if samples are rows of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What a regression predicts, and how it is scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Scale>,
    /// Whether samples are windows of a text, each character of which shall give the next: the classes are its vocabulary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text: bool,
}

impl Model {
    /// How many numbers the network gives for a sample.
    pub fn outputs(&self) -> usize {
        match &self.targets {
            Some(targets) => targets.names.len(),
            None => self.classes.len(),
        }
    }

    /// Whether a sample is a row of tokens, which are not normalised.
    pub fn has_tokens(&self) -> bool {
        self.signal().dtype == DType::U32
    }

    /// What a sample is to the network.
    pub fn signal(&self) -> Signal {
        let texts = self.encoding.as_ref().and_then(Encoding::vocabulary);
        let tokens = Signal::tokens(self.sample_shape[2]);
        match (self.text, texts) {
            (true, _) => tokens.of(self.classes.len()),
            (false, Some(vocabulary)) => tokens.of(vocabulary.tokens.len()),
            (false, None) => self.sample_shape.into(),
        }
    }

    /// What other data must fit.
    pub fn known(&self) -> Known<'_> {
        Known {
            classes: &self.classes,
            sample_shape: self.sample_shape,
            encoding: self.encoding.as_ref(),
        }
    }
}
