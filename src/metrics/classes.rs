//! What is counted: the confusion matrix, precision, recall and F1.

use super::{Predictions, ranking};

/// How well one class is told from the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassScores {
    /// Of the samples predicted to be of this class, the share that is; 0 where none is predicted.
    pub precision: f64,
    /// Of the samples of this class, the share that is predicted to be; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of both; 0 where both are.
    pub f1: f64,
    /// Samples of this class.
    pub support: u64,
    /// The area under the ROC curve; `None` where all samples or none are of this class.
    pub roc_auc: Option<f64>,
    /// The area under the precision-recall curve as a step function: `average_precision_score` of scikit-learn; `None` where no
    /// sample is of this class.
    pub pr_auc: Option<f64>,
}

/// Precision, recall and F1 over all classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Averages {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1.
    pub f1: f64,
}

/// How many samples of each class (row) are guessed to be of each (column).
pub(super) fn confusion(predictions: &Predictions) -> Vec<Vec<u64>> {
    let classes = predictions.classes();
    let mut counts = vec![vec![0; classes]; classes];
    for sample in 0..predictions.samples() {
        counts[predictions.label(sample)][predictions.guess(sample)] += 1;
    }
    counts
}

/// The scores of every class; 0 where a quotient has no denominator, as scikit-learn's `zero_division=0`.
pub(super) fn scores(predictions: &Predictions, confusion: &[Vec<u64>]) -> Vec<ClassScores> {
    let quotient = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    (0..predictions.classes())
        .map(|class| {
            let hits = confusion[class][class];
            let support = confusion[class].iter().sum();
            let predicted = guesses(confusion, class);
            let curve = ranking::Curve::of(predictions, class);
            ClassScores {
                precision: quotient(hits, predicted),
                recall: quotient(hits, support),
                f1: quotient(2 * hits, support + predicted),
                support,
                roc_auc: curve.roc_auc(),
                pr_auc: curve.average_precision(),
            }
        })
        .collect()
}

/// How often a class is guessed.
fn guesses(confusion: &[Vec<u64>], class: usize) -> u64 {
    confusion.iter().map(|row| row[class]).sum()
}

/// Each class that occurs, as truth or as a guess, counts the same.
pub(super) fn macro_mean(classes: &[ClassScores], confusion: &[Vec<u64>]) -> Averages {
    mean(classes, |i, class| {
        let occurs = class.support + guesses(confusion, i) > 0;
        f64::from(u8::from(occurs))
    })
}

/// Each class counts by its samples.
pub(super) fn weighted_mean(classes: &[ClassScores]) -> Averages {
    mean(classes, |_, class| class.support as f64)
}

fn mean(classes: &[ClassScores], weight: impl Fn(usize, &ClassScores) -> f64) -> Averages {
    let mean_of = |score: fn(&ClassScores) -> f64| {
        let (mut sum, mut total) = (0.0, 0.0);
        for (i, class) in classes.iter().enumerate() {
            let weight = weight(i, class);
            sum += weight * score(class);
            total += weight;
        }
        sum / total
    };
    Averages {
        precision: mean_of(|class| class.precision),
        recall: mean_of(|class| class.recall),
        f1: mean_of(|class| class.f1),
    }
}
