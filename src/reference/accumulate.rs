//! A sum in place.

use crate::graph::Array;

/// `total + x`
pub fn forward(total: &Array, x: &Array) -> Array {
    let sums = total.data.iter().zip(&x.data).map(|(a, b)| a + b).collect();
    Array::new(total.shape.clone(), sums)
}
