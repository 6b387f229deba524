//! The loop: a configuration and a data set become a trained network; a trained network is evaluated and asked.
//!
//! Invariant: nothing here prints; what happens is told as [`Event`]s.

pub mod checkpoint;
mod control;
mod diagnose;
mod evaluate;
pub mod event;
mod generate;
mod inspect;
mod limits;
mod lr_find;
mod mistakes;
mod monitor;
mod overfit;
mod plans;
mod plateau;
mod predict;
mod profile;
mod resident;
mod run;
pub mod schedule;
mod session;
pub mod step;
mod stream;
mod trainer;
mod tuning;
pub mod weights;

use std::path::PathBuf;

use crate::config::Config;
use crate::data::Fold;
use crate::gpu::{Choice, Trust};

pub use checkpoint::{Checkpoint, Resume};
pub use control::{Control, Stop};
pub use evaluate::{Asked, Classes, Evaluation, Measured, TextScores, Values, evaluate};
pub use event::{
    Ending, Epoch, Event, Metric, Model, Outcome, Progress, Resumed, RolledBack, Scores, Start,
    Steps,
};
pub use generate::{Wish, generate};
pub use inspect::{Inspection, inspect, inspect_on};
pub use lr_find::{Curve, Point, Range, lr_find};
pub use mistakes::Mistake;
pub use monitor::{Best, MonitorState};
pub use overfit::{Overfit, overfit};
pub use predict::{Answer, Place, Prediction, predict};
pub use profile::{KernelProfile, Profile};
pub use resident::dataset;
pub use trainer::{train, train_on, weights_file};
pub use tuning::{Tune, Tuning};
pub use weights::{Transfer, Weights};

/// What a training is asked to do.
#[derive(Clone, Debug)]
pub struct Request {
    /// The configuration.
    pub config: Config,
    /// Where the data is, if not where the configuration says.
    pub data: Option<PathBuf>,
    /// One of several equal parts of the training samples is held out in place of `data.validation`.
    pub fold: Option<Fold>,
    /// A safetensors file to start from.
    pub init: Option<PathBuf>,
    /// The adapter.
    pub adapter: Choice,
    /// Whether shaders run with run-time checks.
    pub trust: Trust,
    /// Where the choice of kernels comes from.
    pub tune: Tune,
    /// Where it begins and when it stops.
    pub control: Control,
    /// Whether the kernels of the training steps are timed one by one.
    pub profile: bool,
}

/// A trained network, as a run folder holds it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The configuration it was trained with.
    pub config: Config,
    /// Classes, sample shape, normalisation.
    pub model: Model,
    /// The weights.
    pub weights: Weights,
}
