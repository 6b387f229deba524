//! Stochastic gradient descent, as `torch.optim.SGD` (dampening 0).

use super::group_of;
use crate::graph::Array;

/// The new parameters and, with momentum (the buffer and its factor), the new buffer, with `l = learning_rate · groups[.., 0]`:
/// `g = gradient + weight_decay · groups[.., 1] · p`,
/// `buf = g` in the first step (`step` 0), else `momentum · buf + g`, `g = g + momentum · buf` (Nesterov) or `buf`,
/// `p = p − l · g`. Nothing moves where `groups[.., 0]` is 0.
pub fn forward(
    parameters: &Array,
    gradients: &Array,
    momentum: Option<(&Array, f64)>,
    nesterov: bool,
    groups: &Array,
    weight_decay: f64,
    learning_rate: f64,
    step: f64,
) -> Vec<Array> {
    let mut p = parameters.clone();
    let mut buffer = momentum.map(|(buffer, _)| buffer.clone());
    for i in 0..p.data.len() {
        let (scale, decay) = group_of(groups, i);
        if scale == 0.0 {
            continue;
        }
        let mut g = gradients.data[i] + weight_decay * decay * p.data[i];
        if let (Some(buffer), Some((_, momentum))) = (&mut buffer, momentum) {
            let buf = if step == 0.0 {
                g
            } else {
                momentum * buffer.data[i] + g
            };
            buffer.data[i] = buf;
            g = if nesterov { g + momentum * buf } else { buf };
        }
        p.data[i] -= learning_rate * scale * g;
    }
    let mut outputs = vec![p];
    outputs.extend(buffer);
    outputs
}
