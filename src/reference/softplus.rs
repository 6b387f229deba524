//! `y = log(1 + exp(x))`.

use crate::graph::Array;

/// `y[i] = max(x[i], 0) + log(1 + exp(−|x[i]|))`
pub fn forward(x: &Array) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = x.data[i].max(0.0) + (-x.data[i].abs()).exp().ln_1p();
    }
    y
}

/// `dx[i] = (1 − exp(−y[i])) · dy[i]`
pub fn backward(y: &Array, dy: &Array) -> Array {
    let mut dx = Array::zeros(y.shape.clone());
    for i in 0..y.data.len() {
        dx.data[i] = -(-y.data[i]).exp_m1() * dy.data[i];
    }
    dx
}
