//! `y = x` where positive, `slope · x` elsewhere.

use crate::graph::Array;

/// `y[i] = x[i]` where `x[i] > 0`, else `slope · x[i]`
pub fn forward(x: &Array, slope: f64) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = if x.data[i] > 0.0 {
            x.data[i]
        } else {
            slope * x.data[i]
        };
    }
    y
}

/// `dx[i] = dy[i]` where `y[i] > 0`, else `slope · dy[i]`
pub fn backward(y: &Array, dy: &Array, slope: f64) -> Array {
    let mut dx = Array::zeros(y.shape.clone());
    for i in 0..y.data.len() {
        dx.data[i] = if y.data[i] > 0.0 {
            dy.data[i]
        } else {
            slope * dy.data[i]
        };
    }
    dx
}
