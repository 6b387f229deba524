//! Gated recurrent units over a whole sequence (Cho et al. 2014, with the reset gate behind the product), as PyTorch's GRU.

use super::logistic;
use crate::graph::Array;

/// `y[t] = (1 − z) · n + z · y[t − 1]`, where with `s = weight · y[t − 1] + bias` the gates `r, z` are sigmoids of `x[n, t] + s` and
/// `n = tanh(x[n, t] + r · s)`; `x` is (N, T, 3 · H) with the gates in the order r, z, n.
///
/// The second result is (N, T, 5, H): r, z, n, the s of n, and `y[t − 1]`.
pub fn forward(x: &Array, weight: &Array, bias: &Array, reverse: bool) -> [Array; 2] {
    let (n, steps, h) = (x.dims()[0], x.dims()[1], weight.dims()[1]);
    let mut y = Array::zeros([n, steps, h]);
    let mut saved = Array::zeros([n, steps, 5, h]);
    for row in 0..n {
        let mut state = vec![0.0; h];
        for step in 0..steps {
            let t = if reverse { steps - 1 - step } else { step };
            let at = row * steps + t;
            let mut next = vec![0.0; h];
            for (j, next) in next.iter_mut().enumerate() {
                let mut sums = [0.0; 3];
                for (gate, sum) in sums.iter_mut().enumerate() {
                    let unit = gate * h + j;
                    *sum = bias.data[unit];
                    for (k, before) in state.iter().enumerate() {
                        *sum += before * weight.data[unit * h + k];
                    }
                }
                let of_x = |gate: usize| x.data[at * 3 * h + gate * h + j];
                let (r, z) = (logistic(of_x(0) + sums[0]), logistic(of_x(1) + sums[1]));
                let new = (of_x(2) + r * sums[2]).tanh();
                *next = (1.0 - z) * new + z * state[j];
                y.data[at * h + j] = *next;
                for (plane, value) in [r, z, new, sums[2], state[j]].into_iter().enumerate() {
                    saved.data[(at * 5 + plane) * h + j] = value;
                }
            }
            state = next;
        }
    }
    [y, saved]
}

/// The gradient of `x`; the state before each step; and the gradient of `s`, which with that state makes those of weight and bias.
pub fn backward(dy: &Array, saved: &Array, y: &Array, weight: &Array, reverse: bool) -> [Array; 3] {
    let &[n, steps, h] = y.dims() else {
        unreachable!("y is (N, T, H)")
    };
    let mut dx = Array::zeros([n, steps, 3 * h]);
    let mut ds = Array::zeros([n, steps, 3 * h]);
    let mut before = Array::zeros([n, steps, h]);
    for row in 0..n {
        let mut dstate = vec![0.0; h];
        for step in (0..steps).rev() {
            let t = if reverse { steps - 1 - step } else { step };
            let at = row * steps + t;
            let mut kept_state = vec![0.0; h];
            for j in 0..h {
                let kept = |plane: usize| saved.data[(at * 5 + plane) * h + j];
                let [r, z, new, s, state] = [0, 1, 2, 3, 4].map(kept);
                if step > 0 {
                    let previous = if reverse { at + 1 } else { at - 1 };
                    before.data[at * h + j] = y.data[previous * h + j];
                }
                let dh = dy.data[at * h + j] + dstate[j];
                let dnew = dh * (1.0 - z) * (1.0 - new * new);
                let dz = dh * (state - new) * z * (1.0 - z);
                let dr = dnew * s * r * (1.0 - r);
                kept_state[j] = dh * z;
                let gates = [(dr, dr), (dz, dz), (dnew, dnew * r)];
                for (gate, (of_x, of_s)) in gates.into_iter().enumerate() {
                    dx.data[at * 3 * h + gate * h + j] = of_x;
                    ds.data[at * 3 * h + gate * h + j] = of_s;
                }
            }
            for (k, dstate) in dstate.iter_mut().enumerate() {
                let through: f64 = (0..3 * h)
                    .map(|unit| ds.data[at * 3 * h + unit] * weight.data[unit * h + k])
                    .sum();
                *dstate = kept_state[k] + through;
            }
        }
    }
    [dx, before, ds]
}
