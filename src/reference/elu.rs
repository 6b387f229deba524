//! `y = x` where positive, `alpha · (exp(x) − 1)` elsewhere.

use crate::graph::Array;

/// `y[i] = x[i]` where `x[i] > 0`, else `alpha · (exp(x[i]) − 1)`
pub fn forward(x: &Array, alpha: f64) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = if x.data[i] > 0.0 {
            x.data[i]
        } else {
            alpha * x.data[i].exp_m1()
        };
    }
    y
}

/// `dx[i] = dy[i]` where `y[i] > 0`, else `(y[i] + alpha) · dy[i]`
pub fn backward(y: &Array, dy: &Array, alpha: f64) -> Array {
    let mut dx = Array::zeros(y.shape.clone());
    for i in 0..y.data.len() {
        dx.data[i] = if y.data[i] > 0.0 {
            dy.data[i]
        } else {
            (y.data[i] + alpha) * dy.data[i]
        };
    }
    dx
}
