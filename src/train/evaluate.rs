//! A trained network on the test samples, and on single images.

use std::path::PathBuf;

use super::{Scores, Trained};
use crate::error::Result;
use crate::gpu::{Choice, Trust};

/// How well a network does on the test samples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// How many samples.
    pub samples: usize,
    /// Mean loss and accuracy.
    pub scores: Scores,
    /// Each class.
    pub classes: Vec<ClassScores>,
    /// Rows: the true class; columns: the predicted one.
    pub confusion: Vec<Vec<u64>>,
}

/// How well a network does on one class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassScores {
    /// The class.
    pub name: String,
    /// Of the samples predicted to be of this class, the share that is.
    pub precision: f64,
    /// Of the samples of this class, the share that is predicted to be.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Samples of this class.
    pub support: u64,
}

/// What a network says of one image.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The file.
    pub input: PathBuf,
    /// The most probable class, by its place in the model's list.
    pub class: usize,
    /// The probability of each class.
    pub probabilities: Vec<f32>,
}

impl Evaluation {
    /// The mean of a score over the classes, each counting the same.
    pub fn macro_mean(&self, score: impl Fn(&ClassScores) -> f64) -> f64 {
        self.classes.iter().map(score).sum::<f64>() / self.classes.len() as f64
    }
}

/// Evaluates a trained network on the test samples of its data, or of the data at `data`.
///
/// # Errors
/// Whatever is wrong with the data or the device.
pub fn evaluate(
    trained: &Trained,
    data: Option<&std::path::Path>,
    adapter: &Choice,
    trust: Trust,
) -> Result<Evaluation> {
    let _ = (trained, data, adapter, trust);
    Err(crate::error::Error::device("not built yet", ""))
}

/// Asks a trained network about image files. With `invert`, dark and light are exchanged first.
///
/// # Errors
/// Whatever is wrong with the files or the device.
pub fn predict(
    trained: &Trained,
    files: &[PathBuf],
    invert: bool,
    adapter: &Choice,
    trust: Trust,
) -> Result<Vec<Prediction>> {
    let _ = (trained, files, invert, adapter, trust);
    Err(crate::error::Error::device("not built yet", ""))
}
