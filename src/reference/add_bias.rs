//! `y = x + bias`, the same bias for every row.

use crate::graph::Array;

/// `y[r, c] = x[r, c] + bias[c]`, the rows being all leading axes
pub fn forward(x: &Array, bias: &Array) -> Array {
    let columns = bias.data.len();
    let mut y = Array::zeros(x.shape.clone());
    for row in 0..x.data.len() / columns {
        for column in 0..columns {
            y.data[row * columns + column] = x.data[row * columns + column] + bias.data[column];
        }
    }
    y
}
