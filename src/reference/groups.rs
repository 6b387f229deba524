//! What optimisers are told of the tensors in a slab.

use crate::graph::Array;

/// The factors of learning rate and weight decay of element `i`: `groups` has a row of both for every 64 elements.
pub(super) fn of(groups: &Array, i: usize) -> (f64, f64) {
    let row = i / 64;
    (groups.data[row * 2], groups.data[row * 2 + 1])
}
