//! The folder of a cross-validation: a run for each fold, and what they say together.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Summary, atomic, disk, folder};
use crate::error::Result;
use crate::train::Scores;

/// What the folds say together; written last.
const FOLDS: &str = "folds.json";

/// The folder of a cross-validation.
#[derive(Debug)]
pub struct FoldsFolder {
    path: PathBuf,
}

/// A finished cross-validation (`folds.json`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Folds {
    /// Its name.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// Each fold: the samples that were held out, and the test samples.
    pub folds: Vec<FoldScores>,
    /// The mean over the folds.
    pub mean: Spread,
    /// The standard deviation over the folds, with n - 1.
    pub deviation: Spread,
}

/// One fold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldScores {
    /// Over the samples that were held out.
    pub validation: Scores,
    /// Over the test samples, if there are any.
    pub test: Option<Scores>,
}

/// A figure of loss and metric over the samples that were held out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Of the loss.
    pub loss: f64,
    /// Of the metric.
    pub metric: f64,
}

impl FoldsFolder {
    /// Makes `<parent>/<name>`, or `<name>-2` and so on when that is taken.
    ///
    /// # Errors
    /// As of a run's folder.
    pub fn create(parent: &Path, name: &str) -> Result<Self> {
        let path = folder::claim_in(&*disk::of_process(), parent, name)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what the folds say together.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn finish(&self, folds: &Folds) -> Result<()> {
        let disk = disk::of_process();
        atomic::write(&*disk, &self.path.join(FOLDS), &folder::json(folds))
    }

    /// Takes the folder away again if nothing is in it.
    pub fn remove_if_empty(&self) {
        // What is in the way is the content.
        let _ = std::fs::remove_dir(&self.path);
    }
}

impl Folds {
    /// What these runs say together; each was validated.
    pub fn new(name: &str, seed: u64, summaries: &[Summary]) -> Self {
        let of = |summary: &Summary| FoldScores {
            validation: summary.validation.expect("a fold is validated"),
            test: summary.test,
        };
        let folds: Vec<FoldScores> = summaries.iter().map(of).collect();
        let losses: Vec<f64> = folds.iter().map(|fold| fold.validation.loss).collect();
        let metrics: Vec<f64> = (folds.iter())
            .map(|fold| fold.validation.metric.value())
            .collect();
        Self {
            name: name.to_owned(),
            seed,
            folds,
            mean: Spread {
                loss: mean(&losses),
                metric: mean(&metrics),
            },
            deviation: Spread {
                loss: deviation(&losses),
                metric: deviation(&metrics),
            },
        }
    }
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (squares / (numbers.len() as f64 - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::fabricated::{outcome, start};
    use super::*;
    use crate::train::Metric;

    #[test]
    fn folds_are_told_one_by_one_and_together() {
        let summaries = [(0.5, 0.9), (0.7, 0.8), (0.6, 0.7)].map(|(loss, accuracy)| {
            let metric = Metric::Accuracy(accuracy);
            Summary::new(&start(), &outcome(), None, Some(Scores { loss, metric }))
        });
        let folds = Folds::new("digits", 1, &summaries);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
        close(folds.mean.loss, 0.6);
        close(folds.mean.metric, 0.8);
        close(folds.deviation.loss, 0.1);
        close(folds.deviation.metric, 0.1);
        let parent = tempfile::tempdir().unwrap();
        let folder = FoldsFolder::create(parent.path(), "digits").unwrap();
        folder.finish(&folds).unwrap();
        let text = std::fs::read_to_string(folder.path().join(FOLDS)).unwrap();
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["folds"][1]["validation"]["accuracy"], 0.8);
        assert_eq!(object["folds"][2]["test"]["accuracy"], 0.975);
        folder.remove_if_empty();
        assert!(folder.path().is_dir(), "it is not empty");
        let empty = FoldsFolder::create(parent.path(), "digits").unwrap();
        assert!(empty.path().ends_with("digits-2"), "{empty:?}");
        empty.remove_if_empty();
        assert!(!empty.path().exists(), "it was empty");
    }
}
