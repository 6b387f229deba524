//! What predictions are worth: pure functions of probabilities and labels.
//!
//! Invariant: nothing is known here of networks, files or adapters; every number is computed in f64 and is what scikit-learn
//! gives for the same predictions. Where scikit-learn has a choice or a warning, the doc comment says what happens here.

mod calibration;
mod classes;
mod ranking;
#[cfg(test)]
mod tests;
mod values;

pub use calibration::{BINS, Calibration, ReliabilityBin};
pub use classes::{Averages, ClassScores};
pub use values::{Estimates, ValueScores};

/// What a classifier says of some samples, and what is true.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    classes: usize,
    /// (samples, classes), row by row.
    probabilities: Vec<f32>,
    labels: Vec<u32>,
}

impl Predictions {
    /// Probabilities (samples, classes) in rows, and the true class of each sample.
    ///
    /// # Panics
    /// If there are no classes, the lengths contradict each other, or a label is not below `classes`.
    pub fn new(classes: usize, probabilities: Vec<f32>, labels: Vec<u32>) -> Self {
        assert!(classes > 0, "a classifier has classes");
        assert_eq!(
            probabilities.len(),
            labels.len() * classes,
            "every sample has a probability of every class"
        );
        assert!(
            labels.iter().all(|&label| (label as usize) < classes),
            "every label is a class"
        );
        Self {
            classes,
            probabilities,
            labels,
        }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.labels.len()
    }

    /// The probability of each class of a sample.
    pub fn probabilities(&self, sample: usize) -> &[f32] {
        &self.probabilities[sample * self.classes..][..self.classes]
    }

    /// The true class of a sample.
    pub fn label(&self, sample: usize) -> usize {
        self.labels[sample] as usize
    }

    /// The most probable class of a sample; the first of several.
    pub fn guess(&self, sample: usize) -> usize {
        most_probable(self.probabilities(sample))
    }

    /// The probability of a class of a sample.
    fn probability(&self, sample: usize, class: usize) -> f64 {
        f64::from(self.probabilities[sample * self.classes + class])
    }
}

/// The place of the largest number; of several the first.
pub fn most_probable(probabilities: &[f32]) -> usize {
    let larger = |best: usize, i: usize| {
        if probabilities[i] > probabilities[best] {
            i
        } else {
            best
        }
    };
    (0..probabilities.len()).reduce(larger).unwrap_or(0)
}

/// The worth of a classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// How many samples.
    pub samples: usize,
    /// Share of the samples whose most probable class is the true one.
    pub accuracy: f64,
    /// For each k: the share of the samples whose true class is among the k most probable ones.
    pub top_k: Vec<(usize, f64)>,
    /// Mean of -ln p of the true class.
    pub log_loss: f64,
    /// Each class against the rest.
    pub classes: Vec<ClassScores>,
    /// Means over the classes that occur, as truth or as a guess; each counts the same.
    pub macro_mean: Averages,
    /// The same, each counting by its samples.
    pub weighted_mean: Averages,
    /// Mean of the areas under the ROC curves of the classes that have one; `None` where none has.
    pub roc_auc: Option<f64>,
    /// Mean of the average precisions of the classes that have one; `None` where none has.
    pub pr_auc: Option<f64>,
    /// Whether probabilities are what they say.
    pub calibration: Calibration,
    /// Rows: the true class; columns: the guess.
    pub confusion: Vec<Vec<u64>>,
}

impl Classification {
    /// Measures everything; `top_k` names the k of top-k accuracy, of which those below the number of classes count.
    ///
    /// # Panics
    /// If there are no samples.
    pub fn of(predictions: &Predictions, top_k: &[usize]) -> Self {
        let samples = predictions.samples();
        assert!(samples > 0, "there is something to measure");
        let confusion = classes::confusion(predictions);
        let right: u64 = (0..predictions.classes()).map(|i| confusion[i][i]).sum();
        let classes = classes::scores(predictions, &confusion);
        let mean_of = |score: fn(&ClassScores) -> Option<f64>| {
            let defined: Vec<f64> = classes.iter().filter_map(score).collect();
            (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
        };
        Self {
            samples,
            accuracy: right as f64 / samples as f64,
            top_k: top_k
                .iter()
                .filter(|&&k| k < predictions.classes())
                .map(|&k| (k, ranking::top_k(predictions, k)))
                .collect(),
            log_loss: calibration::log_loss(predictions),
            macro_mean: classes::macro_mean(&classes, &confusion),
            weighted_mean: classes::weighted_mean(&classes),
            roc_auc: mean_of(|class| class.roc_auc),
            pr_auc: mean_of(|class| class.pr_auc),
            calibration: Calibration::of(predictions),
            classes,
            confusion,
        }
    }
}
