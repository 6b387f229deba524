//! A recurrence of one gate over a whole sequence, as PyTorch's RNN.

use crate::graph::Array;

/// `y[n, t, j] = f(x[n, t, j] + Σ_k y[n, t − 1, k] · weight[j, k] + bias[j])`, with `f` the tangent or, for `relu`, the positive
/// part; in `reverse` the last step comes first.
pub fn forward(x: &Array, weight: &Array, bias: &Array, relu: bool, reverse: bool) -> Array {
    let &[n, steps, h] = x.dims() else {
        unreachable!("x is (N, T, H)")
    };
    let mut y = Array::zeros([n, steps, h]);
    for row in 0..n {
        let mut state = vec![0.0; h];
        for step in 0..steps {
            let t = if reverse { steps - 1 - step } else { step };
            let mut next = vec![0.0; h];
            for (j, next) in next.iter_mut().enumerate() {
                let mut sum = x.data[(row * steps + t) * h + j] + bias.data[j];
                for (k, before) in state.iter().enumerate() {
                    sum += before * weight.data[j * h + k];
                }
                *next = match relu {
                    true => sum.max(0.0),
                    false => sum.tanh(),
                };
                y.data[(row * steps + t) * h + j] = *next;
            }
            state = next;
        }
    }
    y
}

/// The gradient of `x`, and the state before each step, with which it makes those of weight and bias.
///
/// `dx[n, t, j] = f' · (dy[n, t, j] + Σ_i dx[n, t + 1, i] · weight[i, j])`, with `f'` in terms of `y`.
pub fn backward(dy: &Array, y: &Array, weight: &Array, relu: bool, reverse: bool) -> [Array; 2] {
    let &[n, steps, h] = y.dims() else {
        unreachable!("y is (N, T, H)")
    };
    let mut dx = Array::zeros([n, steps, h]);
    let mut before = Array::zeros([n, steps, h]);
    for row in 0..n {
        let mut dstate = vec![0.0; h];
        for step in (0..steps).rev() {
            let t = if reverse { steps - 1 - step } else { step };
            let at = (row * steps + t) * h;
            for (j, arrives) in dstate.iter().enumerate() {
                if step > 0 {
                    let previous = if reverse { at + h } else { at - h };
                    before.data[at + j] = y.data[previous + j];
                }
                let value = y.data[at + j];
                let slope = match relu {
                    true => f64::from(u8::from(value > 0.0)),
                    false => 1.0 - value * value,
                };
                dx.data[at + j] = slope * (dy.data[at + j] + arrives);
            }
            for (k, dstate) in dstate.iter_mut().enumerate() {
                *dstate = (0..h)
                    .map(|j| dx.data[at + j] * weight.data[j * h + k])
                    .sum();
            }
        }
    }
    [dx, before]
}
