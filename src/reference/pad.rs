//! Zeros around and between the elements of one axis.

use crate::graph::Array;

/// `y[o, begin + i · step, j] = x[o, i, j]`, zero elsewhere, the axis between what is outside and what is inside of it
pub fn forward(x: &Array, axis: usize, [begin, step, extent]: [usize; 3]) -> Array {
    let mut dims = x.dims().to_vec();
    let before = dims[axis];
    dims[axis] = extent;
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let mut y = Array::zeros(dims);
    for o in 0..outer {
        for i in 0..before {
            for j in 0..inner {
                y.data[(o * extent + begin + i * step) * inner + j] =
                    x.data[(o * before + i) * inner + j];
            }
        }
    }
    y
}
