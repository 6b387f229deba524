//! `y = 1 / (1 + exp(−x))`.

use crate::graph::Array;

/// `y[i] = 1 / (1 + exp(−x[i]))`
pub fn forward(x: &Array) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = 1.0 / (1.0 + (-x.data[i]).exp());
    }
    y
}

/// `dx[i] = y[i] · (1 − y[i]) · dy[i]`
pub fn backward(y: &Array, dy: &Array) -> Array {
    let mut dx = Array::zeros(y.shape.clone());
    for i in 0..y.data.len() {
        dx.data[i] = y.data[i] * (1.0 - y.data[i]) * dy.data[i];
    }
    dx
}
