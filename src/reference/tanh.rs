//! `y = tanh(x)`.

use crate::graph::Array;

/// `y[i] = tanh(x[i])`
pub fn forward(x: &Array) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = x.data[i].tanh();
    }
    y
}

/// `dx[i] = (1 − y[i]²) · dy[i]`
pub fn backward(y: &Array, dy: &Array) -> Array {
    let mut dx = Array::zeros(y.shape.clone());
    for i in 0..y.data.len() {
        dx.data[i] = (1.0 - y.data[i] * y.data[i]) * dy.data[i];
    }
    dx
}
