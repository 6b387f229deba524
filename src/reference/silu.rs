//! `y = x · sigmoid(x)`.

use crate::graph::Array;

/// `y[i] = x[i] / (1 + exp(−x[i]))`
pub fn forward(x: &Array) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = x.data[i] / (1.0 + (-x.data[i]).exp());
    }
    y
}

/// `dx[i] = (s + x[i] · s · (1 − s)) · dy[i]` with `s = 1 / (1 + exp(−x[i]))`
pub fn backward(x: &Array, dy: &Array) -> Array {
    let mut dx = Array::zeros(x.shape.clone());
    for i in 0..x.data.len() {
        let s = 1.0 / (1.0 + (-x.data[i]).exp());
        dx.data[i] = (s + x.data[i] * s * (1.0 - s)) * dy.data[i];
    }
    dx
}
