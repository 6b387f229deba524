//! Weighted binary cross entropy of logits, row by row, as `torch.nn.functional.binary_cross_entropy_with_logits`.

use crate::graph::Array;

/// `loss[r] = weights[r] / D · Σ_d (−t log σ(z) − (1 − t) log(1 − σ(z)))` for the logits z and targets t of the row; 0 where the weight is 0
pub fn forward(prediction: &Array, target: &Array, weights: &Array) -> Array {
    let (rows, columns) = (prediction.dims()[0], prediction.dims()[1]);
    let mut loss = Array::zeros([rows]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        for column in 0..columns {
            let i = row * columns + column;
            let (z, t) = (prediction.data[i], target.data[i]);
            // −log σ(z) = log(1 + e^−z), and −log(1 − σ(z)) = log(1 + e^z).
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let entropy = t * softplus(-z) + (1.0 - t) * softplus(z);
            loss.data[row] += weights.data[row] / columns as f64 * entropy;
        }
    }
    loss
}

/// `dprediction[r, d] = dloss[r] · weights[r] / D · (σ(z) − t)`; 0 where the weight is 0
pub fn backward_prediction(
    prediction: &Array,
    target: &Array,
    weights: &Array,
    dloss: &Array,
) -> Array {
    let (rows, columns) = (prediction.dims()[0], prediction.dims()[1]);
    let mut dprediction = Array::zeros([rows, columns]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        for column in 0..columns {
            let i = row * columns + column;
            let (z, t) = (prediction.data[i], target.data[i]);
            let slope = (1.0 - t) / (1.0 + (-z).exp()) - t / (1.0 + z.exp());
            dprediction.data[i] = dloss.data[row] * weights.data[row] / columns as f64 * slope;
        }
    }
    dprediction
}
