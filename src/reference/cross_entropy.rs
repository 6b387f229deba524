//! Weighted cross entropy with label smoothing, row by row.

use crate::graph::Array;

/// `loss[r] = weights[r] · ((1 − s) · (lse − logits[r, label]) + s/C · Σ_c (lse − logits[r, c]))` with `lse = log Σ_c exp(logits[r, c])`;
/// 0 where the weight is 0. A label beyond the classes counts as the last.
pub fn forward(logits: &Array, labels: &Array, weights: &Array, smoothing: f64) -> Array {
    let (rows, classes) = (logits.dims()[0], logits.dims()[1]);
    let mut loss = Array::zeros([rows]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        let mut maximum = f64::NEG_INFINITY;
        for class in 0..classes {
            maximum = maximum.max(logits.data[row * classes + class]);
        }
        let mut sum = 0.0;
        for class in 0..classes {
            sum += (logits.data[row * classes + class] - maximum).exp();
        }
        let lse = maximum + sum.ln();
        for class in 0..classes {
            let on_label = labels.data[row].min((classes - 1) as f64) == class as f64;
            let target = if on_label { 1.0 - smoothing } else { 0.0 } + smoothing / classes as f64;
            if target > 0.0 {
                loss.data[row] +=
                    weights.data[row] * target * (lse - logits.data[row * classes + class]);
            }
        }
    }
    loss
}

/// `dlogits[r, c] = dloss[r] · weights[r] · (softmax(logits[r])[c] − target[r, c])` with the target `(1 − s) · [c = label] + s/C`;
/// 0 where the weight is 0
pub fn backward_logits(
    logits: &Array,
    labels: &Array,
    weights: &Array,
    dloss: &Array,
    smoothing: f64,
) -> Array {
    let (rows, classes) = (logits.dims()[0], logits.dims()[1]);
    let mut dlogits = Array::zeros([rows, classes]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        let mut maximum = f64::NEG_INFINITY;
        for class in 0..classes {
            maximum = maximum.max(logits.data[row * classes + class]);
        }
        let mut sum = 0.0;
        for class in 0..classes {
            sum += (logits.data[row * classes + class] - maximum).exp();
        }
        for class in 0..classes {
            let probability = (logits.data[row * classes + class] - maximum).exp() / sum;
            let on_label = labels.data[row].min((classes - 1) as f64) == class as f64;
            let target = if on_label { 1.0 - smoothing } else { 0.0 } + smoothing / classes as f64;
            dlogits.data[row * classes + class] =
                dloss.data[row] * weights.data[row] * (probability - target);
        }
    }
    dlogits
}
