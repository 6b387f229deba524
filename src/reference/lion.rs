//! Lion, as its paper has it.

use super::group_of;
use crate::graph::Array;

/// The new parameters and `m`, with `l = learning_rate · groups[.., 0]`: `c = β₁ · m + (1 − β₁) · g`,
/// `p = p − l · (sign(c) + weight_decay · groups[.., 1] · p)`, or `c` where that is not finite, `m = β₂ · m + (1 − β₂) · g`. The sign
/// of 0 is 0. Nothing moves where `groups[.., 0]` is 0.
pub fn forward(
    parameters: &Array,
    gradients: &Array,
    m: &Array,
    groups: &Array,
    betas: [f64; 2],
    weight_decay: f64,
    learning_rate: f64,
) -> Vec<Array> {
    let (mut p, mut m) = (parameters.clone(), m.clone());
    for i in 0..p.data.len() {
        let (scale, decay) = group_of(groups, i);
        if scale == 0.0 {
            continue;
        }
        let g = gradients.data[i];
        let c = betas[0] * m.data[i] + (1.0 - betas[0]) * g;
        let sign = if c == 0.0 { 0.0 } else { c.signum() };
        p.data[i] -= learning_rate * scale * (sign + weight_decay * decay * p.data[i]);
        if !c.is_finite() {
            p.data[i] = c;
        }
        m.data[i] = betas[1] * m.data[i] + (1.0 - betas[1]) * g;
    }
    vec![p, m]
}
