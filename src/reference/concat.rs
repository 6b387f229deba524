//! Two tensors one behind the other along an axis.

use crate::graph::Array;

/// `y[o, i, j] = a[o, i, j]` for `i < A`, else `b[o, i − A, j]`
pub fn forward(a: &Array, b: &Array, axis: usize) -> Array {
    let (first, second) = (a.dims()[axis], b.dims()[axis]);
    let mut dims = a.dims().to_vec();
    dims[axis] = first + second;
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let mut y = Array::zeros(dims);
    for o in 0..outer {
        for i in 0..first + second {
            for j in 0..inner {
                y.data[(o * (first + second) + i) * inner + j] = if i < first {
                    a.data[(o * first + i) * inner + j]
                } else {
                    b.data[(o * second + i - first) * inner + j]
                };
            }
        }
    }
    y
}
