//! `y = alpha · x`.

use crate::graph::Array;

/// `y[i] = alpha · x[i]`
pub fn forward(x: &Array, alpha: f64) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = alpha * x.data[i];
    }
    y
}
