//! Stochastic gradient descent, as `torch.optim.SGD` (dampening 0).

use crate::graph::Array;

/// The new parameters and, with momentum (the buffer and its factor), the new buffer: `g = gradient + weight_decay · p`,
/// `buf = g` in the first step (`step` 0), else `momentum · buf + g`, `g = g + momentum · buf` (Nesterov) or `buf`,
/// `p = p − learning_rate · g`.
pub fn forward(
    parameters: &Array,
    gradients: &Array,
    momentum: Option<(&Array, f64)>,
    nesterov: bool,
    weight_decay: f64,
    learning_rate: f64,
    step: f64,
) -> Vec<Array> {
    let mut p = parameters.clone();
    let mut buffer = momentum.map(|(buffer, _)| buffer.clone());
    for i in 0..p.data.len() {
        let mut g = gradients.data[i] + weight_decay * p.data[i];
        if let (Some(buffer), Some((_, momentum))) = (&mut buffer, momentum) {
            let buf = if step == 0.0 {
                g
            } else {
                momentum * buffer.data[i] + g
            };
            buffer.data[i] = buf;
            g = if nesterov { g + momentum * buf } else { buf };
        }
        p.data[i] -= learning_rate * g;
    }
    let mut outputs = vec![p];
    outputs.extend(buffer);
    outputs
}
