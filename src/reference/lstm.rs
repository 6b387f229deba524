//! Long short-term memory over a whole sequence (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as
//! PyTorch's LSTM.

use super::logistic;
use crate::graph::Array;

/// `c[t] = f · c[t − 1] + i · g` and `y[t] = o · tanh(c[t])`, where the gates `i, f, o` are sigmoids and `g` is the tangent of
/// `x[n, t] + weight · y[t − 1] + bias`; `x` is (N, T, 4 · H) with the gates in the order i, f, g, o.
///
/// The second result is (N, T, 5, H): i, f, g, o and c.
pub fn forward(x: &Array, weight: &Array, bias: &Array, reverse: bool) -> [Array; 2] {
    let (n, steps, h) = (x.dims()[0], x.dims()[1], weight.dims()[1]);
    let mut y = Array::zeros([n, steps, h]);
    let mut saved = Array::zeros([n, steps, 5, h]);
    for row in 0..n {
        let (mut state, mut c) = (vec![0.0; h], vec![0.0; h]);
        for step in 0..steps {
            let t = if reverse { steps - 1 - step } else { step };
            let at = row * steps + t;
            let mut next = vec![0.0; h];
            for (j, next) in next.iter_mut().enumerate() {
                let mut sums = [0.0; 4];
                for (gate, sum) in sums.iter_mut().enumerate() {
                    let unit = gate * h + j;
                    *sum = x.data[at * 4 * h + unit] + bias.data[unit];
                    for (k, before) in state.iter().enumerate() {
                        *sum += before * weight.data[unit * h + k];
                    }
                }
                let (i, f, o) = (logistic(sums[0]), logistic(sums[1]), logistic(sums[3]));
                let g = sums[2].tanh();
                c[j] = f * c[j] + i * g;
                *next = o * c[j].tanh();
                y.data[at * h + j] = *next;
                for (plane, value) in [i, f, g, o, c[j]].into_iter().enumerate() {
                    saved.data[(at * 5 + plane) * h + j] = value;
                }
            }
            state = next;
        }
    }
    [y, saved]
}

/// The gradient of `x`, and the state before each step, with which it makes those of weight and bias.
pub fn backward(dy: &Array, saved: &Array, y: &Array, weight: &Array, reverse: bool) -> [Array; 2] {
    let &[n, steps, h] = y.dims() else {
        unreachable!("y is (N, T, H)")
    };
    let mut dx = Array::zeros([n, steps, 4 * h]);
    let mut before = Array::zeros([n, steps, h]);
    for row in 0..n {
        let (mut dstate, mut dc) = (vec![0.0; h], vec![0.0; h]);
        for step in (0..steps).rev() {
            let t = if reverse { steps - 1 - step } else { step };
            let at = row * steps + t;
            let previous = if reverse { at + 1 } else { at.wrapping_sub(1) };
            for j in 0..h {
                let kept = |at: usize, plane: usize| saved.data[(at * 5 + plane) * h + j];
                let [i, f, g, o] = [0, 1, 2, 3].map(|plane| kept(at, plane));
                let mut c_before = 0.0;
                if step > 0 {
                    c_before = kept(previous, 4);
                    before.data[at * h + j] = y.data[previous * h + j];
                }
                let squashed = kept(at, 4).tanh();
                let dh = dy.data[at * h + j] + dstate[j];
                dc[j] += dh * o * (1.0 - squashed * squashed);
                let gates = [
                    dc[j] * g * i * (1.0 - i),
                    dc[j] * c_before * f * (1.0 - f),
                    dc[j] * i * (1.0 - g * g),
                    dh * squashed * o * (1.0 - o),
                ];
                dc[j] *= f;
                for (gate, value) in gates.into_iter().enumerate() {
                    dx.data[at * 4 * h + gate * h + j] = value;
                }
            }
            for (k, dstate) in dstate.iter_mut().enumerate() {
                *dstate = (0..4 * h)
                    .map(|unit| dx.data[at * 4 * h + unit] * weight.data[unit * h + k])
                    .sum();
            }
        }
    }
    [dx, before]
}
