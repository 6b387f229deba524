//! The same elements under another shape.

use crate::graph::{Array, Shape};

/// `y[i] = x[i]`, counted in row-major order
pub fn forward(x: &Array, shape: &Shape) -> Array {
    Array::new(shape.clone(), x.data.clone())
}
