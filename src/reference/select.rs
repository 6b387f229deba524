//! One place along an axis.

use crate::graph::{Array, Shape};

/// Extents before, of and after an axis.
fn extents(dims: &[usize], axis: usize) -> [usize; 3] {
    let product = |dims: &[usize]| dims.iter().product();
    [
        product(&dims[..axis]),
        dims[axis],
        product(&dims[axis + 1..]),
    ]
}

/// `y[o, i] = x[o, index, i]`
pub fn forward(x: &Array, axis: usize, index: usize) -> Array {
    let [outer, length, inner] = extents(x.dims(), axis);
    let mut dims = x.dims().to_vec();
    dims.remove(axis);
    let mut y = Array::zeros(dims);
    for o in 0..outer {
        for i in 0..inner {
            y.data[o * inner + i] = x.data[(o * length + index) * inner + i];
        }
    }
    y
}

/// `dx[o, l, i] = dy[o, i]` where `l` is `index`, else 0
pub fn backward(dy: &Array, input: &Shape, axis: usize, index: usize) -> Array {
    let [outer, length, inner] = extents(input.dims(), axis);
    let mut dx = Array::zeros(input.clone());
    for o in 0..outer {
        for i in 0..inner {
            dx.data[(o * length + index) * inner + i] = dy.data[o * inner + i];
        }
    }
    dx
}
