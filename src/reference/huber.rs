//! Weighted Huber loss, row by row, as `torch.nn.functional.huber_loss`.

use crate::graph::Array;

/// `loss[r] = weights[r] / D · Σ_d h(|prediction[r, d] − target[r, d]|)` with `h(d) = ½ d²` up to `delta` and `delta · (d − ½ delta)` beyond;
/// 0 where the weight is 0
pub fn forward(prediction: &Array, target: &Array, weights: &Array, delta: f64) -> Array {
    let (rows, columns) = (prediction.dims()[0], prediction.dims()[1]);
    let mut loss = Array::zeros([rows]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        for column in 0..columns {
            let i = row * columns + column;
            let d = (prediction.data[i] - target.data[i]).abs();
            let huber = if d <= delta {
                0.5 * d * d
            } else {
                delta * (d - 0.5 * delta)
            };
            loss.data[row] += weights.data[row] / columns as f64 * huber;
        }
    }
    loss
}

/// `dprediction[r, d] = dloss[r] · weights[r] / D · min(max(prediction[r, d] − target[r, d], −delta), delta)`; 0 where the weight is 0
pub fn backward_prediction(
    prediction: &Array,
    target: &Array,
    weights: &Array,
    dloss: &Array,
    delta: f64,
) -> Array {
    let (rows, columns) = (prediction.dims()[0], prediction.dims()[1]);
    let mut dprediction = Array::zeros([rows, columns]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        for column in 0..columns {
            let i = row * columns + column;
            let slope = (prediction.data[i] - target.data[i]).clamp(-delta, delta);
            dprediction.data[i] = dloss.data[row] * weights.data[row] / columns as f64 * slope;
        }
    }
    dprediction
}
