//! Weighted mean absolute error, row by row, as `torch.nn.functional.l1_loss`.

use crate::graph::Array;

/// `loss[r] = weights[r] / D · Σ_d |prediction[r, d] − target[r, d]|`; 0 where the weight is 0
pub fn forward(prediction: &Array, target: &Array, weights: &Array) -> Array {
    let (rows, columns) = (prediction.dims()[0], prediction.dims()[1]);
    let mut loss = Array::zeros([rows]);
    for row in 0..rows {
        if weights.data[row] == 0.0 {
            continue;
        }
        for column in 0..columns {
            let i = row * columns + column;
            loss.data[row] +=
                weights.data[row] / columns as f64 * (prediction.data[i] - target.data[i]).abs();
        }
    }
    loss
}

/// `dprediction[r, d] = dloss[r] · weights[r] / D · sign(prediction[r, d] − target[r, d])`, the sign of 0 being 0; 0 where the weight is 0
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
            let difference = prediction.data[i] - target.data[i];
            let slope = if difference == 0.0 {
                0.0
            } else {
                difference.signum()
            };
            dprediction.data[i] = dloss.data[row] * weights.data[row] / columns as f64 * slope;
        }
    }
    dprediction
}
