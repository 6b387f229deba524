//! RMSProp, as `torch.optim.RMSprop`.

use super::group_of;
use crate::graph::Array;

/// The new parameters, `square` and, where they are given, `average` (centered) and `momentum` (the buffer and its factor), with
/// `l = learning_rate · groups[.., 0]`: `g = gradient + weight_decay · groups[.., 1] · p`, `square = α · square + (1 − α) · g²`,
/// `average = α · average + (1 − α) · g`, `root = √(square − average²) + ε` (no smaller than ε) or `√square + ε`,
/// `buf = momentum · buf + g / root`, `p = p − l · buf`. Nothing moves where `groups[.., 0]` is 0.
pub fn forward(
    parameters: &Array,
    gradients: &Array,
    square: &Array,
    average: Option<&Array>,
    momentum: Option<(&Array, f64)>,
    groups: &Array,
    alpha: f64,
    epsilon: f64,
    weight_decay: f64,
    learning_rate: f64,
) -> Vec<Array> {
    let (mut p, mut square) = (parameters.clone(), square.clone());
    let mut average = average.cloned();
    let mut buffer = momentum.map(|(buffer, _)| buffer.clone());
    for i in 0..p.data.len() {
        let (scale, decay) = group_of(groups, i);
        if scale == 0.0 {
            continue;
        }
        let g = gradients.data[i] + weight_decay * decay * p.data[i];
        square.data[i] = alpha * square.data[i] + (1.0 - alpha) * g * g;
        let mut variance = square.data[i];
        if let Some(average) = &mut average {
            average.data[i] = alpha * average.data[i] + (1.0 - alpha) * g;
            variance = (variance - average.data[i] * average.data[i]).max(0.0);
        }
        let mut step = g / (variance.sqrt() + epsilon);
        if let (Some(buffer), Some((_, factor))) = (&mut buffer, momentum) {
            buffer.data[i] = factor * buffer.data[i] + step;
            step = buffer.data[i];
        }
        p.data[i] -= learning_rate * scale * step;
    }
    let mut outputs = vec![p, square];
    outputs.extend(average);
    outputs.extend(buffer);
    outputs
}
