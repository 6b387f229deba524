//! Rows of a window onto a data set.

use std::ops::Range;

use crate::graph::Array;

/// `(step mod slots) · stride + r` for each of the rows r; the step is word 0 of the counters.
pub fn forward(counters: &Array, slots: usize, stride: usize, rows: &Range<usize>) -> Array {
    let step = counters.data[0];
    let slot = step - (step / slots as f64).floor() * slots as f64;
    let indices = rows.clone().map(|r| slot * stride as f64 + r as f64);
    Array::new([rows.len()], indices.collect())
}
