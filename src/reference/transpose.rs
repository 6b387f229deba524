//! The axes in another order.

use crate::graph::Array;

/// `y[i_perm[0], i_perm[1], …] = x[i_0, i_1, …]`
pub fn forward(x: &Array, perm: &[usize]) -> Array {
    let dims = x.dims();
    let permuted: Vec<usize> = perm.iter().map(|&axis| dims[axis]).collect();
    let mut y = Array::zeros(permuted.clone());
    for from in 0..x.data.len() {
        let mut index = vec![0; dims.len()];
        let mut rest = from;
        for axis in (0..dims.len()).rev() {
            index[axis] = rest % dims[axis];
            rest /= dims[axis];
        }
        let mut to = 0;
        for i in 0..perm.len() {
            to = to * permuted[i] + index[perm[i]];
        }
        y.data[to] = x.data[from];
    }
    y
}
