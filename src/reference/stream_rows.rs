//! Rows of a window onto a data set.

use crate::graph::Array;

/// `indices[r] = (step mod slots) · stride + r`; the step is word 0 of the counters.
pub fn forward(counters: &Array, slots: usize, stride: usize, batch: usize) -> Array {
    let step = counters.data[0];
    let slot = step - (step / slots as f64).floor() * slots as f64;
    let rows = (0..batch).map(|r| slot * stride as f64 + r as f64);
    Array::new([batch], rows.collect())
}
