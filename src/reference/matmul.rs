//! `y = a · b`, either operand transposed or not.

use crate::graph::Array;

/// `y[m, n] = Σ_k a[m, k] · b[k, n]`; a transposed operand is stored with its two axes exchanged.
pub fn forward(a: &Array, b: &Array, transpose_a: bool, transpose_b: bool) -> Array {
    let (a0, a1) = (a.dims()[0], a.dims()[1]);
    let (b0, b1) = (b.dims()[0], b.dims()[1]);
    let (m, k) = if transpose_a { (a1, a0) } else { (a0, a1) };
    let n = if transpose_b { b0 } else { b1 };
    let mut y = Array::zeros([m, n]);
    for row in 0..m {
        for column in 0..n {
            for i in 0..k {
                let left = if transpose_a {
                    a.data[i * a1 + row]
                } else {
                    a.data[row * a1 + i]
                };
                let right = if transpose_b {
                    b.data[column * b1 + i]
                } else {
                    b.data[i * b1 + column]
                };
                y.data[row * n + column] += left * right;
            }
        }
    }
    y
}
