//! Whether probabilities are what they say: log loss, and how often a guess of a given confidence is right.

use super::Predictions;

/// Bins of equal width that confidences are sorted into: the usual number since Guo et al. 2017, "On Calibration of Modern Neural
/// Networks".
pub const BINS: usize = 15;

/// How confidence and accuracy go together.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Calibration {
    /// The expected calibration error: the mean difference between confidence and accuracy of the bins, weighted by samples.
    pub ece: f64,
    /// The bins in the order of confidence, empty ones included.
    pub bins: Vec<ReliabilityBin>,
}

/// The samples whose guess has a confidence above `low` and at most `high`; the first bin has 0, too.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct ReliabilityBin {
    /// Lower end of the bin.
    pub low: f64,
    /// Upper end of the bin.
    pub high: f64,
    /// How many samples.
    pub samples: u64,
    /// Mean probability of the guess; `None` for an empty bin.
    pub confidence: Option<f64>,
    /// Share of right guesses; `None` for an empty bin.
    pub accuracy: Option<f64>,
}

impl Calibration {
    /// Sorts the guesses into [`BINS`] bins by their probability.
    pub(super) fn of(predictions: &Predictions) -> Self {
        let edge = |i: usize| {
            if i == BINS {
                1.0
            } else {
                i as f64 * (1.0 / BINS as f64)
            }
        };
        let mut bins = [(0_u64, 0.0, 0_u64); BINS];
        for sample in 0..predictions.samples() {
            let guess = predictions.guess(sample);
            let confidence = predictions.probability(sample, guess);
            let bin = (1..BINS).take_while(|&i| edge(i) < confidence).count();
            let (samples, confidences, right) = &mut bins[bin];
            *samples += 1;
            *confidences += confidence;
            *right += u64::from(guess == predictions.label(sample));
        }
        let mut ece = 0.0;
        let bins = bins.into_iter().enumerate();
        let bins = bins.map(|(i, (samples, confidences, right))| {
            let mean = |sum: f64| (samples > 0).then(|| sum / samples as f64);
            ece += (confidences - right as f64).abs() / predictions.samples() as f64;
            ReliabilityBin {
                low: edge(i),
                high: edge(i + 1),
                samples,
                confidence: mean(confidences),
                accuracy: mean(right as f64),
            }
        });
        let bins = bins.collect();
        Self { ece, bins }
    }
}

/// The mean of -ln p of the true class, with no p nearer to 0 or 1 than f64's epsilon: `log_loss`.
pub(super) fn log_loss(predictions: &Predictions) -> f64 {
    let losses = (0..predictions.samples()).map(|sample| {
        let p = predictions.probability(sample, predictions.label(sample));
        -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    });
    losses.sum::<f64>() / predictions.samples() as f64
}
