//! `y = a · b`, element by element.

use crate::graph::Array;

/// `y[i] = a[i] · b[i]`
pub fn forward(a: &Array, b: &Array) -> Array {
    let mut y = Array::zeros(a.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = a.data[i] * b.data[i];
    }
    y
}
