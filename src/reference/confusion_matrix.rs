//! Which class a classifier takes for which.

use crate::graph::Array;

/// `counts[labels[r], argmax logits[r]] += 1` where `weights[r] ≠ 0`, the first of equal maxima; a label beyond the classes counts
/// as the last
pub fn forward(counts: &Array, logits: &Array, labels: &Array, weights: &Array) -> Array {
    let (rows, classes) = (logits.dims()[0], logits.dims()[1]);
    let mut counts = counts.clone();
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        let mut best = 0;
        for class in 0..classes {
            if logits.data[row * classes + class] > logits.data[row * classes + best] {
                best = class;
            }
        }
        for label in 0..classes {
            if labels.data[row].min((classes - 1) as f64) == label as f64 {
                counts.data[label * classes + best] += 1.0;
            }
        }
    }
    counts
}
