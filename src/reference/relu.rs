//! `y = max(x, 0)`, and NaN stays NaN.

use crate::graph::Array;

/// `y[i] = max(x[i], 0)`
pub fn forward(x: &Array) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = if x.data[i] < 0.0 { 0.0 } else { x.data[i] };
    }
    y
}

/// `dx[i] = dy[i]` where `y[i] > 0`, else 0
pub fn backward(y: &Array, dy: &Array) -> Array {
    let mut dx = Array::zeros(y.shape.clone());
    for i in 0..y.data.len() {
        if y.data[i] > 0.0 {
            dx.data[i] = dy.data[i];
        }
    }
    dx
}
