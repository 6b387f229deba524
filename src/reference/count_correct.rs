//! Which rows a classifier gets right.

use crate::graph::Array;

/// `correct[r] = 1` where `weights[r] ≠ 0` and `labels[r]` is the first column with the maximum of `logits[r]`, else 0
pub fn forward(logits: &Array, labels: &Array, weights: &Array) -> Array {
    let (rows, classes) = (logits.dims()[0], logits.dims()[1]);
    let mut correct = Array::zeros([rows]);
    for row in 0..rows {
        let mut best = 0;
        for class in 0..classes {
            if logits.data[row * classes + class] > logits.data[row * classes + best] {
                best = class;
            }
        }
        if weights.data[row] != 0.0 && labels.data[row] == best as f64 {
            correct.data[row] = 1.0;
        }
    }
    correct
}
