//! What only the order of the probabilities decides: ROC-AUC, average precision, top-k accuracy.

use super::Predictions;

/// A class against the rest, from the most probable sample to the least: at each distinct probability, how many samples of the
/// class and of the rest have at least that.
pub(super) struct Curve {
    steps: Vec<[u64; 2]>,
}

impl Curve {
    pub(super) fn of(predictions: &Predictions, class: usize) -> Self {
        let samples = 0..predictions.samples();
        let mut scored: Vec<(f64, bool)> = samples
            .map(|i| {
                let score = predictions.probability(i, class);
                (score, predictions.label(i) == class)
            })
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps = Vec::new();
        let mut counts = [0, 0];
        for (i, (score, is_of_class)) in scored.iter().enumerate() {
            counts[usize::from(!is_of_class)] += 1;
            let is_tied = scored.get(i + 1).is_some_and(|next| next.0 == *score);
            if !is_tied {
                steps.push(counts);
            }
        }
        Self { steps }
    }

    /// Samples of the class, samples of the rest.
    fn totals(&self) -> [u64; 2] {
        self.steps.last().copied().unwrap_or_default()
    }

    /// The chance that a sample of the class is more probable than one of the rest, ties counting half: `roc_auc_score`.
    pub(super) fn roc_auc(&self) -> Option<f64> {
        let [positives, negatives] = self.totals();
        if positives == 0 || negatives == 0 {
            return None;
        }
        let mut area = 0.0;
        let mut before = [0, 0];
        for &[tp, fp] in &self.steps {
            area += (fp - before[1]) as f64 * (tp + before[0]) as f64 / 2.0;
            before = [tp, fp];
        }
        Some(area / (positives as f64 * negatives as f64))
    }

    /// The sum over the thresholds of precision times the recall gained there: `average_precision_score`.
    pub(super) fn average_precision(&self) -> Option<f64> {
        let [positives, _] = self.totals();
        if positives == 0 {
            return None;
        }
        let mut sum = 0.0;
        let mut before = 0;
        for &[tp, fp] in &self.steps {
            sum += (tp - before) as f64 * tp as f64 / (tp + fp) as f64;
            before = tp;
        }
        Some(sum / positives as f64)
    }
}

/// The share of samples whose true class is among the `k` most probable. Of classes that are equally probable the last comes
/// first, as in `top_k_accuracy_score`.
pub(super) fn top_k(predictions: &Predictions, k: usize) -> f64 {
    let is_hit = |sample: &usize| {
        let label = predictions.label(*sample);
        let row = predictions.probabilities(*sample);
        let before = row
            .iter()
            .enumerate()
            .filter(|&(class, &p)| p > row[label] || (p == row[label] && class > label));
        before.count() < k
    };
    let hits = (0..predictions.samples()).filter(is_hit).count();
    hits as f64 / predictions.samples() as f64
}
